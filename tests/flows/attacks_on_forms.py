"""Attacks on the form of a service whose users type in a token."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from urllib.parse import urlencode

from mcpauthkit import CredentialsProvider
from mcpauthkit.errors import CredentialsRejected
from mcpauthkit.testing import Page
from tests.flows.adversary import MARKUP, Attack, Reply, Stage
from tests.flows.attacks_on_links import FORWARDED, UNKNOWN, UNSIGNED
from tests.world import RING, World

OVERSIZED = "form.refused: oversized form"
NO_FORM = "form.refused: no form"
DOUBLED = "form.refused: form with a doubled field"
CSRF = "csrf"
TYPED = {"site": "eu", "token": "typed-canary-token"}

Do = Callable[[Stage], Awaitable[Reply]]


def serve_form(here: World) -> CredentialsProvider:
    """One more service of the application: its users type in a site and a token."""

    async def validate(values: Mapping[str, str]) -> None:
        if values["token"] != TYPED["token"]:
            raise CredentialsRejected("The service does not know this token.", field="token")

    keys = CredentialsProvider(
        name="keys",
        display_name="Keyring",
        variables={"site": {"label": "Site", "type": "string"}, "token": {"label": "Token", "type": "password"}},
        server_base_url=here.base,
        validate=validate,
        store=here.store,
        key_ring=RING,
    )
    keys.register(here.app, here.mcp)

    @here.mcp.tool()
    @keys.require_credentials()
    async def typed() -> str:
        """Where the caller's token is for."""
        return keys.get_credentials()["site"]

    return keys


async def _page(on: Stage, sub: str = "alice") -> tuple[str, Page, str]:
    link = await on.link_of("typed", sub)
    page = await on.signed_in(sub, link)
    return link, page, _token_of(page, "site")


def _token_of(page: Page, field: str) -> str:
    form = next(one for one in page.forms if not field or field in {entry.name for entry in one.fields})
    return next(entry.value for entry in form.fields if entry.name == CSRF)


def _sending(pairs: Callable[[str], list[tuple[str, str]]]) -> Do:
    """A form from alice's own browser, with these fields."""

    async def do(on: Stage) -> Reply:
        link, _, token = await _page(on)
        return await on.send(link, cookies=on.alice.cookies, method="POST", body=urlencode(pairs(token)).encode())

    return do


def _as_type(content_type: str, body: Callable[[str], bytes]) -> Do:
    async def do(on: Stage) -> Reply:
        link, _, token = await _page(on)
        cookies = on.alice.cookies
        return await on.send(link, cookies=cookies, method="POST", body=body(token), content_type=content_type)

    return do


async def _with_anothers_token(on: Stage) -> Reply:
    _, _, attackers = await _page(on, "bob")
    link, _, _ = await _page(on)
    body = urlencode({**TYPED, CSRF: attackers}).encode()
    return await on.send(link, cookies=on.alice.cookies, method="POST", body=body)


async def _into_anothers_flow(on: Stage) -> Reply:
    link, _, _ = await _page(on)
    _, _, own = await _page(on, "bob")
    return await on.send(link, cookies=on.bob.cookies, method="POST", body=urlencode({**TYPED, CSRF: own}).encode())


async def _into_another_link(on: Stage) -> Reply:
    link, _, token = await _page(on)
    body = urlencode({**TYPED, CSRF: token}).encode()
    return await on.send(link[:-4] + "AAAA", cookies=on.alice.cookies, method="POST", body=body)


async def _no_from_elsewhere(on: Stage) -> Reply:
    link, _, _ = await _page(on)
    return await on.send(link.replace("/keys?", "/keys/decline?"), cookies=on.alice.cookies, method="POST")


def _multipart(token: str) -> bytes:
    parts = {**TYPED, CSRF: token}.items()
    lines = [f'--b\r\ncontent-disposition: form-data; name="{name}"\r\n\r\n{value}\r\n' for name, value in parts]
    return "".join([*lines, "--b--\r\n"]).encode()


FORMS = (
    Attack("a form of another site", _sending(lambda _token: [*TYPED.items()]), UNSIGNED, 403),
    Attack(
        "a form of markup of another site",
        _sending(lambda _token: [("site", MARKUP), ("token", MARKUP), (CSRF, MARKUP)]),
        UNSIGNED,
        403,
    ),
    Attack("a form with somebody else's token", _with_anothers_token, UNSIGNED, 403),
    Attack("a no from another site", _no_from_elsewhere, UNSIGNED, 403),
    Attack("a form sent to somebody else's link", _into_anothers_flow, FORWARDED, 403),
    Attack("a form sent to another link", _into_another_link, UNKNOWN, 410),
    Attack(
        "a form that is far too long",
        _sending(lambda token: [("site", "x" * 400_000), ("token", MARKUP), (CSRF, token)]),
        OVERSIZED,
        413,
    ),
    Attack(
        "a form with a doubled field",
        _sending(lambda token: [*TYPED.items(), ("token", MARKUP), (CSRF, token)]),
        DOUBLED,
        400,
    ),
    Attack(
        "a form that is JSON",
        _as_type("application/json", lambda token: json.dumps({**TYPED, CSRF: token}).encode()),
        NO_FORM,
        415,
    ),
    Attack("a form in parts", _as_type("multipart/form-data; boundary=b", _multipart), NO_FORM, 415),
    Attack("a form as text", _as_type("text/plain", lambda _token: MARKUP.encode()), NO_FORM, 415),
)
