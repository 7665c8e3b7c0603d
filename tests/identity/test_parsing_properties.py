"""What holds for every header and every set of claims, however odd."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mcpauthkit import Principal
from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.errors import ExpiredToken, InvalidToken, WrongAudience
from mcpauthkit.identity.algorithms import ALGORITHMS
from mcpauthkit.identity.claims import check_audience, principal_from
from mcpauthkit.identity.jws import UnverifiedToken, read_token
from mcpauthkit.identity.key_set import parse_key_set
from tests.identity.bench import ISSUER, NOW, claims_of, key_for, published, sign, sign_by_hand

AUDIENCE = "https://m.example/mcp"
LAST_SECOND = 253_402_300_799
KEYS = parse_key_set({"keys": [published(key_for("EdDSA"))]})
TAIL = sign(claims_of()).split(".", 1)[1]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
HEADER_NAMES = st.sampled_from(
    ["alg", "kid", "typ", "cty", "crit", "b64", "zip", "jwk", "jku", "x5u", "x5c", "x5t", "enc", "epk", "iss", "exp"]
)
CLAIM_NAMES = st.sampled_from(
    [
        *("iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope", "scp", "roles", "realm_access", "resource_access"),
        *("client_id", "azp", "cid", "appid", "email", "name"),
    ]
)
GOOD_HEADER = {"alg": "EdDSA", "kid": "k1", "typ": "at+jwt"}


def judged(claims: Mapping[str, Any]) -> Principal:
    return principal_from(claims, issuer=ISSUER, now=NOW, leeway_seconds=60)


def check_read(token: UnverifiedToken) -> None:
    """Everything that is read is of the type that it is declared to be."""
    assert token.algorithm in ALGORITHMS.values()
    assert {type(token.key_id), type(token.declared_type)} <= {str, type(None)}
    assert len(token.key_id or "") <= 512
    assert type(token.claims) is dict
    assert 0 < len(token.signature) <= 2048


@given(st.dictionaries(HEADER_NAMES | TEXTS, JSON, max_size=6))
def test_no_member_of_a_header_is_taken_for_what_it_is_not(changes: dict[str, Any]) -> None:
    header = {**GOOD_HEADER, **changes}
    text = f"{base64url_encode(json.dumps(header).encode())}.{TAIL}"
    try:
        token = read_token(text)
    except InvalidToken:
        return
    check_read(token)
    assert "crit" not in header
    assert (token.algorithm.name, token.key_id, token.declared_type) == (header["alg"], header["kid"], header["typ"])


@given(st.binary(max_size=200))
def test_no_bytes_of_a_header_do_more_than_be_refused(data: bytes) -> None:
    # Whatever these bytes are, they are not the header that was signed.
    try:
        token = read_token(f"{base64url_encode(data)}.{TAIL}")
    except InvalidToken:
        return
    check_read(token)
    assert not token.is_signed_by(KEYS)


@given(st.dictionaries(HEADER_NAMES.filter(lambda name: name not in GOOD_HEADER and name != "crit"), JSON, max_size=4))
def test_members_that_mean_nothing_to_us_change_nothing(others: dict[str, Any]) -> None:
    try:
        token = read_token(sign_by_hand({**GOOD_HEADER, **others}, json.dumps(claims_of()).encode(), key_for("EdDSA")))
    except InvalidToken:
        # Only for what no header may hold, whoever reads it: too deep, too long, or no JSON.
        assert not _is_plain(others)
        return
    assert token.is_signed_by(KEYS) is True
    assert token.key_id == "k1"


def _is_plain(value: Any) -> bool:
    try:
        text = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except ValueError:
        return False
    return text.count(b"[") + text.count(b"{") <= 4 and len(text) < 3000


@given(st.dictionaries(CLAIM_NAMES | TEXTS, JSON, max_size=8))
def test_no_claim_is_taken_for_what_it_is_not(changes: dict[str, Any]) -> None:
    text = sign(json.dumps({**claims_of(), **changes}))
    try:
        token = read_token(text)
        assert token.is_signed_by(KEYS) is True
        principal = judged(token.claims)
    except InvalidToken:
        return
    assert principal.issuer == ISSUER
    assert isinstance(principal.subject, str)
    assert principal.subject
    assert principal.subject.isprintable()
    assert all(isinstance(one, str) for one in (*principal.scopes, *principal.roles, *principal.audience))
    assert principal.client_id is None or isinstance(principal.client_id, str)
    assert principal.expires_at is not None
    assert NOW - 60 < principal.expires_at <= LAST_SECOND
    assert principal.issued_at is None or 0 <= principal.issued_at <= NOW + 60


NUMBERS = (
    st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.integers(NOW - 120, NOW + 120)
    | st.floats(NOW - 120, NOW + 120)
)


@given(NUMBERS)
def test_a_token_lasts_until_its_end_and_the_leeway_to_the_second(instant: float) -> None:
    if not 0 <= instant <= LAST_SECOND:
        with pytest.raises(InvalidToken):
            judged(claims_of(exp=instant))
    elif instant + 60 > NOW:
        assert judged(claims_of(exp=instant)).expires_at == instant
    else:
        with pytest.raises(ExpiredToken):
            judged(claims_of(exp=instant))


@pytest.mark.parametrize("name", ["nbf", "iat"])
@given(instant=NUMBERS)
def test_a_token_counts_from_its_beginning_less_the_leeway_on(name: str, instant: float) -> None:
    if 0 <= instant <= NOW + 60:
        assert judged(claims_of(**{name: instant}))[name] == instant
    else:
        with pytest.raises(InvalidToken):
            judged(claims_of(**{name: instant}))


@given(st.permutations(list(claims_of().items())), st.booleans(), st.sampled_from([None, 1, "\t"]), TEXTS)
def test_the_same_claims_mean_the_same_however_they_are_written(
    pairs: list[tuple[str, Any]], ascii_only: bool, indent: Any, name: str
) -> None:
    members = {**dict(pairs), "name": name}
    token = read_token(sign(json.dumps(members, ensure_ascii=ascii_only, indent=indent)))
    assert dict(judged(token.claims)) == {**claims_of(), "name": name}


@given(st.sampled_from(sorted(claims_of())), JSON, st.booleans())
def test_no_claim_may_stand_there_twice(name: str, value: Any, first: bool) -> None:
    good, added = json.dumps(claims_of())[1:-1], f"{json.dumps(name)}:{json.dumps(value)}"
    text = f"{{{added},{good}}}" if first else f"{{{good},{added}}}"
    with pytest.raises(InvalidToken):
        read_token(sign(text))


@given(st.sampled_from(sorted(GOOD_HEADER)), JSON, st.booleans())
def test_no_member_of_a_header_may_stand_there_twice(name: str, value: Any, first: bool) -> None:
    good, added = json.dumps(GOOD_HEADER)[1:-1], f"{json.dumps(name)}:{json.dumps(value)}"
    text = f"{{{added},{good}}}" if first else f"{{{good},{added}}}"
    with pytest.raises(InvalidToken):
        read_token(f"{base64url_encode(text.encode())}.{TAIL}")


@given(
    st.integers(0, len(AUDIENCE)), st.sampled_from(["", "/", ".", "%", " ", "\x00", "\u0435", "*", "M"]), st.booleans()
)
def test_an_audience_with_any_change_is_another_one(position: int, change: str, insert: bool) -> None:
    rest = AUDIENCE[position:] if insert else AUDIENCE[position + 1 :]
    near_miss = AUDIENCE[:position] + change + rest
    assume(near_miss != AUDIENCE)
    accepted = frozenset({AUDIENCE})
    for audience in (near_miss, [near_miss], [near_miss, "https://other.example"]):
        with pytest.raises(WrongAudience):
            check_audience(judged(claims_of(aud=audience)), accepted)
    check_audience(judged(claims_of(aud=[near_miss, AUDIENCE])), accepted)


@given(st.lists(TEXTS, max_size=5), st.lists(TEXTS, max_size=5))
def test_names_come_out_as_they_went_in(scopes: list[str], roles: list[str]) -> None:
    principal = judged(claims_of(scope=scopes, roles=roles))
    assert principal.scopes == set(scopes)
    assert principal.roles == set(roles)
    as_text = judged(claims_of(scope=" ".join(scopes), roles=roles[0] if roles else ""))
    assert as_text.scopes == set(" ".join(scopes).split())
    assert as_text.roles == ({roles[0]} if roles and roles[0] else set())
