"""Secrets are found nowhere but inside sealed records and the requests that need them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpauthkit.testing import RobotError
from tests.flows.canaries import Watch, WatchedRobot, secrets_of, traces_of, watching
from tests.flows.test_ladder import eras, text_of
from tests.world import Answer, Era, World, world

# What a careless service puts into its errors, such as the token it did not like.
ECHO = "echoed-by-the-service-canary"


async def _called(here: World, watch: Watch, client: Any, tool: str = "list_repos") -> None:
    try:
        watch.results.append(str(await text_of(client, tool)))
    except Exception as error:  # noqa: BLE001  # whatever a client is told is a result
        watch.results.append(f"{error!r} {getattr(error, 'error', '')}")


async def _everything(here: World, watch: Watch, era: Era, robots: list[WatchedRobot], bearer: str) -> None:
    """A connection made, used, renewed, failed and lost in all the ways there are."""
    alice, bob = robots

    async def person(url: str) -> Answer:
        try:
            await here.visit(alice, url)
        except RobotError:
            # What the page says instead is among the pages.
            return "accept"
        return "accept"

    token = here.service.faults
    async with here.client(era, human=person, token=bearer) as client:
        token.respond("token", status=500, times=1, body=f"<h1>{ECHO}</h1>")
        await _called(here, watch, client)
        await _called(here, watch, client)
        here.service.expire_tokens()
        await _called(here, watch, client)
        for body, status in _ANSWERS:
            here.service.expire_tokens()
            token.respond("token", status=status, body=body)
            await _called(here, watch, client)
            token.clear()
        token.respond("repos", status=401, body=ECHO)
        await _called(here, watch, client)
        token.clear()
        here.service.revoke_grants()
        await _called(here, watch, client)
        await _called(here, watch, client, "list_repos_fast")
    await _attacks(here, alice, bob)


_ANSWERS = (
    (ECHO, 200),
    (json.dumps({"access_token": [ECHO]}), 200),
    (json.dumps({"access_token": f"{ECHO}\u0000", "token_type": "bearer"}), 200),
    (json.dumps({"error": "invalid_client", "error_description": ECHO}), 401),
    (json.dumps({"error": "invalid_request", "error_description": ECHO, "error_uri": ECHO}), 400),
    (ECHO, 503),
)


async def _attacks(here: World, alice: WatchedRobot, bob: WatchedRobot) -> None:
    """What goes wrong on pages."""
    async with here.client() as client:
        await client.call_tool("forget_me", raise_on_error=False)
        link = str((await text_of(client, "list_repos"))[1]).split("Open ")[1].split(" ")[0]
    page = await alice.open(link)
    callback = (await _consented(here, alice, page)).url
    await here.visit(bob, link, sub="bob", do="look")
    await bob.open(callback)
    await alice.open(callback)
    await alice.open(link)
    await alice.open(callback.replace("code=", "code=x"))
    page = await alice.click(await alice.open(link), "Connect")
    here.service.misbehave(wrong_iss=True)
    await _approved(alice, page)
    here.service.behave()
    await bob.open(f"{here.base}/connect/login/callback?state={'x' * 43}&code={'y' * 43}")


async def _consented(here: World, robot: WatchedRobot, page: Any) -> Any:
    page = await robot.click(page, "Connect")
    return await robot.submit(page, {"account": "octo-alice"}, button="Allow", stop_at=here.base)


async def _approved(robot: WatchedRobot, page: Any) -> Any:
    return await robot.submit(page, {"account": "octo-alice"}, button="Allow")


@eras
async def test_nothing_secret_of_a_redirect_flow_comes_out_anywhere(era: Era, monkeypatch: pytest.MonkeyPatch) -> None:
    with watching(monkeypatch) as watch, world(build=lambda mcp, _: mcp.add_middleware(watch.catching)) as here:
        bearer = here.token()
        async with WatchedRobot(watch, here.base) as alice, WatchedRobot(watch, here.base) as bob:
            await _everything(here, watch, era, [alice, bob], bearer)
            secrets = secrets_of(here, alice, bob)
        places = watch.places(here)
        # The parts of a token before its signature are no secret, and the same in every token.
        secrets |= {"bearer": {bearer.rpartition(".")[2]}, "echo": {ECHO}}
        assert {kind for kind, values in secrets.items() if not values} == set()
        assert watch.loggers >= {"mcpauthkit", "httpx", "httpcore", "mcp", "fastmcp"}
        assert watch.paths >= {"/connect/forge", "/connect/forge/callback", "/connect/login/callback"}
        assert len(watch.catching.caught) >= 5
        found = {
            (kind, place, value)
            for kind, values in secrets.items()
            for value in values
            for place, text in places.items()
            # What a service sent is in the variables of whatever reads it.
            if (kind, place) != ("echo", "variables") and traces_of(value, text)
        }
        assert found == set()
