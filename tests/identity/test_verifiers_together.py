"""Verifiers of every kind beside each other."""

from __future__ import annotations

import pytest

from mcpauthkit.errors import InvalidToken, IssuerUnavailable, RequestError
from mcpauthkit.identity.api_key import ApiKeyVerifier
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.custom import CustomVerifier
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import Presented, TokenVerifier
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.identity.static_key import StaticKeyVerifier
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.bench import ISSUER, Bench, claims_of, key_for, published, sign
from tests.identity.credentials import API_KEY, FROM_PROXY, OPAQUE, SECRET, SIGNED, SIGNED_ES256, UNREADABLE, WITH_KEY
from tests.identity.introspecting import Oracle
from tests.identity.test_shared_secret import hmac_token

WITH_SECRET = Presented(hmac_token(claims_of()))
CUSTOM = Presented("mine_alice")


class TestJwtVerifier(VerifierContract):
    issuer = ISSUER
    # Another key id may be that of a new key which may not be asked for yet.
    refusals = (InvalidToken, IssuerUnavailable)

    def make(self) -> JwtVerifier:
        return Bench().verifier

    def present(self, subject: str = "alice") -> Presented:
        return Presented(sign(claims_of(sub=subject)))

    def strangers(self) -> list[Presented]:
        return [WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return [str(key_for("EdDSA").as_dict(private=True)["d"])]


def verifiers() -> list[tuple[TokenVerifier, Presented]]:
    """Each with a credential of Alice, in an order in which every kind gets its own."""
    clock = FakeClock(wall=NOW)

    async def function(token: str) -> dict[str, str] | None:
        return {"sub": "alice"} if token == "mine_alice" else None

    oracle = Oracle({OPAQUE: {"sub": "alice", "client_id": "app"}})
    return [
        (ApiKeyVerifier({API_KEY: "alice"}), WITH_KEY),
        (TrustedHeaderVerifier({"x-user-id": "sub"}, peers=["10.0.0.0/8"], clock=clock), FROM_PROXY),
        (SharedSecretVerifier(SECRET, clock=clock), WITH_SECRET),
        (StaticKeyVerifier(published(key_for("ES256")), clock=clock), SIGNED_ES256),
        (CustomVerifier(function, prefix="mine_", clock=clock), CUSTOM),
        (
            IntrospectionVerifier(
                "https://opaque.example/introspect",
                client_id="us",
                client_secret="s",
                issuer="https://opaque.example",
                fetch=oracle,
                clock=clock,
            ),
            UNREADABLE,
        ),
        (Bench().verifier, SIGNED),
    ]


async def test_every_kind_gets_its_own_and_alice_is_somebody_else_at_each() -> None:
    pairs = verifiers()
    chain = VerifierChain([verifier for verifier, _ in pairs])
    keys = set()
    for verifier, presented in pairs:
        chosen, text = chain.choose(presented)
        assert chosen is verifier
        principal = (await chosen.verify(text)).principal
        assert principal.subject == "alice"
        keys.add(principal.key)
    assert len(keys) == len(pairs)


async def test_no_verifier_takes_what_another_one_found() -> None:
    # Every credential at hand names Alice, and some name the issuer of another verifier.
    pairs = verifiers()
    for verifier, presented in pairs:
        text = verifier.find(presented)
        assert text is not None
        for other, _ in pairs:
            if other is not verifier:
                with pytest.raises(RequestError):
                    await other.verify(text)


def test_a_good_key_beside_a_bad_token_is_judged_by_the_first_that_recognises_something() -> None:
    pairs = verifiers()
    both = Presented("a-bad-token", headers=WITH_KEY.headers)
    chosen, _ = VerifierChain([verifier for verifier, _ in pairs]).choose(both)
    assert isinstance(chosen, ApiKeyVerifier)
    chosen, _ = VerifierChain([verifier for verifier, _ in reversed(pairs)]).choose(both)
    assert isinstance(chosen, JwtVerifier)
