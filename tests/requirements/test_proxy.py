"""The authorization proxy over HTTP: what clients, browsers and the issuer see of the rules it has to keep."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.protocol.client_documents import SafeClientDocuments
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.web.proxy_world import CALLBACK, HOSTED, UPSTREAM, browsing, proxy_world

METADATA = "/.well-known/oauth-authorization-server"
ENDPOINTS = ("/token", "/revoke", "/register")


async def test_every_answer_to_a_client_names_the_issuer_of_the_metadata_and_the_metadata_says_so() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            done = await here.log_in(robot, client)
            declined = await robot.click(await robot.open(client.authorization_url()), "Cancel", stop_at=CALLBACK)
            refused = await robot.open(client.authorization_url(response_type="token"), stop_at=CALLBACK)
        async with httpx.AsyncClient(base_url=here.base) as http:
            metadata = (await http.get(METADATA)).json()
    assert "code" in done.query
    assert [declined.query["error"], refused.query["error"]] == ["access_denied", "unsupported_response_type"]
    assert {page.query["iss"] for page in (done, declined, refused)} == {metadata["issuer"]}
    assert metadata["authorization_response_iss_parameter_supported"] is True


@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None},
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
    ids=repr,
)
async def test_without_an_s256_challenge_nobody_gets_as_far_as_a_page(changes: dict[str, Any]) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(**changes), stop_at=CALLBACK)
        assert page.query["error"] == "invalid_request"
        assert page.query["state"] == client.state
        assert here.issuer.requests.count("authorize") == 0


async def test_a_code_needs_the_verifier_of_its_own_challenge() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            code = (await here.log_in(robot, client)).query["code"]
        right, client.code_verifier = client.code_verifier, "another-verifier-of-43-characters-at-the-least"
        refused = await client.exchange(code)
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
        client.code_verifier = right
        assert (await client.exchange(code)).status_code == 200


async def test_unknown_parameters_are_ignored_and_empty_ones_count_as_left_out() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await here.log_in(
                robot, client, scope="", resource="", audience="https://evil.example", shade="blue"
            )
        answer = await client.exchange(page.query["code"], scope="", shade="blue")
        assert answer.status_code == 200
        asked = here.issuer.requests.all("authorize")[0].query
        assert asked["resource"] == [here.resource]
        assert not {"audience", "shade"} & asked.keys()


async def test_no_login_is_remembered_before_the_person_has_agreed() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            before = set(robot.cookies)
            await robot.click(page, "Continue")
            after = set(robot.cookies)
    # The name of the browser is all there is on the page; with it alone no answer of the issuer is taken.
    assert [name for name in before if "login" in name or "approved" in name] == []
    assert len([name for name in after - before if "login" in name]) == 1


async def test_every_visit_to_the_issuer_has_a_state_and_a_challenge_of_its_own() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            for _ in range(3):
                await here.log_in(robot, client)
        visits = [one.query for one in here.issuer.requests.all("authorize") if "state" in one.query]
    for name in ("state", "code_challenge"):
        values = {one[name][0] for one in visits}
        assert len(values) == 3
        assert all(len(one) >= 43 for one in values)
    assert {one["code_challenge_method"][0] for one in visits} == {"S256"}
    assert client.state not in {one["state"][0] for one in visits}


@pytest.mark.parametrize("state", [None, "", "guessed", "edited", "twice"])
async def test_an_answer_of_the_issuer_without_the_state_it_was_given_is_refused(state: str | None) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            page = await sign_in(robot, page, stop_at=f"{here.base}/oauth/callback")
            answer = httpx.URL(page.url)
            right = answer.params["state"]
            changed = {
                None: answer.copy_remove_param("state"),
                "edited": answer.copy_set_param("state", right[:-1] + ("A" if right[-1] != "A" else "B")),
                "twice": answer.copy_add_param("state", right),
            }.get(state, answer.copy_set_param("state", state))
            refused = await robot.open(str(changed), stop_at=CALLBACK)
            assert refused.status == 400
            assert not refused.url.startswith(CALLBACK)
            # The right one was not used up by that.
            assert "code" in (await robot.open(page.url, stop_at=CALLBACK)).query


async def test_every_redirect_of_the_proxy_turns_into_a_get() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url())
            leave = await robot.click(page, "Continue", stop_at=here.issuer.issuer_url)
            page = await robot.open(client.authorization_url())
            back = await robot.click(page, "Cancel", stop_at=CALLBACK)
            done = await here.log_in(robot, client)
    assert [page.status for page in (leave, back, done)] == [303, 303, 303]


async def test_a_secret_in_the_header_is_401_with_a_challenge_and_in_the_body_400() -> None:
    with proxy_world() as here:
        client = await here.registered()
        refused = await client.exchange("code", client_secret="guess")
        assert (refused.status_code, refused.json()["error"]) == (400, "invalid_client")
        client.client_secret = "guess"
        refused = await client.exchange("code")
        assert (refused.status_code, refused.json()["error"]) == (401, "invalid_client")
        assert refused.headers["www-authenticate"].startswith("Basic")


@pytest.mark.parametrize(
    ("sent", "challenge"),
    [
        ("Basic YTpi", 'Basic realm="token"'),
        ("Bearer abc", 'Bearer realm="token"'),
        ("Odd\tthing abc", 'Basic realm="token"'),
    ],
)
async def test_a_client_that_proves_itself_is_challenged_in_its_own_scheme(sent: str, challenge: str) -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient(base_url=here.base) as http:
            form = {"grant_type": "refresh_token", "refresh_token": "x", "client_id": "x"}
            refused = await http.post("/token", data=form, headers={"authorization": sent})
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"] == challenge


async def test_tokens_and_registrations_are_got_by_post_only() -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient(base_url=here.base) as http:
            answers = [await http.get(path, params={"grant_type": "refresh_token"}) for path in ENDPOINTS]
    assert [one.status_code for one in answers] == [405, 405, 405]


async def test_a_registration_ignores_what_it_does_not_know_and_says_what_it_made_of_the_rest() -> None:
    with proxy_world() as here:
        answer = await here.register(
            HOSTED, software_statement="e30.e30.", jwks={"keys": []}, token_endpoint_auth_method="client_secret_post"
        )
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["cache-control"] == "no-store"
        body = answer.json()
        assert not {"client_secret", "software_statement", "jwks"} & body.keys()
        assert body["token_endpoint_auth_method"] == "none"
        assert body["redirect_uris"] == [HOSTED]
        again = await here.register(HOSTED)
        assert again.json()["client_id"] != body["client_id"]


async def test_only_the_issuers_tokens_for_this_server_open_it() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            code = (await here.log_in(robot, client)).query["code"]
        tokens = (await client.exchange(code)).json()
        assert (await here.call(tokens["access_token"])).status_code == 200
        elsewhere = here.issuer.token(sub="alice", audience="https://other.example/mcp")
        for_our_client = here.issuer.token(sub="alice", audience=UPSTREAM)
        for bearer in (elsewhere, for_our_client, tokens["refresh_token"], client.client_id, code):
            assert (await here.call(bearer)).status_code == 401


async def test_the_issuers_own_code_is_none_of_ours() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.click(await robot.open(client.authorization_url()), "Continue")
            page = await sign_in(robot, page, stop_at=f"{here.base}/oauth/callback")
            upstream_code = parse_qs(urlsplit(page.url).query)["code"][0]
            done = await robot.open(page.url, stop_at=CALLBACK)
            # Ours is another one, good for this client and its verifier only.
            assert upstream_code not in done.query["code"]
            refused = await client.exchange(upstream_code)
            assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant")
            assert (await client.exchange(done.query["code"])).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "https://localhost/client.json",
        "https://127.0.0.1/client.json",
        "https://[::1]/client.json",
        "https://0.0.0.0/client.json",
        "https://10.0.0.1/client.json",
        "https://192.168.0.1/client.json",
        "https://169.254.169.254/client.json",
        "https://[::ffff:127.0.0.1]/client.json",
        "http://docs.example/client.json",
        "https://1.1.1.1/",
    ],
)
async def test_a_client_document_is_not_fetched_from_an_address_inside(url: str) -> None:
    with pytest.raises(RemoteMisbehaved):
        await SafeClientDocuments().fetch(url)
