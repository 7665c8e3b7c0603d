"""Tokens signed with a shared secret."""

from __future__ import annotations

import base64
import hmac
import json
from typing import Any

import pytest

from mcpauthkit import Secret
from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.errors import ConfigurationError, ExpiredToken, InvalidToken
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.bench import key_for, sign
from tests.identity.credentials import ENCRYPTED, FROM_PROXY, SECRET, SIGNED, UNREADABLE, WITH_KEY

AUDIENCE = "https://m.example/mcp"


def hmac_token(claims: Any, *, secret: str = SECRET, alg: str = "HS256", signed_by: str = "", **header: Any) -> str:
    members = {"alg": alg, "typ": "JWT", **header}
    protected = {name: value for name, value in members.items() if value is not None}
    payload = claims if isinstance(claims, str) else json.dumps(claims)
    first = f"{base64url_encode(json.dumps(protected).encode())}.{base64url_encode(payload.encode())}"
    # By hand: no library would sign with a public key, or under a wrong name.
    signature = hmac.digest(secret.encode(), first.encode(), f"sha{(signed_by or alg)[2:]}")
    return f"{first}.{base64url_encode(signature)}"


def claims_of(**changes: Any) -> dict[str, Any]:
    members = {"sub": "alice", "aud": AUDIENCE, "exp": NOW + 300, **changes}
    return {name: value for name, value in members.items() if value is not None}


def verifier(**options: Any) -> SharedSecretVerifier:
    return SharedSecretVerifier(options.pop("secret", SECRET), clock=FakeClock(wall=NOW), **options)


async def outcome(token: str, **options: Any) -> str:
    try:
        await verifier(**options).verify(token)
    except InvalidToken as error:
        return error.code
    return "good"


class TestSharedSecretVerifier(VerifierContract):
    issuer = "shared-secret"

    def make(self) -> SharedSecretVerifier:
        return SharedSecretVerifier(SECRET, clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(hmac_token(claims_of(sub=subject)))

    def strangers(self) -> list[Presented]:
        return [SIGNED, ENCRYPTED, UNREADABLE, WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return [SECRET]


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "good"),
        ({"exp": None}, "invalid_token"),
        ({"exp": NOW - 59}, "good"),
        ({"exp": NOW - 60}, "expired_token"),
        ({"exp": True}, "invalid_token"),
        ({"exp": str(NOW + 300)}, "invalid_token"),
        ({"nbf": NOW + 61}, "invalid_token"),
        ({"sub": None}, "invalid_token"),
        ({"sub": None, "client_id": "cron"}, "good"),
        ({"sub": "", "client_id": "cron"}, "invalid_token"),
        ({"sub": ["alice"]}, "invalid_token"),
        ({"sub": None, "client_id": 5}, "invalid_token"),
        ({"roles": {"a": 1}}, "invalid_token"),
        ({"roles": None, "scope": 5}, "invalid_token"),
        ({"iss": "https://anything.example"}, "good"),
        ({"iss": 5}, "good"),
    ],
    ids=str,
)
async def test_each_claim_has_its_rule(changes: dict[str, Any], expected: str) -> None:
    # P1c, H6b: no exp, or one of Infinity, was good for ever.
    assert await outcome(hmac_token(claims_of(**changes))) == expected


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
async def test_no_end_beyond_numbers_gets_in(number: str) -> None:
    payload = json.dumps(claims_of(exp="HERE")).replace('"HERE"', number)
    assert await outcome(hmac_token(payload)) == "invalid_token"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ({}, "good"),
        ({"typ": None}, "good"),
        ({"typ": "at+jwt"}, "good"),
        ({"typ": "AT+JWT"}, "good"),
        ({"kid": "anything"}, "good"),
        ({"typ": "dpop+jwt"}, "invalid_token"),
        ({"typ": 5}, "invalid_token"),
        ({"crit": ["b64"], "b64": False}, "invalid_token"),
        ({"alg": "none", "signed_by": "HS256"}, "invalid_token"),
        ({"alg": "hs256", "signed_by": "HS256"}, "invalid_token"),
        ({"alg": "HS512"}, "invalid_token"),
        ({"alg": "RS256", "signed_by": "HS256"}, "invalid_token"),
        ({"alg": ["HS256"], "signed_by": "HS256"}, "invalid_token"),
        ({"alg": None, "signed_by": "HS256"}, "invalid_token"),
    ],
    ids=str,
)
async def test_each_header_has_its_rule(header: dict[str, Any], expected: str) -> None:
    assert await outcome(hmac_token(claims_of(), **header)) == expected


