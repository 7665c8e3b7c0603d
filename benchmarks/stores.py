"""What keeping credentials sealed on Redis adds to redis-py alone, and what many users' credentials cost.

    uv run python benchmarks/stores.py

A vault read is one GET, opened and checked; a vault write is one SET that also wakes whoever waits for the key; a vault
exchange is what a renewal does, which puts the new credential only where the old one still stands and reads it for
that. They stand beside GET, SET and both of the very same text by redis-py as it comes. The rounds are interleaved and
the best round of each counts. Both sides have time limits: redis-py its own, RedisStore one around each try. For
information: the same through one client that both share, by redis-py without any time limit, and on memory; and of
each, what the processor of this process does, since the rest is waiting for a server that may have to be woken first,
which takes between 50 and 150 microseconds with the machine's mood. Reads are repeated with 10,000 and 100,000 users,
each in a database of its own of the same Redis. The exit status is 1 when an aim is missed, 2 when there is no
redis-server.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from forge import KEY_RING, NAMESPACE, SERVICE, a_credential, a_principal
from measuring import Aim, machine, report
from redis.asyncio import Redis
from redis_server import redis_server

from mcpauthkit import MemoryStore, RedisStore, Store
from mcpauthkit.connections.vault import Vault
from mcpauthkit.stores.sealed import SealedStore

ROUNDS = 60
CALLS = 50
USERS = (100, 10_000, 100_000)
FILLED_AT_ONCE = 40
TTL_SECONDS = 365 * 86_400
RATIO_ALLOWED = 1.25
GROWTH_ALLOWED = 1.1
GET, SET, GET_AND_SET = "redis-py GET", "redis-py SET", "redis-py GET and SET"
READ, WRITE, EXCHANGE = "vault read", "vault write", "vault exchange"

Call = Callable[[], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds of one call.

    Args:
        best: In the best round.
        median: In the middle one.
        busy: In the middle one, of this process's processor alone.
    """

    best: float
    median: float
    busy: float


def sealed_by_us(store: Store) -> SealedStore:
    """A sealed store over one that does not seal."""
    return SealedStore(store, KEY_RING)


def vault_on(store: Store) -> Vault:
    """A vault over a store that does not seal."""
    return Vault(sealed_by_us(store), namespace=NAMESPACE)


async def fill(store: RedisStore | MemoryStore, users: int) -> None:
    """Keep a credential of each user there."""
    numbers = iter(range(users))

    async def some() -> None:
        for number in numbers:
            # Sealed here, so that the many commands are the records' own.
            memory = MemoryStore()
            await vault_on(memory).put(a_principal(number), SERVICE, a_credential(number))
            async for key in memory.list_keys():
                await store.put(key, await memory.get(key) or "", ttl_seconds=TTL_SECONDS)

    await asyncio.gather(*(some() for _ in range(FILLED_AT_ONCE)))


def reading(vault: Vault, users: int) -> Call:
    """A read of some user's credential, with the check that it is theirs."""
    chosen = random.Random(5).sample(range(users), USERS[0])  # noqa: S311  # whom to read is no secret
    known = itertools.cycle([(a_principal(number), f"octo-{number}") for number in chosen])

    async def read() -> None:
        principal, label = next(known)
        credential = await vault.get(principal, SERVICE)
        assert credential is not None
        assert credential.account.label == label

    return read


def writing(vault: Vault) -> Call:
    """One call after the other keeps the credential of another user, whatever stands there."""
    renewed = itertools.cycle([(a_principal(number), a_credential(number)) for number in range(USERS[0])])

    async def write() -> None:
        principal, credential = next(renewed)
        await vault.put(principal, SERVICE, credential)

    return write


def exchanging(vault: Vault) -> Call:
    """One call after the other renews the credential of another user."""
    renewed = itertools.cycle([(a_principal(number), a_credential(number)) for number in range(USERS[0])])

    async def exchange() -> None:
        principal, credential = next(renewed)
        if await vault.exchange(principal, SERVICE, credential, credential) is None:
            raise RuntimeError("the credential that is renewed does not stand there")

    return exchange


