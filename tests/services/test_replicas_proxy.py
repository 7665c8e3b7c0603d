"""Two server processes that sign users in themselves: one is killed between every two steps of a login."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import anyio
import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, OAuthClient, sign_in
from tests.requirements.wire import RawClient
from tests.services.redis_servers import RedisServer
from tests.services.replicas import Replica, Replicas, replicas

UPSTREAM = "kit-at-the-issuer"
CALLBACK = "http://127.0.0.1:9/callback"


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replicas]:
    work: Path = tmp_path_factory.mktemp("replicas")
    with RedisServer(work / "redis") as redis, replicas(redis.url, work, proxy_client_id=UPSTREAM) as running:
        running.issuer.add_client(UPSTREAM, None, [f"{running.base}/oauth/callback"])
        yield running


@pytest.mark.parametrize("is_last", [True, False], ids=["the replica that served last", "the other replica"])
async def test_whichever_is_killed_between_two_steps_of_a_login_it_goes_on(here: Replicas, *, is_last: bool) -> None:
    strikes = 0

    async def strike() -> None:
        nonlocal strikes
        strikes += 1
        last = here.last_served
        await anyio.to_thread.run_sync(restart, last if is_last else here.other_than(last))

    client = await registered(here)
    await strike()
    async with BrowserRobot() as robot:
        page = await robot.open(client.authorization_url(resource=here.resource))
        await strike()
        page = await robot.click(page, "Continue", stop_at=here.issuer.base_url)
        await strike()
        page = await sign_in(robot, await robot.open(page.url), user="alice", stop_at=here.base)
        await strike()
        page = await robot.open(page.url, stop_at=CALLBACK)
        await strike()
    tokens = (await client.exchange(page.query["code"])).json()
    for _ in range(2):
        await strike()
        answer = RawClient(here, "modern", token=tokens["access_token"]).call("forge")
        assert answer.status_code == httpx.codes.OK
        assert "/connect/forge?flow=" in answer.text
        await strike()
        tokens = (await client.refresh(tokens["refresh_token"])).json()
    assert strikes == 9


def restart(replica: Replica) -> None:
    replica.kill()
    replica.start()


async def registered(here: Replicas) -> OAuthClient:
    """A client that has made itself known."""
    async with httpx.AsyncClient(trust_env=False) as http:
        answer = await http.post(f"{here.base}/register", json={"redirect_uris": [CALLBACK], "client_name": "Scripted"})
    return OAuthClient(
        authorize_url=f"{here.base}/authorize",
        token_url=f"{here.base}/token",
        client_id=answer.raise_for_status().json()["client_id"],
        redirect_uri=CALLBACK,
    )
