"""Encrypted tokens of strangers: refused before anything is decrypted where possible, and all with one answer."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.jwe import MAX_ENCRYPTED_TOKEN_LENGTH, read_encrypted_token
from tests.identity.jwe_bench import (
    CONTENT_ENCRYPTIONS,
    NESTED,
    by_joserfc,
    encrypt,
    joined,
    keys_of,
    private,
    segments_of,
)

GOOD = encrypt()
AGREED = encrypt(kind="P-256")
HEADER, KEY, IV, CIPHERTEXT, TAG = segments_of(GOOD)


def with_members(token: str, **changes: Any) -> str:
    """The token with another header, which breaks its tag too."""
    header, *rest = token.split(".")
    members = {**json.loads(base64url_decode(header)), **changes}
    return ".".join([base64url_encode(json.dumps(members).encode()), *rest])


OTHER_ALGORITHMS = (
    *("RSA1_5", "RSA-OAEP-1", "rsa-oaep-256", "dir", "A128KW", "A256KW", "A256GCMKW", "PBES2-HS256+A128KW"),
    *("PBES2-HS512+A256KW", "ECDH-ES+A192KW", "ECDH-1PU", "RS256", "none", "", None, 5, True),
    *(["RSA-OAEP-256"], {"RSA-OAEP-256": 1}),
)


@pytest.mark.parametrize("name", OTHER_ALGORITHMS, ids=str)
def test_a_key_management_algorithm_off_the_list_is_refused_unread(name: Any) -> None:
    # The claim alone is wrong: everything else of these tokens is as in a good one.
    with pytest.raises(InvalidToken):
        read_encrypted_token(encrypt(alg=name))


@pytest.mark.parametrize(
    "name",
    ["A192GCM", "A192CBC-HS384", "a256gcm", "none", "", "A256CBC", "XC20P", "RSA-OAEP-256", None, 5, ["A256GCM"]],
    ids=str,
)
def test_a_content_encryption_off_the_list_is_refused_unread(name: Any) -> None:
    with pytest.raises(InvalidToken):
        read_encrypted_token(encrypt(enc=name))


@pytest.mark.parametrize(
    "member",
    [
        {"zip": "DEF"},
        {"zip": "def"},
        {"zip": ""},
        {"zip": 0},
        {"crit": ["exp"]},
        {"crit": []},
        {"crit": ["alg"]},
        {"kid": 5},
        {"kid": ["e1"]},
        {"kid": "x" * 513},
        {"x": [[[[[]]]]]},
        {"x": "x" * 4096},
    ],
    ids=lambda member: repr(member)[:24],
)
def test_a_header_we_do_not_want_is_refused_unread(member: dict[str, Any]) -> None:
    token = encrypt(**member)
    with pytest.raises(InvalidToken):
        read_encrypted_token(token)
    # Of the same making, but without the member, it is good.
    assert keys_of("RSA").decrypt(encrypt()).is_nested


@pytest.mark.parametrize("name", ["zip", "crit", "kid", "cty"])
def test_a_member_that_is_null_counts_as_present(name: str) -> None:
    # J7: zip bombs are refused whatever `zip` says.
    header = json.dumps({"alg": "RSA-OAEP-256", "enc": "A256GCM", name: None}).encode()
    with pytest.raises(InvalidToken):
        read_encrypted_token(joined(header, KEY, IV, CIPHERTEXT, TAG))


def test_a_repeated_header_member_is_refused() -> None:
    header = HEADER[:-1] + b',"alg":"RSA-OAEP-256"}'
    with pytest.raises(InvalidToken):
        read_encrypted_token(joined(header, KEY, IV, CIPHERTEXT, TAG))


@pytest.mark.parametrize(
    "member", [{"jwk": {"kty": "oct", "k": "AAAA"}}, {"jku": "https://evil.example"}, {"x5c": 5}, {"p2c": 10**9}]
)
def test_members_we_do_not_look_at_do_no_harm(member: dict[str, Any]) -> None:
    assert keys_of("RSA").decrypt(encrypt(**member)).is_nested


MALFORMED = {
    "empty": "",
    "a dot": ".",
    "four dots": "....",
    "five dots": ".....",
    "a signed token": NESTED,
    "four segments": GOOD.rpartition(".")[0],
    "an empty sixth segment": f"{GOOD}.",
    "a sixth segment": f"{GOOD}.x",
    "padding": f"{GOOD}=",
    "space before": f" {GOOD}",
    "newline behind": f"{GOOD}\n",
    "not ASCII": "é" + GOOD,
    "an empty key and six segments": GOOD.replace(".", "..", 1),
    "too long": "A" * (MAX_ENCRYPTED_TOKEN_LENGTH + 1),
    "an empty header": joined(b"{}", KEY, IV, CIPHERTEXT, TAG),
    "a header that is a list": joined(b"[]", KEY, IV, CIPHERTEXT, TAG),
    "a header that is no text": joined(b"\xff", KEY, IV, CIPHERTEXT, TAG),
    "a deep header": joined(b"[" * 3000, KEY, IV, CIPHERTEXT, TAG),
    "no iv": joined(HEADER, KEY, b"", CIPHERTEXT, TAG),
    "a short iv": joined(HEADER, KEY, IV[:-1], CIPHERTEXT, TAG),
    "a long iv": joined(HEADER, KEY, IV + bytes(4), CIPHERTEXT, TAG),
    "no tag": joined(HEADER, KEY, IV, CIPHERTEXT, b""),
    "a tag of 4 bytes": joined(HEADER, KEY, IV, CIPHERTEXT, TAG[:4]),
    "a tag of 12 bytes": joined(HEADER, KEY, IV, CIPHERTEXT, TAG[:12]),
    "a long tag": joined(HEADER, KEY, IV, CIPHERTEXT, TAG + b"\0"),
    "a long ciphertext": joined(HEADER, KEY, IV, bytes(MAX_ENCRYPTED_TOKEN_LENGTH), TAG),
}


@pytest.mark.parametrize("token", MALFORMED.values(), ids=MALFORMED)
def test_a_malformed_token_is_refused_before_any_key_is_used(token: str) -> None:
    with pytest.raises(InvalidToken):
        read_encrypted_token(token)


def test_the_longest_signed_token_fits_when_encrypted() -> None:
    inner = f"{'a' * 16_000}.{'b' * 200}.{'c' * 180}"
    assert keys_of("RSA").decrypt(encrypt(inner)).payload.decode() == inner


WRONG_KEYS = {
    "none": b"",
    "a byte short": KEY[:-1],
    "a byte long": KEY + b"\0",
    "zero": bytes(256),
    "too large a number": b"\xff" * 256,
    "long": b"\xff" * 4096,
}


@pytest.mark.parametrize("wrapped", WRONG_KEYS.values(), ids=WRONG_KEYS)
def test_a_wrapped_key_that_is_none_does_not_open(wrapped: bytes) -> None:
    with pytest.raises(InvalidToken):
        keys_of("RSA").decrypt(joined(HEADER, wrapped, IV, CIPHERTEXT, TAG))


def test_a_content_key_of_another_size_does_not_open() -> None:
    short = encrypt(algorithms=("RSA-OAEP-256", "A128GCM"), enc="A256GCM")
    with pytest.raises(InvalidToken):
        keys_of("RSA").decrypt(short)


def test_direct_agreement_brings_no_wrapped_key() -> None:
    header, wrapped, *rest = segments_of(AGREED)
    assert wrapped == b""
    with pytest.raises(InvalidToken):
        keys_of("P-256").decrypt(joined(header, bytes(40), *rest))


P256_X, P256_Y = (json.loads(segments_of(AGREED)[0])["epk"][name] for name in ("x", "y"))
ZERO = base64url_encode(bytes(32))
POINTS: dict[str, Any] = {
    "absent": None,
    "text": "P-256",
    "list": [P256_X, P256_Y],
    "empty": {},
    "unknown curve": {"kty": "EC", "crv": "secp256k1", "x": P256_X, "y": P256_Y},
    "another of our curves": {"kty": "OKP", "crv": "X25519", "x": P256_X},
    "curve of another type": {"kty": "EC", "crv": "X25519", "x": P256_X, "y": P256_Y},
    "type of another curve": {"kty": "OKP", "crv": "P-256", "x": P256_X, "y": P256_Y},
    "curve that is a list": {"kty": "EC", "crv": ["P-256"], "x": P256_X, "y": P256_Y},
    "no y": {"kty": "EC", "crv": "P-256", "x": P256_X},
    "off the curve": {"kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_X},
    "origin": {"kty": "EC", "crv": "P-256", "x": ZERO, "y": ZERO},
    "short coordinate": {"kty": "EC", "crv": "P-256", "x": P256_X, "y": P256_Y[:-4]},
    "long coordinate": {"kty": "EC", "crv": "P-256", "x": "AAAA" + P256_X, "y": P256_Y},
    "not base64url": {"kty": "EC", "crv": "P-256", "x": P256_X, "y": "=" * 43},
    "numbers": {"kty": "EC", "crv": "P-256", "x": 1, "y": 2},
    "symmetric": {"kty": "oct", "k": P256_X},
}


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_an_ephemeral_key_that_is_no_point_of_our_curve_is_refused(point: Any) -> None:
    # Invalid curve attack: RFC 8725 section 3.5.
    with pytest.raises(InvalidToken):
        keys_of("P-256", "X25519").decrypt(with_members(AGREED, epk=point))


@pytest.mark.parametrize("x", [ZERO, base64url_encode(b"\1" + bytes(31)), base64url_encode(b"\xff" * 31 + b"\x7f")])
def test_a_point_of_small_order_is_refused(x: str) -> None:
    # It makes every agreed key the same (RFC 7748 section 6.1).
    token = with_members(encrypt(kind="X25519"), epk={"kty": "OKP", "crv": "X25519", "x": x})
    with pytest.raises(InvalidToken):
        keys_of("X25519").decrypt(token)


@pytest.mark.parametrize("party", ["=", "a", 5, ["QQ"], None, {}, "A" * 400])
@pytest.mark.parametrize("name", ["apu", "apv"])
def test_party_information_that_is_no_short_base64url_is_refused(name: str, party: Any) -> None:
    with pytest.raises(InvalidToken):
        read_encrypted_token(with_members(AGREED, **{name: party}))


@pytest.mark.parametrize("enc", CONTENT_ENCRYPTIONS)
def test_no_bit_of_any_segment_may_change(enc: str) -> None:
    keys = keys_of("P-256")
    segments = segments_of(encrypt(kind="P-256", algorithms=("ECDH-ES+A128KW", enc)))
    assert keys.decrypt(joined(*segments)).is_nested
    for place, segment in enumerate(segments):
        for position in range(0, len(segment), 1 if place != 3 else 7):
            changed = segment[:position] + bytes([segment[position] ^ 1]) + segment[position + 1 :]
            with pytest.raises(InvalidToken):
                keys.decrypt(joined(*segments[:place], changed, *segments[place + 1 :]))


def test_no_character_of_a_token_may_change() -> None:
    keys = keys_of("X25519")
    token = encrypt("a.b.c", kind="X25519")
    assert keys.decrypt(token).is_nested
    for position, character in enumerate(token):
        with pytest.raises(InvalidToken):
            keys.decrypt(token[:position] + chr(ord(character) ^ 1) + token[position + 1 :])


def test_parts_of_two_good_tokens_make_no_third() -> None:
    keys, other = keys_of("RSA"), segments_of(encrypt(f"{NESTED}A"))
    segments = [HEADER, KEY, IV, CIPHERTEXT, TAG]
    for place in (1, 2, 3, 4):
        with pytest.raises(InvalidToken):
            keys.decrypt(joined(*segments[:place], other[place], *segments[place + 1 :]))


def test_every_failure_looks_the_same_outside() -> None:
    # RFC 7516 section 11.5: which step failed must not be told.
    failures = [
        "nonsense",
        encrypt(name="foreign"),
        encrypt(alg="RSA1_5"),
        encrypt(zip="DEF"),
        joined(HEADER, bytes(256), IV, CIPHERTEXT, TAG),
        joined(HEADER, KEY, IV, CIPHERTEXT, bytes(16)),
        joined(HEADER, KEY, IV, b"", TAG),
        encrypt("neither"),
        encrypt(AGREED),
        by_joserfc("x" * 15, private("RSA"), {"alg": "RSA-OAEP", "enc": "A128CBC-HS256"}),
    ]
    seen = set()
    for token in failures:
        with pytest.raises(InvalidToken) as caught:
            keys_of("RSA").decrypt(token)
        seen.add((type(caught.value), caught.value.public, caught.value.code, caught.value.hint))
    assert len(seen) == 1


@given(st.text() | st.from_regex(r"[A-Za-z0-9_-]{0,30}(\.[A-Za-z0-9_-]{0,30}){4}"))
def test_no_text_raises_anything_but_invalid_token(text: str) -> None:
    with pytest.raises(InvalidToken):
        keys_of("RSA", "P-256", "X25519").decrypt(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(["alg", "enc", "kid", "typ", "cty", "zip", "crit", "epk", "apu", "apv", "p2c", "x"])


@given(header=st.dictionaries(MEMBERS, JSON), good=st.sampled_from([GOOD, AGREED, encrypt(kind="X25519")]))
def test_no_header_raises_anything_but_invalid_token(header: dict[str, Any], good: str) -> None:
    changed = with_members(good, **header)
    if changed.partition(".")[0] == good.partition(".")[0]:
        return
    with pytest.raises(InvalidToken):
        keys_of("RSA", "P-256", "X25519").decrypt(changed)


@given(
    st.lists(st.binary(max_size=300), min_size=4, max_size=4),
    st.sampled_from(["RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW"]),
)
def test_no_content_raises_anything_but_invalid_token(segments: list[bytes], alg: str) -> None:
    header = json.dumps({"alg": alg, "enc": "A128GCM", "epk": json.loads(segments_of(AGREED)[0])["epk"]}).encode()
    with pytest.raises(InvalidToken):
        keys_of("RSA", "P-256").decrypt(joined(header, *segments))
