"""`mcpauthkit store`: what is kept of users and flows."""

from __future__ import annotations

import json as json_text
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict
from typing import Annotated

from cyclopts import App, Parameter

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.environment import Storage
from mcpauthkit.stores.port import is_shared
from mcpauthkit.stores.rotation import Resealed, reseal_all

_MOST_SHOWN = 20
_Switch = Annotated[bool, Parameter(negative="")]
_Several = Annotated[tuple[str, ...], Parameter(negative="")]


def group() -> App:
    """The commands about the store."""
    app = App(name="store", help="Look after what is kept of users and flows.")
    app.command(rotate)
    return app


async def rotate(
    *, namespace: str = "", forget_key: _Several = (), forget_damaged: _Switch = False, json: _Switch = False
) -> int:
    """Seal every record under the key that mints now, beside the servers that use it.

    Give it the environment of the server: TOKEN_STORAGE_MODE and the variables around it. Over files, stop the server
    meanwhile: among processes they cannot be compared and changed in one step.

    It ends with 0 when everything is readable, with 1 when something is not, and with 2 when it could not be done.

    Args:
        namespace: Leave alone what is not of this application, if others have their records in the same store.
        forget_key: Remove the records that are sealed under this key, which is lost; may be repeated. Their users
            connect again, as they have to anyway. What is not in this ring may be the key of another replica or
            application: be sure that nobody has it.
        forget_damaged: Remove the records that nobody can read any more, or that nobody has sealed.
        json: Print what was found as JSON.
    """
    async with Storage.from_environment() as storage:
        if not is_shared(storage.store):
            raise ConfigurationError(
                "The store that the environment describes is in memory, so this process cannot reach the server's.",
                hint="Set TOKEN_STORAGE_MODE and the variables around it as the server has them.",
            )
        done = await reseal_all(
            storage.store,
            storage.key_ring,
            namespace=namespace,
            forget_keys=forget_key,
            forget_damaged=forget_damaged,
        )
        lines = [json_text.dumps(asdict(done), indent=2)] if json else _summary(done, storage.key_ring.minting)
    print(*lines, sep="\n")
    return 1 if len(done.unreadable) > done.forgotten else 0


def _summary(done: Resealed, minting: str) -> Iterator[str]:
    yield f"{_records(done.walked)}, with {minting} as the minting key:"
    yield f"{done.resealed:>9,} sealed anew under it"
    yield f"{done.current:>9,} were under it already"
    yield f"{done.older:>9,} stay under older keys and die within a day"
    if done.ended:
        yield f"{done.ended:>9,} had ended long ago and are removed"
    yield f"{len(done.unreadable):>9,} cannot be read; {done.forgotten:,} of them removed"
    reasons = Counter(one.reason for one in done.unreadable)
    yield from (f"          {count:,} of them: {reason}" for reason, count in reasons.most_common())
    yield from (f"          {ascii(one.key)[1:-1]}: {one.reason}" for one in done.unreadable[:_MOST_SHOWN])
    if len(done.unreadable) > _MOST_SHOWN:
        yield f"          and {len(done.unreadable) - _MOST_SHOWN:,} more; --json lists all of them"
    if len(done.unreadable) > done.forgotten:
        yield "Put missing keys back into the key ring. If one is lost, --forget-key NAME removes its records, and"
        yield "--forget-damaged what nobody can read any more. A key of another application is not lost."
    elif done.walked:
        when = "A day from now nothing stored needs" if done.older else "Nothing stored needs"
        yield f"{when} the older keys. In proxy mode clients hold what they sealed: keep them for 30 days."


def _records(count: int) -> str:
    return "1 record" if count == 1 else f"{count:,} records"
