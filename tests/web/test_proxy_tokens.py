"""Codes and refresh tokens of the proxy: for one client, one request, one issuer, and never told apart on the wire."""

from __future__ import annotations

import json
import logging
from typing import Any

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, FakeClock, sign_in
from tests.web.proxy_world import CALLBACK, HOSTED, UPSTREAM, browsing, proxy_world

FORM = {"content-type": "application/x-www-form-urlencoded"}


def error_of(answer: httpx.Response, status: int = 400) -> str:
    assert answer.status_code == status
    assert answer.headers["cache-control"] == "no-store"
    return str(answer.json()["error"])


async def test_a_code_is_good_once() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        tokens = (await client.exchange(code)).json()
        assert error_of(await client.exchange(code)) == "invalid_grant"
        # The issuer takes a second use for a theft and ends what came of the first.
        assert error_of(await client.refresh(tokens["refresh_token"])) == "invalid_grant"


async def test_a_code_of_one_client_is_no_good_at_another() -> None:
    with proxy_world() as here:
        client, other = await here.registered(), await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        other.code_verifier = client.code_verifier
        assert error_of(await other.exchange(code)) == "invalid_grant"
        assert here.issuer.requests.count("token") == 0
        # It was not used up by that.
        assert (await client.exchange(code)).status_code == 200


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_verifier": "x" * 43}, "invalid_grant"),
        ({"code_verifier": None}, "invalid_request"),
        ({"redirect_uri": "http://127.0.0.1:10/callback"}, "invalid_grant"),
        ({"client_id": None}, "invalid_request"),
        ({"client_id": "unknown"}, "invalid_client"),
        ({"code": "mk1.test.AAAA"}, "invalid_grant"),
        ({"code": None}, "invalid_request"),
        ({"grant_type": None}, "invalid_request"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unsupported_grant_type"),
        ({"resource": "https://evil.example/mcp"}, "invalid_target"),
        ({"redirect_uri": [CALLBACK, CALLBACK]}, "invalid_request"),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"client_assertion": "x"}, "invalid_client"),
    ],
    ids=repr,
)
async def test_a_token_request_that_differs_from_the_authorization_request_gets_nothing(
    changes: dict[str, Any], error: str
) -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        assert error_of(await client.exchange(code, **changes)) == error
        assert here.issuer.requests.count("token") == 0


async def test_a_redirect_uri_may_be_left_out_when_a_code_is_redeemed() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        assert (await client.exchange(code, redirect_uri=None)).status_code == 200


@pytest.mark.parametrize(("methods", "warnings"), [(["plain"], 1), ([], 1), (["S256"], 0), (None, 0)])
async def test_an_issuer_that_says_it_does_not_know_s256_is_told_once(
    methods: list[str] | None, warnings: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, logger="mcpauthkit.web")
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            document = (await http.get(f"{here.issuer.issuer_url}/.well-known/openid-configuration")).json()
        document["code_challenge_methods_supported"] = methods
        here.issuer.faults.respond("discovery", status=200, body=json.dumps(document))
        async with browsing(here) as (robot, client):
            for _ in range(2):
                await robot.click(await robot.open(client.authorization_url()), "Continue")
    assert len([one for one in caplog.records if "S256" in one.message]) == warnings


async def test_a_code_dies_after_a_minute_and_a_client_id_is_no_code() -> None:
    clock = FakeClock()
    with proxy_world(clock=clock) as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        assert error_of(await client.exchange(client.client_id)) == "invalid_grant"
        assert error_of(await client.refresh(code)) == "invalid_grant"
        clock.advance(61)
        assert error_of(await client.exchange(code)) == "invalid_grant"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"{}", {"content-type": "application/json"}, 400),
        (b"grant_type=refresh_token", {}, 400),
        (b"grant_type=refresh_token&grant_type=refresh_token", FORM, 400),
        (b"\xff", FORM, 400),
        (b"a=" + b"x" * 70_000, FORM, 413),
        (b"grant_type=refresh_token", {**FORM, "authorization": "Basic eDp5"}, 401),
    ],
)
async def test_a_body_that_is_no_token_request_is_refused(content: bytes, headers: dict[str, str], status: int) -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            for path in ("/token", "/revoke"):
                answer = await http.post(f"{here.base}{path}", content=content, headers=headers)
                assert error_of(answer, status) in {"invalid_request", "invalid_client"}


