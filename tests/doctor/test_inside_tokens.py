"""A healthy world with a token, a key or an issuer that does not fit: exactly that is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit import DecryptionKeys, TrustedIssuer
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.testing import DevIssuer, FakeClock
from mcpauthkit.verifiers import ApiKeyVerifier
from tests.doctor.healthy import UPSTREAM, Healthy, Parts, assemble, healthy, issuer_says

HOUR = 3600.0
ENCRYPTION = ("ECDH-ES", "A256GCM")


def of_another_issuer(world: Healthy) -> str:
    with DevIssuer(algorithm="ES256") as other:
        return other.token(sub="alice", audience=world.url)


def changed(world: Healthy) -> str:
    head, payload, signature = world.token().split(".")
    turned = signature[:-8] + signature[-8:].swapcase()
    return f"{head}.{payload}.{turned}"


TOKENS: dict[str, tuple[Callable[[Healthy], str], str]] = {
    "opaque": (lambda _: "8a7d6f5e4c3b2a19", "token-opaque"),
    "of another issuer": (of_another_issuer, "token-of-other-issuer"),
    "for another server": (lambda world: world.token(audience="https://wiki.example/mcp"), "token-for-other-audience"),
    "changed": (changed, "token-does-not-verify"),
}


@pytest.mark.parametrize("name", TOKENS)
async def test_what_is_wrong_with_a_token_is_named(name: str) -> None:
    make, code = TOKENS[name]
    with healthy() as world:
        report = await world.report(token=(token := make(world)))
    assert [one.code for one in report.findings] == [code]
    assert token not in repr(report.findings)


async def test_a_token_with_too_many_segments_is_left_to_the_verifiers_of_others() -> None:
    keys = ApiKeyVerifier({"an-api-key-of-at-least-32-characters": "cron"})
    with healthy(middleware={"verifiers": [keys]}) as world:
        codes = await world.codes(token="one.two.three.four.five.six")
    assert "check-crashed" not in codes


async def test_a_token_that_has_expired_is_named() -> None:
    # The issuer's clock, and not that of the doctor: its own answers carry the right time.
    clock = FakeClock()
    with healthy(issuer={"clock": clock}) as world:
        token = world.token()
        assert [one.code for one in (await world.report(token=token)).findings] == ["token-expired"]


async def test_an_encrypted_token_without_keys_is_named() -> None:
    keys = DecryptionKeys.generate("P-256")
    with healthy(issuer={"encrypt_access_tokens_to": keys.public_jwks(), "encryption": ENCRYPTION}) as world:
        assert await world.codes(token=world.token()) == ["token-encrypted"]


async def test_an_encrypted_token_for_other_keys_is_named() -> None:
    theirs, ours = DecryptionKeys.generate("P-256"), DecryptionKeys.generate("P-256")
    encrypting = {"encrypt_access_tokens_to": theirs.public_jwks(), "encryption": ENCRYPTION}
    with healthy(issuer=encrypting, middleware={"decryption_keys": ours}) as world:
        assert await world.codes(token=world.token()) == ["token-encrypted"]


async def test_a_signed_token_where_encrypted_ones_are_wanted_is_named() -> None:
    keys = DecryptionKeys.generate("P-256")
    with healthy(middleware={"decryption_keys": keys, "encrypted_only": True}) as world:
        assert await world.codes(token=world.token()) == ["token-not-encrypted"]


@pytest.mark.parametrize(
    "spell",
    [
        pytest.param(lambda url: f"{url}/", id="with a slash"),
        pytest.param(lambda url: url.replace("127.0.0.1", "localhost"), id="by another name of this machine"),
        pytest.param(lambda url: url.replace("/mcp", "/MCP"), id="in capitals"),
    ],
)
async def test_an_audience_that_is_almost_the_server_is_named(spell: Callable[[str], str]) -> None:
    def build(parts: Parts) -> FastAPI:
        parts.middleware = {"audience": spell(f"{parts.base_url}/mcp")}
        return assemble(parts)

    with healthy(build=build) as world:
        assert await world.codes() == ["audience-almost-resource"]


async def test_an_audience_of_another_kind_is_nobodys_mistake() -> None:
    with healthy(middleware={"audience": "api://healthy"}) as world:
        assert await world.codes() == []


async def test_a_router_that_leads_to_another_issuer_than_the_trusted_one_is_named() -> None:
    with DevIssuer(algorithm="ES256") as other, healthy(router={"issuer_url": other.issuer_url}) as world:
        assert await world.codes() == ["issuer-not-trusted"]


async def test_an_issuer_url_that_differs_from_that_of_the_router_by_a_slash_is_named() -> None:
    def build(parts: Parts) -> FastAPI:
        parts.middleware = {"issuer_url": f"{parts.issuer.issuer_url}/"}
        return assemble(parts)

    with healthy(build=build) as world:
        assert await world.codes() == ["issuer-not-trusted"]


@pytest.mark.parametrize("ahead", [HOUR, -HOUR])
async def test_a_clock_that_differs_from_the_issuers_is_named(ahead: float) -> None:
    with healthy() as world:
        assert await world.codes(clock=_Ahead(ahead)) == ["clock-skew"]


class _Ahead:
    """This machine's clock, gone wrong."""

    def __init__(self, seconds: float) -> None:
        self._clock, self._seconds = SystemClock(), seconds

    def wall(self) -> float:
        return self._clock.wall() + self._seconds

    def monotonic(self) -> float:
        return self._clock.monotonic()


