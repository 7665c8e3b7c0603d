"""`mcpauthkit store`: what is kept of users and flows."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict

from cyclopts import App

from mcpauthkit.cli.output import Repeated, Switch, counted, print_json, printable
from mcpauthkit.cli.store_report import lines_of
from mcpauthkit.errors import ConfigurationError, StoreUnavailable
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.port import Checkable, Store, is_shared
from mcpauthkit.stores.rotation import Resealed, Unreadable, reseal_all
from mcpauthkit.stores.statistics import statistics_of

_MOST_SHOWN = 20
_DONE_IS_DONE = "What is done is done."
_GO_ON = "Start again; what is sealed anew already stays so."
_NOT_COUNTED = "Nothing was counted."


def group() -> App:
    """The commands about the store."""
    app = App(name="store", help="Look after what is kept of users and flows.")
    app.command(rotate)
    app.command(stats)
    return app


async def rotate(
    *, namespace: str = "", forget_key: Repeated = (), forget_damaged: Switch = False, json: Switch = False
) -> int:
    """Seal every record under the key that mints now, beside the servers that use it.

    Give it the environment of the server: TOKEN_STORAGE_MODE and the variables around it. Over files, stop the server
    meanwhile: among processes they cannot be compared and changed in one step.

    It ends with 0 when everything that lasts is readable, with 1 when something is not, and with 2 when it could not be
    done. Short-lived are flows, marks and the application's own tokens: nobody has to connect again for them.

    Args:
        namespace: Leave alone what is not of this application, if others have their records in the same store.
        forget_key: Remove the records that are sealed under this key, which is lost; may be repeated. Their users
            connect again, as they have to anyway. What is not in this ring may be the key of another replica or
            application: be sure that nobody has it.
        forget_damaged: Remove the records that nobody can read any more, or that nobody has sealed.
        json: Print what was found as JSON.
    """
    async with Storage.from_environment() as storage:
        _check_shared(storage.store)
        async with _outages_explained(storage.store, _DONE_IS_DONE, hint=_GO_ON):
            done = await reseal_all(
                storage.store,
                storage.key_ring,
                namespace=namespace,
                forget_keys=forget_key,
                forget_damaged=forget_damaged,
            )
        minting = storage.key_ring.minting
    if json:
        print_json(asdict(done))
    else:
        print(*_summary(done, minting), sep="\n")
    return 1 if any(map(_is_missed, done.unreadable)) else 0


async def stats(*, namespace: str = "", json: Switch = False) -> int:
    """Count what the store holds: records by kind and service, and by the key that they are sealed under.

    Every record is read and none is changed. Give it the environment of the server: TOKEN_STORAGE_MODE and the
    variables around it.

    It ends with 0 when everything that lasts is readable, with 1 when something is not, and with 2 when it could not be
    counted.

    Args:
        namespace: Count only what is of this application, if others have their records in the same store.
        json: Print the numbers as JSON.
    """
    async with Storage.from_environment() as storage:
        _check_shared(storage.store)
        async with _outages_explained(storage.store, _NOT_COUNTED, hint="Try it again."):
            found = await statistics_of(storage.store, storage.key_ring, namespace=namespace)
    if json:
        print_json(asdict(found))
    else:
        print(*lines_of(found), sep="\n")
    return 1 if found.missed else 0


def _check_shared(store: Store) -> None:
    if not is_shared(store):
        raise ConfigurationError(
            "The store that the environment describes is in memory, so this process cannot reach the server's.",
            hint="Set TOKEN_STORAGE_MODE and the variables around it as the server has them.",
        )


@asynccontextmanager
async def _outages_explained(store: Store, so_far: str, *, hint: str) -> AsyncIterator[None]:
    """Say what is wrong with the store, in the place of what users are told.

    Args:
        store: The store.
        so_far: What came of it until then.
        hint: What to do.
    """
    try:
        yield
    except StoreUnavailable as error:
        if isinstance(store, Checkable):
            await store.check_access()
        raise StoreUnavailable(f"The store did not answer everything ({error.reason}). {so_far}", hint=hint) from None


def _is_missed(one: Unreadable) -> bool:
    return not one.is_removed and not one.is_short_lived


def _summary(done: Resealed, minting: str) -> Iterator[str]:
    yield f"{counted(done.walked, 'record')}, with {minting} as the minting key:"
    yield f"{done.resealed:>9,} sealed anew under it"
    yield f"{done.current:>9,} were under it already"
    yield f"{done.older:>9,} stay under older keys and die within a day"
    if done.ended:
        yield f"{done.ended:>9,} had ended long ago and are removed"
    yield f"{len(done.unreadable):>9,} cannot be read{_kinds(done.unreadable)}; {done.forgotten:,} of them removed"
    reasons = Counter(one.reason for one in done.unreadable)
    yield from (f"          {count:,} of them: {reason}" for reason, count in reasons.most_common())
    yield from (f"          {printable(one.key)}: {one.reason}" for one in done.unreadable[:_MOST_SHOWN])
    if len(done.unreadable) > _MOST_SHOWN:
        yield f"          and {len(done.unreadable) - _MOST_SHOWN:,} more; --json lists all of them"
    if any(map(_is_missed, done.unreadable)):
        yield "Put missing keys back into the key ring. If one is lost, --forget-key NAME removes its records, and"
        yield "--forget-damaged what nobody can read any more. A key of another application is not lost."
    elif done.walked:
        is_waited_for = len(done.unreadable) > done.forgotten
        when = "A day from now nothing stored needs" if done.older or is_waited_for else "Nothing stored needs"
        yield f"{when} the older keys. In proxy mode clients hold what they sealed: keep them for 30 days."


def _kinds(unreadable: Sequence[Unreadable]) -> str:
    by_kind = Counter("short-lived" if one.is_short_lived else one.kind or "unknown" for one in unreadable)
    # A few of many may be all that matters: those come first.
    listed = sorted(by_kind.items(), key=lambda item: (item[0] == "short-lived", item[0]))
    return f" ({', '.join(f'{count:,} {kind}' for kind, count in listed)})" if listed else ""
