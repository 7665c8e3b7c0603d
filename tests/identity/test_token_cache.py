"""What was verified lately, and when that stops counting."""

from __future__ import annotations

from mcpauthkit.identity.token_cache import TokenCache
from mcpauthkit.testing import FakeClock


def cache(clock: FakeClock, max_entries: int = 3) -> TokenCache[str]:
    return TokenCache(clock=clock, max_entries=max_entries, leeway_seconds=60)


def put(
    tokens: TokenCache[str], name: bytes, value: str, expires_at: float | None, *, seconds: float = 300
) -> list[bool]:
    """Remember a result; emptying the list that comes back makes it outdated."""
    current = [True]
    tokens.put(name, value, remember_seconds=seconds, is_current=lambda: bool(current), expires_at=expires_at)
    return current


def test_a_result_is_remembered_for_its_age_and_not_longer() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    put(tokens, b"t", "v", clock.wall() + 10_000)
    clock.advance(299)
    assert tokens.get(b"t") == "v"
    clock.advance(1)
    assert tokens.get(b"t") is None
    assert len(tokens) == 0


def test_a_result_dies_with_its_token() -> None:
    # P2: a token used after its exp came from the cache.
    clock = FakeClock()
    tokens = cache(clock)
    put(tokens, b"t", "v", clock.wall() + 10)
    clock.advance(69)
    assert tokens.get(b"t") == "v"
    clock.advance(1)
    assert tokens.get(b"t") is None


def test_a_wall_clock_put_back_does_not_prolong_a_result() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    put(tokens, b"t", "v", clock.wall() + 10_000)
    clock.advance(300)
    clock.set_wall(0)
    assert tokens.get(b"t") is None


def test_an_outdated_result_ends_for_good() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    current = put(tokens, b"t", "v", clock.wall() + 100)
    assert tokens.get(b"t") == "v"
    current.clear()
    assert tokens.get(b"t") is None
    current.append(True)
    assert tokens.get(b"t") is None


def test_what_may_not_be_remembered_is_not() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    put(tokens, b"t", "v", clock.wall() + 100, seconds=0)
    assert len(tokens) == 0


def test_a_credential_without_an_end_is_remembered_for_its_time() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    put(tokens, b"t", "v", None)
    clock.advance(299)
    assert tokens.get(b"t") == "v"
    clock.advance(1)
    assert tokens.get(b"t") is None


def test_a_full_cache_forgets_what_was_used_least_lately() -> None:
    clock = FakeClock()
    tokens = cache(clock)
    for name in (b"a", b"b", b"c"):
        put(tokens, name, name.decode(), clock.wall() + 100)
    tokens.get(b"a")
    put(tokens, b"d", "d", clock.wall() + 100)
    assert len(tokens) == 3
    assert [tokens.get(name) for name in (b"a", b"b", b"c", b"d")] == ["a", None, "c", "d"]


def test_size_zero_switches_it_off() -> None:
    clock = FakeClock()
    tokens = cache(clock, 0)
    put(tokens, b"t", "v", clock.wall() + 100)
    assert tokens.get(b"t") is None
    assert len(tokens) == 0
