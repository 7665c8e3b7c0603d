"""Signed tokens inside encrypted ones, and what a verifier without keys or with nothing but keys answers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpauthkit.errors import ExpiredToken, InvalidToken
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from tests.identity.bench import claims_of
from tests.identity.jwe_bench import encrypt, keys_of
from tests.identity.realm import Realm, token_of

A, B = "https://a.example", "https://b.example"
KEYS = keys_of("P-256")


def sealed(token: str, **header: Any) -> str:
    return encrypt(token, kind="P-256", **header)


async def test_an_encrypted_token_is_judged_by_the_issuer_of_the_signed_one_inside() -> None:
    realm = Realm(A, B, decryption_keys=KEYS)
    for issuer in (A, B):
        assert (await realm.verify(sealed(token_of(issuer)))).issuer == issuer
    # The switch is off: both kinds are good.
    assert (await realm.verify(token_of(A))).issuer == A


async def test_the_rules_for_what_is_inside_are_the_same() -> None:
    realm = Realm(TrustedIssuer(A, client_ids=["good"]), decryption_keys=KEYS)
    await realm.verify(sealed(token_of(A, {"azp": "good"})))
    bad = [
        token_of(A, {"azp": "bad"}),
        token_of(A, {"azp": "good", "at_hash": "h"}),
        token_of(A, {"azp": "good"}, typ="logout+jwt"),
        token_of(A, {"azp": "good"}, signed_by=B),
        token_of(B, {"azp": "good"}),
    ]
    for token in bad:
        with pytest.raises(InvalidToken):
            await realm.verify(sealed(token))
    with pytest.raises(ExpiredToken):
        await realm.verify(sealed(token_of(A, {"azp": "good", "exp": 1})))


async def test_encryption_alone_proves_nothing() -> None:
    realm = Realm(A, decryption_keys=KEYS)
    for payload in (json.dumps(claims_of(iss=A)), "opaque", "", sealed(token_of(A))):
        with pytest.raises(InvalidToken) as caught:
            await realm.verify(sealed(payload, cty=None))
        # Nobody learns what was inside.
        assert caught.value.public == InvalidToken.default_public
    assert not realm.fetches


async def test_a_verifier_of_encrypted_tokens_only_takes_no_other() -> None:
    realm = Realm(A, decryption_keys=KEYS, encrypted_only=True)
    assert (await realm.verify(sealed(token_of(A)))).issuer == A
    for token in (token_of(A), "opaque"):
        with pytest.raises(InvalidToken) as caught:
            await realm.verify(token)
        assert "encrypted" in caught.value.public
        assert "encrypted_only" in caught.value.hint


async def test_a_verdict_on_an_encrypted_token_ends_with_the_issuers_keys() -> None:
    realm = Realm(A, decryption_keys=KEYS)
    verdict = await realm.verifier.verify(sealed(token_of(A)))
    assert verdict.is_current()
    realm.clock.advance(600)
    assert not verdict.is_current()


def test_who_has_keys_recognises_encrypted_tokens_among_others() -> None:
    verifier = Realm(A, decryption_keys=KEYS, takes_any_bearer=False).verifier
    token = sealed(token_of(A))
    assert verifier.find(Presented(token)) == token
    assert Realm(A, takes_any_bearer=False).verifier.find(Presented(token)) is None
