"""Keycloak goes away and comes back while calls run: nobody is signed out by that."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio
import pytest

from tests.services.keycloak_door import KeycloakDoor, keycloak_door, token_of

if TYPE_CHECKING:
    import httpx

    from tests.services.keycloak import Keycloak

_KEYS_MAX_AGE_SECONDS = 5
_BREATH_SECONDS = 0.02


@dataclass
class Outage:
    """What was seen while Keycloak was restarted.

    Attributes:
        answers: How often calls were answered with which status, from before the end until after the new start.
        key_fetches: How often keys were had from Keycloak.
        aged_out: The answer when the keys had aged out and Keycloak was still away.
        afterwards: The answer to a token of a new login.
    """

    answers: Counter[int] = field(default_factory=Counter)
    key_fetches: int = 0
    aged_out: httpx.Response | None = None
    afterwards: httpx.Response | None = None


async def _restart(keycloak: Keycloak, server_url: str) -> Outage:
    seen = Outage()
    running = {"keys_max_age_seconds": _KEYS_MAX_AGE_SECONDS}
    aging = {**running, "keys_max_stale_seconds": _KEYS_MAX_AGE_SECONDS}
    async with (
        keycloak_door(keycloak, server_url, **running) as door,
        keycloak_door(keycloak, server_url, **aging) as impatient,
    ):
        token = await token_of(keycloak)
        assert (await impatient.get(token)).status_code == 200
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_load, door, token, seen)
            await anyio.to_thread.run_sync(keycloak.stop)
            # The keys have to be asked for again, and are not to be had.
            door.clock.advance(_KEYS_MAX_AGE_SECONDS)
            impatient.clock.advance(3 * _KEYS_MAX_AGE_SECONDS)
            seen.aged_out = await impatient.get(token)
            await anyio.to_thread.run_sync(keycloak.start)
            door.clock.advance(_KEYS_MAX_AGE_SECONDS)
            seen.afterwards = await door.get(await token_of(keycloak))
            tasks.cancel_scope.cancel()
        seen.key_fetches = len(door.key_fetches)
    return seen


async def _load(door: KeycloakDoor, token: str, seen: Outage) -> None:
    while True:
        seen.answers[(await door.get(token)).status_code] += 1
        # Leaves the two cores to the Keycloak that is starting.
        await anyio.sleep(_BREATH_SECONDS)


@pytest.fixture(scope="module")
def outage(keycloak: Keycloak, server_url: str) -> Outage:
    return anyio.run(_restart, keycloak, server_url)


def test_no_call_with_a_valid_token_is_refused_while_the_issuer_restarts(outage: Outage) -> None:
    assert set(outage.answers) == {200}
    assert outage.answers[200] > 50


def test_the_keys_are_fetched_anew_when_the_issuer_is_back(outage: Outage) -> None:
    assert outage.key_fetches == 2


def test_new_logins_work_after_the_restart(outage: Outage) -> None:
    assert outage.afterwards is not None
    assert outage.afterwards.status_code == 200


def test_aged_out_keys_mean_try_again_later_and_never_sign_in_again(outage: Outage) -> None:
    assert outage.aged_out is not None
    assert outage.aged_out.status_code == 503
    assert int(outage.aged_out.headers["retry-after"]) > 0
    assert "www-authenticate" not in outage.aged_out.headers