async def test_a_token_under_another_secret_is_refused() -> None:
    assert await outcome(hmac_token(claims_of(), secret=SECRET[::-1])) == "invalid_token"


async def test_a_token_of_a_key_pair_is_never_taken_for_one_of_the_secret() -> None:
    # P1a: the algorithm is ours to choose, not the token's.
    assert await outcome(sign(claims_of(), algorithm="RS256", key=key_for("RS256"))) == "invalid_token"


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_longer_hashes_want_longer_secrets(algorithm: str) -> None:
    long = (SECRET + SECRET[::-1])[:64]
    good = hmac_token(claims_of(), secret=long, alg=algorithm)
    assert await outcome(good, secret=long, algorithms=(algorithm, "HS256")) == "good"
    assert await outcome(good, secret=long) == "invalid_token"
    with pytest.raises(ConfigurationError):
        verifier(secret=SECRET[:40], algorithms=(algorithm,))


async def test_users_of_the_secret_are_never_those_of_an_issuer_the_token_names() -> None:
    # Q5: the iss of another service was accepted, and was part of who the user is.
    verified = await verifier().verify(hmac_token(claims_of(iss="https://issuer.example")))
    assert verified.principal.key == ("shared-secret", "alice")
    assert verified.principal["iss"] == "shared-secret"


async def test_a_configured_issuer_has_to_be_the_one_in_the_token() -> None:
    mine = verifier(issuer="https://mine.example")
    named = hmac_token(claims_of(iss="https://mine.example"))
    assert (await mine.verify(named)).principal.key == ("https://mine.example", "alice")
    assert (await mine.verify(hmac_token(claims_of()))).principal.issuer == "https://mine.example"
    other = hmac_token(claims_of(iss="https://mine.example/"))
    assert mine.find(Presented(other)) is None
    assert mine.find(Presented(named)) == named
    with pytest.raises(InvalidToken):
        await mine.verify(other)


async def test_two_secrets_stand_side_by_side() -> None:
    one, two = verifier(issuer="one"), verifier(issuer="two", secret=SECRET[::-1])
    token = two.create_token({"sub": "alice", "aud": AUDIENCE})
    assert one.find(Presented(token)) is None
    assert (await two.verify(token)).principal.key == ("two", "alice")


@pytest.mark.parametrize(
    ("claims", "client_id"),
    [
        ({}, "alice"),
        ({"client_id": "cron"}, "cron"),
        ({"azp": "desk"}, "desk"),
        ({"sub": None, "client_id": "cron"}, "cron"),
    ],
)
async def test_the_client_is_the_one_named_and_else_the_subject(claims: dict[str, Any], client_id: str) -> None:
    principal = (await verifier().verify(hmac_token(claims_of(**claims)))).principal
    assert principal.client_id == client_id
    assert principal["sub"] == claims.get("sub", "alice") or principal["sub"] == client_id


@pytest.mark.parametrize(
    "claims", [{"scope": "a b"}, {"scope": ["a", "b"]}, {"scopes": ["a", "b"]}, {"scp": "a", "scopes": "b"}]
)
async def test_scopes_are_read_in_every_form(claims: dict[str, Any]) -> None:
    # A5: a space-separated `scope` was refused.
    assert (await verifier().verify(hmac_token(claims_of(**claims)))).principal.scopes == {"a", "b"}


async def test_claims_elsewhere_are_found_by_a_map() -> None:
    # A4: `role` was documented and never read.
    judged = await verifier(claims=ClaimMap(roles="role")).verify(hmac_token(claims_of(role="admin")))
    assert judged.principal.roles == {"admin"}
    assert judged.principal.client_id == "alice"


async def test_the_audience_is_checked_unless_the_token_may_name_none() -> None:
    # Q5: a token with aud was always refused.
    unnamed, named = hmac_token(claims_of(aud=None)), hmac_token(claims_of())
    strict = await verifier().verify(unnamed)
    assert not strict.made_for_us
    assert "SharedSecretVerifier" in strict.audience_setting
    lax = verifier(accept_tokens_without_audience=True, audience="api")
    assert (await lax.verify(unnamed)).made_for_us
    verified = await lax.verify(named)
    assert not verified.made_for_us
    assert verified.audiences == frozenset({"api"})


def test_accepting_tokens_without_audience_is_warned_of_once(caplog: pytest.LogCaptureFixture) -> None:
    verifier()
    assert not caplog.records
    verifier(accept_tokens_without_audience=True)
    assert [one.levelname for one in caplog.records] == ["WARNING"]


