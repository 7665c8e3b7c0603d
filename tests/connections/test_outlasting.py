"""What a service gives only once is not given up because the store has an outage."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from mcpauthkit.connections.outlasting import outlasting
from mcpauthkit.errors import StoreBusy, StoreUnavailable


@dataclass
class Store:
    """Fails so often with what it is given, then keeps."""

    failures: int
    error: StoreUnavailable = field(default_factory=StoreUnavailable)
    tries: int = 0

    async def keep(self) -> str:
        self.tries += 1
        if self.tries <= self.failures:
            raise self.error
        return "kept"


async def test_it_is_kept_as_soon_as_the_outage_is_over() -> None:
    store = Store(failures=2)
    assert await outlasting(store.keep, seconds=30) == "kept"
    assert store.tries == 3


async def test_an_outage_that_lasts_is_told() -> None:
    with pytest.raises(StoreUnavailable):
        await outlasting(Store(failures=1_000).keep, seconds=0.5)


async def test_a_store_that_answers_with_somebody_else_at_work_is_not_asked_again() -> None:
    store = Store(failures=1, error=StoreBusy())
    with pytest.raises(StoreBusy):
        await outlasting(store.keep, seconds=30)
    assert store.tries == 1