async def test_a_refresh_rotates_narrows_and_is_bound_to_its_client() -> None:
    with proxy_world() as here:
        client, other = await here.registered(), await here.registered()
        first = await here.tokens(client)
        assert error_of(await other.refresh(first["refresh_token"])) == "invalid_grant"
        second = (await client.refresh(first["refresh_token"], scope="openid", resource=here.resource)).json()
        assert second["scope"] == "openid"
        assert "id_token" not in second
        # A narrower access token does not narrow what was granted.
        third = (await client.refresh(second["refresh_token"])).json()
        assert set(third["scope"].split()) == {"openid", "mcp:tools"}
        assert error_of(await client.refresh(third["refresh_token"], scope="email")) == "invalid_scope"
        assert error_of(await client.refresh(third["refresh_token"], resource=f"{here.base}/x")) == "invalid_target"
        # Used before: the issuer ends the whole family.
        assert error_of(await client.refresh(first["refresh_token"])) == "invalid_grant"
        assert error_of(await client.refresh(third["refresh_token"])) == "invalid_grant"


async def test_repeating_scopes_the_user_did_not_get_is_no_wish_for_more() -> None:
    with proxy_world(allowed_scopes=["unknown:scope"]) as here:
        client = await here.registered()
        tokens = await here.tokens(client, scope="openid mcp:tools unknown:scope")
        assert "unknown:scope" not in tokens["scope"]
        only = await client.refresh(tokens["refresh_token"], scope="unknown:scope")
        assert error_of(only) == "invalid_scope"
        answer = await client.refresh(tokens["refresh_token"], scope="openid mcp:tools unknown:scope")
        assert answer.status_code == 200


@pytest.mark.parametrize("scope", ["https://graph.microsoft.com/Mail.ReadWrite offline_access", "openid mcp:write"])
async def test_a_scope_that_is_not_offered_never_reaches_the_issuer(scope: str) -> None:
    with proxy_world(profile="entra") as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(scope=scope), stop_at=CALLBACK)
        assert page.query["error"] == "invalid_scope"
        assert here.issuer.requests.count("authorize") == 0


async def test_a_scope_of_a_login_and_one_that_a_tool_needs_may_be_asked_for() -> None:
    with proxy_world(allowed_scopes=["mcp:write"]) as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(scope="openid profile email offline_access mcp:write"))
        assert "mcp:write" in page.text
        async with httpx.AsyncClient() as http:
            metadata = (await http.get(f"{here.base}/.well-known/oauth-authorization-server")).json()
        # Clients ask for all that stands there.
        assert metadata["scopes_supported"] == ["openid", "mcp:tools"]


async def test_a_grant_older_than_the_configuration_is_cut_down_to_what_is_offered() -> None:
    with proxy_world() as here:
        client = await here.registered()
        tokens = await here.tokens(client)
        here.options["scopes"] = ("openid",)
        await here.restart()
        assert error_of(await client.refresh(tokens["refresh_token"], scope="mcp:tools")) == "invalid_scope"
        assert (await client.refresh(tokens["refresh_token"])).json()["scope"] == "openid"
        assert here.issuer.requests.all("token")[-1].form["scope"] == ["openid"]


async def test_what_the_issuer_grants_without_being_asked_is_neither_told_nor_refreshed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING, logger="mcpauthkit.web")
    given = {"access_token": "at", "token_type": "Bearer", "refresh_token": "rt", "scope": "openid mcp:tools admin"}
    with proxy_world(allowed_scopes=["admin"]) as here:
        client, tokens = await here.registered(), {}
        for _ in range(2):
            async with BrowserRobot() as robot:
                page = await here.log_in(robot, client, scope="openid")
            here.issuer.faults.respond("token", status=200, times=1, body=json.dumps(given))
            tokens = (await client.exchange(page.query["code"])).json()
            assert tokens["scope"] == "openid"
        assert error_of(await client.refresh(tokens["refresh_token"], scope="admin")) == "invalid_scope"
    assert len([one for one in caplog.records if "not asked for" in one.message]) == 1


