"""Tokens that nobody was asked for, and those they were got with, are found only where they are needed."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from mcpauthkit import ClientCredentials, OAuthProvider, TokenExchange
from mcpauthkit.testing import FakeClock
from mcpauthkit.testing.faults import Faults
from mcpauthkit.verifiers import ApiKeyVerifier
from tests.flows.canaries import ECHO, FLOW_PLACES, Watch, leaks, secrets_of, watching
from tests.flows.test_without_user import KEY, LEDGER, Later, eras, machine
from tests.world import Era, World, world

SECRET = "gateway-secret-canary-of-the-client"
IS_ERROR = "is_error=True"
ALLOWED = {"echo": {"variables"}, "flow": FLOW_PLACES}
# A refusal, a wrong secret, an outage, and answers that are none.
_ANSWERS = (
    (400, json.dumps({"error": "interaction_required", "error_description": ECHO, "error_uri": ECHO})),
    (400, json.dumps({"error": "invalid_grant", "error_description": ECHO})),
    (400, json.dumps({"error": ECHO})),
    (401, json.dumps({"error": "invalid_client", "error_description": ECHO})),
    (503, f"<h1>{ECHO}</h1>"),
    (200, ECHO),
    (200, json.dumps({"access_token": [ECHO]})),
    (200, json.dumps({"access_token": f"{ECHO}\u0000", "token_type": "bearer"})),
    (200, json.dumps({"access_token": ECHO, "token_type": ECHO, "issued_token_type": ECHO})),
)


def _with_two_ways(here: World, exchange: Later, account: Later) -> None:
    here.issuer.add_exchange_client("gateway", SECRET, targets=[LEDGER], called_as=[here.resource])
    url, service = f"{here.issuer.issuer_url}/token", here.service
    exchange.be(TokenExchange(audience=LEDGER, token_url=url, client_id="gateway", client_secret=SECRET))
    account.be(
        ClientCredentials(token_url=service.token_url, client_id=service.client_id, client_secret=service.client_secret)
    )


async def _weather(faults: Faults, watch: Watch, client: Any, tool: str, clock: FakeClock) -> None:
    """Calls while the server that gives tokens answers in all the ways there are."""
    for status, body in _ANSWERS:
        faults.respond("token", status=status, body=body)
        assert IS_ERROR in await watch.call(client, tool), body
        faults.clear()
        # A refusal is remembered for a minute, and nobody would be asked again.
        clock.advance(61)


@eras
async def test_nothing_secret_of_a_flow_without_a_user_comes_out_anywhere(
    era: Era, monkeypatch: pytest.MonkeyPatch
) -> None:
    exchange, account = Later("exchange"), Later("service-account", issuers=frozenset({"api-keys"}))
    exchanged: set[str] = set()
    clock = FakeClock(wall=time.time())

    def build(mcp: Any, provider: OAuthProvider) -> None:
        mcp.add_middleware(watch.catching)

        @mcp.tool
        @provider.require_token(scopes=["repo"])
        async def spend() -> str:
            exchanged.add(provider.get_token())
            return "spent"

    with (
        watching(monkeypatch) as watch,
        world(
            build=build,
            provider_options={"without_user": [exchange, account], "clock": clock},
            middleware_options={"verifiers": [ApiKeyVerifier({KEY: "cron"})]},
        ) as here,
    ):
        _with_two_ways(here, exchange, account)
        # Each of them once more, for a user whose token was not yet exchanged for anything.
        bearers = [here.token(sub) for sub in ("carol", "dave")]
        async with here.client(era, sub="dave", token=bearers[1]) as client:
            await _weather(here.issuer.faults, watch, client, "spend", clock)
        async with here.client(era, sub="carol", token=bearers[0]) as client:
            assert "spent" in await watch.call(client, "spend")
            # The service knows nothing of the issuer's tokens.
            await watch.call(client, "list_repos")
        async with machine(here, era) as client:
            await _weather(here.service.faults, watch, client, "list_repos", clock)
            assert "deployments" in await watch.call(client, "list_repos")
            here.service.revoke_grants("octo-robot")
            await _weather(here.service.faults, watch, client, "list_repos", clock)
        found = secrets_of(here)
        found = {kind: found[kind] - {ECHO} for kind in ("access_token", "client_secret")}
        found |= {"exchanged": {one.rpartition(".")[2] for one in exchanged}, "secret": {SECRET}, "key": {KEY}}
        found |= {"bearer": {one.rpartition(".")[2] for one in bearers}, "echo": {ECHO}, "flow": watch.flow_ids()}
        assert {kind for kind, values in found.items() if not values} == set()
        assert watch.loggers >= {"mcpauthkit", "httpx", "fastmcp"}
        assert len(watch.catching.caught) >= len(_ANSWERS)
        assert leaks(found, await watch.places(here.store), allowed=ALLOWED) == set()
