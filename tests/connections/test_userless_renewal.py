"""Credentials that nobody was asked for, once a service has refused them."""

from __future__ import annotations

import asyncio

import anyio
import anyio.lowlevel
import pytest

from mcpauthkit import Secret
from mcpauthkit.connections.credential import Credential
from mcpauthkit.errors import GrantRefused, RemoteUnavailable
from mcpauthkit.testing import FakeClock
from tests.connections.hand_way import ALICE, BOB, STRONG, HandWay, Place, service_account


async def test_a_rejected_credential_is_replaced_once_however_many_calls_met_the_rejection() -> None:
    here = Place()
    rejected = await here.needed()
    here.way.before_answer = anyio.lowlevel.checkpoint
    renewed = await asyncio.gather(
        *(here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG) for _ in range(20))
    )
    assert len(here.way.asked) == 2
    assert len({one.access_token for one in renewed if one is not None}) == 1
    assert (await here.needed()).is_same(renewed[0])


async def test_a_server_that_gives_the_same_token_again_is_not_asked_for_ever() -> None:
    here = Place()
    here.way.same_token = True
    rejected = await here.needed()
    again = await here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG)
    assert rejected.is_same(again)
    assert len(here.way.asked) == 3


async def test_a_rejected_credential_that_cannot_be_replaced_now_says_so() -> None:
    here = Place()
    rejected = await here.needed()
    here.way.trouble = RemoteUnavailable()
    with pytest.raises(RemoteUnavailable):
        await here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG)
    here.clock.advance(5.1)
    here.way.trouble = GrantRefused("access_denied")
    assert await here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG) is None
    assert await here.find() is None


async def test_calls_that_meet_a_rejection_rest_after_an_outage_and_never_use_the_rejected_credential() -> None:
    here = Place()
    rejected = await here.needed()
    here.way.trouble = RemoteUnavailable()
    for _ in range(20):
        with pytest.raises(RemoteUnavailable):
            await here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG)
    assert len(here.way.asked) == 2


async def test_a_credential_is_renewed_by_the_way_it_came_by_when_another_has_its_name() -> None:
    clock = FakeClock()
    exchange, account = HandWay(clock, way="same"), service_account(clock)
    account.way = "same"
    here = Place(exchange, account, clock=clock)
    rejected = await here.needed(token=None)
    renewed = await here.userless.renew(ALICE, rejected=rejected, caller_token=STRONG)
    assert renewed is not None
    assert renewed.origin == "service-account"


async def test_nothing_is_renewed_without_the_callers_token_or_by_a_way_that_is_gone() -> None:
    here = Place()
    rejected = await here.needed()
    assert await here.userless.renew(ALICE, rejected=rejected, caller_token=None) is None
    other = here.another(HandWay(here.clock, way="other"))
    assert await other.renew(ALICE, rejected=rejected, caller_token=STRONG) is None


async def test_a_forgotten_exchange_is_not_repeated_for_a_minute() -> None:
    here = Place()
    rejected = await here.needed()
    await here.userless.forget(ALICE, rejected=rejected)
    assert await here.find() is None
    assert len(here.way.asked) == 1
    here.clock.advance(61)
    assert await here.find() is not None


async def test_no_caller_can_lock_others_out_of_a_service_account() -> None:
    clock = FakeClock()
    here = Place(service_account(clock), clock=clock)
    rejected = await here.needed(token=None)
    await here.userless.forget(ALICE, rejected=rejected)
    assert not (await here.needed(who=BOB)).is_same(rejected)


async def test_only_the_very_credential_is_forgotten_and_only_by_its_owner() -> None:
    here = Place()
    old = await here.needed()
    renewed = await here.userless.renew(ALICE, rejected=old, caller_token=STRONG)
    assert renewed is not None
    await here.userless.forget(ALICE, rejected=old)
    await here.userless.forget(BOB, rejected=renewed)
    connected = Credential.of_token(Secret("users-own"))
    await here.userless.forget(ALICE, rejected=connected)
    assert (await here.needed()).is_same(renewed)
