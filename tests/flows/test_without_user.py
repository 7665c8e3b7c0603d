"""Credentials that nobody is asked for, as callers and their models meet them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from fastmcp.client.transports import StreamableHttpTransport
from joserfc import jws
from mcp_types import TextContent

from mcpauthkit import OAuthProvider, Secret
from mcpauthkit.connections.credential import Credential, Origin
from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.connections.userless_grants import grants_from
from mcpauthkit.connections.without_user import ClientCredentials, TokenExchange, WithoutUser
from mcpauthkit.core.clock import Clock
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token_exchange import TOKEN_EXCHANGE
from mcpauthkit.testing import FakeClock
from mcpauthkit.verifiers import ApiKeyVerifier
from tests.world import ERA_MODES, Era, World, world

eras = pytest.mark.parametrize("era", list(ERA_MODES))
KEY = "api-key-of-at-least-32-characters-length"
LEDGER = "https://ledger.example"
SECRET = "gateway-secret"


@dataclass
class Later:
    """A way whose addresses are known once the servers stand."""

    origin: Origin
    way: str = "later"
    issuers: frozenset[str] | None = None
    real: list[UserlessGrant] = field(default_factory=list)

    def be(self, value: WithoutUser, clock: Clock | None = None) -> None:
        self.real = grants_from([value], fetch=HttpFetch(), clock=clock)

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        return await self.real[0].obtain(scopes, caller_token=caller_token)

    async def aclose(self) -> None:
        await self.real[0].aclose()


def build(mcp: Any, provider: OAuthProvider) -> None:
    @mcp.tool
    @provider.require_token(scopes=["repo"])
    async def spend() -> dict[str, Any]:
        """Whose token the tool works with, and what for."""
        claims = json.loads(jws.extract_compact(provider.get_token().encode()).payload)
        return {name: claims[name] for name in ("sub", "aud", "scope")}


@pytest.fixture(scope="module", name="served")
def _served() -> Iterator[World]:
    exchange, clock = Later("exchange"), FakeClock()
    account = Later("service-account", issuers=frozenset({"api-keys"}))
    with world(
        build=build,
        provider_options={"without_user": [exchange, account], "clock": clock},
        middleware_options={"verifiers": [ApiKeyVerifier({KEY: "cron"})]},
    ) as here:
        here.issuer.add_exchange_client("gateway", SECRET, targets=[LEDGER], called_as=[here.resource])
        url = f"{here.issuer.issuer_url}/token"
        exchange.be(TokenExchange(audience=LEDGER, token_url=url, client_id="gateway", client_secret=SECRET), clock)
        account.be(
            ClientCredentials(
                token_url=here.service.token_url,
                client_id=here.service.client_id,
                client_secret=here.service.client_secret,
            ),
            clock,
        )
        here.clock = clock
        yield here


@pytest.fixture(name="here")
def _here(served: World) -> Iterator[World]:
    served.questions.clear()
    served.issuer.requests.clear()
    yield served
    served.issuer.behave()
    served.service.behave()


@asynccontextmanager
async def machine(here: World, era: Era) -> AsyncIterator[Client[Any]]:
    """A caller with an API key, who could not sign in in any browser."""
    transport = StreamableHttpTransport(here.resource, headers={"x-api-key": KEY})
    async with Client(transport, mode=ERA_MODES[era]) as client:
        yield client


def text_of(answer: CallToolResult) -> str:
    return "".join(one.text for one in answer.content if isinstance(one, TextContent))


def exchanges(here: World) -> int:
    return here.issuer.requests.count("token", grant_type=TOKEN_EXCHANGE)


@eras
async def test_a_callers_sign_in_is_enough_and_nobody_is_asked(here: World, era: Era) -> None:
    async with here.client(era, sub="carol", human=here.person()) as client:
        for _ in range(2):
            assert (await client.call_tool("spend")).data == {"sub": "carol", "aud": LEDGER, "scope": "repo"}
    assert exchanges(here) == 1
    assert here.questions == []


@pytest.mark.parametrize(("era", "sub"), [("legacy", "alice"), ("modern", "bob")])
async def test_where_the_issuer_wants_the_user_they_are_asked_once(here: World, era: Era, sub: str) -> None:
    here.issuer.misbehave(needs_interaction=True)
    async with here.client(era, sub=sub, human=here.person(sub)) as client:
        for _ in range(2):
            assert (await client.call_tool("list_repos")).data
    assert len(here.questions) == 1
    assert exchanges(here) == 1


@eras
async def test_an_outage_is_told_as_such_and_asks_nobody(here: World, era: Era) -> None:
    async with here.client(era, sub="carol", human=here.person()) as client:
        here.issuer.faults.respond("token", status=503)
        for _ in range(3):
            answer = await client.call_tool("spend", raise_on_error=False)
            assert answer.is_error
            assert "Try again" in text_of(answer)
        assert exchanges(here) == 1
        here.issuer.behave()
        here.clock.advance(5.1)
        assert (await client.call_tool("spend")).data["sub"] == "carol"
    assert here.questions == []


@eras
async def test_a_wrong_secret_is_the_operators_affair_and_asks_nobody(here: World, era: Era) -> None:
    here.issuer.faults.respond("token", status=401, body='{"error": "invalid_client"}')
    async with here.client(era, sub="carol", human=here.person()) as client:
        answer = await client.call_tool("spend", raise_on_error=False)
    assert answer.is_error
    assert "operator" in text_of(answer)
    assert "/connect/" not in text_of(answer)
    assert here.questions == []


@eras
async def test_a_machine_works_with_the_service_account(here: World, era: Era) -> None:
    async with machine(here, era) as client:
        assert (await client.call_tool("list_repos")).data == ["deployments"]
    assert exchanges(here) == 0


@eras
async def test_people_do_not_get_the_rights_of_the_machines_account(here: World, era: Era) -> None:
    here.issuer.misbehave(needs_interaction=True)
    async with here.client(era, sub="carol") as client:
        answer = await client.call_tool("list_repos", raise_on_error=False)
    assert answer.is_error
    assert "/connect/forge" in text_of(answer)


@eras
async def test_an_exchanged_token_that_the_service_refuses_leads_to_the_user(here: World, era: Era) -> None:
    # The service knows nothing of the issuer's tokens: renewed once, then given up for a while.
    async with here.client(era, sub="carol") as client:
        for _ in range(2):
            answer = await client.call_tool("list_repos", raise_on_error=False)
            assert answer.is_error
            assert "/connect/forge" in text_of(answer)
    assert exchanges(here) == 2


@eras
async def test_a_machines_token_that_the_service_ends_is_replaced(here: World, era: Era) -> None:
    async with machine(here, era) as client:
        assert (await client.call_tool("list_repos")).data == ["deployments"]
        here.service.revoke_grants("octo-robot")
        assert (await client.call_tool("list_repos")).data == ["deployments"]


async def test_no_callers_token_is_kept(here: World) -> None:
    token = here.token("carol")
    async with here.client(sub="carol", token=token) as client:
        await client.call_tool("spend")
    assert not any(token in one or token.rpartition(".")[2] in one for one in await here.stored())
