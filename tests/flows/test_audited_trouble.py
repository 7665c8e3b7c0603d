"""What the log tells of credentials on days on which something fails, or nobody is asked."""

from __future__ import annotations

import json
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit import MemoryStore
from mcpauthkit.connections.without_user import ClientCredentials
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.verifiers import ApiKeyVerifier
from tests.flows.audited_world import Audited, audited_world
from tests.flows.test_ladder import eras, text_of
from tests.flows.test_without_user import KEY, Later
from tests.stores.content import content_of
from tests.stores.failing import CANARY
from tests.world import ERA_MODES, RING, Era

HOUR = 3600.0


class Stumbling(MemoryStore):
    """A store that fails at the next changes of a record."""

    failures = 0

    async def put_if(self, key: str, value: str, *, seen: str, ttl_seconds: float | None) -> bool:
        if self.failures and ":credential:" in key:
            self.failures -= 1
            raise ConnectionError(CANARY)
        return await super().put_if(key, value, seen=seen, ttl_seconds=ttl_seconds)


async def served(on: Audited, era: Era, *, asks: bool = False) -> None:
    async with on.here.client(era, human=on.here.person() if asks else None) as client:
        is_error, text = await text_of(client, "list_repos")
        assert not is_error, text


def certain(on: Audited) -> set[str]:
    """The ids of those of which the log is sure that they are there."""
    lives = on.lives()
    return {name for name in on.alive() if not lives[name].is_uncertain}


@eras
async def test_a_renewal_during_an_outage_of_the_store_is_told_once_and_as_it_ended(era: Era) -> None:
    with audited_world(store_kind=Stumbling) as on:
        assert isinstance(on.here.store, Stumbling)
        await served(on, era, asks=True)
        held = await on.stored()
        on.here.service.expire_tokens()
        on.clock.advance(HOUR)
        on.here.store.failures = 2
        await served(on, era)
        assert on.here.store.failures == 0
        assert on.alive() == await on.stored() == held
        [life] = on.lives().values()
        assert (life.uses, life.renewals, life.failed_renewals, life.is_uncertain) == (2, 1, 0, False)
        assert [one.event for one in life.steps] == ["credential.created", "credential.renewing", "credential.renewed"]
        assert CANARY not in "".join(on.ink.lines)


@eras
async def test_of_a_record_that_was_spoilt_and_written_over_the_log_says_that_it_does_not_know(era: Era) -> None:
    with audited_world() as on:
        await served(on, era, asks=True)
        [old] = await on.stored()
        [key] = [one for one in await content_of(on.here.store) if ":credential:" in one]
        await on.here.store.put(key, "spoilt", ttl_seconds=None)
        await served(on, era, asks=True)
        assert old not in await on.stored()
        assert on.lives()[old].is_uncertain
        assert certain(on) == await on.stored() != set()


async def userless(on: Audited) -> set[str]:
    """The ids of all that is kept without a user, as a process with the key reads it."""
    sealed = SealedStore(on.here.store, RING, clock=on.clock)
    found = [await sealed.get(key) for key in await content_of(on.here.store) if ":userless:" in key]
    return {one["credential"]["connection_id"] for one in found if one is not None and "credential" in one}


@pytest.mark.parametrize("end", ["by itself", "by the service"])
@eras
async def test_a_credential_without_a_user_has_a_life_in_the_log(era: Era, end: str) -> None:
    account = Later("service-account", issuers=frozenset({"api-keys"}))
    with audited_world(
        forge_options={"without_user": [account]},
        middleware_options={"verifiers": [ApiKeyVerifier({KEY: "cron"})]},
    ) as on:
        service = on.here.service
        options: dict[str, Any] = {"client_id": service.client_id, "client_secret": service.client_secret}
        account.be(ClientCredentials(token_url=service.token_url, **options), on.clock)
        transport = StreamableHttpTransport(on.here.resource, headers={"x-api-key": KEY})
        async with Client(transport, mode=ERA_MODES[era]) as client:
            for _ in range(2):
                assert not (await text_of(client, "list_repos"))[0]
            assert on.alive() == await userless(on) != set()
            on.clock.advance(HOUR - 1)
            assert not (await text_of(client, "list_repos"))[0]
            assert on.alive() == await userless(on)
            [life] = on.lives().values()
            assert (life.uses, life.renewals) == (3, 1)
            if end == "by itself":
                on.clock.advance(2 * HOUR)
            else:
                service.revoke_grants("octo-robot")
                service.faults.respond("token", status=400, body='{"error": "invalid_grant"}')
                assert (await text_of(client, "list_repos"))[0]
            assert on.alive() == await userless(on) == set()
        created = [json.loads(line) for line in on.ink.lines if "credential.created" in line]
        assert [one["metadata"]["origin"] for one in created] == ["service-account"]
