"""A scripted browser for tests and the quickstart: no eyes, no JavaScript, but the manners of Chromium.

It keeps cookies the way Chromium does on loopback (where `Secure` cookies travel over http too), follows redirects
itself, and sends the headers by which servers tell a form of their own from somebody else's.
"""

from __future__ import annotations

from collections.abc import Callable
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Self
from urllib.parse import urldefrag, urlencode, urljoin, urlsplit

import httpx

from mcpauthkit.testing.issuer.authorize import LOGIN_FORM_ID
from mcpauthkit.testing.page import Page, Visit, read_page
from mcpauthkit.testing.service.authorize import CONSENT_FORM_ID
from mcpauthkit.testing.wire import LOOPBACK_HOSTS, tls_for

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

    from mcpauthkit.testing.page import Button, Form


StopAt = str | Callable[[str], bool]
"""Addresses a robot does not follow a redirect to: a prefix, or a function that says True for them."""

_MAX_HOPS = 20
_TIMEOUT_SECONDS = 30.0
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_METHOD_KEEPING_REDIRECTS = frozenset({307, 308})
_HEADERS = {
    "accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "accept-language": "en",
    "user-agent": "Mozilla/5.0 (compatible; mcpauthkit BrowserRobot)",
    "upgrade-insecure-requests": "1",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
    "sec-fetch-user": "?1",
}


class RobotError(AssertionError):
    """The robot cannot do what the script says; the message names what the page offers.

    An AssertionError, because in a test it means that the page is not what was expected.
    """


