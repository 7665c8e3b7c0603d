"""Whom a way to a credential that asks nobody is for. What cannot be understood is for nobody."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from mcpauthkit import Principal, Secret
from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import FakeClock
from tests.connections.hand_way import STRONG, HandWay, Place, service_account
from tests.connections.small_world import ISSUER


async def test_a_way_for_callers_of_one_issuer_is_closed_to_others() -> None:
    clock = FakeClock()
    account = service_account(clock, issuers=frozenset({"api-keys"}))
    here = Place(account, clock=clock)
    assert await here.find(token=None) is None
    assert account.asked == []
    assert await here.find(who=Principal.bare("api-keys", "cron"), token=None) is not None


async def test_a_token_is_not_shown_to_an_issuer_it_is_not_of() -> None:
    clock = FakeClock()
    exchange = HandWay(clock, issuers=frozenset({"https://other.example"}))
    assert await Place(exchange, clock=clock).find() is None
    assert exchange.asked == []


@pytest.mark.parametrize("issuer", ["", "api", "api-keys ", "API-KEYS", "https://api-keys", ISSUER])
async def test_only_the_very_issuer_that_is_named_gets_in(issuer: str) -> None:
    clock = FakeClock()
    for way in (service_account(clock, issuers=["api-keys"]), HandWay(clock, issuers=["api-keys"])):
        assert await Place(way, clock=clock).find(who=Principal.bare(issuer, "cron")) is None
        assert way.asked == []


class Unnamed:
    """A service account that says whom it is for, and not what it is called."""

    origin: Origin = "service-account"
    issuers = ("api-keys",)

    def __init__(self) -> None:
        self.shown: list[Secret | None] = []

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        self.shown.append(caller_token)
        return Credential.of_token(Secret("plain"), scopes=frozenset(scopes))

    async def aclose(self) -> None:
        """Nothing is open."""


async def test_a_way_that_names_its_issuers_and_not_itself_is_not_open_to_everybody() -> None:
    here, way = Place(), Unnamed()
    userless = here.another(way)
    assert await here.find(of=userless) is None
    assert way.shown == []
    assert await here.find(of=userless, who=Principal.bare("api-keys", "cron")) is not None


async def test_a_service_account_is_not_shown_the_token_of_whoever_called_first() -> None:
    here, way = Place(), Unnamed()
    assert await here.find(of=here.another(way), who=Principal.bare("api-keys", "cron"), token=STRONG) is not None
    assert way.shown == [None]


@pytest.mark.parametrize("issuers", ["api-keys", "", [], (), [""], [None], 7, True])
def test_a_way_that_names_its_issuers_in_a_way_nobody_understands_is_refused(issuers: Any) -> None:
    here = Place()
    with pytest.raises(ConfigurationError):
        here.another(HandWay(here.clock, issuers=issuers))


@pytest.mark.parametrize("changes", [{"way": ""}, {"way": None}, {"origin": "user"}, {"origin": "Exchange"}])
def test_a_way_that_does_not_say_what_it_is_is_refused(changes: dict[str, Any]) -> None:
    here = Place()
    with pytest.raises(ConfigurationError):
        here.another(HandWay(here.clock, **changes))


def test_two_ways_of_one_name_are_refused_since_they_would_share_what_they_obtain() -> None:
    here = Place()
    clock = here.clock
    here.another(HandWay(clock, way="one"), HandWay(clock, way="two"), HandWay(clock, "service-account", way="one"))
    with pytest.raises(ConfigurationError):
        here.another(HandWay(clock, issuers=["a"]), HandWay(clock, issuers=["b"]))