async def bare_ways(redis: Redis, url: str) -> dict[str, Call]:
    """The commands of redis-py, with a record's text."""
    # Waiting for an answer for ever is what nobody should do; it shows what its time limit costs redis-py.
    patient = Redis.from_url(url, socket_timeout=None)
    key = await redis.randomkey()
    assert isinstance(key, bytes)
    text = await redis.get(key)
    assert isinstance(text, bytes)
    spare = b"spare:" + key

    def put(client: Redis) -> Awaitable[object]:
        return client.set(spare, text, px=TTL_SECONDS * 1000)

    async def get_and_set() -> None:
        await redis.get(key)
        await put(redis)

    return {
        GET: lambda: redis.get(key),
        SET: lambda: put(redis),
        GET_AND_SET: get_and_set,
        "redis-py GET, no time limit": lambda: patient.get(key),
        "redis-py SET, no time limit": lambda: put(patient),
    }


def our_ways(store: Store, *, users: int, of: str = "") -> dict[str, Call]:
    """The same by us."""
    vault = vault_on(store)
    return {
        f"{READ}{of}": reading(vault, users),
        f"{WRITE}{of}": writing(vault),
        f"{EXCHANGE}{of}": exchanging(vault),
    }


async def compared(calls: dict[str, Call]) -> dict[str, Cost]:
    """What each call takes. They take turns: who else uses the processors changes with the moment."""
    rounds: dict[str, list[float]] = {name: [] for name in calls}
    busy: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            started, busy_before = time.perf_counter(), time.process_time()
            for _ in range(CALLS):
                await call()
            busy[name].append((time.process_time() - busy_before) / CALLS * 1e6)
            rounds[name].append((time.perf_counter() - started) / CALLS * 1e6)
    return {
        name: Cost(min(some), statistics.median(some), statistics.median(busy[name])) for name, some in rounds.items()
    }


async def measure(url: str) -> tuple[dict[str, Cost], float, float]:
    """Microseconds by what was done, bytes of a record, and seconds of filling the largest store."""
    redis, memory, stores, bytes_each, filling = Redis.from_url(url), MemoryStore(), list[RedisStore](), 0.0, 0.0
    for database, users in enumerate(USERS):
        before, started = (await redis.info("memory"))["used_memory"], time.perf_counter()
        stores.append(RedisStore(f"{url}/{database}"))
        await fill(stores[-1], users)
        filling = time.perf_counter() - started
        bytes_each = ((await redis.info("memory"))["used_memory"] - before) / users
    await fill(memory, USERS[0])
    costs = await compared(
        {
            **await bare_ways(redis, url),
            **our_ways(stores[0], users=USERS[0]),
            **{_read_of(users): reading(vault_on(one), users) for one, users in zip(stores, USERS, strict=True)},
            **our_ways(RedisStore(redis), users=USERS[0], of=", shared client"),
            **our_ways(memory, users=USERS[0], of=" on memory"),
        }
    )
    for one in stores:
        await one.aclose()
    await redis.aclose()
    return costs, bytes_each, filling


def _read_of(users: int) -> str:
    return f"{READ}, {users:,} users"


def main() -> int:
    """Print the table and how the aims stand; gives the exit status."""
    print(f"{machine()}; {ROUNDS} rounds of {CALLS} calls, one after the other\n")
    with redis_server() as url:
        costs, bytes_each, filling = asyncio.run(measure(url))
    print(f"{'microseconds a call':<32}{'best round':>12}{'median':>9}{'our processor':>15}")
    for name, cost in costs.items():
        print(f"{name:<32}{cost.best:>12.1f}{cost.median:>9.1f}{cost.busy:>15.1f}")
    fewest, most = USERS[0], USERS[-1]
    print(f"\n{most:,} users: {bytes_each:,.0f} bytes a record in Redis; written in {filling:.0f} s")

    def ratio(ours: str, bare: str) -> float:
        return costs[ours].best / costs[bare].best

    return report(
        [
            Aim("vault read, of GET", ratio(READ, GET), RATIO_ALLOWED),
            Aim("vault write, of SET", ratio(WRITE, SET), RATIO_ALLOWED),
            Aim("vault exchange, of GET and SET", ratio(EXCHANGE, GET_AND_SET), RATIO_ALLOWED),
            Aim(f"vault read of {most:,} users, of {fewest}", ratio(_read_of(most), _read_of(fewest)), GROWTH_ALLOWED),
        ]
    )


if __name__ == "__main__":
    sys.exit(main())
