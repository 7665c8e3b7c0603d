"""Paths into claims."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.claim_map import GENERIC_CLAIMS, ClaimMap, ClaimReader
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.profiles import PROFILES
from tests.identity.bench import ISSUER, NOW, claims_of

URL_CLAIM = "https://acme.example/roles"


def roles(paths: str | tuple[str, ...], claims: dict[str, Any]) -> frozenset[str]:
    return ClaimReader(ClaimMap(roles=paths)).roles(claims)


@pytest.mark.parametrize(
    ("paths", "claims", "expected"),
    [
        (URL_CLAIM, {URL_CLAIM: ["admin"]}, {"admin"}),
        ("cognito:groups", {"cognito:groups": ["admin"]}, {"admin"}),
        # The name as it stands comes first, even where the dots lead somewhere too.
        ("a.b", {"a.b": "whole", "a": {"b": "split"}}, {"whole"}),
        ("a.b", {"a": {"b": "split"}}, {"split"}),
        ("a.b.c", {"a": {"b": {"c": ["x", "y"]}}}, {"x", "y"}),
        ("a.b.c", {"a": {"b": 5}}, set()),
        ("a.b.c", {"a": {"b": {}}}, set()),
        ("a.b", {"a": ["b"]}, set()),
        ("a.b", {}, set()),
        ("a", {"a": None}, set()),
        (("a", "b"), {"a": "x", "b": ["y"]}, {"x", "y"}),
        ((), {"roles": ["admin"]}, set()),
        ("access.*.roles", {"access": {"one": {"roles": ["r"]}, "two": {"roles": "s"}}}, {"one:r", "two:s"}),
        ("access.*.roles", {"access": {"one": {"other": ["r"]}, "two": 5}}, set()),
        ("access.*", {"access": {"one": ["r"]}}, {"one:r"}),
        ("a.*.b.c", {"a": {"m": {"b": {"c": "r"}}}}, {"m:r"}),
        (
            "granted",
            {"granted": {"admin": {"1": "d"}, "staff": {"1": "d", "2": "e"}}},
            {"admin@1", "staff@1", "staff@2"},
        ),
        ("granted", {"granted": {}}, set()),
    ],
)
def test_roles_are_found_where_the_path_leads(
    paths: str | tuple[str, ...], claims: dict[str, Any], expected: set[str]
) -> None:
    assert roles(paths, claims) == expected


def test_the_role_of_one_client_never_counts_as_that_of_another() -> None:
    crossed = roles("access.*.roles", {"access": {"a": {"roles": ["b:c"]}}})
    assert crossed.isdisjoint(roles("access.*.roles", {"access": {"a:b": {"roles": ["c"]}}}))
    assert crossed.isdisjoint(roles("access.*.roles", {"access": {"a%3Ab": {"roles": ["c"]}, "b": {"roles": ["c"]}}}))


def test_the_role_of_a_client_never_counts_as_that_of_everybody() -> None:
    reader = ClaimReader(PROFILES["keycloak"].claims)
    of_client = reader.roles({"resource_access": {"billing": {"roles": ["admin", "view:all"]}}})
    assert of_client == {"billing:admin", "billing:view:all"}
    for name in ("billing:admin", "billing%3Aadmin"):
        assert of_client.isdisjoint(reader.roles({"realm_access": {"roles": [name]}}))
    assert reader.roles({"realm_access": {"roles": ["billing:admin"]}}) == {"billing%3Aadmin"}
    # Where no other name has a client in front, a colon means nothing.
    assert roles("roles", {"roles": ["billing:admin"]}) == {"billing:admin"}


def test_a_group_at_keycloak_is_a_role_only_where_the_operator_says_so() -> None:
    claims = {"realm_access": {"roles": ["staff"]}, "groups": ["admin"]}
    assert ClaimReader(PROFILES["keycloak"].claims).roles(claims) == {"staff"}
    assert ClaimReader(ClaimMap(roles="groups").over(PROFILES["keycloak"].claims)).roles(claims) == {"admin"}


def test_a_role_that_one_organisation_gave_never_counts_as_given_by_another() -> None:
    # At Zitadel an owner of another organisation hands out the roles that a project was granted with.
    mine = roles("granted", {"granted": {"admin": {"1": "mine.example"}}})
    assert mine == {"admin@1"}
    for granted in (
        {"admin": {"2": "mine.example"}},
        {"admin@1": {"2": "theirs.example"}},
        {"admin": {"1@2": "theirs.example"}},
        {"admin": {"%31": "theirs.example"}},
    ):
        assert mine.isdisjoint(roles("granted", {"granted": granted}))


@pytest.mark.parametrize(
    "claims",
    [
        {"roles": 5},
        {"roles": [["admin"]]},
        {"roles": ["a"] * 513},
        {"roles": {"admin": True}},
        {"roles": {"admin": {}}},
        {"roles": {str(number): {"org": "d"} for number in range(513)}},
        {"roles": {"admin": {str(number): "d" for number in range(513)}}},
    ],
    ids=lambda claims: str(claims)[:40],
)
def test_roles_of_another_form_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        roles("roles", claims)


@pytest.mark.parametrize("value", [5, {"a": {"b": "c"}}, [1], True])
def test_scopes_are_texts_and_no_objects(value: Any) -> None:
    with pytest.raises(InvalidToken):
        ClaimReader().scopes({"scope": value})


def test_scopes_of_applications_count_only_where_there_are_no_others() -> None:
    reader = ClaimReader(ClaimMap(scopes="scp", app_scopes="roles"))
    assert reader.scopes({"scp": "read", "roles": ["write"]}) == {"read"}
    assert reader.scopes({"scp": "", "roles": ["write"]}) == set()
    assert reader.scopes({"roles": ["write"]}) == {"write"}


def test_the_first_subject_that_is_there_decides() -> None:
    reader = ClaimReader(ClaimMap(subject=("uid", "sub", "nested.id")))
    assert reader.subject({"uid": "1", "sub": "2"}) == "1"
    assert reader.subject({"sub": "2"}) == "2"
    assert reader.subject({"nested": {"id": "3"}}) == "3"
    for claims in ({"uid": None, "sub": "2"}, {"uid": 5, "sub": "2"}, {"uid": "", "sub": "2"}, {}):
        with pytest.raises(InvalidToken) as caught:
            reader.subject(claims)
        assert "`uid`" in caught.value.hint


def test_the_client_is_the_first_text() -> None:
    reader = ClaimReader(ClaimMap(client_id=("a", "b.c")))
    assert reader.client_id({"a": 5, "b": {"c": "client"}}) == "client"
    assert reader.client_id({"a": "", "b": 5}) is None


def test_a_field_left_out_keeps_what_the_profile_says() -> None:
    entra = PROFILES["entra"].claims
    mine = ClaimMap(roles=URL_CLAIM).over(entra)
    assert mine.roles == (URL_CLAIM,)
    assert (mine.scopes, mine.subject, mine.client_id) == (entra.scopes, entra.subject, entra.client_id)
    assert ClaimMap().over(GENERIC_CLAIMS) == GENERIC_CLAIMS


def test_no_path_and_an_empty_list_are_two_things() -> None:
    assert roles((), {"roles": ["admin"]}) == frozenset()
    assert ClaimReader(ClaimMap()).roles({"roles": ["admin"]}) == {"admin"}


@pytest.mark.parametrize(
    "fields",
    [
        {"roles": [""]},
        {"roles": [5]},
        {"roles": ["a\nb"]},
        {"roles": "*"},
        {"roles": "*.roles"},
        {"roles": "a.*.b.*"},
        {"roles": ["a"] * 33},
        {"client_id": "a.*"},
        {"subject": "a.*.b"},
        {"subject": []},
        {"client_id": ()},
    ],
    ids=str,
)
def test_a_path_that_leads_nowhere_is_refused_at_construction(fields: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ClaimMap(**fields)
    assert caught.value.hint


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["roles", "a", "*", "a.b", ""]), inner, max_size=3)
    ),
    max_leaves=8,
)
NAMES = sorted(
    {
        path.partition(".")[0]
        for profile in PROFILES.values()
        for paths in (profile.claims.scopes, profile.claims.roles, profile.claims.client_id, profile.claims.subject)
        for path in paths or ()
    }
)


@pytest.mark.parametrize("profile", PROFILES)
@given(changes=st.dictionaries(st.sampled_from(NAMES), JSON, max_size=5))
def test_no_claims_raise_anything_but_invalid_token_in_any_profile(profile: str, changes: dict[str, Any]) -> None:
    reader = ClaimReader(PROFILES[profile].claims)
    try:
        principal = principal_from({**claims_of(), **changes}, issuer=ISSUER, now=NOW, leeway_seconds=60, reader=reader)
    except InvalidToken:
        return
    assert principal.subject
    assert all(isinstance(name, str) for name in (*principal.scopes, *principal.roles))


@given(claims=st.dictionaries(st.text(max_size=5), JSON, max_size=4), path=st.text(alphabet="ab.*", min_size=1))
def test_no_path_that_is_accepted_raises_anything_but_invalid_token(claims: dict[str, Any], path: str) -> None:
    try:
        found = roles(path, claims)
    except (ConfigurationError, InvalidToken):
        return
    assert all(isinstance(name, str) for name in found)