async def test_the_short_names_of_entra_are_those_that_were_asked_for() -> None:
    given = {"access_token": "at", "token_type": "Bearer", "refresh_token": "rt", "scope": "read"}
    scopes = ("openid", "api://x/read", "api://x/write")
    with proxy_world(profile="entra", scopes=scopes) as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client)
        here.issuer.faults.respond("token", status=200, times=2, body=json.dumps(given))
        tokens = (await client.exchange(page.query["code"])).json()
        assert tokens["scope"] == "api://x/read"
        again = await client.refresh(tokens["refresh_token"], scope=" ".join(scopes))
        assert again.json()["scope"] == "api://x/read"
        assert "scope" not in here.issuer.requests.all("token")[-1].form


async def test_a_refresh_token_dies_unused_and_some_time_after_the_login_in_any_case() -> None:
    clock, day = FakeClock(), 86_400
    with proxy_world(clock=clock) as here:
        client = await here.registered()
        unused = await here.tokens(client)
        used = await here.tokens(client)
        clock.advance(29 * day)
        used = (await client.refresh(used["refresh_token"])).json()
        clock.advance(2 * day)
        assert error_of(await client.refresh(unused["refresh_token"])) == "invalid_grant"
        for _ in range(5):
            clock.advance(27 * day)
            used = (await client.refresh(used["refresh_token"])).json()
        clock.advance(20 * day)
        asked = here.issuer.requests.count("token")
        assert error_of(await client.refresh(used["refresh_token"])) == "invalid_grant"
        assert here.issuer.requests.count("token") == asked


async def test_where_there_are_several_resources_a_client_has_to_name_its_own() -> None:
    with proxy_world(resource_paths=("/mcp", "/other")) as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(), stop_at=CALLBACK)
            assert page.query["error"] == "invalid_target"
            code = (await here.log_in(robot, client, resource=here.resource)).query["code"]
        assert error_of(await client.exchange(code, resource=f"{here.base}/other")) == "invalid_target"
        assert (await client.exchange(code, resource=here.resource)).status_code == 200


async def test_a_client_of_a_lost_key_is_told_to_register_again() -> None:
    with proxy_world(key_ring=None) as here:
        client = await here.registered()
        tokens = await here.tokens(client)
        await here.restart()
        assert error_of(await client.refresh(tokens["refresh_token"])) == "invalid_client"


async def test_a_refresh_token_is_not_shown_to_another_issuer() -> None:
    with proxy_world() as here, proxy_world() as elsewhere:
        client = await here.registered()
        tokens = await here.tokens(client)
        elsewhere.issuer.add_client(UPSTREAM, None, [f"{here.base}/oauth/callback"])
        here.options["issuer_url"] = elsewhere.issuer.issuer_url
        await here.restart()
        assert error_of(await client.refresh(tokens["refresh_token"])) == "invalid_grant"
        assert elsewhere.issuer.requests.count("token") == 0


@pytest.mark.parametrize(
    ("fault", "status", "error"),
    [
        ({"status": 503}, 503, "temporarily_unavailable"),
        ({"status": 429}, 503, "temporarily_unavailable"),
        ({"status": 400, "body": '{"error": "invalid_grant", "error_description": "canary"}'}, 400, "invalid_grant"),
        ({"status": 401, "body": '{"error": "invalid_client", "error_description": "canary"}'}, 502, "server_error"),
        ({"status": 200, "body": '{"access_token": ""}'}, 502, "server_error"),
        ({"status": 200, "body": "canary"}, 502, "server_error"),
        ({"status": 302, "headers": {"location": "https://evil.example/canary"}}, 502, "server_error"),
    ],
    ids=repr,
)
async def test_an_issuer_in_trouble_is_told_without_its_own_words(
    fault: dict[str, Any], status: int, error: str
) -> None:
    with proxy_world() as here:
        client = await here.registered()
        tokens = await here.tokens(client)
        here.issuer.faults.respond("token", times=1, **fault)
        answer = await client.refresh(tokens["refresh_token"])
        assert error_of(answer, status) == error
        assert "canary" not in answer.text
        assert ("retry-after" in answer.headers) is (status == 503)
        # The old token is still good: nothing was decided.
        assert (await client.refresh(tokens["refresh_token"])).status_code == 200


