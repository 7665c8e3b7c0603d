"""Secrets are found nowhere but inside sealed records and the requests that need them."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from mcpauthkit import Patience
from mcpauthkit.testing import FakeClock, RobotError
from tests.flows.canaries import ECHO, FLOW_PLACES, Watch, WatchedRobot, leaks, secrets_of, watching
from tests.flows.test_ladder import eras, link_in, text_of
from tests.world import Answer, Era, World, world

ALLOWED = {
    # What a service sent is in the variables of whatever reads it.
    "echo": {"variables"},
    "flow": FLOW_PLACES,
}


async def _everything(
    here: World, watch: Watch, era: Era, robots: list[WatchedRobot], bearer: str, clock: FakeClock
) -> None:
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
        await watch.call(client, "list_repos")
        await watch.call(client, "list_repos")
        here.service.expire_tokens()
        await watch.call(client, "list_repos")
        for body, status in _ANSWERS:
            # After a failure it is left alone for a while.
            clock.advance(121)
            here.service.expire_tokens()
            token.respond("token", status=status, body=body)
            before = here.service.requests.count("token")
            await watch.call(client, "list_repos")
            assert here.service.requests.count("token") > before, body
            token.clear()
        clock.advance(121)
        token.respond("repos", status=401, body=ECHO)
        await watch.call(client, "list_repos")
        token.clear()
        here.service.revoke_grants()
        await watch.call(client, "list_repos")
        await watch.call(client, "list_repos_fast")
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
        link = link_in(str((await text_of(client, "list_repos"))[1]))
    page = await alice.open(link)
    callback = (await _consented(here, alice, page)).url
    await here.visit(bob, link, sub="bob", do="look")
    await bob.open(callback)
    await alice.open(callback)
    await alice.open(link)
    await alice.open(callback.replace("code=", "code=x"))
    # A service that takes the code for the name of an error.
    callback = (await _consented(here, alice, await alice.open(link))).url
    await alice.open(callback.replace("code=", "error=", 1))
    async with here.client() as client:
        link = link_in(str((await text_of(client, "list_repos"))[1]))
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
    clock = FakeClock(wall=time.time())
    with (
        watching(monkeypatch) as watch,
        world(
            build=lambda mcp, _: mcp.add_middleware(watch.catching),
            provider_options={"clock": clock},
            patience=Patience(hold_seconds=0.5, rounds=1, asking_seconds=5),
        ) as here,
    ):
        bearer = here.token()
        async with WatchedRobot(watch, here.base) as alice, WatchedRobot(watch, here.base) as bob:
            await _everything(here, watch, era, [alice, bob], bearer, clock)
            secrets = secrets_of(here, alice, bob)
        places = await watch.places(here.store)
        # The parts of a token before its signature are no secret, and the same in every token.
        secrets |= {"bearer": {bearer.rpartition(".")[2]}, "echo": {ECHO}, "flow": watch.flow_ids()}
        assert {kind for kind, values in secrets.items() if not values} == set()
        assert watch.loggers >= {"mcpauthkit", "httpx", "httpcore", "mcp", "fastmcp"}
        assert watch.paths >= {"/connect/forge", "/connect/forge/callback", "/connect/login/callback"}
        assert len(watch.catching.caught) >= 5
        assert leaks(secrets, places, allowed=ALLOWED) == set()