async def test_a_token_it_makes_is_one_it_accepts_until_it_expires() -> None:
    clock = FakeClock(wall=NOW)
    made = SharedSecretVerifier(Secret(SECRET), audience=AUDIENCE, clock=clock)
    token = made.create_token({"sub": "test-agent", "roles": ["admin"]}, expires_in=3600)
    verified = await made.verify(token)
    assert verified.principal.roles == {"admin"}
    assert verified.audiences is not None
    assert verified.audiences.intersection(verified.principal.audience)
    assert verified.principal.expires_at == NOW + 3600
    clock.advance(3660)
    with pytest.raises(ExpiredToken):
        await made.verify(token)


def padded(text: str) -> str:
    return text.ljust(64, "0")


SAMPLES = [
    *("your-256-bit-secret", "your-secret-key", "dev-secret-change-me", "my-secret-key", "production-secret"),
    *("secret", "changeme", "password", "dev-secret", "s3cret", "supersecret", "test", ""),
]


@pytest.mark.parametrize(
    "secret",
    [
        *SAMPLES,
        *map(padded, SAMPLES),
        *((text or "x") * 12 for text in SAMPLES),
        *((text + "\0" * 40) for text in SAMPLES),
        *(base64.b64encode(padded(text).encode()).decode() for text in SAMPLES),
        *(base64.urlsafe_b64encode(((text or "x") * 12).encode()).decode().rstrip("=") for text in SAMPLES),
        *(padded(text).encode().hex() for text in SAMPLES),
        *("a" * 32, "0" * 64, "ab" * 16, "abc123" * 8, "aaaaaaaabbbbbbbbccccccccdddddddd"),
        "0123456789abcdef0123456789abcdef",
        "000102030405060708090A0B0C0D0E0F",
        "a-string-secret-at-least-256-bits-long",
        "super-secret-jwt-token-with-at-least-32-characters-long",
        "your_super_secret_jwt_key_change_this_in_production",
        "YOUR-SUPER-SECRET-JWT-KEY-CHANGE-THIS-IN-PRODUCTION",
        "reallyreallyreallyreallyverysafe",
        "please-change-this-secret-before-going-to-production-123",
        "09d25e094faa6ca2556c818166b7a9563b93f7099f6f0f4caa6cf63b88e8d3e7",
        "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow",
        "Zk7wQ1vR9tLm3xYp5sHd8nBc2gJf6aU",
        "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE\n-----END PUBLIC KEY-----",
    ],
    ids=lambda text: ascii(text[:40]) + str(len(text)),
)
def test_a_secret_that_can_be_guessed_is_refused_without_repeating_it(secret: str) -> None:
    # Q1: the published default was accepted; a token forged with it read the confidential document.
    for form in (secret, secret.encode(), Secret(secret)):
        with pytest.raises(ConfigurationError) as refused:
            SharedSecretVerifier(form)
        assert refused.value.hint
        assert not secret or len(secret) < 8 or secret not in str(refused.value)


def test_a_key_file_in_binary_form_is_no_secret_either() -> None:
    with pytest.raises(ConfigurationError) as refused:
        SharedSecretVerifier(key_for("ES256").as_der(private=False))
    assert "StaticKeyVerifier" in refused.value.hint


@pytest.mark.parametrize(
    "secret",
    [
        SECRET[:32],
        "9f86d081884c7d659a2feaa0c55ad015",
        "1a2b5c4d7e6f3a0b2c1d4e5f7a6b3c01",
        "3b6e1f0a9d2c4e8f7a5b1c0d6e9f2a4b8c7d5e3f1a0b9c8d7e6f5a4b3c2d1e0f",
        "mykit-prod-secret-9f86d081884c7d659a2feaa0c55ad015",
        "correct horse battery staple, and a zebra",
        bytes(range(200, 232)),
    ],
    ids=str,
)
def test_a_secret_nobody_guesses_is_taken(secret: str | bytes) -> None:
    assert "issuer" in repr(SharedSecretVerifier(secret))


@pytest.mark.parametrize(
    "options",
    [
        {"algorithms": ()},
        {"algorithms": "HS256"},
        {"algorithms": ("RS256",)},
        {"algorithms": ("HS256", "none")},
        {"issuer": ""},
        {"issuer": " "},
        {"issuer": "a\nb"},
        {"audience": ""},
        {"audience": []},
        {"audience": [""]},
        {"audience": [5]},
    ],
    ids=str,
)
def test_arguments_that_cannot_work_are_told_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        SharedSecretVerifier(SECRET, **options)
    assert refused.value.hint
