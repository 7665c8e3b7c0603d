"""Where connections are kept: whether it can be used, and whether it keeps what it is given."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Final

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.stores.outage import check_reached
from mcpauthkit.stores.port import Store
from mcpauthkit.stores.redis.store import RedisStore
from mcpauthkit.web.deployment import Deployment

# The others take out what has no end of its own, or what is to stay longest.
_KEEPING: Final = frozenset({"noeviction"})

UNREACHABLE = Fault(
    "store-unreachable",
    "error",
    "The store does not answer",
    "Nobody can connect a service, and no tool finds the credentials that are there.",
    "Check its address (REDIS_URL), and that this machine reaches it.",
    explains=("redis-evicts", "redis-not-persistent", "redis-without-password"),
)
REFUSES = Fault(
    "store-refuses",
    "error",
    "The store answers and refuses",
    "Its password, the rights of its user or the kind of its address are wrong, and stay so until somebody changes "
    "them.",
    "Do what the message says; docs/state.md lists the rights that are needed.",
    explains=("redis-evicts", "redis-not-persistent", "redis-without-password"),
)
EVICTS = Fault(
    "redis-evicts",
    "error",
    "Redis throws entries out when it is full",
    "With maxmemory and this policy, users' credentials vanish one after the other, and people are asked again for no "
    "reason that they could see.",
    "Set maxmemory-policy to noeviction, or give the kit a Redis of its own without maxmemory.",
)
NOT_PERSISTENT = Fault(
    "redis-not-persistent",
    "warning",
    "Redis keeps everything in memory only",
    "Neither snapshots nor the append-only file are on, so a restart of Redis disconnects every user.",
    "Switch appendonly on.",
)
WITHOUT_PASSWORD = Fault(
    "redis-without-password",
    "warning",
    "Redis asks for no password",
    "Whoever reaches its port can delete connections, and read how many there are; records are sealed, so not more.",
    "Set requirepass, or a user of its own for the kit, and write it into REDIS_URL.",
)
DIFFERENT = Fault(
    "stores-differ",
    "warning",
    "Providers keep their state in different stores",
    "Ended sign-ins are remembered in the first provider's store alone, and whoever backs up or rotates one store "
    "forgets the other.",
    "Open one: storage = Storage.from_environment(), and give store=storage.store, key_ring=storage.key_ring to all.",
)

STORES = (UNREACHABLE, REFUSES, EVICTS, NOT_PERSISTENT, WITHOUT_PASSWORD, DIFFERENT)
"""The faults of this part."""


async def check_stores(examination: Examination) -> AsyncIterator[Finding]:
    """Use each store once, as the application's start does: an empty text is put under a key of nobody's, and deleted.

    A store that offers no such check is asked for that key.
    """
    for store, parts in _stores(examination):
        try:
            await check_reached(store)
        except ConfigurationError as error:
            yield REFUSES.found(evidence=error.public, place=parts, fix=error.hint)
        except StoreUnavailable as error:
            yield UNREACHABLE.found(evidence=error.reason or error.public, place=parts, fix=error.hint or None)


async def check_redis(examination: Examination) -> AsyncIterator[Finding]:
    """Ask each Redis for its settings, by CONFIG GET; one that does not tell them is left alone."""
    for store, parts in _stores(examination):
        if not isinstance(store, RedisStore):
            continue
        try:
            told = await store.server_settings("maxmemory", "maxmemory-policy", "save", "appendonly")
        except StoreUnavailable:
            # The check of the stores tells it.
            continue
        for finding in _of_redis(told, parts, signs_in=store.signs_in):
            yield finding


async def check_shared(examination: Examination) -> AsyncIterator[Finding]:
    """Compare the stores of the providers; asks nobody."""
    kinds = {parts: _where(store) for store, parts in _stores(examination)}
    if len(set(kinds.values())) > 1:
        yield DIFFERENT.found(evidence="; ".join(f"{parts}: {where}" for parts, where in kinds.items()), place="store")


def _of_redis(told: Mapping[str, str], parts: str, *, signs_in: bool | None) -> Iterator[Finding]:
    policy, room = told.get("maxmemory-policy", "noeviction"), told.get("maxmemory", "0")
    if policy not in _KEEPING and room != "0":
        yield EVICTS.found(evidence=f"maxmemory-policy {policy}, maxmemory {room}", place=parts)
    if told.get("appendonly") == "no" and told.get("save") == "":
        yield NOT_PERSISTENT.found(evidence='appendonly no, save ""', place=parts)
    if signs_in is False:
        yield WITHOUT_PASSWORD.found(evidence="its address has no password, and it answers", place=parts)


def _stores(examination: Examination) -> list[tuple[Store, str]]:
    """Each store once, with the parts that use it."""
    found = Deployment.of(examination.facts.app).parts_by_store()
    return [(store, ", ".join(parts)) for store, parts in found]


def _where(store: Store) -> str:
    """What tells stores apart; each provider has its own object for one and the same place."""
    return repr(store) if isinstance(store, RedisStore) else type(store).__name__


STORE_CHECKS = (
    Check("the stores", check_stores, frozenset({"app"})),
    Check("settings of Redis", check_redis, frozenset({"app"})),
    Check("one store for all", check_shared, frozenset({"app"})),
)
"""The checks of this part."""
