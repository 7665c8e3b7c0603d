"""The rules for claims, as a table."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import ExpiredToken, InvalidToken
from mcpauthkit.identity.claims import check_audience, principal_from
from tests.identity.bench import ISSUER, NOW, Bench, claims_of, sign

HUGE = 10**400
PAST, FUTURE = NOW - 61, NOW + 61


async def outcome(claims: dict[str, Any] | str) -> str:
    try:
        await Bench().verify(sign(claims))
    except InvalidToken as error:
        return error.code
    return "good"


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "good"),
        # exp: B1 "no exp", H6b, P1c
        ({"exp": None}, "invalid_token"),
        ({"exp": NOW - 59}, "good"),
        ({"exp": NOW - 60}, "expired_token"),
        ({"exp": PAST}, "expired_token"),
        ({"exp": 0}, "expired_token"),
        ({"exp": NOW + 0.5}, "good"),
        ({"exp": str(NOW + 300)}, "invalid_token"),
        ({"exp": True}, "invalid_token"),
        ({"exp": -1}, "invalid_token"),
        ({"exp": HUGE}, "invalid_token"),
        ({"exp": 253_402_300_800}, "invalid_token"),
        ({"exp": 253_402_300_799}, "good"),
        ({"exp": [NOW + 300]}, "invalid_token"),
        # nbf and iat: B1 "nbf never checked", J4
        ({"nbf": NOW + 60}, "good"),
        ({"nbf": FUTURE}, "invalid_token"),
        ({"nbf": NOW + 3600}, "invalid_token"),
        ({"nbf": str(NOW)}, "invalid_token"),
        ({"nbf": False}, "invalid_token"),
        ({"nbf": -1}, "invalid_token"),
        ({"iat": None}, "good"),
        ({"iat": NOW + 2}, "good"),
        ({"iat": FUTURE}, "invalid_token"),
        ({"iat": "now"}, "invalid_token"),
        ({"iat": True}, "invalid_token"),
        # sub: B1 "no sub", K8a-c
        ({"sub": None}, "invalid_token"),
        ({"sub": ""}, "invalid_token"),
        ({"sub": "x" * 255}, "good"),
        ({"sub": "x" * 256}, "invalid_token"),
        ({"sub": 5}, "invalid_token"),
        ({"sub": ["alice"]}, "invalid_token"),
        ({"sub": "ali\nce"}, "invalid_token"),
        ({"sub": "ali\x00ce"}, "invalid_token"),
        ({"sub": "\u202ealice"}, "invalid_token"),
        ({"sub": "auth0|Ünï"}, "good"),
        ({"sub": None, "preferred_username": "alice", "email": "a@b.c"}, "invalid_token"),
        # iss
        ({"iss": None}, "invalid_token"),
        ({"iss": f"{ISSUER}/"}, "invalid_token"),
        ({"iss": ISSUER.upper()}, "invalid_token"),
        ({"iss": f"{ISSUER}:443"}, "invalid_token"),
        ({"iss": f"{ISSUER}\x00"}, "invalid_token"),
        ({"iss": [ISSUER]}, "invalid_token"),
        ({"iss": 5}, "invalid_token"),
        # aud: whether it is ours is asked later, but its form is a rule
        ({"aud": None}, "good"),
        ({"aud": []}, "good"),
        ({"aud": ["a"] * 65}, "invalid_token"),
        ({"aud": 5}, "invalid_token"),
        ({"aud": {"a": "b"}}, "invalid_token"),
        ({"aud": ["a", 5]}, "invalid_token"),
        # names
        ({"scope": 5}, "invalid_token"),
        ({"scope": [1]}, "invalid_token"),
        ({"roles": {"a": 1}}, "invalid_token"),
        ({"roles": ["a", None]}, "invalid_token"),
        ({"realm_access": {"roles": 5}}, "invalid_token"),
        ({"realm_access": "x"}, "good"),
    ],
    ids=str,
)
async def test_each_claim_has_its_rule(changes: dict[str, Any], expected: str) -> None:
    assert await outcome(claims_of(**changes)) == expected


@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "sub", "aud", "iss"])
async def test_a_claim_that_is_null_is_not_a_claim_left_out(name: str) -> None:
    assert await outcome(json.dumps({**claims_of(), name: None})) == "invalid_token"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999"])
@pytest.mark.parametrize("name", ["exp", "nbf", "iat", "other"])
async def test_no_number_beyond_numbers_gets_in(name: str, number: str) -> None:
    # P1c: an exp of Infinity or NaN was good for ever.
    text = json.dumps({**claims_of(), name: "HERE"}).replace('"HERE"', number)
    assert await outcome(text) == "invalid_token"


async def test_expiry_is_told_before_anything_that_a_new_token_might_cure() -> None:
    assert await outcome(claims_of(exp=PAST, scope="", aud="https://other.example")) == "expired_token"


@pytest.mark.parametrize(
    ("claims", "scopes"),
    [
        ({"scope": "a b"}, {"a", "b"}),
        ({"scope": " a  b a "}, {"a", "b"}),
        ({"scope": ["a", "b"]}, {"a", "b"}),
        ({"scp": ["a", "b"]}, {"a", "b"}),
        ({"scp": "a b"}, {"a", "b"}),
        ({"scope": "a", "scp": ["b"]}, {"a", "b"}),
        ({"scope": ""}, set()),
        ({}, set()),
    ],
)
async def test_scopes_are_read_in_every_common_form(claims: dict[str, Any], scopes: set[str]) -> None:
    # A5: a space-separated `scope` was refused.
    assert (await Bench().verify(sign(claims_of(**claims)))).scopes == scopes


@pytest.mark.parametrize(
    ("claims", "roles"),
    [
        ({"roles": ["a", "b"]}, {"a", "b"}),
        ({"roles": "admin"}, {"admin"}),
        ({"roles": "site admin"}, {"site admin"}),
        ({"roles": ""}, set()),
        ({"realm_access": {"roles": ["a"]}}, {"a"}),
        ({"roles": "b", "realm_access": {"roles": ["a"]}}, {"a", "b"}),
        ({}, set()),
    ],
)
async def test_roles_are_read_whole(claims: dict[str, Any], roles: set[str]) -> None:
    # P1e: one role given as a text was split into letters.
    assert (await Bench().verify(sign(claims_of(**claims)))).roles == roles


@pytest.mark.parametrize(
    ("claims", "client"),
    [
        ({"client_id": "a", "azp": "b"}, "a"),
        ({"azp": "b"}, "b"),
        ({"cid": "c"}, "c"),
        ({"appid": "d"}, "d"),
        ({"client_id": 5, "azp": "b"}, "b"),
        ({}, None),
    ],
)
async def test_the_client_is_named_where_issuers_name_it(claims: dict[str, Any], client: str | None) -> None:
    assert (await Bench().verify(sign(claims_of(**claims)))).client_id == client


@pytest.mark.parametrize(
    ("aud", "good"),
    [
        ("https://m.example/mcp", True),
        (["https://m.example/mcp"], True),
        (["https://other.example", "https://m.example/mcp"], True),
        ("https://m.example/mcp/", False),
        ("https://M.example/mcp", False),
        ("https://m.example/mcp x", False),
        ("https://m.example", False),
        ([["https://m.example/mcp"]], False),
        ("", False),
        (None, False),
        ([], False),
    ],
)
async def test_the_audience_is_ours_byte_for_byte(aud: Any, *, good: bool) -> None:
    async def check() -> None:
        check_audience(await Bench().verify(sign(claims_of(aud=aud))), frozenset({"https://m.example/mcp"}))

    if good:
        await check()
    else:
        with pytest.raises(InvalidToken):
            await check()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from(["exp", "nbf", "iat", "sub", "aud", "scope", "scp", "roles", "realm_access", "client_id"]), JSON
    )
)
def test_no_claims_raise_anything_but_invalid_token(changes: dict[str, Any]) -> None:
    try:
        principal = principal_from({**claims_of(), **changes}, issuer=ISSUER, now=NOW, leeway_seconds=60)
    except InvalidToken:
        return
    assert principal.subject
    assert principal.expires_at is not None
    assert NOW - 60 < principal.expires_at < 1e12


def test_claims_of_another_issuer_are_refused_whoever_asks() -> None:
    with pytest.raises(InvalidToken):
        principal_from(claims_of(), issuer="https://other.example", now=NOW, leeway_seconds=60)


@pytest.mark.parametrize("now", [float("nan"), float("inf")])
def test_a_clock_that_is_no_number_lets_nobody_in(now: float) -> None:
    with pytest.raises(InvalidToken):
        principal_from(claims_of(), issuer=ISSUER, now=now, leeway_seconds=60)
    with pytest.raises(ExpiredToken):
        principal_from(claims_of(), issuer=ISSUER, now=NOW + 1e9, leeway_seconds=60)
