"""A healthy world whose service or store is not what the provider was told: exactly that is named."""

from __future__ import annotations

import pytest
from fastapi import FastAPI

from mcpauthkit import MemoryStore, OAuthProvider
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.testing import LoopbackServer
from tests.doctor.healthy import RING, Parts, assemble, healthy


async def test_a_secret_that_the_service_does_not_know_is_named() -> None:
    with healthy(provider={"client_secret": "canary-wrong"}) as world:
        report = await world.report()
    assert [one.code for one in report.findings] == ["service-refuses-client"]
    assert "canary" not in repr(report.findings)


async def test_a_client_that_the_service_does_not_know_is_named() -> None:
    with healthy(provider={"client_id": "somebody-else"}) as world:
        assert await world.codes() == ["service-refuses-client"]


@pytest.mark.parametrize("style", ["standard", "github", "slack"])
async def test_the_probe_spends_nothing_and_leaves_nothing(style: str) -> None:
    with healthy(service={"error_style": style}, provider={"scope_separator": ","}) as world:
        assert await world.codes() == [], style
        assert world.service.requests.count("token") == 1
        assert world.service.live_tokens() == ()


async def test_a_redirect_uri_that_is_not_registered_is_named() -> None:
    with healthy() as world:
        world.service.add_redirect_uri("https://mcp.example.com/connect/forge/callback")
        assert await world.codes() == ["redirect-uri-not-registered"]


async def test_a_token_endpoint_that_nobody_answers_at_is_named() -> None:
    # A port that was held until now, so that nobody else has it.
    gone = LoopbackServer()
    url = f"{gone.base_url}/token"
    gone.stop()
    with healthy(provider={"token_url": url}) as world:
        assert await world.codes() == ["service-unreachable"]


async def test_a_service_that_is_down_is_named() -> None:
    with healthy() as world:
        world.service.faults.respond("token", status=503)
        assert await world.codes() == ["service-unreachable"]


async def test_a_service_that_keeps_us_waiting_is_named_in_time() -> None:
    with healthy() as world:
        world.service.faults.hang("token")
        try:
            report = await world.report()
        finally:
            world.service.faults.clear()
    assert [one.code for one in report.findings] == ["service-unreachable"]
    assert report.seconds < 10


async def test_an_address_that_is_no_token_endpoint_is_named() -> None:
    def build(parts: Parts) -> FastAPI:
        parts.provider = {"token_url": parts.service.authorize_url.replace("authorize", "nothing")}
        return assemble(parts)

    with healthy(build=build) as world:
        assert await world.codes() == ["token-url-is-no-token-endpoint"]


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        pytest.param("Repo", ["scope-unknown-to-service"], id="another case"),
        pytest.param("read_org", ["scope-unknown-to-service"], id="another separator"),
        pytest.param("public_repos", ["scope-unknown-to-service"], id="a letter too many"),
        pytest.param("gist", [], id="one that the preset does not relate to others"),
        pytest.param("read:org", [], id="a known one"),
    ],
)
async def test_a_scope_that_the_preset_has_otherwise_is_named(scope: str, expected: list[str]) -> None:
    def build(parts: Parts) -> FastAPI:
        app = assemble(parts)
        github = OAuthProvider.from_preset(
            "github", client_id="x", server_base_url=parts.base_url, store=parts.store, key_ring=RING
        )
        github.require_token(scopes=[scope])(_body)
        github.register(app)
        return app

    with healthy(build=build) as world:
        assert await world.codes(only=["scope-unknown-to-service"]) == expected


async def _body() -> None:
    """Needs a scope."""


class AwayStore(MemoryStore):
    """A store that does not answer."""

    async def get(self, key: str) -> str | None:  # noqa: ARG002  # whatever is asked
        raise StoreUnavailable(reason="away")


class ForeignStore(MemoryStore):
    """A store of somebody else's, which raises errors of its driver."""

    async def get(self, key: str) -> str | None:  # noqa: ARG002  # whatever is asked
        raise ConnectionError("redis://user:canary@db:6379 is away")


@pytest.mark.parametrize("store", [AwayStore, ForeignStore])
async def test_a_store_that_does_not_answer_is_named(store: type[MemoryStore]) -> None:
    with healthy(store=store()) as world:
        report = await world.report()
    assert [one.code for one in report.findings] == ["store-unreachable"]
    assert "canary" not in repr(report)


@pytest.mark.parametrize("served", [True, False])
async def test_a_healthy_world_has_no_finding(*, served: bool) -> None:
    with healthy(served=served) as world:
        assert await world.codes(token=world.token()) == []