async def test_a_revoked_token_is_revoked_at_the_issuer() -> None:
    with proxy_world(client_secret="issuer-secret") as here:
        client, other = await here.registered(), await here.registered()
        tokens = await here.tokens(client)
        url = f"{here.base}/revoke"
        assert error_of(await other.post(url, token=tokens["refresh_token"])) == "invalid_grant"
        assert error_of(await client.post(url)) == "invalid_request"
        assert error_of(await client.post(url, token="x", client_id="unknown")) == "invalid_client"
        assert (await client.refresh(tokens["refresh_token"])).status_code == 200
        tokens = await here.tokens(client)
        assert (await client.post(url, token="never heard of")).status_code == 200
        here.issuer.faults.respond("revoke", status=400, times=1)
        for _ in range(2):
            # Nobody is told that a token ended which lives on, and the issuer is asked once.
            assert error_of(await client.post(url, token=tokens["access_token"])) == "unsupported_token_type"
        here.issuer.faults.respond("revoke", status=503, times=1)
        assert error_of(await client.post(url, token=tokens["refresh_token"]), 503) == "temporarily_unavailable"
        assert (await client.post(url, token=tokens["refresh_token"])).status_code == 200
        assert error_of(await client.refresh(tokens["refresh_token"])) == "invalid_grant"


@pytest.mark.parametrize("lie", ["wrong_iss", "omit_iss"])
async def test_an_answer_of_another_issuer_is_not_believed(lie: str) -> None:
    with proxy_world() as here:
        client = await here.registered()
        here.issuer.misbehave(**{lie: True})
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client)
        assert page.query == {"error": "server_error", "state": client.state, "iss": here.base}


async def test_who_cancels_at_the_issuer_is_brought_back_with_that_error() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            page = await robot.click(page, "Cancel", stop_at=CALLBACK)
        assert page.query == {"error": "access_denied", "state": client.state, "iss": here.base}


async def test_an_issuer_that_cannot_be_reached_ends_the_login_at_the_client() -> None:
    with proxy_world() as here:
        client = await here.registered()
        here.issuer.faults.respond("discovery", status=503)
        async with BrowserRobot() as robot:
            page = await robot.click(await robot.open(client.authorization_url()), "Continue", stop_at=CALLBACK)
        assert page.query["error"] == "temporarily_unavailable"
        assert page.query["iss"] == here.base


@pytest.mark.parametrize(
    ("profile", "sent"), [("generic", {"resource"}), ("auth0", {"audience"}), ("entra", set()), ("okta", set())]
)
async def test_the_resource_goes_to_the_issuer_the_way_it_understands(profile: str, sent: set[str]) -> None:
    with proxy_world(profile=profile, extra_authorize_params={"login_hint": "alice", "domain": "a&b"}) as here:
        client = await here.registered(HOSTED)
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client, resource=f"{here.resource}/", prompt="login consent")
            assert (await client.exchange(page.query["code"])).status_code == 200
        asked = here.issuer.requests.all("authorize")[0].query
        assert {"resource", "audience"} & asked.keys() == sent
        assert all(asked[name] == [here.resource] for name in sent)
        assert (asked["login_hint"], asked["domain"], asked["prompt"]) == (["alice"], ["a&b"], ["login"])
        assert ("resource" in here.issuer.requests.all("token")[0].form) is ("resource" in sent)


async def test_a_query_on_the_issuers_own_address_is_kept() -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            document = (await http.get(f"{here.issuer.issuer_url}/.well-known/openid-configuration")).text
        edited = document.replace('/authorize"', '/authorize?tenant=a"')
        here.issuer.faults.respond("discovery", status=200, body=edited)
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            assert httpx.URL(page.url).params["tenant"] == "a"
            assert "code" in (await sign_in(robot, page, stop_at=CALLBACK)).query
