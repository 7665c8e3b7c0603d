"""Trusted issuers as configured: what is refused before the first request."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.profiles import PROFILES
from mcpauthkit.identity.trusted_issuer import TrustedIssuer, issuers_from
from tests.identity.realm import RESOURCE, Realm

ENTRA = "https://login.microsoftonline.com/{tenantid}/v2.0"
ONE, TWO = "72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad"
COGNITO = "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_AbCdEf"


@pytest.mark.parametrize(
    ("url", "options", "word"),
    [
        # What is no address at all
        ("", {}, "https"),
        ("issuer.example", {}, "https"),
        ("http://issuer.example", {}, "https"),
        ("https://user:pw@issuer.example", {}, "https"),
        ("https://issuer.example?x=1", {}, "away"),
        (5, {}, "https"),
        # What is no list
        ("https://issuer.example", {"audience": ""}, "audience"),
        ("https://issuer.example", {"audience": []}, "Leave it out"),
        ("https://issuer.example", {"audience": ["a", ""]}, "audience"),
        ("https://issuer.example", {"client_ids": "client"}, "client_ids"),
        ("https://issuer.example", {"client_ids": [5]}, "client_ids"),
        ("https://issuer.example", {"tenants": "one"}, "tenants"),
        ("https://issuer.example", {"claims": {"roles": "groups"}}, "ClaimMap"),
        ("https://issuer.example", {"profile": "adfs"}, "keycloak"),
        ("https://issuer.example", {"profile": "Keycloak"}, "keycloak"),
        # Addresses that no issuer of that kind has
        ("https://acme.okta.com", {"profile": "okta"}, "/oauth2/"),
        ("https://acme.okta.com/oauth2/", {"profile": "okta"}, "/oauth2/"),
        ("https://acme.okta.com/oauth2/default/", {"profile": "okta"}, "/oauth2/"),
        ("https://sso.example", {"profile": "keycloak"}, "/realms/"),
        ("https://sso.example/realms/acme/", {"profile": "keycloak"}, "/realms/"),
        ("https://acme.eu.auth0.com", {"profile": "auth0"}, "slash"),
        ("https://acme.auth.eu-central-1.amazoncognito.com", {"profile": "cognito"}, "cognito-idp"),
        *(
            (f"https://login.microsoftonline.com/{word}/v2.0", {"profile": "entra"}, "tenants=")
            for word in ("common", "organizations", "consumers", "acme.onmicrosoft.com", ONE.upper())
        ),
        # Nothing to verify, or nobody to keep out
        ("https://accounts.google.com", {"profile": "google"}, "introspection"),
        ("https://gitlab.com", {"profile": "gitlab"}, "introspection"),
        (COGNITO, {"profile": "cognito"}, "client_ids="),
        # Tenants
        (ENTRA, {"profile": "entra"}, "tenants="),
        (ENTRA, {"profile": "entra", "tenants": []}, "tenants="),
        ("https://issuer.example/{tenantid}", {}, "tenants="),
        (f"https://login.microsoftonline.com/{ONE}/v2.0", {"profile": "entra", "tenants": [ONE]}, "tenants="),
        ("https://issuer.example/{tenant}", {"tenants": ["a"]}, "{tenantid}"),
        ("https://issuer.example/{tenant}", {}, "{tenantid}"),
        ("https://issuer.example/{tenantid}/{x}", {"tenants": ["a"]}, "{tenantid}"),
        *(
            (ENTRA, {"profile": "entra", "tenants": [ONE, bad]}, "GUID")
            for bad in ("common", "*", f"{ONE}/..", f"../{ONE}", ONE.upper(), f"{ONE}\n", f" {ONE}", ONE[:-1], "a" * 36)
        ),
        *(
            ("https://sso.example/realms/{tenantid}", {"profile": "keycloak", "tenants": [bad]}, "tenant's id")
            for bad in (
                "a/b",
                "..",
                ".",
                "a.b",
                "a%2fb",
                "a?b",
                "a#b",
                "a:b",
                "a@b",
                "a\\b",
                "{tenantid}",
                "-a",
                "a" * 129,
            )
        ),
    ],
    ids=str,
)
def test_what_cannot_work_is_refused_with_what_to_write_instead(url: Any, options: dict[str, Any], word: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        TrustedIssuer(url, **options)
    assert word in str(caught.value)


def test_an_unknown_profile_is_answered_with_the_known_ones() -> None:
    with pytest.raises(ConfigurationError) as caught:
        TrustedIssuer("https://issuer.example", profile="adfs")
    assert all(name in caught.value.hint for name in PROFILES)


def test_a_template_becomes_one_issuer_for_each_tenant() -> None:
    trusted = TrustedIssuer(ENTRA, profile="entra", tenants=[ONE, TWO])
    assert trusted.identifiers == ((ENTRA.format(tenantid=ONE), ONE), (ENTRA.format(tenantid=TWO), TWO))
    issuers = Realm(trusted).issuers
    assert [one.rules.tenant for one in issuers] == [ONE, TWO]
    assert len({id(one.keys) for one in issuers}) == 2


def test_a_tenant_may_stand_in_the_host_and_in_the_path() -> None:
    trusted = TrustedIssuer("https://{tenantid}.ciamlogin.com/{tenantid}/v2.0", profile="entra", tenants=[ONE])
    assert trusted.identifiers == ((f"https://{ONE}.ciamlogin.com/{ONE}/v2.0", ONE),)


@pytest.mark.parametrize(
    "trusted",
    [
        ["https://a.example", "https://a.example"],
        ["https://a.example", TrustedIssuer("https://a.example", audience="x")],
        [
            TrustedIssuer(ENTRA, profile="entra", tenants=[ONE, TWO]),
            TrustedIssuer(ENTRA.format(tenantid=TWO), profile="entra"),
        ],
        "https://a.example",
    ],
    ids=["texts", "kinds", "tenants", "one text"],
)
def test_an_issuer_that_is_configured_twice_is_refused(trusted: Any) -> None:
    with pytest.raises(ConfigurationError):
        issuers_from(trusted, fetch=Realm("https://x.example"))


def test_issuers_that_differ_in_a_slash_are_two() -> None:
    assert len(Realm("https://a.example", "https://a.example/").issuers) == 2


def test_what_is_configured_is_kept_as_values() -> None:
    given = ["a", "a", "b"]
    trusted = TrustedIssuer("https://issuer.example", audience=given, client_ids=given, claims=ClaimMap(roles="groups"))
    given.append("c")
    rules = Realm(trusted).issuers[0].rules
    assert rules.audiences == frozenset({"a", "b"})
    assert rules.client_ids == {"a", "b"}
    assert rules.reader.roles({"groups": ["staff"], "roles": ["admin"]}) == {"staff"}
    assert hash(trusted) == hash(
        TrustedIssuer(
            "https://issuer.example", audience=["a", "b"], client_ids=("a", "b"), claims=ClaimMap(roles="groups")
        )
    )


@pytest.mark.parametrize(
    ("audience", "told"), [(None, "{resource}"), ("my-api", "my-api"), (["a", RESOURCE], "{resource}")], ids=str
)
def test_one_bound_audience_is_what_the_refusal_tells_to_configure(audience: Any, told: str) -> None:
    (issuer,) = Realm(TrustedIssuer("https://sso.example/realms/acme", profile="keycloak", audience=audience)).issuers
    assert f"custom audience {told} " in issuer.rules.audience_setting
