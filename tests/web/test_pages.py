"""Our pages: private, without script, and safe for whatever text ends up on them."""

from __future__ import annotations

import base64
import hashlib
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.connections.form import Field
from mcpauthkit.testing import BrowserRobot, Page, sign_in
from mcpauthkit.web.connect_view import ConnectView, FieldView, FormView
from mcpauthkit.web.guide import render_guide
from mcpauthkit.web.pages import Pages
from tests.flows.test_ladder import link_in, text_of
from tests.world import World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

EVIL = "<script>alert(1)</script>\"'&{{7654321*3}}"


@pytest.fixture(scope="module")
def here() -> Iterator[World]:
    with world() as one:
        yield one


async def every_page(here: World) -> dict[str, Page]:
    """One of each kind, as a browser meets them."""
    async with here.client() as client:
        await client.call_tool("forget_me", raise_on_error=False)
        link = link_in((await text_of(client, "list_repos"))[1])
    pages: dict[str, Page] = {}
    async with BrowserRobot() as bob:
        pages["wrong user"] = await sign_in(bob, await bob.open(link), user="bob")
    async with BrowserRobot() as alice:
        pages["gone"] = await sign_in(alice, await alice.open(f"{here.base}/connect/forge?flow=x"), user="alice")
        pages["connect"] = await alice.open(link)
        pages["replayed"] = await alice.open(f"{here.base}/connect/forge/callback?state=x&code=y")
        pages["login"] = await alice.open(f"{here.base}/connect/login/callback?state=x&code=y")
        pages["success"] = await here.visit(alice, link)
    return pages


async def test_every_page_is_private_and_runs_no_script(here: World) -> None:
    # M1c, L3c: neither cache-control nor CSP, referrer policy or frame protection.
    for kind, page in (await every_page(here)).items():
        headers = page.headers
        assert headers["cache-control"] == "no-store", kind
        assert headers["referrer-policy"] == "no-referrer", kind
        assert headers["x-content-type-options"] == "nosniff", kind
        assert headers["x-frame-options"] == "DENY", kind
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'", kind
        assert policy["form-action"] == "'self'", kind
        style = re.search(r"<style>(.*?)</style>", page.html, re.DOTALL)
        assert style is not None
        digest = base64.b64encode(hashlib.sha256(style.group(1).encode()).digest()).decode()
        assert policy["style-src"] == f"'sha256-{digest}'", kind
        assert "<script" not in page.html
        assert "http" not in re.sub(rf"{re.escape(here.base)}", "", page.html), kind


async def test_every_page_is_labelled_and_fits_a_phone(here: World) -> None:
    for kind, page in (await every_page(here)).items():
        assert '<html lang="en">' in page.html, kind
        assert 'name="viewport" content="width=device-width, initial-scale=1"' in page.html, kind
        assert 'aria-labelledby="heading"' in page.html, kind
        assert page.html.count("<h1") == 1, kind
        assert page.title, kind
        assert "prefers-color-scheme: dark" in page.html, kind
        assert 'role="alert"' in page.html or kind in {"connect", "success"}, kind


async def test_the_connect_page_says_which_service_which_scopes_for_which_tool_and_as_whom(here: World) -> None:
    page = (await every_page(here))["connect"]
    for words in ("DevForge", "repo", "list_repos", "Alice Example"):
        assert words in page.text


async def test_redirects_leave_no_trace_of_the_address(here: World) -> None:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{here.base}/connect/forge?flow=x")
    assert answer.status_code == 303
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"


def test_whatever_text_is_shown_is_escaped() -> None:
    # M1, L3b: right in the superseded system, not to be lost.
    pages = Pages()
    shown: dict[str, Any] = dict.fromkeys(
        ("service", "purpose", "account", "user", "decline_url", "decline_token"), EVIL
    )
    view = ConnectView(scopes=(EVIL,), granted=(EVIL,), **shown)
    field = Field(name="x", label=EVIL, hint=EVIL, kind="select", options=(EVIL,))
    views = (FieldView(about=field, value=EVIL, problem=EVIL), FieldView(about=Field(name="y"), value=EVIL))
    form = FormView(fields=views, submit_url=EVIL, token=EVIL, problem=EVIL)
    for answer in (
        pages.connect(view, start_url=EVIL, notice=EVIL),
        pages.form(view, form, guide=render_guide(EVIL)),
        pages.message(EVIL, EVIL, action=EVIL, action_url=EVIL),
    ):
        html = bytes(answer.body).decode()
        assert "<script" not in html
        assert "22962963" not in html.partition("</style>")[2]
        assert "&lt;script&gt;" in html


@pytest.mark.parametrize("path", ["", "/start", "/callback", "/decline"])
async def test_the_pages_take_no_other_method(here: World, path: str) -> None:
    wrong = "PUT" if path == "/decline" else "POST"
    async with httpx.AsyncClient() as http:
        assert (await http.request(wrong, f"{here.base}/connect/forge{path}")).status_code == 401
        known = {"authorization": f"Bearer {here.token()}"}
        answer = await http.request(wrong, f"{here.base}/connect/forge{path}", headers=known)
    # 404 where a server mounted at / takes what our route leaves.
    assert answer.status_code in {404, 405}


async def test_declining_needs_the_session_and_the_right_user(here: World) -> None:
    # M2: a cross-site POST with the link was accepted.
    async with here.client(sub="alice") as client:
        await client.call_tool("forget_me", raise_on_error=False)
        link = link_in((await text_of(client, "list_repos"))[1])
    flow = httpx.URL(link).params["flow"]
    async with httpx.AsyncClient() as http:
        stranger = await http.post(f"{here.base}/connect/forge/decline?flow={flow}")
        assert stranger.status_code == 401
    async with BrowserRobot() as bob:
        await sign_in(bob, await bob.open(link), user="bob")
        async with httpx.AsyncClient(cookies=bob.cookies) as http:
            refused = await http.post(f"{here.base}/connect/forge/decline?flow={flow}")
            assert refused.status_code == 403
    async with BrowserRobot() as alice:
        assert "Connect DevForge" in (await sign_in(alice, await alice.open(link), user="alice")).title
        # What runs on a sibling subdomain can send her cookie along, and no token of ours.
        for body in ({}, {"csrf": "mk1.test.x"}, {"csrf": "x" * 70_000}):
            async with httpx.AsyncClient(cookies=alice.cookies) as http:
                forged = await http.post(f"{here.base}/connect/forge/decline?flow={flow}", data=body)
            assert forged.status_code in {403, 413}
            assert "neither connected nor refused" in forged.text
        page = await alice.open(link)
        assert "Connect DevForge" in page.title
        assert "You said no" in (await alice.click(page, "Not now")).text
