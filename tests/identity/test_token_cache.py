"""What was verified lately, and when that stops counting."""

from __future__ import annotations

from mcpauthkit.identity.token_cache import NO_EPOCH, TokenCache
from mcpauthkit.testing import FakeClock


def cache(clock: FakeClock, max_entries: int = 3) -> TokenCache[str]:
    return TokenCache(clock=clock, max_entries=max_entries, max_age_seconds=300, leeway_seconds=60)


def test_a_result_is_remembered_for_its_age_and_not_longer() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 10_000)
    clock.advance(299)
    assert tokens.get(b"t", 1) == "v"
    clock.advance(1)
    assert tokens.get(b"t", 1) is None
    assert len(tokens) == 0


def test_a_result_dies_with_its_token() -> None:
    # P2: a token used after its exp came from the cache.
    clock = FakeClock()
    tokens = cache(clock)
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 10)
    clock.advance(69)
    assert tokens.get(b"t", 1) == "v"
    clock.advance(1)
    assert tokens.get(b"t", 1) is None


def test_a_wall_clock_put_back_does_not_prolong_a_result() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 10_000)
    clock.advance(300)
    clock.set_wall(0)
    assert tokens.get(b"t", 1) is None


def test_a_new_epoch_ends_earlier_results() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 100)
    assert tokens.get(b"t", 2) is None
    assert tokens.get(b"t", 1) is None


def test_without_an_epoch_nothing_is_remembered_or_given() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    tokens.put(b"t", "v", epoch=NO_EPOCH, expires_at=clock.wall() + 100)
    assert len(tokens) == 0
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 100)
    assert tokens.get(b"t", NO_EPOCH) is None
    assert tokens.get(b"t", 1) == "v"


def test_a_full_cache_forgets_what_was_used_least_lately() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    for name in (b"a", b"b", b"c"):
        tokens.put(name, name.decode(), epoch=1, expires_at=clock.wall() + 100)
    tokens.get(b"a", 1)
    tokens.put(b"d", "d", epoch=1, expires_at=clock.wall() + 100)
    assert len(tokens) == 3
    assert [tokens.get(name, 1) for name in (b"a", b"b", b"c", b"d")] == ["a", None, "c", "d"]


def test_size_zero_switches_it_off() -> None:
    clock = FakeClock()
    tokens = cache(clock, 0)
    tokens.put(b"t", "v", epoch=1, expires_at=clock.wall() + 100)
    assert tokens.get(b"t", 1) is None
    assert len(tokens) == 0
