"""The consent page: nobody reaches the issuer without agreeing to this client, here, in this browser."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mcpauthkit import RegisteredClient
from mcpauthkit.testing import BrowserRobot, FakeClock, sign_in
from tests.web.proxy_world import CALLBACK, HOSTED, UPSTREAM, Documents, ProxyWorld, browsing, proxy_world

RELAY = "https://vscode.dev/redirect"


async def test_the_page_says_who_asks_for_what_and_where_the_sign_in_goes() -> None:
    with proxy_world(resource_name="Tools of the house") as here:
        client = await here.registered(HOSTED, client_name="<b>Claude</b> \u202eedoC")
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url(resource=here.resource))
        for words in ("<b>Claude</b>", "nobody has checked", "app.example", "mcp:tools", here.resource, "of the house"):
            assert words in page.text
        assert "\u202e" not in page.html
        assert page.headers["cache-control"] == "no-store"
        assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
        assert page.forms == ()
        # Client id, state and challenge are not in the links; they are sealed.
        assert client.state not in page.html


async def test_a_first_visit_without_cookies_uses_nothing_up() -> None:
    # FastMCP's client asks once itself before it opens the browser.
    with proxy_world() as here:
        client = await here.registered()
        async with httpx.AsyncClient() as probe:
            assert (await probe.get(client.authorization_url())).status_code == 200
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client)
        assert (await client.exchange(page.query["code"])).status_code == 200
        assert here.issuer.requests.count("authorize") == 2


async def test_who_cancels_goes_back_without_a_login() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            page = await robot.click(page, "Cancel", stop_at=CALLBACK)
        assert page.query == {
            "error": "access_denied",
            "error_description": "The user declined.",
            "state": client.state,
            "iss": here.base,
        }
        assert here.issuer.requests.count("authorize") == 0


async def test_a_forwarded_link_agrees_to_nothing() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client), BrowserRobot() as victim:
            page = await robot.open(client.authorization_url())
            links = [one.href for one in page.links if one.text in {"Continue", "Cancel"}]
            assert len(links) == 2
            assert [(await victim.open(link)).status for link in links] == [403, 403]
            # Not even in a browser that has seen a page of its own.
            await victim.open(client.authorization_url())
            assert [(await victim.open(link)).status for link in links] == [403, 403]
            assert not any("login" in name for name in victim.cookies)
        assert here.issuer.requests.count("authorize") == 0


async def test_a_login_begun_in_one_browser_is_not_finished_in_another() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client), BrowserRobot() as thief:
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            page = await sign_in(robot, page, stop_at=f"{here.base}/oauth/callback")
            assert (await thief.open(page.url)).status == 400
            done = await robot.open(page.url, stop_at=CALLBACK)
            assert "code" in done.query
            # The cookie is gone, so the same answer is no good again.
            assert (await robot.open(page.url, stop_at=CALLBACK)).status == 400


@pytest.mark.parametrize("change", ["truncated", "other", "missing"])
async def test_an_edited_link_is_no_link(change: str) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            link = httpx.URL(next(one.href for one in page.links if one.text == "Continue"))
            sealed = {"truncated": link.params["request"][:-4], "other": client.client_id, "missing": ""}[change]
            assert (await robot.open(str(link.copy_set_param("request", sealed)))).status == 400


async def test_a_page_left_open_too_long_and_a_login_that_took_too_long_are_over() -> None:
    clock = FakeClock()
    with proxy_world(clock=clock) as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            clock.advance(601)
            assert (await robot.click(page, "Continue")).status == 400
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            page = await sign_in(robot, page, stop_at=f"{here.base}/oauth/callback")
            clock.advance(601)
            assert (await robot.open(page.url)).status == 400


async def asks_again(here: ProxyWorld, robot: BrowserRobot, client: Any, **parameters: Any) -> bool:
    page = await robot.open(client.authorization_url(**parameters), stop_at=client.redirect_uri)
    return any(link.text == "Continue" for link in page.links)


async def test_what_was_agreed_to_is_remembered_for_an_https_address_and_asked_again_when_anything_differs() -> None:
    clock = FakeClock()
    by_hand = [RegisteredClient("desk", [HOSTED]), RegisteredClient("other", [HOSTED])]
    with proxy_world(clock=clock, clients=by_hand, resource_paths=("/mcp", "/other")) as here:
        client, other = here.client("desk", HOSTED), here.client("other", HOSTED)
        async with BrowserRobot() as robot:
            await here.log_in(robot, client, scope="openid", resource=here.resource)
            assert not await asks_again(here, robot, client, scope="openid", resource=here.resource)
            assert await asks_again(here, robot, client, scope="openid mcp:tools", resource=here.resource)
            assert await asks_again(here, robot, client, scope="openid", resource=f"{here.base}/other")
            assert await asks_again(here, robot, other, scope="openid", resource=here.resource)
            assert await asks_again(here, robot, client, scope="openid", resource=here.resource, prompt="consent")
            clock.advance(31 * 86_400)
            assert await asks_again(here, robot, client, scope="openid", resource=here.resource)


@pytest.mark.parametrize("redirect_uri", [CALLBACK, "cursor://anysphere.cursor-mcp/oauth/callback", RELAY])
async def test_an_address_that_any_program_here_could_take_is_asked_for_every_time(redirect_uri: str) -> None:
    with proxy_world(clients=[RegisteredClient("desk", [redirect_uri])]) as here:
        client = here.client("desk", redirect_uri)
        async with BrowserRobot() as robot:
            for _ in range(2):
                assert await asks_again(here, robot, client)
                await here.log_in(robot, client)


@pytest.mark.parametrize(
    ("client_id", "redirect_uri", "remembered"),
    [
        (None, "https://claude.ai/api/mcp/auth_callback", False),
        ("https://app.example/client.json", HOSTED, True),
        ("https://app.example/client.json", "https://app.example.evil.example/callback", False),
        ("https://app.example/client.json", "https://other.example/callback", False),
        ("https://vscode.dev/oauth/client-metadata.json", RELAY, False),
    ],
)
async def test_agreement_is_remembered_for_who_is_vouched_for_at_its_own_host_only(
    client_id: str | None, redirect_uri: str, *, remembered: bool
) -> None:
    addresses = [HOSTED, "https://app.example.evil.example/callback", "https://other.example/callback"]
    app = "https://app.example/client.json"
    documents = Documents({app: json.dumps({"client_id": app, "redirect_uris": addresses}).encode()})
    hosts = ["app.example", "vscode.dev"]
    with proxy_world(client_documents=documents, client_document_hosts=hosts) as here:
        client = here.client(client_id, redirect_uri) if client_id else await here.registered(redirect_uri)
        async with BrowserRobot() as robot:
            await here.log_in(robot, client)
            assert await asks_again(here, robot, client) is not remembered


async def test_what_was_agreed_to_at_one_issuer_is_asked_again_at_another() -> None:
    by_hand = [RegisteredClient("desk", [HOSTED])]
    with proxy_world(clients=by_hand) as here, proxy_world() as elsewhere:
        client = here.client("desk", HOSTED)
        elsewhere.issuer.add_client(UPSTREAM, None, [f"{here.base}/oauth/callback"])
        async with BrowserRobot() as robot:
            await here.log_in(robot, client)
            assert not await asks_again(here, robot, client)
            here.options["issuer_url"] = elsewhere.issuer.issuer_url
            await here.restart()
            assert await asks_again(here, robot, client)


@pytest.mark.parametrize(
    ("redirect_uri", "words"),
    [
        (HOSTED, "app.example"),
        (CALLBACK, "Any program on this computer"),
        ("com.example.app:/callback", "Any program on this computer"),
        (RELAY, "passes the sign-in on"),
    ],
)
async def test_the_page_shows_the_whole_address_and_warns_where_it_has_no_owner(redirect_uri: str, words: str) -> None:
    with proxy_world() as here:
        client = await here.registered(redirect_uri)
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url())
    assert f"<code>{redirect_uri}</code>" in page.html
    assert words in page.text
    assert ("Any program" in page.text) is (redirect_uri in {CALLBACK, "com.example.app:/callback"})


async def test_a_name_that_a_program_gave_itself_is_no_headline_and_no_name_is_said_to_be_none() -> None:
    with proxy_world(clients=[RegisteredClient("desk", [CALLBACK], "Help desk")]) as here:
        heads = []
        for client in (
            await here.registered(client_name="Bank of Everybody"),
            await here.registered(client_name="\u3164\u2800"),
            here.client("desk"),
        ):
            async with BrowserRobot() as robot:
                page = await robot.open(client.authorization_url())
            heads.append(page.html[page.html.index("<h1") : page.html.index("</h1>")])
            assert ("without a name" in page.text) is (len(heads) == 2)
    assert ["Bank" in one for one in heads] == [False] * 3
    assert "Help desk" in heads[2]


async def test_prompt_none_gets_an_answer_instead_of_a_page() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(prompt="none"), stop_at=CALLBACK)
        assert page.query["error"] == "consent_required"
        assert page.query["state"] == client.state


async def test_many_tabs_do_not_fill_the_cookie_header() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            for _ in range(6):
                page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            assert sum("proxy-login" in name for name in robot.cookies) <= 2
            assert "code" in (await sign_in(robot, page, stop_at=CALLBACK)).query


async def test_the_longest_request_fits_into_a_cookie_and_one_more_is_refused() -> None:
    with proxy_world(allowed_scopes=["y" * 120, "y" * 1000]) as here:
        client = await here.registered("http://127.0.0.1:9/" + "p" * 480)
        fits = {"state": '"' * 640 + "s" * 100, "scope": " ".join(["openid", "mcp:tools", "y" * 120])}
        async with BrowserRobot() as robot:
            page = await robot.click(await robot.open(client.authorization_url(**fits)), "Continue")
            cookies = [value for name, value in robot.cookies.items() if "proxy-login" in name]
            assert 3000 < max(map(len, cookies)) < 3900
            page = await sign_in(robot, page, stop_at=client.redirect_uri)
            assert page.query["state"] == fits["state"]
            too_long = client.authorization_url(state="s" * 1000, scope=" ".join(["openid", "y" * 1000]))
            page = await robot.open(too_long, stop_at=client.redirect_uri)
            assert page.query["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("redirect_uri", "goes_by_itself"),
    [
        (CALLBACK, True),
        ("https://claude.ai/api/mcp/auth_callback", True),
        (HOSTED, False),
        ("com.example.app:/callback", False),
    ],
)
async def test_a_request_that_fails_leads_nobody_to_a_strangers_site(
    redirect_uri: str, *, goes_by_itself: bool
) -> None:
    with proxy_world() as here:
        client = await here.registered(redirect_uri)
        async with BrowserRobot() as robot:
            for parameters in ({"response_type": "token"}, {"prompt": "none"}, {"code_challenge_method": "plain"}):
                page = await robot.open(client.authorization_url(**parameters), stop_at=redirect_uri)
                assert page.url.startswith(redirect_uri) is goes_by_itself
                assert page.status == (303 if goes_by_itself else 400)
            page = await robot.open(client.authorization_url())
            page = await robot.click(page, "Cancel", stop_at=redirect_uri)
            assert page.url.startswith(redirect_uri) is goes_by_itself
            if not goes_by_itself:
                link = httpx.URL(page.links[0].href)
                assert str(link).startswith(redirect_uri)
                assert link.params["error"] == "access_denied"
