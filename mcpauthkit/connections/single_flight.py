"""One piece of work at a time for each key, however many ask for it, and one outcome for all of them."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

import anyio

from mcpauthkit.errors import AuthKitError, RemoteMisbehaved
from mcpauthkit.stores.uninterrupted import uninterrupted

T = TypeVar("T")


class _Flight(Generic[T]):
    __slots__ = ("error", "landed", "results")

    def __init__(self) -> None:
        self.landed = anyio.Event()
        self.results: list[T] = []
        # Until something better is known: those who wait must not take a crash for an answer.
        self.error: AuthKitError = RemoteMisbehaved(reason="the work did not come to an end")

    def outcome(self) -> T:
        if not self.results:
            # A copy: each caller's own way up is written into the one that they raise.
            raise self.error.copy()
        return self.results[0]


class SingleFlight(Generic[T]):
    """Shares work among those who ask for the same while it is under way."""

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}

    async def run(self, key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The outcome of the work under way for this key, or of this work.

        It goes on when the caller who began it is cancelled, for the sake of the others.

        Args:
            key: What the work is for.
            work: Bounded in time by itself.

        Raises:
            AuthKitError: What the work raised.
        """
        flight = self._flights.get(key)
        if flight is not None:
            await flight.landed.wait()
            return flight.outcome()
        flight = self._flights[key] = _Flight()
        await uninterrupted(self._fly(flight, key, work))
        return flight.outcome()

    async def _fly(self, flight: _Flight[T], key: str, work: Callable[[], Coroutine[Any, Any, T]]) -> None:
        try:
            flight.results.append(await work())
        except AuthKitError as error:
            flight.error = error
        finally:
            del self._flights[key]
            flight.landed.set()
