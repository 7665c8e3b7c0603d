"""Every row of the table of issuers, with tokens as that issuer issues them."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError, InvalidToken, WrongAudience
from mcpauthkit.identity.claims import plain_text
from mcpauthkit.identity.issuer_profile import ClaimRule, IssuerProfile
from mcpauthkit.identity.profiles import PROFILES, profile_named
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.oauth.challenge import bearer_challenge
from tests.identity.issuer_rows import API, CLIENT, ROLES_OF_PROJECT, ROWS, TENANT, Row
from tests.identity.realm import RESOURCE, Realm, token_of

each_row = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.profile)


def test_every_issuer_with_tokens_to_verify_has_a_row_here() -> None:
    assert {row.profile for row in ROWS} == {name for name, profile in PROFILES.items() if profile.accepts_jwt}
    assert len(PROFILES) == 13


@each_row
async def test_an_access_token_as_the_issuer_issues_it_is_read_rightly(row: Row) -> None:
    principal = await row.realm().verify(row.access_token())
    assert (principal.issuer, principal.subject) == (row.issuer, row.subject)
    assert principal.scopes == row.scopes
    assert principal.roles == row.roles
    assert principal.client_id == CLIENT


@each_row
async def test_an_id_token_is_no_access_token_even_where_its_audience_is_accepted(row: Row) -> None:
    token = token_of(row.issuer, row.id_token, typ=row.id_typ)
    with pytest.raises(InvalidToken) as caught:
        await row.realm().verify(token)
    assert not isinstance(caught.value, WrongAudience)
    assert caught.value.hint


@each_row
async def test_a_logout_token_is_no_access_token(row: Row) -> None:
    events: dict[str, Any] = {"http://schemas.openid.net/event/backchannel-logout": {}}
    with pytest.raises(InvalidToken):
        await row.realm().verify(row.access_token(events=events))


@each_row
@pytest.mark.parametrize("typ", ["logout+jwt", "dpop+jwt", "id_token+jwt", "", "token-introspection+jwt"])
async def test_a_header_of_another_kind_of_token_is_refused(row: Row, typ: str) -> None:
    with pytest.raises(InvalidToken):
        await row.realm().verify(token_of(row.issuer, row.access, typ=typ))


@each_row
async def test_a_refusal_for_the_audience_names_the_setting_at_that_issuer(row: Row) -> None:
    changes = {"aud": "https://other.example"}
    with pytest.raises(WrongAudience) as caught:
        await row.realm().verify(row.access_token(**changes))
    label = PROFILES[row.profile].label
    if row.profile == "generic":
        assert "JwtAuthMiddleware" in caught.value.hint
        return
    assert label in caught.value.public
    assert label in caught.value.hint
    assert "{" not in caught.value.public
    challenge = bearer_challenge(resource_metadata="https://m.example/x", error="e", description=caught.value.public)
    # The challenge has nothing to mend: what the description says arrives as it is.
    assert f'error_description="{caught.value.public}"' in challenge


@each_row
async def test_an_opaque_token_is_refused_with_the_setting_that_makes_jwts(row: Row) -> None:
    with pytest.raises(InvalidToken) as caught:
        await row.realm().verify("ory_at_abcdefghijklmnop")
    setting = PROFILES[row.profile].opaque_setting
    assert setting
    assert setting in caught.value.public
    assert setting in caught.value.hint


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_the_texts_of_a_row_can_stand_in_a_challenge(profile: IssuerProfile) -> None:
    for text in (profile.audience_setting, profile.opaque_setting):
        assert plain_text(text) == text
        assert not re.search(r"(scope|error|resource_metadata)=", text)


def test_the_table_says_how_each_issuer_learns_of_the_resource() -> None:
    ways = {name: profile.resource_parameter for name, profile in PROFILES.items()}
    omit = {"okta", "entra", "google", "gitlab", "authentik", "zitadel"}
    assert {name for name, way in ways.items() if way == "omit"} == omit
    assert {name for name, way in ways.items() if way == "audience"} == {"auth0", "hydra"}


def test_the_table_says_whose_tokens_are_opaque() -> None:
    assert {name for name, one in PROFILES.items() if one.opaque_by_default} == {
        *("google", "gitlab", "zitadel", "hydra"),
    }


def row_of(profile: str) -> Row:
    return next(row for row in ROWS if row.profile == profile)


@pytest.mark.parametrize(
    ("profile", "changes"),
    [
        ("keycloak", {"typ": "Refresh"}),
        ("keycloak", {"typ": "Offline"}),
        ("keycloak", {"typ": "bearer"}),
        ("keycloak", {"typ": "DPoP"}),
        ("keycloak", {"typ": 5}),
        ("keycloak", {"typ": None, "at_hash": "h"}),
        ("generic", {"typ": "ID"}),
        ("generic", {"typ": "Refresh"}),
        ("generic", {"token_use": "id"}),
        ("generic", {"token_use": ["access"]}),
        ("generic", {"c_hash": "h"}),
        ("generic", {"scope": None}),
        ("okta", {"cid": None}),
        ("entra", {"azp": None}),
        ("entra", {"scp": None, "roles": None}),
        ("entra", {"ver": "3.0"}),
        ("entra", {"oid": None}),
        ("entra", {"nonce": "n"}),
        ("auth0", {"azp": None}),
        ("duende", {"client_id": None}),
        ("cognito", {"token_use": None}),
        ("cognito", {"client_id": "stranger"}),
        ("cognito", {"client_id": None}),
        ("authentik", {"uid": None}),
        ("authentik", {"azp": None}),
        ("zitadel", {"jti": None}),
        ("zitadel", {ROLES_OF_PROJECT: {"admin": "org-1"}}),
        ("zitadel", {ROLES_OF_PROJECT: {"admin": {}}}),
        ("hydra", {"client_id": None}),
    ],
    ids=str,
)
async def test_what_no_access_token_of_that_issuer_says_is_refused(profile: str, changes: dict[str, Any]) -> None:
    row = row_of(profile)
    with pytest.raises(InvalidToken):
        await row.realm().verify(row.access_token(**changes))


@pytest.mark.parametrize(
    ("profile", "typ"),
    [("duende", "JWT"), ("duende", None), ("entra", "at+jwt"), ("entra", None), ("keycloak", None), ("auth0", None)],
)
async def test_a_header_that_issuer_does_not_write_is_refused(profile: str, typ: str | None) -> None:
    row = row_of(profile)
    with pytest.raises(InvalidToken):
        await row.realm().verify(token_of(row.issuer, row.access, typ=typ))


@pytest.mark.parametrize(
    ("profile", "typ"),
    [
        ("keycloak", "at+jwt"),
        ("auth0", "at+jwt"),
        ("pingone", "at+jwt"),
        ("pingone", "application/at+jwt"),
        ("pingone", "AT+JWT"),
        ("duende", "Application/At+Jwt"),
        ("cognito", "JWT"),
        ("okta", "JWT"),
    ],
)
async def test_every_header_an_issuer_is_known_to_write_is_accepted(profile: str, typ: str) -> None:
    row = row_of(profile)
    assert (await row.realm().verify(token_of(row.issuer, row.access, typ=typ))).client_id == CLIENT


@each_row
@pytest.mark.parametrize("bound_to", [{"jkt": "x"}, {"x5t#S256": "x"}, {}, "x"], ids=str)
async def test_a_token_bound_to_its_sender_is_no_bearer_token(row: Row, bound_to: Any) -> None:
    # Whoever stole it would get past the proof of possession here.
    with pytest.raises(InvalidToken) as caught:
        await row.realm().verify(row.access_token(cnf=bound_to))
    assert "DPoP" in caught.value.hint


async def test_a_lightweight_token_of_keycloak_is_accepted() -> None:
    row = row_of("keycloak")
    lean = {"typ": None, "realm_access": None, "resource_access": None, "groups": None}
    assert (await row.realm().verify(row.access_token(**lean))).roles == frozenset()


async def test_an_application_at_entra_has_its_roles_for_scopes_and_a_user_has_not() -> None:
    row = row_of("entra")
    alone = await row.realm().verify(row.access_token(scp=None))
    assert alone.scopes == {"Admin", f"{API}/Admin", f"api://{API}/Admin"}
    assert "Admin" not in (await row.realm().verify(row.access_token())).scopes


async def test_scopes_at_entra_count_by_their_long_names_of_this_api_alone() -> None:
    # Clients ask for the long name, and `scp` has the short one.
    row = row_of("entra")
    realm = Realm(TrustedIssuer(row.issuer, profile="entra", audience=[API, RESOURCE]))
    scopes = (await realm.verify(row.access_token(scp="read"))).scopes
    assert scopes == {"read", f"{API}/read", f"api://{API}/read", f"{RESOURCE}/read"}


@each_row
async def test_at_no_other_issuer_a_short_scope_is_anything_but_itself(row: Row) -> None:
    if row.profile == "entra":
        return
    name = "scp" if row.profile in {"okta", "hydra"} else "scope"
    principal = await row.realm().verify(row.access_token(**{name: ["email"] if name == "scp" else "email"}))
    assert principal.scopes == {"email"}


async def test_an_application_at_okta_is_known_by_its_own_subject() -> None:
    row = row_of("okta")
    principal = await row.realm().verify(row.access_token(uid=None, sub=CLIENT))
    assert principal.subject == CLIENT


async def test_an_audience_at_entra_may_be_spelt_as_the_application_uri() -> None:
    row = row_of("entra")
    await row.realm().verify(row.access_token(aud=f"api://{API}"))
    with pytest.raises(WrongAudience):
        await row.realm().verify(row.access_token(aud=f"api://{TENANT}"))


async def test_a_token_of_cognito_without_an_audience_needs_a_client_on_the_list() -> None:
    row = row_of("cognito")
    assert (await row.realm().verifier.verify(row.access_token())).made_for_us
    bound = Realm(TrustedIssuer(row.issuer, profile="cognito", audience=RESOURCE))
    with pytest.raises(WrongAudience):
        await bound.verify(row.access_token())
    await bound.verify(row.access_token(aud=RESOURCE))
    # A bound token says for whom it is, and that counts even where the client is on the list.
    await row.realm().verify(row.access_token(aud=RESOURCE))
    with pytest.raises(WrongAudience):
        await row.realm().verify(row.access_token(aud="https://other.example"))


async def test_a_row_can_be_changed_for_an_installation() -> None:
    duende = replace(profile_named("duende"), types=("", "jwt"), rules=[ClaimRule("env", one_of=["live"])])
    realm = Realm(TrustedIssuer("https://ids.example", profile=duende))
    good = {"client_id": CLIENT, "env": "live"}
    await realm.verify(token_of("https://ids.example", good, typ=None))
    for typ, claims in (("at+jwt", good), (None, {**good, "env": "test"})):
        with pytest.raises(InvalidToken):
            await realm.verify(token_of("https://ids.example", claims, typ=typ))


@pytest.mark.parametrize(
    "changes",
    [
        {"audience_setting": 'Write "aud".'},
        {"audience_setting": "Ask for scope=mcp."},
        {"opaque_setting": "Schl\u00fcssel"},
        {"resource_parameter": "sometimes"},
    ],
    ids=str,
)
def test_a_profile_that_would_break_answers_is_refused_at_construction(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        replace(profile_named("keycloak"), **changes)
