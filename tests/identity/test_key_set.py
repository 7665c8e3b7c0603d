"""Which keys of a published set may verify, and that one odd entry never spoils the rest."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwk

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.errors import InvalidToken, IssuerUnavailable, RemoteMisbehaved
from mcpauthkit.identity.key_set import parse_key_set
from tests.identity.bench import NOW, Bench, claims_of, key_for, published, sign

ED, RSA, EC = key_for("EdDSA"), key_for("RS256"), key_for("ES256")
OLDER = claims_of(iat=NOW - 600)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


def off_curve() -> dict[str, Any]:
    point = published(EC)
    return {**point, "y": point["x"]}


def small_rsa(bits: int) -> dict[str, Any]:
    return {"kty": "RSA", "kid": "k1", "e": "AQAB", "n": base64url_encode(((1 << bits) - 1).to_bytes(bits // 8, "big"))}


ODD_ENTRIES: dict[str, Any] = {
    "null": None,
    "a number": 5,
    "a text": "key",
    "a list": [],
    "an empty object": {},
    "no kty": {"kid": "k1"},
    "an unknown kty": {"kty": "AKP", "kid": "k1", "pub": "AAAA"},
    "a kty that is a list": {"kty": ["OKP"], "crv": "Ed25519", "x": "AAAA"},
    "a symmetric key": {"kty": "oct", "k": base64url_encode(b"x" * 32), "kid": "k1"},
    "RSA of 1024 bits": small_rsa(1024),
    "RSA of 2040 bits": small_rsa(2040),
    "RSA of 32768 bits": small_rsa(32768),
    "RSA with exponent 1": published(RSA, e="AQ"),
    "RSA with an even exponent": published(RSA, e="BA"),
    "RSA with an enormous exponent": published(RSA, e=base64url_encode(b"\xff" * 64)),
    "RSA without a modulus": published(RSA, n=None),
    "RSA with a number as modulus": published(RSA, n=5),
    "RSA with padding": published(RSA, e="AQAB===="),
    "an EC point off its curve": off_curve(),
    "an EC point of another length": published(EC, x="AAAA"),
    "an EC key on an unknown curve": published(EC, crv="P-1"),
    "an EC key without a curve": published(EC, crv=None),
    "an EC key whose curve is a list": published(EC, crv=["P-256"]),
    "an EC key whose coordinates are numbers": published(EC, x=1, y=2),
    "an OKP key of the wrong length": published(ED, x="AAAA"),
    "an OKP key without a value": published(ED, x=None),
    "a key id that is a number": published(ED, kid=5),
    "a key id that is too long": published(ED, kid="x" * 513),
    "an alg that is a list": published(ED, alg=["EdDSA"]),
    "a use that is a list": published(ED, use=["sig"]),
    "key_ops that are a text": published(ED, key_ops="verify"),
    "a private RSA key": RSA.as_dict(private=True),
    "a private EC key": EC.as_dict(private=True),
    "a private OKP key": ED.as_dict(private=True),
}


@pytest.mark.parametrize("entry", ODD_ENTRIES.values(), ids=ODD_ENTRIES)
async def test_an_odd_entry_is_left_out_and_spoils_nothing(entry: Any) -> None:
    # A1: an EC or Ed25519 key published before the RSA key refused every login.
    assert len(parse_key_set({"keys": [entry]})) == 0
    good = key_for("EdDSA", "good")
    for entries in ([entry, published(good)], [published(good), entry]):
        assert (await Bench(*entries).verify(sign(claims_of(), key=good))).subject == "alice"


@given(st.lists(JSON | st.dictionaries(st.sampled_from(["kty", "n", "e", "crv", "x", "y", "kid", "use"]), JSON)))
def test_no_list_of_anything_crashes_the_reader(entries: list[Any]) -> None:
    assert len(parse_key_set({"keys": [*entries, published(ED)]})) >= 1


@given(
    st.fixed_dictionaries(
        {"kty": st.sampled_from(["RSA", "EC", "OKP"])},
        optional={
            "crv": st.sampled_from(["P-256", "P-384", "P-521", "secp256k1", "Ed25519", "Ed448", "X25519", ""]) | JSON,
            **{name: st.from_regex(r"[A-Za-z0-9_-]{0,90}") | JSON for name in ("n", "e", "x", "y")},
        },
    )
)
def test_no_key_shaped_entry_crashes_the_reader(entry: dict[str, Any]) -> None:
    assert len(parse_key_set({"keys": [entry, published(ED)]})) >= 1


@pytest.mark.parametrize("document", [{}, {"keys": None}, {"keys": {}}, {"keys": "x"}])
def test_a_document_without_a_list_of_keys_is_misbehaviour(document: dict[str, Any]) -> None:
    with pytest.raises(RemoteMisbehaved):
        parse_key_set(document)


def test_only_so_many_keys_are_read() -> None:
    assert len(parse_key_set({"keys": [published(ED)] * 1000})) == 100


@pytest.mark.parametrize(
    "changes",
    [{"use": "sig"}, {"key_ops": ["verify"]}, {"alg": "EdDSA"}, {"alg": "Ed25519"}, {"x5c": 5}, {"vendor": {"a": 1}}],
    ids=str,
)
async def test_a_key_for_verifying_verifies(changes: dict[str, Any]) -> None:
    assert (await Bench(published(ED, **changes)).verify(sign(claims_of()))).subject == "alice"


@pytest.mark.parametrize(
    "changes",
    [
        {"use": "enc"},
        {"use": ""},
        {"key_ops": ["sign"]},
        {"key_ops": ["encrypt"]},
        {"key_ops": []},
        {"alg": "ES256"},
        {"alg": "ECDH-ES"},
        {"kid": "another"},
    ],
    ids=str,
)
async def test_a_key_for_something_else_verifies_nothing(changes: dict[str, Any]) -> None:
    # K2d, K2j: `kid` and `use` were ignored and every key was tried.
    bench = Bench(published(ED, **changes), published(RSA, kid="r"))
    with pytest.raises(InvalidToken):
        await bench.verify(sign(OLDER))


async def test_a_key_for_one_rsa_algorithm_does_not_verify_another() -> None:
    bench = Bench(published(RSA, alg="PS256"))
    assert (await bench.verify(sign(OLDER, algorithm="PS256"))).subject == "alice"
    with pytest.raises(InvalidToken):
        await bench.verify(sign(OLDER, algorithm="RS256"))


async def test_two_keys_of_one_id_are_both_tried() -> None:
    second = key_for("EdDSA", "second")
    bench = Bench(published(ED), published(second, kid="k1"), published(RSA))
    assert (await bench.verify(sign(claims_of(), key=second, kid="k1"))).subject == "alice"
    assert (await bench.verify(sign(claims_of(), algorithm="RS256"))).subject == "alice"


async def test_a_token_without_a_key_id_is_tried_with_every_fitting_key() -> None:
    bench = Bench(published(EC), published(key_for("EdDSA", "other")), published(ED))
    assert (await bench.verify(sign(claims_of(), kid=None))).subject == "alice"
    bench = Bench(published(EC, kid=None), published(ED, kid=None))
    assert (await bench.verify(sign(claims_of(), kid=None))).subject == "alice"
    with pytest.raises(InvalidToken):
        await bench.verify(sign(OLDER, kid="k1"))


@pytest.mark.parametrize("entries", [[{}], [{"kty": "oct", "k": "AAAA"}], [small_rsa(1024)]])
async def test_a_set_without_a_usable_key_is_an_issuer_that_cannot_be_asked(entries: list[Any]) -> None:
    with pytest.raises(IssuerUnavailable):
        await Bench(*entries).verify(sign(claims_of()))


async def test_a_later_set_without_a_usable_key_does_not_replace_a_good_one() -> None:
    bench = Bench()
    await bench.verify(sign(claims_of()))
    bench.entries = [{}]
    bench.clock.advance(601)
    assert (await bench.verify(sign(claims_of(exp=NOW + 5000)))).subject == "alice"


def test_the_reader_leaves_no_private_key_in_the_set() -> None:
    assert isinstance(RSA, jwk.RSAKey)
    assert len(parse_key_set({"keys": [RSA.as_dict(private=True), published(RSA)]})) == 1
