"""Keeping credentials that nobody was asked for: whose they are, how long, and how often they are obtained."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

import anyio
import anyio.lowlevel
import pytest

from mcpauthkit import Principal, Secret
from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.testing import FakeClock
from tests.connections.hand_way import ALICE, BOB, STRONG, WEAK, HandWay, Place, service_account
from tests.connections.small_world import ISSUER, OTHER_RING


async def test_a_credential_is_obtained_once_and_used_until_it_is_due() -> None:
    here = Place()
    first = await here.needed()
    assert (await here.needed()).is_same(first)
    assert first.origin == "exchange"
    assert here.way.asked == [(("repo",), STRONG.reveal())]


async def test_every_set_of_scopes_has_a_credential_of_its_own_in_whatever_order() -> None:
    here = Place()
    both = await here.needed("repo", "gist")
    assert (await here.needed("gist", "repo", "gist")).is_same(both)
    assert not (await here.needed("gist")).is_same(both)
    assert [scopes for scopes, _ in here.way.asked] == [("gist", "repo"), ("gist",)]


async def test_no_caller_gets_what_anothers_token_was_exchanged_for() -> None:
    here = Place()
    alices = await here.needed()
    assert not (await here.needed(who=BOB)).is_same(alices)
    # The same name at another issuer is somebody else.
    elsewhere = Principal.bare("https://other.example", "alice")
    assert not (await here.needed(who=elsewhere)).is_same(alices)


async def test_a_caller_who_comes_back_with_a_weaker_token_does_not_profit_from_the_stronger_one() -> None:
    here = Place()
    strong = await here.needed(token=STRONG)
    here.way.trouble = GrantRefused("access_denied")
    assert await here.find(token=WEAK) is None
    assert (await here.needed(token=STRONG)).is_same(strong)


async def test_a_service_account_is_the_same_for_everybody() -> None:
    clock = FakeClock()
    here = Place(service_account(clock), clock=clock)
    first = await here.needed(token=None)
    assert (await here.needed(who=BOB, token=STRONG)).is_same(first)
    assert first.origin == "service-account"


async def test_without_a_token_to_exchange_the_next_way_is_taken() -> None:
    clock = FakeClock()
    exchange, account = HandWay(clock), service_account(clock)
    here = Place(exchange, account, clock=clock)
    assert (await here.needed(token=None)).origin == "service-account"
    assert exchange.asked == []
    assert (await here.needed(token=STRONG)).origin == "exchange"


async def test_a_refusal_is_not_asked_for_again_for_a_minute() -> None:
    here = Place()
    here.way.trouble = GrantRefused("interaction_required")
    for _ in range(3):
        assert await here.find() is None
    assert len(here.way.asked) == 1
    here.clock.advance(61)
    here.way.trouble = None
    assert await here.find() is not None


async def test_a_refusal_concerns_that_caller_and_that_token_only() -> None:
    here = Place()
    here.way.trouble = GrantRefused("access_denied")
    assert await here.find() is None
    here.way.trouble = None
    assert await here.find(who=BOB) is not None
    assert await here.find(token=WEAK) is not None


@pytest.mark.parametrize("trouble", [RemoteUnavailable(), RemoteMisbehaved(hint="invalid_client")])
async def test_an_outage_or_a_fault_ends_the_search_and_is_forgotten_after_some_seconds(trouble: Exception) -> None:
    clock = FakeClock()
    exchange, account = HandWay(clock, trouble=trouble), service_account(clock)
    here = Place(exchange, account, clock=clock)
    with pytest.raises(type(trouble)):
        await here.find()
    # It could be somebody with other rights.
    assert account.asked == []
    exchange.trouble = None
    clock.advance(5.1)
    assert (await here.needed()).origin == "exchange"


@pytest.mark.parametrize("trouble", [RemoteUnavailable(), RemoteMisbehaved(hint="invalid_client")])
async def test_calls_after_an_outage_rest_and_are_each_told_by_an_error_of_their_own(trouble: RemoteError) -> None:
    here = Place()
    here.way.trouble = trouble
    told = []
    for _ in range(20):
        with pytest.raises(type(trouble)) as caught:
            await here.find()
        told.append(caught.value)
    assert len(here.way.asked) == 1
    assert len({id(one) for one in told}) == 20
    assert {one.for_log() for one in told} == {trouble.for_log()}
    here.clock.advance(5.1)
    with pytest.raises(type(trouble)):
        await here.find()
    assert len(here.way.asked) == 2


async def test_nobody_rests_for_what_another_callers_token_brought_about() -> None:
    here = Place()
    here.way.trouble = RemoteUnavailable()
    with pytest.raises(RemoteUnavailable):
        await here.find()
    here.way.trouble = None
    assert await here.find(who=BOB) is not None
    assert await here.find(token=WEAK) is not None


async def test_while_resting_a_credential_with_some_life_left_is_used() -> None:
    here = Place()
    first = await here.needed()
    here.way.trouble = RemoteUnavailable()
    here.clock.advance(3400)
    for _ in range(5):
        assert (await here.needed()).is_same(first)
    assert len(here.way.asked) == 2


async def test_fewer_scopes_than_needed_lead_to_the_next_way() -> None:
    clock = FakeClock()
    exchange, account = HandWay(clock, granted=("gist",)), service_account(clock)
    here = Place(exchange, account, clock=clock)
    for _ in range(2):
        assert (await here.needed("repo")).origin == "service-account"
    assert len(exchange.asked) == 1


async def test_another_is_obtained_some_while_before_the_end() -> None:
    here = Place()
    first = await here.needed()
    here.clock.advance(3200)
    assert (await here.needed()).is_same(first)
    here.clock.advance(101)
    second = await here.needed()
    assert not second.is_same(first)
    assert len(here.way.asked) == 2


async def test_while_the_server_is_down_the_last_seconds_are_used_up() -> None:
    here = Place()
    first = await here.needed()
    here.way.trouble = RemoteUnavailable()
    here.clock.advance(3590)
    assert (await here.needed()).is_same(first)
    here.clock.advance(11)
    with pytest.raises(RemoteUnavailable):
        await here.find()


async def test_a_caller_who_is_refused_at_last_does_not_use_up_the_old_credential() -> None:
    here = Place()
    await here.needed()
    here.way.trouble = GrantRefused("access_denied")
    here.clock.advance(3400)
    assert await here.find() is None


async def test_a_record_goes_with_the_token_it_is_bound_to() -> None:
    here = Place()
    caller = Principal({}, issuer=ISSUER, subject="alice", expires_at=here.clock.wall() + 300)
    await here.needed(who=caller)
    here.clock.advance(301)
    await here.needed(who=caller)
    assert len(here.way.asked) == 2


async def test_a_credential_whose_end_nobody_tells_is_kept_for_minutes() -> None:
    here = Place()
    here.way.lifetime_seconds = None
    await here.needed()
    here.clock.advance(299)
    await here.needed()
    assert len(here.way.asked) == 1
    here.clock.advance(2)
    await here.needed()
    assert len(here.way.asked) == 2


async def test_nothing_is_kept_that_would_renew_it_without_its_callers_token() -> None:
    assert (await Place().needed()).refresh_token is None


@pytest.mark.parametrize("trouble", [None, RemoteUnavailable(), GrantRefused("access_denied"), RemoteMisbehaved()])
async def test_fifty_calls_at_once_make_one_request(trouble: Exception | None) -> None:
    here = Place()
    here.way.trouble = trouble
    here.way.before_answer = anyio.lowlevel.checkpoint
    outcomes = await asyncio.gather(*(here.find() for _ in range(50)), return_exceptions=True)
    assert len(here.way.asked) == 1
    kinds = {type(one) for one in outcomes}
    assert kinds == {
        Credential if trouble is None else type(None) if isinstance(trouble, GrantRefused) else type(trouble)
    }


async def test_a_crash_fails_every_call_and_the_next_one_starts_anew() -> None:
    here = Place()
    here.way.trouble = ZeroDivisionError()
    here.way.before_answer = anyio.lowlevel.checkpoint
    outcomes = await asyncio.gather(*(here.find() for _ in range(3)), return_exceptions=True)
    assert [type(one) for one in outcomes] == [ZeroDivisionError, RemoteMisbehaved, RemoteMisbehaved]
    here.way.trouble = None
    assert await here.find() is not None


async def test_a_caller_who_goes_away_takes_nothing_from_the_others() -> None:
    here = Place()
    started, release = anyio.Event(), anyio.Event()

    async def hold() -> None:
        started.set()
        await release.wait()

    here.way.before_answer = hold
    first = asyncio.ensure_future(here.find())
    await started.wait()
    second = asyncio.ensure_future(here.find())
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    release.set()
    found = await second
    assert found is not None
    with pytest.raises(asyncio.CancelledError):
        await first
    assert len(here.way.asked) == 1


async def test_what_one_replica_obtained_another_uses() -> None:
    here = Place()
    first = await here.needed()
    found = await here.find(of=here.another())
    assert first.is_same(found)
    assert len(here.way.asked) == 1


async def test_a_record_of_another_way_or_key_is_none_of_ours() -> None:
    here = Place()
    await here.needed()
    changed = HandWay(here.clock, way="other-audience")
    assert (await here.find(of=here.another(changed))) is not None
    assert len(changed.asked) == 1
    assert (await here.find(of=here.another(ring=OTHER_RING))) is not None


async def test_a_way_that_says_nothing_of_itself_is_told_by_its_place() -> None:
    here = Place()

    class Plain:
        origin: Origin = "service-account"

        def __init__(self) -> None:
            self.count = 0

        async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
            del caller_token
            self.count += 1
            return Credential.of_token(Secret("plain"), scopes=frozenset(scopes))

        async def aclose(self) -> None:
            """Nothing is open."""

    first, second = Plain(), Plain()
    userless = here.another(first, second)
    for _ in range(2):
        assert await here.find(of=userless, token=None) is not None
    assert (first.count, second.count) == (1, 0)


async def test_no_token_is_seen_in_the_store_the_log_or_what_is_printed(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    here = Place()
    credential = await here.needed()
    here.way.trouble = GrantRefused("access_denied")
    await here.find(token=WEAK)
    await here.userless.renew(ALICE, rejected=credential, caller_token=STRONG)
    seen = f"{await here.texts()} {caplog.text} {credential!r} {here.userless!r} {credential.details}"
    assert "canary" not in seen


async def test_closing_closes_every_way() -> None:
    here = Place()
    await here.userless.aclose()
    assert here.way.asked == [(("closed",), None)]
