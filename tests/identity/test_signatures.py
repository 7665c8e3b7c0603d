"""Signatures: who may have made one, and what a header may not do."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.algorithms import ALGORITHMS as ACCEPTED
from mcpauthkit.identity.jws import UnverifiedToken, read_token
from mcpauthkit.identity.key_set import parse_key_set
from tests.identity.bench import ALGORITHMS, NOW, Bench, claims_of, key_for, published, sign, sign_by_hand

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "signatures.json").read_text())


def taken_apart(vector: dict[str, Any], *, changed_bit: int | None = None) -> UnverifiedToken:
    first, _, last = vector["jws"].rpartition(".")
    signature = bytearray(base64url_decode(last))
    if changed_bit is not None:
        signature[changed_bit // 8] ^= 1 << changed_bit % 8
    return UnverifiedToken(ACCEPTED[vector["alg"]], None, {}, first.encode(), bytes(signature))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["source"])
def test_the_rfcs_own_signatures_verify_and_no_changed_one_does(vector: dict[str, Any]) -> None:
    keys = parse_key_set({"keys": [vector["key"]]})
    assert taken_apart(vector).is_signed_by(keys) is True
    for bit in range(0, 512, 37):
        assert taken_apart(vector, changed_bit=bit).is_signed_by(keys) is False


def test_the_table_holds_what_the_design_promises_and_nothing_symmetric() -> None:
    assert set(ACCEPTED) == set(ALGORITHMS)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_every_accepted_algorithm_signs_in(algorithm: str) -> None:
    bench = Bench(published(key_for(algorithm)))
    principal = await bench.verify(sign(claims_of(), algorithm=algorithm))
    assert principal.subject == "alice"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_another_key_of_the_same_kind_is_refused(algorithm: str) -> None:
    bench = Bench(published(key_for(algorithm)))
    foreign = sign(claims_of(), algorithm=algorithm, key=key_for(algorithm, "foreign"), kid="k1")
    with pytest.raises(InvalidToken):
        await bench.verify(foreign)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@given(signature=st.binary(max_size=600))
def test_no_made_up_signature_passes_or_crashes(algorithm: str, signature: bytes) -> None:
    keys = parse_key_set({"keys": [published(key_for(algorithm))]})
    assert UnverifiedToken(ACCEPTED[algorithm], "k1", {}, b"a.b", signature).is_signed_by(keys) is False


@pytest.mark.parametrize(
    "name", ["none", "None", "NONE", "", "HS256", "HS512", "rs256", "RS1", "ES256K", "Ed448", "dir", None, 5, ["RS256"]]
)
async def test_an_algorithm_off_the_list_is_refused(name: Any) -> None:
    header, payload, signature = sign(claims_of()).split(".")
    header = base64url_encode(json.dumps({"alg": name, "kid": "k1"}).encode())
    for end in (signature, ""):
        with pytest.raises(InvalidToken):
            await Bench().verify(f"{header}.{payload}.{end}")


async def test_the_public_key_is_no_hmac_secret() -> None:
    # P1a, P6b
    key = key_for("RS256")
    for secret in (key.as_pem(private=False), json.dumps(published(key)).encode(), str(published(key)["n"]).encode()):
        header = base64url_encode(json.dumps({"alg": "HS256", "kid": "k1"}).encode())
        first = f"{header}.{base64url_encode(json.dumps(claims_of()).encode())}"
        mac = base64url_encode(hmac.digest(secret, first.encode(), hashlib.sha256))
        with pytest.raises(InvalidToken):
            await Bench(published(key)).verify(f"{first}.{mac}")


@pytest.mark.parametrize(("declared", "signed"), [("ES256", "RS256"), ("RS256", "ES256"), ("PS256", "RS256")])
async def test_a_token_of_one_family_is_not_verified_as_another(declared: str, signed: str) -> None:
    _, payload, signature = sign(claims_of(), algorithm=signed).split(".")
    header = base64url_encode(json.dumps({"alg": declared, "kid": "k1"}).encode())
    bench = Bench(published(key_for(signed)), published(key_for(declared)))
    with pytest.raises(InvalidToken):
        await bench.verify(f"{header}.{payload}.{signature}")


@pytest.mark.parametrize(
    "member",
    [
        {"jwk": published(key_for("EdDSA", "attacker"))},
        {"jku": "https://evil.example/jwks"},
        {"x5u": "https://evil.example/cert"},
        {"x5c": ["AAAA"]},
    ],
    ids=lambda member: next(iter(member)),
)
@pytest.mark.parametrize("key_id", ["k1", "attacker", None])
async def test_a_token_does_not_bring_its_own_key(member: dict[str, Any], key_id: str | None) -> None:
    key = key_for("EdDSA", "attacker")
    header = {"alg": "EdDSA", **({"kid": key_id} if key_id else {}), **member}
    with pytest.raises(InvalidToken):
        await Bench().verify(sign_by_hand(header, json.dumps(claims_of()).encode(), key))


@pytest.mark.parametrize("member", [{"jwk": {"kty": "oct"}}, {"jku": "https://evil.example"}, {"x5c": 5}], ids=str)
async def test_members_we_do_not_look_at_do_no_harm(member: dict[str, Any]) -> None:
    header = {"alg": "EdDSA", "kid": "k1", **member}
    token = sign_by_hand(header, json.dumps(claims_of()).encode(), key_for("EdDSA"))
    assert (await Bench().verify(token)).subject == "alice"


@pytest.mark.parametrize("value", [["exp"], ["b64"], ["unknown"], [], None, "exp"])
async def test_a_critical_extension_is_refused(value: Any) -> None:
    # K2e; RFC 7515 section 4.1.11
    header = {"alg": "EdDSA", "kid": "k1", "crit": value, "b64": True}
    with pytest.raises(InvalidToken):
        await Bench().verify(sign_by_hand(header, json.dumps(claims_of()).encode(), key_for("EdDSA")))


@pytest.mark.parametrize("typ", [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt", "Application/JWT"])
async def test_types_of_access_tokens_are_accepted(typ: str | None) -> None:
    assert (await Bench().verify(sign(claims_of(), typ=typ))).subject == "alice"


@pytest.mark.parametrize(
    "typ", ["", "id+jwt", "logout+jwt", "dpop+jwt", "secevent+jwt", "JOSE", "at+jwt ", "at+jwt;a=b", "application/"]
)
async def test_tokens_of_another_type_are_refused(typ: str) -> None:
    # K1d: ID tokens passed as access tokens.
    with pytest.raises(InvalidToken):
        await Bench().verify(sign(claims_of(), typ=typ))


@pytest.mark.parametrize("typ", [5, True, ["JWT"], {"a": "JWT"}])
async def test_a_type_that_is_no_text_is_refused(typ: Any) -> None:
    header = {"alg": "EdDSA", "kid": "k1", "typ": typ}
    with pytest.raises(InvalidToken):
        await Bench().verify(sign_by_hand(header, json.dumps(claims_of()).encode(), key_for("EdDSA")))


GOOD = sign(claims_of())


@pytest.mark.parametrize(
    "token",
    [
        "",
        "a",
        ".",
        "..",
        "...",
        GOOD.rpartition(".")[0],
        GOOD.rpartition(".")[0] + ".",
        f"{GOOD}.",
        f"{GOOD}.x",
        f"{GOOD}.x.y",
        f" {GOOD}",
        f"{GOOD}\n",
        f"{GOOD}=",
        GOOD.replace("_", "/").replace("-", "+") + "+/",
        "é" + GOOD,
        GOOD + "A" * 16_384,
        "A" * 20_000,
        sign("[]"),
        sign("5"),
        sign('"text"'),
        sign("not json"),
        sign(b"\xff\xfe"),
        sign(""),
        sign('{"iss":"https://issuer.example","iss":"https://issuer.example"}'),
        sign(json.dumps(claims_of()).replace(str(claims_of()["exp"]), "NaN")),
        sign(claims_of(deep=json.loads("[" * 12 + "]" * 12))),
        sign(claims_of(), pad="x" * 5000),
        sign(claims_of(), deep=[[[[[]]]]]),
        sign(claims_of(), kid="x" * 513),
    ],
    ids=lambda token: f"{token[:12]!r} of {len(token)}",
)
async def test_a_malformed_token_is_refused_without_asking_the_issuer(token: str) -> None:
    bench = Bench()
    with pytest.raises(InvalidToken):
        await bench.verify(token)
    assert bench.fetches == 0


@pytest.mark.parametrize("kid", [5, ["k1"], {"k1": 1}, True])
async def test_a_key_id_that_is_no_text_is_refused(kid: Any) -> None:
    header = {"alg": "EdDSA", "kid": kid}
    with pytest.raises(InvalidToken):
        await Bench().verify(sign_by_hand(header, json.dumps(claims_of()).encode(), key_for("EdDSA")))


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,30}(\.[A-Za-z0-9_-]{0,30}){0,5}"))
def test_no_text_raises_anything_but_invalid_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        read_token(text)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "x"]), st.sampled_from(["RS256", "", 1, None, []]))
)
def test_no_header_raises_anything_but_invalid_token(header: dict[str, Any]) -> None:
    token = f"{base64url_encode(json.dumps(header).encode())}.{GOOD.split('.', 1)[1]}"
    try:
        read = read_token(token)
    except InvalidToken:
        return
    assert read.algorithm.name == header["alg"]


async def test_every_single_bit_change_of_a_token_is_refused() -> None:
    bench = Bench()
    # Issued long before the keys were fetched, so that a changed key id is no riddle.
    token = sign(claims_of(iat=NOW - 600))
    await bench.verify(token)
    for position, character in enumerate(token):
        other = chr(ord(character) ^ 1)
        with pytest.raises(InvalidToken):
            await bench.verify(token[:position] + other + token[position + 1 :])
