"""Verifiers of every kind beside each other."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError, InvalidToken, IssuerUnavailable, RequestError
from mcpauthkit.identity.api_key import ApiKeyVerifier
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.custom import CustomVerifier
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import Presented, TokenVerifier, Verified
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.identity.static_key import StaticKeyVerifier
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from mcpauthkit.identity.unsigned_encrypted import UnsignedEncryptedVerifier
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.bench import ISSUER, Bench, claims_of, key_for, published, sign
from tests.identity.credentials import API_KEY, FROM_PROXY, OPAQUE, SECRET, SIGNED, SIGNED_ES256, UNREADABLE, WITH_KEY
from tests.identity.introspecting import Oracle
from tests.identity.jwe_bench import keys_of
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


def introspecting(issuer: str, **options: Any) -> IntrospectionVerifier:
    return IntrospectionVerifier(
        "https://opaque.example/introspect",
        client_id="us",
        client_secret="s",
        issuer=issuer,
        fetch=Oracle(),
        **options,
    )


def pairs_of_one_name() -> dict[str, tuple[TokenVerifier, TokenVerifier]]:
    return {
        "functions": (CustomVerifier(lambda _: None, prefix="p_"), CustomVerifier(lambda _: None, prefix="s_")),
        "headers with keys": (ApiKeyVerifier({API_KEY: "a"}), ApiKeyVerifier({API_KEY: "a"}, header="x-partner-key")),
        "public keys": (
            StaticKeyVerifier(published(key_for("ES256"))),
            StaticKeyVerifier(published(key_for("EdDSA"))),
        ),
        "secrets": (SharedSecretVerifier(SECRET), SharedSecretVerifier(f"{SECRET}-other")),
        "headers of proxies": (
            TrustedHeaderVerifier({"x-user-id": "sub"}, peers=["10.0.0.0/8"]),
            TrustedHeaderVerifier({"x-user": "sub"}, peers=["10.0.0.0/8"]),
        ),
        "whatever is encrypted": (
            UnsignedEncryptedVerifier(keys_of("P-256"), accept_tokens_anybody_can_make=True),
            UnsignedEncryptedVerifier(keys_of("X25519"), accept_tokens_anybody_can_make=True),
        ),
        "a key and an issuer": (Bench().verifier, StaticKeyVerifier(published(key_for("ES256")), issuer=ISSUER)),
        "a function and an issuer": (Bench().verifier, CustomVerifier(lambda _: None, issuer=ISSUER)),
        "an endpoint and an issuer": (Bench().verifier, introspecting(ISSUER)),
        "different kinds": (CustomVerifier(lambda _: None, issuer="api-keys"), ApiKeyVerifier({API_KEY: "a"})),
    }


@pytest.mark.parametrize("name", pairs_of_one_name())
def test_two_verifiers_cannot_know_users_under_one_name(name: str) -> None:
    # Alice of the one would read what is stored for Alice of the other.
    pair = pairs_of_one_name()[name]
    for order in (pair, pair[::-1]):
        with pytest.raises(ConfigurationError) as refused:
            VerifierChain(order)
        assert "issuer=" in refused.value.hint
    with pytest.raises(ConfigurationError):
        VerifierChain(pair[:1], fallback=pair[1])


def test_names_of_their_own_make_it_right() -> None:
    VerifierChain([ApiKeyVerifier({API_KEY: "a"}), ApiKeyVerifier({API_KEY: "a"}, header="x-other", issuer="partners")])


def test_one_verifier_may_stand_in_a_chain_and_behind_it() -> None:
    signed = Bench().verifier
    VerifierChain([signed, ApiKeyVerifier({API_KEY: "a"})], fallback=signed)


async def test_an_issuer_that_issues_two_kinds_of_tokens_is_one_only_where_that_is_said() -> None:
    asking = introspecting(ISSUER, shares_issuer=True)
    chain = VerifierChain([asking, Bench().verifier, introspecting(ISSUER, shares_issuer=True)])
    chosen, _ = chain.choose(UNREADABLE)
    assert chosen is asking


def test_a_verifier_of_somebody_else_need_not_name_its_issuers() -> None:
    class Foreign:
        def find(self, presented: Presented) -> str | None:
            return presented.bearer

        async def verify(self, token: str) -> Verified:
            raise InvalidToken(reason=token)

    foreign = Foreign()
    chosen, _ = VerifierChain([ApiKeyVerifier({API_KEY: "a"}), foreign]).choose(UNREADABLE)
    assert chosen is foreign
