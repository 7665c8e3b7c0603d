"""A record that somebody spoilt in Redis, with whatever Redis can hold: its user is asked once more, nobody else."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import redis

from tests.services.redis_servers import RedisServer
from tests.services.replica_people import TOOLS, Person, Tool
from tests.services.replicas import Replicas, replicas
from tests.world import Era


def copy(client: redis.Redis, hers: str, his: str) -> None:
    client.copy(his, hers, replace=True)


def flip(client: redis.Redis, hers: str, _his: str) -> None:
    at = client.strlen(hers) - 9
    client.setrange(hers, at, "A" if client.getrange(hers, at, at) != "A" else "B")


def write_plainly(client: redis.Redis, hers: str, _his: str) -> None:
    client.set(hers, '{"access_token": "planted"}')


def make_a_list(client: redis.Redis, hers: str, _his: str) -> None:
    client.delete(hers)
    client.lpush(hers, "planted")


DAMAGES: dict[str, Callable[[redis.Redis, str, str], None]] = {
    "copied from somebody else": copy,
    "flipped": flip,
    "plaintext": write_plainly,
    "a list": make_a_list,
}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Replicas, RedisServer]]:
    work = tmp_path_factory.mktemp("replica")
    # One: each process reports what it finds.
    with RedisServer(work / "redis") as server, replicas(server.url, work, count=1, has_sessions=True) as here:
        yield here, server


def keys_of(client: redis.Redis, tool: Tool) -> set[str]:
    return set(client.scan_iter(f"*:credential:{tool}:*"))


@pytest.mark.parametrize("era", ["modern", "legacy"])
@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize("damage", DAMAGES)
async def test_its_user_is_asked_once_and_the_operator_told_once(
    running: tuple[Replicas, RedisServer], era: Era, tool: Tool, damage: str
) -> None:
    here, server = running
    [replica] = here.all
    alice, bob = Person(here, "alice", era), Person(here, "bob", era)
    with server.client() as client:
        client.flushall()
        await alice.obtain(tool)
        (hers,) = keys_of(client, tool)
        await bob.obtain(tool)
        (his,) = keys_of(client, tool) - {hers}
        kept = client.get(his)
        asked = len(alice.questions), len(bob.questions)
        words = len(replica.log.read_text())
        DAMAGES[damage](client, hers, his)
        for person in (bob, alice, bob, alice):
            assert (await person.call(tool)).account == f"octo-{person.sub}"
        assert (len(alice.questions), len(bob.questions)) == (asked[0] + 1, asked[1])
        assert client.get(his) == kept
    key = hers.partition("{")[2].rstrip("}")
    assert replica.log.read_text()[words:].count(f"key={key}") == 1
