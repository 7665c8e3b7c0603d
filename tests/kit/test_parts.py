"""What the kit hands to its parts: one store, one key ring, its address, request states, the record, production."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.server.request_state import RequestStateSecurity

from mcpauthkit import AccessMiddleware, AuthKit, KeyRing, MemoryStore, TrustedIssuer
from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.policies import policy, rule
from mcpauthkit.protocol.connected_service import ConnectedService
from mcpauthkit.protocol.request_state import sharing_of
from mcpauthkit.verifiers import ApiKeyVerifier
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.hub import Hub
from tests.asgi import lifespan
from tests.kit.kit_world import BASE, ISSUER, ask, small_kit, small_server
from tests.web.shop import start
from tests.world import RING

KEY = "an-api-key-of-at-least-32-characters"
DOCUMENT = "/.well-known/oauth-protected-resource/mcp"


class Closing(MemoryStore):
    """Tells when it is closed."""

    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


async def test_a_store_that_is_given_stays_open() -> None:
    store = Closing()
    kit = small_kit(store=store, key_ring=RING)
    kit.oauth("github", client_id="x")
    async with lifespan(kit.app(small_server())):
        assert kit.storage.store is store
        assert kit.storage.key_ring is RING
    assert not store.is_closed


async def test_the_kits_own_store_and_keys_are_one_for_all_services(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "file")
    monkeypatch.setenv("FILE_STORAGE_PATH", str(tmp_path / "state"))
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", "k" * 32)
    kit = small_kit()
    kit.oauth("github", client_id="x")
    kit.oauth("gitlab", client_id="x")
    told = Deployment.of(kit.app(small_server()))
    assert len(told.stores) == 2
    assert all(store is kit.storage.store for store in told.stores.values())
    assert all(ring is kit.storage.key_ring for ring in told.key_rings.values())


class TestRequestStates:
    def test_a_server_without_a_policy_gets_one_that_all_replicas_read(self) -> None:
        mcp = small_server()
        assert sharing_of(mcp) == "own"
        small_kit(key_ring=RING, store=MemoryStore()).app(mcp)
        assert sharing_of(mcp) == "shared"

    def test_with_keys_that_end_with_the_process_so_does_it(self) -> None:
        mcp = small_server()
        small_kit().app(mcp)
        assert sharing_of(mcp) == "own"

    def test_a_policy_of_its_own_is_kept(self) -> None:
        mcp: FastMCP[Any] = FastMCP("x", request_state_security=RequestStateSecurity.ephemeral())
        small_kit(key_ring=RING, store=MemoryStore()).app(mcp)
        assert sharing_of(mcp) == "own"


class TestIssuers:
    async def test_clients_sign_in_at_the_first_issuer(self) -> None:
        kit = AuthKit(server_base_url=BASE, issuers=[TrustedIssuer(ISSUER), TrustedIssuer("https://b.example.com")])
        app = kit.app(small_server())
        async with lifespan(app):
            assert (await ask(app, DOCUMENT)).json()["authorization_servers"] == [ISSUER]

    async def test_several_tenants_sign_in_at_the_first(self) -> None:
        tenants = ["7b1b6f0e-0000-4000-8000-000000000001", "7b1b6f0e-0000-4000-8000-000000000002"]
        app = small_kit(
            issuer_url="https://login.microsoftonline.com/{tenantid}/v2.0",
            profile="entra",
            tenants=tenants,
            audience="api://x",
        ).app(small_server())
        async with lifespan(app):
            servers = (await ask(app, DOCUMENT)).json()["authorization_servers"]
        assert servers == [f"https://login.microsoftonline.com/{tenants[0]}/v2.0"]

    async def test_without_an_issuer_there_are_no_documents(self) -> None:
        keys = ApiKeyVerifier({KEY: "cron"})
        app = AuthKit(server_base_url=BASE, verifiers=[keys]).app(small_server())
        async with lifespan(app):
            assert (await ask(app, DOCUMENT)).status_code == 404
            assert (await ask(app, "/mcp", "POST", json={})).status_code == 401


async def client_of(service: ConnectedService) -> str:
    """Whom the service is told that its users come from."""
    grant = service.broker.grant
    assert isinstance(grant, AuthorizationCodeGrant)
    attempt = await grant.begin((), redirect_uri=service.broker.redirect_uri)
    return parse_qs(urlsplit(attempt.url).query)["client_id"][0]


class TestServices:
    async def test_a_services_client_comes_from_settings_unless_it_is_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        with pytest.raises(ConfigurationError) as refused:
            small_kit().oauth("github")
        assert "GITHUB_CLIENT_ID" in refused.value.hint
        monkeypatch.setenv("GITHUB_CLIENT_ID", "from-settings")
        monkeypatch.setenv("GITHUB_CLIENT_SECRET", "its-secret")
        monkeypatch.setenv("WORK_CLIENT_ID", "another")
        kit = small_kit()
        kit.oauth("github")
        kit.oauth("github", name="work")
        kit.oauth("github", name="home", client_id="given")
        services = Hub.of(kit.app(small_server())).services
        clients = {name: await client_of(one) for name, one in services.items()}
        assert clients == {"github": "from-settings", "work": "another", "home": "given"}

    def test_the_constructor_that_fits_is_chosen_by_what_is_given(self) -> None:
        kit = small_kit()
        standard = kit.oauth(
            "forge", client_id="x", authorize_url="https://f.example/a", token_url="https://f.example/t"
        )
        described = kit.oauth(name="idp", client_id="x", issuer_url="https://idp.example.com")
        wiki = kit.credentials("wiki", variables={"pat": {"label": "Token", "type": "password"}})
        assert (standard.name, described.name, wiki.name) == ("forge", "idp", "wiki")
        assert kit.credentials("jira-cloud").name == "jira-cloud"

    @pytest.mark.parametrize("option", ["scopess", "server_url", "autorize_url"])
    def test_an_unknown_argument_is_refused(self, option: str) -> None:
        with pytest.raises(ConfigurationError, match=option):
            small_kit().oauth("github", client_id="x", **{option: "x"})  # type: ignore[arg-type]  # what is tested

    def test_an_unknown_service_is_refused_with_the_list(self) -> None:
        with pytest.raises(ConfigurationError):
            small_kit().oauth("gothub", client_id="x")
        with pytest.raises(ConfigurationError):
            small_kit().credentials("jura")


class TestPolicies:
    def test_they_stand_outside_of_a_servers_own_middleware(self) -> None:
        mcp = small_server()
        before = list(mcp.middleware)
        small_kit(policies=policy("all").add_rule(rule("all").allow().for_anyone()).build()).app(mcp)
        assert isinstance(mcp.middleware[0], AccessMiddleware)
        assert mcp.middleware[1:] == before

    def test_without_any_a_server_is_left_alone(self) -> None:
        mcp = small_server()
        small_kit().app(mcp)
        assert not any(isinstance(one, AccessMiddleware) for one in mcp.middleware)


async def test_in_production_nothing_starts_that_must_not_serve_users() -> None:
    told = await start(small_kit(production=True).app(small_server()))
    assert "http" in told
    kit = small_kit(production=True, server_base_url="https://mcp.example.com", key_ring=_ring(), store=MemoryStore())
    kit.oauth("github", client_id="x")
    assert "No other process sees" in await start(kit.app(small_server()))


def _ring() -> KeyRing:
    return KeyRing({"2026": "Zk3rV0q8yB1nX5tLw7cHs9uJp2mDf4gA"}, minting="2026")


@pytest.mark.parametrize("make", [small_server, lambda: MCPServer("small")])
async def test_a_server_answers_at_its_public_host(make: Any) -> None:
    keys = ApiKeyVerifier({KEY: "cron"})
    kit = AuthKit(server_base_url="https://mcp.example.com", verifiers=[keys])
    app = kit.app(make(), stateless_http=True, json_response=True)
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    headers = {"x-api-key": KEY, "host": "mcp.example.com", "accept": "application/json, text/event-stream"}
    async with lifespan(app):
        answer = await ask(app, "/mcp", "POST", headers=headers, json=ping)
        assert answer.status_code == 200
        assert answer.json()["result"] == {}
        foreign = await ask(app, "/mcp", "POST", headers={**headers, "origin": "https://evil.example"}, json=ping)
        assert foreign.status_code == 403


async def test_an_application_can_start_again() -> None:
    kit = small_kit()
    kit.oauth("github", client_id="x")
    app = kit.app(small_server())
    for _ in range(2):
        async with lifespan(app):
            assert (await ask(app, "/health")).status_code == 200
            assert (await ask(app, "/mcp", "POST", json={})).status_code == 401
