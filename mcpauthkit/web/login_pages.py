"""The two paths of browser login, what they say when it does not work, and the session that a request has by it."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import (
    ConfigurationError,
    GrantRefused,
    InvalidToken,
    IssuerUnavailable,
    RemoteError,
    RemoteUnavailable,
)
from mcpauthkit.web.browser_login import CALLBACK_PATH, SIGN_IN_KEY, BrowserLogin, BrowserSession
from mcpauthkit.web.ended_sessions import ENDED_STATE, EndedSessions
from mcpauthkit.web.pages import Pages
from mcpauthkit.web.query import is_ambiguous
from mcpauthkit.web.refused import tell_refused

_log = RequestLog("web")
SWITCH_PATH = "/connect/login"
CONNECTIONS_PATH = "/connections"
"""The page of all connections, where a sign-in ends that was for no service."""


def sign_in_of(request: Request) -> BrowserLogin:
    """The browser login that `JwtAuthMiddleware` offers to our pages.

    Raises:
        ConfigurationError: The middleware is not in front of this application.
    """
    login = request.scope.get(SIGN_IN_KEY)
    if isinstance(login, BrowserLogin):
        return login
    raise ConfigurationError(
        "The connect pages need to know who is in front of the browser.",
        hint=(
            "Give JwtAuthMiddleware an issuer_url= where browsers can sign in."
            if SIGN_IN_KEY in request.scope
            else "Add JwtAuthMiddleware to the same application with app.add_middleware()."
        ),
    )


async def session_of(request: Request) -> BrowserSession | None:
    """The session of a request, or None where there is none, or it was ended.

    Raises:
        ConfigurationError: The middleware is not in front of this application.
        StoreUnavailable: Whether it was ended cannot be found out.
    """
    session = sign_in_of(request).session(request.headers.raw)
    ended = _ended_sessions(request)
    return None if session is None or (ended is not None and await ended.has(session)) else session


async def sign_out(request: Request, session: BrowserSession, response: Response) -> None:
    """End a session, for copies of its cookie too; at the issuer the browser stays signed in.

    Args:
        request: The request.
        session: Its session.
        response: The answer to it.
    """
    ended = _ended_sessions(request)
    if ended is not None:
        await ended.end(session)
    sign_in_of(request).forget_session(response)
    record_refusal(Event(event=EventName.SIGNED_OUT, actor=session.actor))


async def start_login(
    pages: Pages, request: Request, return_to: str, *, issuer_url: str | None = None, choose_account: bool = False
) -> Response:
    """Send the browser to the issuer, or say that it cannot be reached.

    Args:
        pages: The renderer.
        request: What the browser came with.
        return_to: A path of ours to come back to.
        issuer_url: Where the user is known; the first issuer unless given.
        choose_account: Whether the issuer shall ask who it is, even if somebody is signed in there.
    """
    try:
        return await sign_in_of(request).start(request, return_to, issuer_url=issuer_url, choose_account=choose_account)
    except RemoteError as error:
        return _failed(pages, error)


def sign_in_first(pages: Pages, url: str) -> Response:
    """What a form gets whose browser session has ended.

    No redirect to the page, which would lead on to the issuer: Chromium applies `form-action` to every redirect that
    answers a form, and stops at another site's without a word to the user.

    Args:
        pages: The renderer.
        url: The page that the form is on, which signs in.
    """
    return pages.message(
        "You are not signed in any more",
        "Your sign-in on this site has ended, so nothing was changed. Sign in and do it once more.",
        status=401,
        action="Sign in",
        action_url=url,
    )


class LoginPages:
    """The paths of browser login; one pair serves all services of an application.

    Args:
        pages: The renderer.
    """

    def __init__(self, pages: Pages) -> None:
        self._pages = pages

    @property
    def routes(self) -> list[Route]:
        """What to add to the application."""
        return [
            Route(SWITCH_PATH, self._pages.edge(self.switch), methods=["GET"]),
            Route(CALLBACK_PATH, self._pages.edge(self.come_back), methods=["GET"]),
        ]

    async def switch(self, request: Request) -> Response:
        """Sign in as somebody else, then go back to a connect page, or to the page of all connections."""
        # Built from its two values, so that no address of somebody else's can be smuggled in.
        service = "".join(c for c in request.query_params.get("service", "") if c.isalnum() or c == "-")[:64]
        flow = urlencode({"flow": request.query_params.get("flow", "")[:128]})
        return_to = f"/connect/{service}?{flow}" if service else CONNECTIONS_PATH
        issuer_url = sign_in_of(request).issuer_marked(request.query_params.get("at", ""))
        return await start_login(self._pages, request, return_to, issuer_url=issuer_url, choose_account=True)

    async def come_back(self, request: Request) -> Response:
        """The issuer's redirect."""
        try:
            _check_once(request)
            return await sign_in_of(request).finish(request)
        except (InvalidToken, IssuerUnavailable, RemoteError) as error:
            if not _is_innocent(error):
                tell_refused(EventName.SIGN_IN_REFUSED, error.for_log())
            return _failed(self._pages, error)


def _ended_sessions(request: Request) -> EndedSessions | None:
    found = getattr(request.app.state, ENDED_STATE, None)
    return found if isinstance(found, EndedSessions) else None


def _check_once(request: Request) -> None:
    if is_ambiguous(request.query_params):
        raise InvalidToken(
            "This is not the answer that the sign-in page made.", reason="a parameter stands there twice"
        )


def _is_innocent(error: InvalidToken | IssuerUnavailable | RemoteError) -> bool:
    match error:
        case IssuerUnavailable() | RemoteUnavailable() | GrantRefused(error="access_denied"):
            return True
        case _:
            return False


def _failed(pages: Pages, error: InvalidToken | IssuerUnavailable | RemoteError) -> Response:
    _log.warning("browser sign-in failed %s", error.for_log())
    match error:
        case GrantRefused():
            explanation, status = "The sign-in page reported that it was cancelled or refused.", 400
        case IssuerUnavailable() | RemoteUnavailable():
            explanation, status = (
                "The sign-in service cannot be reached at the moment. Try again in a little while.",
                502,
            )
        case RemoteError():
            explanation, status = (
                "The sign-in service and this server do not fit together. The operator finds why.",
                502,
            )
        case _:
            explanation, status = error.public, 400
    return pages.message(
        "Signing in did not work",
        explanation,
        "Nothing was connected. Open the link from your assistant once more to try again.",
        status=status,
        tone="bad",
    )
