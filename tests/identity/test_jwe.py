"""Encrypted tokens: what opens, with which key, and what is inside."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.encryption import CONTENT_ENCRYPTION, KEY_MANAGEMENT
from mcpauthkit.identity.jwe import read_encrypted_token
from tests.identity.bench import claims_of
from tests.identity.jwe_bench import (
    AGREEMENTS,
    CONTENT_ENCRYPTIONS,
    CURVES,
    MANAGEMENT,
    NESTED,
    OAEP,
    by_joserfc,
    encrypt,
    keys_of,
    members,
    private,
)

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "jwe.json").read_text())
CLAIMS = json.dumps(claims_of())


@pytest.mark.parametrize("vector", VECTORS["opened"], ids=lambda vector: vector["source"])
def test_the_rfcs_own_tokens_open(vector: dict[str, Any]) -> None:
    keys = DecryptionKeys.from_jwks(vector["key"])
    assert keys.open(read_encrypted_token(vector["jwe"])).decode() == vector["plaintext"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["source"])
def test_the_rfcs_tokens_of_algorithms_we_refuse_do_not_open(vector: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        read_encrypted_token(vector["jwe"])


def test_the_nested_token_of_rfc_7520_is_taken_for_one() -> None:
    vector = next(one for one in VECTORS["opened"] if one["source"] == "RFC 7520 section 6")
    opened = DecryptionKeys.from_jwks(vector["key"]).decrypt(vector["jwe"])
    assert (opened.is_nested, opened.payload.decode()) == (True, vector["plaintext"])


def test_the_tables_hold_what_the_design_promises_and_nothing_symmetric() -> None:
    assert set(KEY_MANAGEMENT) == {*OAEP, *AGREEMENTS}
    assert set(CONTENT_ENCRYPTION) == set(CONTENT_ENCRYPTIONS)


@pytest.mark.parametrize("enc", CONTENT_ENCRYPTIONS)
@pytest.mark.parametrize(("kind", "alg"), MANAGEMENT)
def test_every_accepted_algorithm_opens(kind: str, alg: str, enc: str) -> None:
    opened = keys_of(kind).decrypt(encrypt(kind=kind, algorithms=(alg, enc)))
    assert (opened.is_nested, opened.payload.decode()) == (True, NESTED)


@pytest.mark.parametrize("enc", CONTENT_ENCRYPTIONS)
@pytest.mark.parametrize(("kind", "alg"), [one for one in MANAGEMENT if one[1] not in OAEP[2:]])
def test_tokens_made_by_other_code_open(kind: str, alg: str, enc: str) -> None:
    token = by_joserfc(NESTED, private(kind), {"alg": alg, "enc": enc, "cty": "JWT"})
    assert keys_of(kind).decrypt(token).payload.decode() == NESTED


@pytest.mark.parametrize(("kind", "alg"), MANAGEMENT)
@pytest.mark.parametrize("kid", ["e1", None])
def test_another_key_of_the_same_kind_does_not_open(kind: str, alg: str, kid: str | None) -> None:
    token = encrypt(kind=kind, name="foreign", algorithms=(alg, "A256GCM"), kid=kid)
    with pytest.raises(InvalidToken):
        keys_of(kind).decrypt(token)


def test_the_header_of_a_certified_issuer_is_accepted() -> None:
    # joserfc's own reader refuses `iss` and `aud` there.
    token = encrypt(iss="https://issuer.example", aud="https://m.example/mcp", typ="JWT", cty="at+jwt")
    assert keys_of("RSA").decrypt(token).is_nested


@pytest.mark.parametrize("cty", [None, "JWT", "jwt", "at+jwt", "AT+JWT", "application/jwt", "Application/at+JWT"])
def test_every_spelling_of_a_nested_token_is_accepted(cty: str | None) -> None:
    assert keys_of("RSA").decrypt(encrypt(cty=cty)).is_nested


@pytest.mark.parametrize("typ", [None, "JWT", "JWE", "at+jwt", "whatever", 5])
def test_the_type_of_the_outer_header_is_free(typ: Any) -> None:
    assert keys_of("RSA").decrypt(encrypt(typ=typ)).is_nested


@pytest.mark.parametrize("cty", [None, "json", "application/json", "JSON"])
def test_claims_without_a_signature_are_told_from_a_signed_token(cty: str | None) -> None:
    opened = keys_of("RSA").decrypt(encrypt(f" \n{CLAIMS}", cty=cty))
    assert (opened.is_nested, json.loads(opened.payload)) == (False, claims_of())


@pytest.mark.parametrize(
    ("payload", "cty"),
    [
        (CLAIMS, "JWT"),
        (CLAIMS, "at+jwt"),
        (NESTED, "json"),
        (NESTED, "text/plain"),
        (NESTED, ""),
        (NESTED, 5),
        (NESTED, ["JWT"]),
        (NESTED, "JWT "),
        ("", None),
        ("[]", None),
        ("text", None),
        ("a.b", None),
        ("a.b.c.d", None),
        ("..", None),
        ("a.b.", None),
        (f"{NESTED}\n", None),
        (f" {NESTED}", None),
        (b"\xff\xfe", None),
        ("é.b.c", None),
    ],
    ids=lambda value: repr(value)[:24],
)
def test_content_that_is_neither_or_not_what_the_header_says_is_refused(payload: str | bytes, cty: Any) -> None:
    with pytest.raises(InvalidToken):
        keys_of("RSA").decrypt(encrypt(payload, cty=cty))


@pytest.mark.parametrize("cty", [None, "JWT", "json"])
def test_an_encrypted_token_inside_an_encrypted_token_is_refused(cty: str | None) -> None:
    # J6, and the depth the issue allows: one signature in one encryption.
    keys = keys_of("RSA", "P-256")
    inner = encrypt(kind="P-256")
    assert keys.decrypt(inner).is_nested
    with pytest.raises(InvalidToken):
        keys.decrypt(encrypt(inner, cty=cty))


def two_keys(**options: Any) -> DecryptionKeys:
    return DecryptionKeys.from_jwks({"keys": [members("P-256", "old"), members("P-256", "new")]}, **options)


@pytest.mark.parametrize("name", ["old", "new"])
@pytest.mark.parametrize("kid", ["own", None, "the producer's own name"])
def test_each_of_several_keys_opens_wherever_it_stands(name: str, kid: str | None) -> None:
    # J3a, J3b
    token = encrypt(kind="P-256", name=name, kid=name if kid == "own" else kid)
    assert two_keys().decrypt(token).is_nested


def test_a_key_that_the_token_names_is_the_only_one_tried() -> None:
    with pytest.raises(InvalidToken):
        two_keys().decrypt(encrypt(kind="P-256", name="new", kid="old"))


def test_keys_of_other_kinds_are_passed_over() -> None:
    keys = keys_of("X25519", "P-384", "RSA", "P-256")
    for kind in ("RSA", "P-256", "P-384", "X25519"):
        assert keys.decrypt(encrypt(kind=kind, kid=None)).is_nested
        # All four have the same name here, which RFC 7517 section 4.5 allows for different types.
        assert keys.decrypt(encrypt(kind=kind, kid="e1")).is_nested
    with pytest.raises(InvalidToken):
        keys.decrypt(encrypt(kind="P-521", kid=None))


def test_a_key_for_one_algorithm_opens_no_other() -> None:
    keys = DecryptionKeys.from_jwks(members("RSA", alg="RSA-OAEP-512"))
    assert keys.decrypt(encrypt(algorithms=("RSA-OAEP-512", "A128GCM"))).is_nested
    with pytest.raises(InvalidToken):
        keys.decrypt(encrypt(algorithms=("RSA-OAEP-256", "A128GCM")))


def test_a_key_is_rotated_without_a_moment_in_which_a_token_is_refused() -> None:
    old, new = encrypt(kind="P-256", name="old"), encrypt(kind="P-256", name="new")
    for step in ({"unpublished": ["new"]}, {}, {"unpublished": ["old"]}):
        keys = two_keys(**step)
        assert keys.decrypt(old).is_nested
        assert keys.decrypt(new).is_nested
        published = {entry["kid"] for entry in keys.public_jwks()["keys"]}
        assert published == {"old", "new"} - set(step.get("unpublished", ()))
    withdrawn = DecryptionKeys.from_jwks(members("P-256", "new"))
    with pytest.raises(InvalidToken):
        withdrawn.decrypt(old)


def test_nothing_of_a_token_shows_in_its_repr() -> None:
    token = encrypt(CLAIMS, cty=None)
    opened = keys_of("RSA").decrypt(token)
    shown = repr(opened) + repr(read_encrypted_token(token)) + repr(keys_of("RSA"))
    assert "alice" not in shown
    assert not any(segment in shown for segment in token.split(".")[1:])
    assert str(private("RSA").as_dict(private=True)["d"]) not in shown


@pytest.mark.parametrize("curve", CURVES)
def test_party_information_is_part_of_the_key(curve: str) -> None:
    # RFC 7518 section 4.6.1.2
    header = {"alg": "ECDH-ES", "enc": "A128GCM", "apu": "QWxpY2U", "apv": "Qm9i"}
    assert keys_of(curve).decrypt(by_joserfc(NESTED, private(curve), header)).payload.decode() == NESTED
