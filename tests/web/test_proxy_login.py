"""Logging in through the proxy: from registration to the tool, refresh, revocation, and restarts in between."""

from __future__ import annotations

import pytest

from mcpauthkit.testing import BrowserRobot, sign_in
from tests.web.proxy_world import CALLBACK, SCOPES, UPSTREAM, proxy_world


@pytest.mark.parametrize("secret", [None, "issuer-secret with / and +"], ids=["public", "confidential"])
async def test_a_client_that_registers_itself_signs_in_and_calls(secret: str | None) -> None:
    with proxy_world(client_secret=secret) as here:
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url(resource=here.resource))
            assert page.status == 200
            assert here.issuer.requests.count("authorize") == 0
            page = await robot.click(page, "Continue")
            page = await sign_in(robot, page, stop_at=CALLBACK)
        assert page.query["state"] == client.state
        assert page.query["iss"] == here.base
        answer = await client.exchange(page.query["code"], resource=here.resource)
        assert answer.status_code == 200
        assert answer.headers["cache-control"] == "no-store"
        tokens = answer.json()
        assert tokens.keys() == {"access_token", "token_type", "expires_in", "scope", "refresh_token"}
        assert tokens["token_type"] == "Bearer"
        assert tokens["expires_in"] == 300
        assert set(tokens["scope"].split()) == set(SCOPES)
        assert (await here.call(tokens["access_token"])).json() == {"user": "alice", "client": UPSTREAM}
        upstream = here.issuer.requests.all("authorize")[0].query
        assert upstream["redirect_uri"] == [f"{here.base}/oauth/callback"]
        assert upstream["client_id"] == [UPSTREAM]
        assert upstream["resource"] == [here.resource]
        assert upstream["state"] != [client.state]
        assert here.issuer.requests.all("token")[0].form["code_verifier"] != [client.code_verifier]


STEPS = ("register", "page", "agree", "sign in", "token", "refresh", "revoke")


@pytest.mark.parametrize("steps", [*((one,) for one in STEPS), STEPS], ids="+".join)
async def test_a_server_killed_between_two_steps_finishes_the_login_when_it_is_back(steps: tuple[str, ...]) -> None:
    with proxy_world() as here:

        async def maybe(step: str) -> None:
            if step in steps:
                await here.restart()

        await maybe("register")
        client = await here.registered()
        await maybe("page")
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url(resource=here.resource))
            await maybe("agree")
            page = await robot.click(page, "Continue", stop_at=here.issuer.issuer_url)
            await maybe("sign in")
            page = await sign_in(robot, await robot.open(page.url), stop_at=CALLBACK)
        await maybe("token")
        tokens = (await client.exchange(page.query["code"])).json()
        await maybe("refresh")
        again = (await client.refresh(tokens["refresh_token"])).json()
        assert (await here.call(again["access_token"])).json()["user"] == "alice"
        await maybe("revoke")
        answer = await client.post(f"{here.base}/revoke", token=again["refresh_token"])
        assert answer.status_code == 200
        assert (await client.refresh(again["refresh_token"])).json()["error"] == "invalid_grant"
        assert here.restarts == len(steps)
