"""Several ways to prove who is calling behind one door."""

from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from joserfc import jwe, jwk, jws

from mcpauthkit import DecryptionKeys, JwtAuthMiddleware, TokenVerifier, TrustedIssuer, oauth_meta_router
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import DevIssuer, FakeClock, LoopbackServer
from mcpauthkit.verifiers import (
    ApiKeyVerifier,
    CustomVerifier,
    SharedSecretVerifier,
    StaticKeyVerifier,
    TrustedHeaderVerifier,
    UnsignedEncryptedVerifier,
)
from tests.asgi import lifespan
from tests.web.door import BASE, door
from tests.world import world

SECRET = "Zr4-uQ9_k1Tn8sWv2Yb7Lc3Md6Xe5Pf0"
KEY = "sk-abc123-0123456789"
RESOURCE = f"{BASE}/mcp"


def custom(token: str, subject: str) -> CustomVerifier:
    return CustomVerifier(lambda text: {"sub": subject, "aud": RESOURCE} if text == token else None, issuer="own")


@pytest.fixture(scope="module", name="keys")
def _keys() -> DecryptionKeys:
    return DecryptionKeys.generate(kid="enc-1")


async def test_each_credential_finds_its_verifier_whatever_stands_before_it() -> None:
    shared = SharedSecretVerifier(SECRET, audience=RESOURCE)
    opaque = custom("opaque-token-of-carols", "carol")
    others = [shared, ApiKeyVerifier({KEY: "frontend"}), opaque]
    async with door(verifiers=others) as here:
        signed_by_secret = shared.create_token({"sub": "bob", "aud": RESOURCE}, expires_in=300)
        seen = [
            (await here.get(token, **headers)).json().get("user")
            for token, headers in (
                (here.token("alice"), {}),
                (signed_by_secret, {}),
                (None, {"x-api-key": KEY}),
                ("opaque-token-of-carols", {}),
            )
        ]
        assert seen == ["alice", "bob", "frontend", "carol"]
        for token, headers in ((signed_by_secret[:-2], {}), ("opaque-token-of-carol", {}), (None, {"x-api-key": "x"})):
            assert (await here.get(token, **headers)).status_code == 401
        assert (await here.get()).json()["error"] == "missing_token"


async def test_a_remembered_verdict_is_that_of_its_own_kind_of_credential() -> None:
    as_key = ApiKeyVerifier({"one-and-the-same-text": "machine"})
    as_token = custom("one-and-the-same-text", "person")
    async with door(verifiers=[as_key, as_token]) as here:
        for _ in range(2):
            assert (await here.get(**{"x-api-key": "one-and-the-same-text"})).json()["user"] == "machine"
            assert (await here.get("one-and-the-same-text")).json()["user"] == "person"


async def test_identity_headers_beside_a_token_change_nobody() -> None:
    # H2, H2a, H6c: a low key with a header saying `ceo` ran the administrator's tool.
    behind_proxy = TrustedHeaderVerifier({"x-user-id": "sub", "x-user-roles": "roles"}, peers=["127.0.0.1"])
    async with door(verifiers=[behind_proxy]) as here:
        claimed = {"x-user-id": "ceo", "x-user-roles": "admin"}
        assert (await here.get(here.token("alice"), **claimed)).json()["user"] == "alice"
        assert (await here.get(**claimed)).json()["user"] == "ceo"


async def test_without_any_issuer_a_key_alone_is_enough_and_a_token_is_refused() -> None:
    async with door(issuer_url=None, verifiers=[ApiKeyVerifier({KEY: "frontend"})]) as here:
        assert (await here.get(**{"x-api-key": KEY})).json()["user"] == "frontend"
        assert (await here.get(here.token())).status_code == 401


async def test_what_a_verifier_opened_is_closed_with_the_application() -> None:
    closed: list[str] = []

    class Asking(CustomVerifier):
        async def aclose(self) -> None:
            closed.append("asking")

    verifiers: list[TokenVerifier] = [Asking(lambda _: None), ApiKeyVerifier({KEY: "frontend"})]
    app = FastAPI()
    app.add_middleware(JwtAuthMiddleware, server_base_url=BASE, verifiers=verifiers)
    async with lifespan(app):
        assert closed == []
    assert closed == ["asking"]


