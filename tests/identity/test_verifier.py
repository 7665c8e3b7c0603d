"""Keys that change, issuers that are down, and floods."""

from __future__ import annotations

import pytest

from mcpauthkit.errors import InvalidToken, IssuerUnavailable
from tests.identity.bench import NOW, Bench, claims_of, key_for, published, sign

OLD, NEW = key_for("EdDSA", "old"), key_for("EdDSA", "new")
GOOD = sign(claims_of(exp=NOW + 10_000), key=OLD)
NEWER = sign(claims_of(exp=NOW + 10_000), key=NEW)
UNKNOWN = sign(claims_of(iat=NOW - 600, exp=NOW + 10_000), key=NEW)


async def rotated(*, keep_old: bool = True) -> Bench:
    bench = Bench(published(OLD))
    await bench.verify(GOOD)
    bench.clock.advance(120)
    bench.entries = [published(NEW), *([published(OLD)] if keep_old else [])]
    return bench


async def test_the_first_token_of_a_new_key_is_accepted_at_once_with_one_fetch() -> None:
    # B1 "first token of a new key after rotation"
    bench = await rotated()
    assert (await bench.verify(NEWER)).subject == "alice"
    assert (await bench.verify(GOOD)).subject == "alice"
    assert bench.fetches == 2


async def test_a_new_key_without_an_id_is_found_too() -> None:
    bench = Bench(published(OLD, kid=None))
    await bench.verify(sign(claims_of(), key=OLD, kid=None))
    bench.entries = [published(NEW, kid=None)]
    assert (await bench.verify(sign(claims_of(), key=NEW, kid=None))).subject == "alice"


async def test_tokens_of_unknown_keys_cost_one_fetch_per_cooldown() -> None:
    # B1 "200 made-up kids"
    bench = await rotated()
    bench.entries = [published(OLD)]
    for number in range(300):
        with pytest.raises(InvalidToken):
            await bench.verify(sign(claims_of(iat=NOW - 600), key=NEW, kid=f"made-up-{number}"))
        await bench.verify(GOOD)
    assert bench.fetches == 2
    bench.clock.advance(30)
    with pytest.raises(InvalidToken):
        await bench.verify(UNKNOWN)
    assert bench.fetches == 3


@pytest.mark.parametrize("issued_before_fetch", [0, 1, 59])
async def test_a_token_that_may_be_of_a_newer_key_is_asked_to_come_back(issued_before_fetch: int) -> None:
    # Somebody else used up the cooldown. The issuer's clock may run behind ours by the leeway.
    bench = await rotated()
    bench.entries = [published(OLD)]
    with pytest.raises(InvalidToken):
        await bench.verify(UNKNOWN)
    bench.entries = [published(NEW), published(OLD)]
    issued_at = int(bench.clock.wall()) - issued_before_fetch
    token = sign(claims_of(iat=issued_at, exp=NOW + 10_000), key=NEW)
    with pytest.raises(IssuerUnavailable) as caught:
        await bench.verify(token)
    assert caught.value.retry_after_seconds == 30
    bench.clock.advance(caught.value.retry_after_seconds)
    assert (await bench.verify(token)).subject == "alice"


@pytest.mark.parametrize("issued_at", [None, True, "soon"])
async def test_a_token_that_does_not_say_when_it_was_issued_is_refused_during_a_cooldown(issued_at: object) -> None:
    bench = await rotated()
    with pytest.raises(InvalidToken):
        await bench.verify(sign(claims_of(iat=NOW - 600), key=key_for("EdDSA", "third")))
    with pytest.raises(InvalidToken):
        await bench.verify(sign(claims_of(iat=issued_at), key=key_for("EdDSA", "fourth")))


async def test_a_withdrawn_keys_token_is_refused_when_the_key_set_is_too_old() -> None:
    bench = await rotated(keep_old=False)
    assert (await bench.verify(GOOD)).subject == "alice"
    bench.clock.advance(480)
    with pytest.raises(InvalidToken):
        await bench.verify(GOOD)


async def test_a_withdrawn_keys_token_is_refused_once_anybody_brought_the_new_keys() -> None:
    bench = await rotated(keep_old=False)
    await bench.verify(NEWER)
    bench.clock.advance(61)
    with pytest.raises(InvalidToken):
        await bench.verify(UNKNOWN.rpartition(".")[0] + "." + "A" * 86)


async def test_an_issuer_that_is_down_from_the_start_is_told_as_such() -> None:
    # B1 "issuer down, cold": 401 told every client to sign in again.
    bench = Bench(published(OLD))
    bench.down = True
    with pytest.raises(IssuerUnavailable) as caught:
        await bench.verify(GOOD)
    assert caught.value.retry_after_seconds == 5


async def test_keys_serve_an_outage_for_a_bounded_time() -> None:
    bench = Bench(published(OLD), keys_max_age_seconds=600, keys_max_stale_seconds=3600)
    await bench.verify(GOOD)
    bench.down = True
    bench.clock.advance(4199)
    assert (await bench.verify(GOOD)).subject == "alice"
    bench.clock.advance(1)
    with pytest.raises(IssuerUnavailable):
        await bench.verify(GOOD)
    bench.down = False
    bench.clock.advance(5)
    assert (await bench.verify(GOOD)).subject == "alice"


async def test_strangers_tokens_cost_the_issuer_nothing() -> None:
    bench = Bench(published(OLD))
    with pytest.raises(InvalidToken):
        await bench.verify(sign(claims_of(iss="https://stranger.example"), key=OLD))
    assert bench.fetches == 0


async def test_a_verdict_is_current_while_its_keys_are_fresh_and_the_same() -> None:
    bench = Bench(published(OLD))
    verdict = await bench.verifier.verify(GOOD)
    assert verdict.is_current()
    bench.clock.advance(600)
    assert not verdict.is_current()
    later = await bench.verifier.verify(GOOD)
    assert later.is_current()
    assert not verdict.is_current()
