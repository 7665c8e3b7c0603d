from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from mcpauthkit.core.encoding import base64url_decode
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import Iterator

RESOURCE = "https://m.example/mcp"
KEYS = DecryptionKeys.generate("P-256", kid="resource-1")
AGREED = ("ECDH-ES+A256KW", "A256CBC-HS512")
CLOCK = FakeClock()


@pytest.fixture(scope="module")
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(encrypt_access_tokens_to=KEYS.public_jwks(), encryption=AGREED, clock=CLOCK) as served:
        yield served


def header_of(token: str) -> dict[str, Any]:
    members: dict[str, Any] = json.loads(base64url_decode(token.partition(".")[0]))
    return members


async def test_a_token_is_encrypted_as_certified_issuers_do(issuer: DevIssuer) -> None:
    token = issuer.token(audience=RESOURCE)
    header = header_of(token)
    assert {name: header[name] for name in ("alg", "enc", "kid", "cty", "iss", "aud")} == {
        "alg": "ECDH-ES+A256KW",
        "enc": "A256CBC-HS512",
        "kid": "resource-1",
        "cty": "at+jwt",
        "iss": issuer.issuer_url,
        "aud": RESOURCE,
    }
    opened = KEYS.decrypt(token)
    assert opened.is_nested
    assert header_of(opened.payload.decode())["kid"] == issuer.kid


async def test_a_real_login_gives_an_encrypted_access_token_and_a_plain_id_token(issuer: DevIssuer) -> None:
    client = OAuthClient.of(issuer)
    async with BrowserRobot() as robot:
        page = await robot.open(client.authorization_url(scope="openid mcp:tools offline_access", resource=RESOURCE))
        page = await sign_in(robot, page, user="alice", stop_at=client.redirect_uri)
    tokens = (await client.exchange(page.query["code"])).json()
    renewed = (await client.refresh(tokens["refresh_token"])).json()
    for body in (tokens, renewed):
        assert KEYS.decrypt(body["access_token"]).is_nested
        assert body["id_token"].count(".") == 2


@pytest.mark.parametrize("algorithms", [("RSA-OAEP-256", "A256GCM"), ("RSA-OAEP-512", "A128CBC-HS256")])
async def test_what_it_encrypts_is_encrypted_to_the_key_that_suits(algorithms: tuple[str, str]) -> None:
    keys = DecryptionKeys.generate("RSA")
    both = {"keys": [*KEYS.public_jwks()["keys"], *keys.public_jwks()["keys"]]}
    with DevIssuer(encrypt_access_tokens_to=both, encryption=algorithms) as issuer:
        assert keys.decrypt(issuer.token()).is_nested
        with pytest.raises(InvalidToken):
            KEYS.decrypt(issuer.token())


def test_encryption_can_be_switched_while_it_runs(issuer: DevIssuer) -> None:
    other = DecryptionKeys.generate("X25519")
    try:
        issuer.encrypt_to(other.public_jwks()["keys"][0], ("ECDH-ES", "A128GCM"))
        assert other.decrypt(issuer.token()).is_nested
        issuer.encrypt_to(None)
        assert issuer.token().count(".") == 2
    finally:
        issuer.encrypt_to(KEYS.public_jwks(), AGREED)


@pytest.mark.parametrize(
    "algorithms", [("RSA-OAEP-256", "A256GCM"), ("RSA1_5", "A256GCM"), ("ECDH-ES", "A192GCM"), ("dir", "A256GCM")]
)
def test_what_cannot_be_encrypted_is_refused_at_once(issuer: DevIssuer, algorithms: tuple[str, str]) -> None:
    with pytest.raises(ValueError, match=algorithms[0]):
        issuer.encrypt_to(KEYS.public_jwks(), algorithms)
    assert KEYS.decrypt(issuer.token()).is_nested


def test_it_encrypts_only_when_told_to() -> None:
    with DevIssuer() as plain:
        assert plain.token().count(".") == 2