async def test_two_issuers_are_two_worlds() -> None:
    with DevIssuer(clock=FakeClock()) as second:
        trusted = TrustedIssuer(second.issuer_url, audience="urn:ours")
        async with door(issuers=[trusted]) as here:
            assert (await here.get(here.token("alice"))).json()["user"] == "alice"
            assert (await here.get(second.token(sub="alice", audience="urn:ours"))).json()["user"] == "alice"
            # Each has its own audience, and neither speaks for the other.
            assert await here.statuses(
                second.token(audience=RESOURCE),
                here.token(audience="urn:ours"),
                second.token(audience="urn:ours", iss=here.issuer.issuer_url),
            ) == [401, 401, 401]


async def test_an_issuer_written_with_another_slash_is_told_how_to_write_it(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit")
    with DevIssuer(clock=FakeClock()) as issuer:
        async with door(issuer_url=f"{issuer.issuer_url}/") as here:
            assert await here.statuses(issuer.token(audience=RESOURCE)) == [401]
    assert f"issuer_url='{issuer.issuer_url}'" in caplog.text


async def test_without_a_router_the_log_says_that_nobody_finds_the_login(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    app.add_middleware(JwtAuthMiddleware, server_base_url=BASE, issuer_url="https://a.example")
    async with lifespan(app):
        assert "oauth_meta_router" in caplog.text
    caplog.clear()
    app = FastAPI()
    app.include_router(oauth_meta_router(server_base_url=BASE, issuer_url="https://a.example"))
    app.add_middleware(JwtAuthMiddleware, server_base_url=BASE, issuer_url="https://a.example")
    async with lifespan(app):
        assert caplog.text == ""


def test_a_server_that_is_wired_wrongly_does_not_start() -> None:
    app = FastAPI()
    app.add_middleware(JwtAuthMiddleware, server_base_url=BASE, issuer_url="https://a.example", profile="keyclok")
    with pytest.raises(RuntimeError, match="keyclok"), LoopbackServer(app):
        pass


async def test_who_cannot_sign_in_in_a_browser_gets_no_link_that_leads_nowhere() -> None:
    with world(middleware_options={"verifiers": [ApiKeyVerifier({KEY: "cron"})]}) as here:
        transport = StreamableHttpTransport(here.resource, headers={"x-api-key": KEY})
        async with Client(transport) as client:
            assert (await client.call_tool("whoami")).data == "cron"
            refused = await client.call_tool("list_repos", raise_on_error=False)
    said = str(refused.content)
    assert refused.is_error
    assert "http" not in said
    assert "user" in said


async def test_a_wrong_audience_is_told_with_the_setting_of_that_kind_of_issuer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with door(profile="keycloak", issuer_options={"path": "/realms/dev"}) as here:
        refused = await here.get(here.token(audience="account", typ="Bearer"))
    assert refused.status_code == 401
    said = refused.json()["error_description"]
    assert "Audience" in said
    assert RESOURCE in said
    assert f'error_description="{said}"' in refused.headers["www-authenticate"]
    assert any(one.levelno == logging.WARNING and RESOURCE in one.getMessage() for one in caplog.records)


async def test_an_opaque_token_is_told_what_to_change_at_that_kind_of_issuer() -> None:
    async with door(profile="hydra") as here:
        said = (await here.get("opaque" * 6)).json()["error_description"]
    assert "opaque" in said
    assert "Hydra" in said


async def test_encrypted_tokens_are_opened_and_our_public_keys_are_where_issuers_look(keys: DecryptionKeys) -> None:
    encrypting = {"encrypt_access_tokens_to": keys.public_jwks()}
    async with door(decryption_keys=keys, issuer_options=encrypting) as here:
        token = here.token("alice")
        assert token.count(".") == 4
        assert (await here.get(token)).json()["user"] == "alice"
        assert (await here.get(token)).json()["user"] == "alice"
        document = await here.http.get("/.well-known/jwks.json")
        assert document.json() == keys.public_jwks()
        assert document.headers["access-control-allow-origin"] == "*"
        assert "d" not in document.json()["keys"][0]
        assert (await here.http.head("/.well-known/jwks.json")).content == b""
        assert (await here.http.post("/.well-known/jwks.json")).status_code == 401


async def test_nested_tokens_and_producers_claims_each_find_who_opens_them(keys: DecryptionKeys) -> None:
    producers = UnsignedEncryptedVerifier(keys, accept_tokens_anybody_can_make=True, clock=FakeClock())
    encrypting = {"encrypt_access_tokens_to": keys.public_jwks()}
    async with door(decryption_keys=keys, verifiers=[producers], issuer_options=encrypting) as here:
        claims = {"sub": "gateway-user", "iat": here.clock.wall(), "exp": here.clock.wall() + 60}
        header = {"alg": "RSA-OAEP", "enc": "A256GCM"}
        produced = jwe.encrypt_compact(header, json.dumps(claims), jwk.RSAKey.import_key(keys.public_jwks()["keys"][0]))
        assert (await here.get(here.token("alice"))).json()["user"] == "alice"
        assert (await here.get(produced)).json()["user"] == "gateway-user"


async def test_a_static_key_and_an_issuer_each_judge_their_own() -> None:
    key = jwk.ECKey.generate_key("P-256", {"kid": "k"})
    static = StaticKeyVerifier(key.as_dict(private=False), clock=FakeClock())
    async with door(verifiers=[static]) as here:
        claims = {"sub": "batch", "aud": RESOURCE, "exp": here.clock.wall() + 60}
        signed = jws.serialize_compact({"alg": "ES256"}, json.dumps(claims), key)
        assert (await here.get(signed)).json()["user"] == "batch"
        assert (await here.get(here.token("alice"))).json()["user"] == "alice"


async def test_on_another_route_the_setting_names_the_audience_that_is_accepted_there(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with door(profile="keycloak", issuer_options={"path": "/realms/dev"}) as here:
        said = (await here.get(here.token(audience="account", typ="Bearer"), "/reports")).json()["error_description"]
    assert RESOURCE in said
    assert RESOURCE in caplog.text


async def test_without_keys_there_is_no_such_document() -> None:
    async with door() as here:
        assert (await here.http.get("/.well-known/jwks.json")).status_code == 401


async def test_encrypted_only_refuses_what_is_only_signed(keys: DecryptionKeys) -> None:
    async with door(decryption_keys=keys, encrypted_only=True) as here:
        refused = await here.get(here.token())
    assert refused.status_code == 401
    assert "encrypted" in refused.json()["error_description"]


async def test_the_key_file_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key = jwk.RSAKey.generate_key(2048, {"kid": "of-the-file", "use": "enc"})
    path = tmp_path / "mcp-private.json"
    path.write_text(json.dumps({"keys": [key.as_dict(private=True)]}))
    path.chmod(0o600)
    monkeypatch.setenv("MCP_KEY_FILE_PATH", str(path))
    async with door() as here:
        document = (await here.http.get("/.well-known/jwks.json")).json()
    assert [one["kid"] for one in document["keys"]] == ["of-the-file"]


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"audience": "urn:ours"},
        {"profile": "keycloak"},
        {"encrypted_only": True, "verifiers": [ApiKeyVerifier({KEY: "frontend"})]},
        {"issuer_url": "https://a.example", "issuers": [TrustedIssuer("https://a.example")]},
        {"issuer_url": "https://a.example", "profile": "keyclok"},
        {"issuer_url": "https://a.example", "audience": []},
        {"issuer_url": "https://a.example", "encrypted_only": True},
        {"issuer_url": "https://a.example/.well-known/openid-configuration"},
        {"issuer_url": "https://a.example", "decryption_keys": "keys.pem"},
        {"issuer_url": "https://a.example", "verifiers": [len]},
        {"issuer_url": "https://a.example", "verifiers": [TrustedIssuer("https://b.example")]},
        {"issuers": TrustedIssuer("https://a.example")},
        {"issuer_url": "https://a.example", "tool_scopes": ["reports:write"]},
        {"issuer_url": "https://a.example", "open_paths": "/health"},
    ],
)
def test_what_cannot_be_meant_is_refused_when_the_server_starts(options: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        JwtAuthMiddleware(None, server_base_url=BASE, **options)  # type: ignore[arg-type]  # never gets to serve
    assert caught.value.hint