class BrowserRobot:
    """One browser profile with its cookies; an async context manager.

    Args:
        transport: How requests are sent; the network unless given.
        keeps_connections: Whether connections stay open for the next page. Without, a robot that nobody closes leaves
            nothing open.
    """

    def __init__(self, *, transport: httpx.AsyncBaseTransport | None = None, keeps_connections: bool = True) -> None:
        policy = DefaultCookiePolicy(secure_protocols=("http", "https", "ws", "wss"))
        # Our own jar: httpx copies a client's jar for each request, and the copy forgets the policy.
        self._jar = httpx.Cookies(CookieJar(policy))
        self._transport = transport
        self._limits = httpx.Limits(max_keepalive_connections=None if keeps_connections else 0)
        # By scheme, opened when needed: most robots never need the time it takes to load authorities for https.
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies by name, of all hosts and paths."""
        return {cookie.name: cookie.value or "" for cookie in self._jar.jar}

    def clear_cookies(self) -> None:
        """Forget all cookies, like a new profile."""
        self._jar.jar.clear()

    async def open(self, url: str, *, stop_at: StopAt | None = None) -> Page:
        """Type an address and follow where it leads.

        Args:
            url: The address.
            stop_at: Do not follow a redirect to an address that starts with this, or that this says True for.

        Raises:
            RobotError: Nothing answers, or there are too many redirects.
        """
        return await self._navigate(_Step("GET", url), stop_at)

    async def click(self, page: Page, text: str, *, stop_at: StopAt | None = None) -> Page:
        """Click the link or button whose visible text contains `text`, in any case; an exact match wins.

        Raises:
            RobotError: There is none, or nothing answers.
        """
        wanted = text.casefold()
        links = [(link.text.casefold(), link) for link in page.links]
        buttons = [(button.text.casefold(), form) for form in page.forms for button in form.buttons]
        for matches in (wanted.__eq__, lambda seen: wanted in seen):
            if any(matches(seen) for seen, _ in buttons):
                return await self.submit(page, button=text, stop_at=stop_at)
            link = next((link for seen, link in links if matches(seen)), None)
            if link is not None:
                return await self._navigate(_Step("GET", link.href, page), stop_at)
        raise RobotError(f"no link or button {text!r} on {page.url}; {_offer(page)}")

    async def submit(
        self,
        page: Page,
        values: Mapping[str, str | bool] | None = None,
        *,
        button: str | None = None,
        stop_at: StopAt | None = None,
    ) -> Page:
        """Fill in a form and send it.

        Args:
            page: The page with the form.
            values: Field values by name; the rest stays as the page has it. True and False tick check boxes.
            button: Visible text of the button (a part will do); without it the first form's first button.
            stop_at: As for `open`.

        Raises:
            RobotError: No such form, button, field or choice, or nothing answers.
        """
        form, pressed = _form_with(page, button)
        pairs = _filled(form, values or {})
        if pressed is not None and pressed.name:
            pairs.append((pressed.name, pressed.value))
        action = (pressed.action if pressed is not None else "") or form.action
        encoded = urlencode(pairs)
        if form.method == "get":
            # A GET form replaces the query of its action.
            base = urldefrag(action).url.partition("?")[0]
            return await self._navigate(_Step("GET", f"{base}?{encoded}", page), stop_at)
        return await self._navigate(_Step("POST", action, page, encoded.encode()), stop_at)

    async def _navigate(self, step: _Step, stop_at: StopAt | None) -> Page:
        history: list[Visit] = []
        while len(history) < _MAX_HOPS:
            response = await self._send(step)
            history.append(Visit(step.method, step.url, response.status_code))
            location = response.headers.get("location")
            if response.status_code not in _REDIRECTS or location is None:
                return _page(step.url, response, history)
            target = urljoin(step.url, location)
            if _stops(target, stop_at):
                return _page(target, response, history)
            step = step.redirected(target, response.status_code)
        raise RobotError(f"more than {_MAX_HOPS} redirects, the last from {step.url}")

    async def _send(self, step: _Step) -> httpx.Response:
        client = self._client_for(step.url)
        request = httpx.Request(step.method, urldefrag(step.url).url, headers=step.headers(), content=step.body)
        self._jar.set_cookie_header(request)
        try:
            response = await client.send(request)
        except httpx.TransportError as error:
            raise RobotError(f"nothing answers at {step.url}: {error!r}") from error
        self._jar.extract_cookies(response)
        return response

    def _client_for(self, url: str) -> httpx.AsyncClient:
        scheme = urlsplit(url).scheme
        if scheme not in {"http", "https"}:
            raise RobotError(f"a browser cannot open {url}; use stop_at")
        if scheme not in self._clients:
            self._clients[scheme] = httpx.AsyncClient(
                verify=tls_for(url),
                transport=self._transport,
                limits=self._limits,
                follow_redirects=False,
                timeout=_TIMEOUT_SECONDS,
                trust_env=False,
            )
        return self._clients[scheme]


class _Step:
    """One request of a navigation, and what the headers say about where it comes from.

    Args:
        method: GET or POST.
        url: Where to.
        page: The page whose link or form it is; None for a typed address.
        body: The form.
        chain: The addresses redirected through so far.
    """

    def __init__(
        self,
        method: str,
        url: str,
        page: Page | None = None,
        body: bytes = b"",
        chain: tuple[str, ...] = (),
    ) -> None:
        self.method = method
        self.url = url
        self.body = body
        self._page = page
        self._chain = (*chain, url)

    def redirected(self, target: str, status: int) -> _Step:
        """The request that follows a redirect; only 307 and 308 repeat a POST."""
        if status in _METHOD_KEEPING_REDIRECTS:
            return _Step(self.method, target, self._page, self.body, self._chain)
        return _Step("GET", target, self._page, b"", self._chain)

    def headers(self) -> dict[str, str]:
        """What Chromium would send."""
        headers = {**_HEADERS, "host": urlsplit(self.url).netloc, "sec-fetch-site": self._site()}
        if self.method == "POST":
            headers["content-type"] = "application/x-www-form-urlencoded"
            headers["origin"] = self._origin()
        return headers

    def _site(self) -> str:
        if self._page is None:
            return "none"
        relations = [_relation(self._page.url, url) for url in self._chain]
        return next((name for name in ("cross-site", "same-site") if name in relations), "same-origin")

    def _origin(self) -> str:
        # Fetch standard: a page with this policy does not even tell its origin. Servers that compare `Origin` on
        # their own forms have to know that.
        hidden = self._page is None or self._page.headers.get("referrer-policy") == "no-referrer"
        if hidden or len({_origin_of(url) for url in self._chain}) > 1:
            return "null"
        assert self._page is not None
        return _origin_of(self._page.url)


async def sign_in(robot: BrowserRobot, page: Page, *, user: str = "alice", stop_at: StopAt | None = None) -> Page:
    """Sign in if this is `DevIssuer`'s login page; any other page is given back as it is.

    So it may follow every step that may or may not need a login.

    Raises:
        RobotError: There is no such user.
    """
    if page.form(LOGIN_FORM_ID) is None:
        return page
    return await robot.submit(page, {"username": user}, button="Sign in", stop_at=stop_at)


async def approve(
    robot: BrowserRobot, page: Page, *, account: str = "octo-alice", stop_at: StopAt | None = None
) -> Page:
    """Allow access on `DevService`'s consent page.

    Raises:
        RobotError: This is another page, or there is no such account.
    """
    _need_consent(page)
    return await robot.submit(page, {"account": account}, button="Allow", stop_at=stop_at)


async def deny(robot: BrowserRobot, page: Page, *, stop_at: StopAt | None = None) -> Page:
    """Refuse access on `DevService`'s consent page.

    Raises:
        RobotError: This is another page.
    """
    _need_consent(page)
    return await robot.submit(page, button="Deny", stop_at=stop_at)


def _need_consent(page: Page) -> None:
    if page.form(CONSENT_FORM_ID) is None:
        raise RobotError(f"{page.url} is not a DevService consent page; {_offer(page)}")


def _page(url: str, response: httpx.Response, history: list[Visit]) -> Page:
    return read_page(
        url=url,
        status=response.status_code,
        headers=dict(response.headers),
        html=response.text,
        history=tuple(history),
    )


def _stops(target: str, stop_at: StopAt | None) -> bool:
    if stop_at is None:
        return False
    return target.startswith(stop_at) if isinstance(stop_at, str) else stop_at(target)


def _form_with(page: Page, text: str | None) -> tuple[Form, Button | None]:
    if text is None:
        if not page.forms:
            raise RobotError(f"no form on {page.url}; {_offer(page)}")
        form = page.forms[0]
        return form, next((button for button in form.buttons if not button.disabled), None)
    wanted = text.casefold()
    usable = [(form, button) for form in page.forms for button in form.buttons if not button.disabled]
    for matches in (wanted.__eq__, lambda seen: wanted in seen):
        found = next((pair for pair in usable if matches(pair[1].text.casefold())), None)
        if found is not None:
            return found
    raise RobotError(f"no button {text!r} on {page.url}; {_offer(page)}")


def _filled(form: Form, values: Mapping[str, str | bool]) -> list[tuple[str, str]]:
    names = {entry.name for entry in form.fields}
    unknown = sorted(set(values) - names)
    if unknown:
        raise RobotError(f"no field {', '.join(unknown)} in the form; it has {', '.join(sorted(names))}")
    for name, value in values.items():
        _check_choice(form, name, value)
    pairs: list[tuple[str, str]] = []
    for entry in form.fields:
        given = values.get(entry.name)
        if entry.kind in {"radio", "checkbox"}:
            chosen = entry.active if given is None else given is True or given == entry.value
            pairs += [(entry.name, entry.value)] if chosen else []
        elif entry.active:
            pairs.append((entry.name, entry.value if given is None else str(given)))
    return pairs


def _check_choice(form: Form, name: str, value: str | bool) -> None:
    entries = [entry for entry in form.fields if entry.name == name]
    choices = [entry.value for entry in entries if entry.kind in {"radio", "checkbox"}]
    choices += [option for entry in entries for option in entry.options]
    if choices and not isinstance(value, bool) and value not in choices:
        raise RobotError(f"{name} cannot be {value!r}; the choices are {', '.join(choices)}")


def _offer(page: Page) -> str:
    buttons = [button.text for form in page.forms for button in form.buttons]
    links = [link.text for link in page.links]
    return (
        f"status {page.status}, title {page.title!r}, buttons: {', '.join(buttons) or 'none'}; "
        f"links: {', '.join(links) or 'none'}"
    )


def _origin_of(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _relation(source: str, target: str) -> str:
    if _origin_of(source) == _origin_of(target):
        return "same-origin"
    one, other = urlsplit(source), urlsplit(target)
    # Ports do not divide sites. On loopback the host is the whole site; elsewhere we claim no public suffix list.
    is_same = one.scheme == other.scheme and one.hostname == other.hostname and one.hostname in LOOPBACK_HOSTS
    return "same-site" if is_same else "cross-site"