class TestAnIssuerThatClientsDoNotSee:
    """The one behind our own authorization server is looked at from inside."""

    async def test_it_is_named_when_it_does_not_answer(self) -> None:
        with healthy(mode="proxy") as world:
            world.issuer.faults.respond("discovery", status=503)
            assert await world.codes() == ["issuer-unreachable"]

    async def test_it_is_named_when_it_calls_itself_otherwise(self) -> None:
        with healthy(mode="proxy") as world:
            issuer_says(world.issuer, lambda document: document.update(issuer="https://id.example"))
            assert await world.codes() == ["issuer-mismatch"]

    async def test_it_is_named_when_its_keys_cannot_be_had(self) -> None:
        with healthy(mode="proxy") as world:
            world.issuer.faults.respond("jwks", status=200, body='{"keys": []}')
            assert await world.codes() == ["issuer-keys-unusable"]

    async def test_a_further_issuer_is_looked_at_as_well(self) -> None:
        with DevIssuer(algorithm="ES256") as other:
            further = [TrustedIssuer(other.issuer_url)]
            with healthy(middleware={"issuers": further}) as world:
                assert await world.codes() == []
                other.faults.respond("jwks", status=404)
                assert await world.codes() == ["issuer-keys-unusable"]


@pytest.mark.parametrize(("given", "expected"), [("right", []), ("canary-wrong", ["issuer-refuses-login-client"])])
async def test_a_client_of_the_connect_pages_that_the_issuer_does_not_know_is_named(
    given: str, expected: list[str]
) -> None:
    def build(parts: Parts) -> FastAPI:
        parts.issuer.add_client("pages", "right", [f"{parts.base_url}/connect/login/callback"])
        parts.middleware = {"browser_client_id": "pages", "browser_client_secret": given}
        return assemble(parts)

    with healthy(build=build) as world:
        report = await world.report()
    assert [one.code for one in report.findings] == expected
    assert "canary" not in repr(report.findings)


@pytest.mark.parametrize(
    ("registered", "router", "expected"),
    [
        pytest.param("/oauth/callback", {}, [], id="as it should be"),
        pytest.param("/oauth/callback", {"client_id": "nobody"}, ["issuer-refuses-proxy-client"], id="another id"),
        pytest.param("/callback", {}, ["issuer-refuses-redirect-uri"], id="another redirect URI"),
    ],
)
async def test_a_client_of_proxy_mode_that_is_set_up_otherwise_at_the_issuer_is_named(
    registered: str, router: dict[str, Any], expected: list[str]
) -> None:
    def build(parts: Parts) -> FastAPI:
        parts.issuer.add_client(UPSTREAM, None, [f"{parts.base_url}{registered}"])
        return assemble(parts)

    with healthy(mode="proxy", router=router, build=build) as world:
        assert await world.codes() == expected
