"""One verifier, several issuers: each token is judged by the keys and rules of the issuer it names."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.errors import ConfigurationError, InvalidToken, IssuerUnavailable, WrongAudience
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.identity.verifier import JwtVerifier
from tests.identity.bench import NOW
from tests.identity.realm import RESOURCE, Realm, token_of

A, B = "https://a.example", "https://b.example"
TEMPLATE = "https://login.microsoftonline.com/{tenantid}/v2.0"
ONE, TWO = "72f988bf-86f1-41af-91ab-2d7cd011db47", "9188040d-6c67-4c5b-b112-36a304b66dad"
STRANGER = "00000000-0000-4000-8000-000000000000"
API = "11111111-2222-3333-4444-555555555555"


async def test_each_issuers_tokens_are_good_and_their_users_are_different_people() -> None:
    # Both keys have the same key id, and both users the same subject.
    realm = Realm(A, B)
    first, second = [await realm.verify(token_of(one)) for one in (A, B)]
    assert first.subject == second.subject
    assert first.key == (A, "alice")
    assert second.key == (B, "alice")
    assert first.digest != second.digest


async def test_no_issuer_signs_for_another() -> None:
    realm = Realm(A, B)
    for issuer, key in ((A, B), (B, A)):
        with pytest.raises(InvalidToken):
            await realm.verify(token_of(issuer, signed_by=key))


@pytest.mark.parametrize(
    "iss", ["https://c.example", f"{A}/", A.upper(), f"{A}:443", f"{A} ", "", None, 5, [A], {A: A}, True], ids=str
)
async def test_an_issuer_nobody_configured_costs_no_fetch(iss: Any) -> None:
    realm = Realm(A, B)
    with pytest.raises(InvalidToken) as caught:
        await realm.verify(token_of(A, {"iss": iss}))
    assert A in caught.value.hint
    assert not realm.fetches


async def test_the_list_of_issuers_in_a_hint_has_a_bound() -> None:
    realm = Realm(*(f"https://i{number}.example" for number in range(50)))
    with pytest.raises(InvalidToken) as caught:
        await realm.verify(token_of(A))
    assert len(caught.value.hint) < 300


async def test_an_issuer_that_is_down_leaves_the_others_alone() -> None:
    realm = Realm(A, B)
    realm.down = {A}
    await realm.verify(token_of(B))
    with pytest.raises(IssuerUnavailable):
        await realm.verify(token_of(A))
    fetched = realm.fetches[B]
    await realm.verify(token_of(B))
    assert realm.fetches[B] == fetched


async def test_a_verdict_depends_on_the_keys_of_its_own_issuer() -> None:
    realm = Realm(A, B)
    first, second = [await realm.verifier.verify(token_of(one)) for one in (A, B)]
    realm.clock.advance(599)
    await realm.issuers[1].keys.refetch(1)
    assert first.is_current()
    assert not second.is_current()


async def test_each_issuer_has_its_own_audiences_and_clients() -> None:
    realm = Realm(TrustedIssuer(A, audience="api-a"), TrustedIssuer(B, client_ids=["good"]))
    await realm.verify(token_of(A, {"aud": "api-a"}))
    await realm.verify(token_of(B, {"azp": "good"}))
    for issuer, claims in ((A, {}), (B, {"aud": "api-a", "azp": "good"})):
        with pytest.raises(WrongAudience):
            await realm.verify(token_of(issuer, claims))
    others: list[dict[str, Any]] = [{"azp": "bad"}, {}, {"azp": ["good"]}, {"client_id": "bad", "azp": "good"}]
    for claims in others:
        with pytest.raises(InvalidToken) as caught:
            await realm.verify(token_of(B, claims))
        assert "client_ids=" in caught.value.hint


def entra_realm() -> Realm:
    return Realm(TrustedIssuer(TEMPLATE, profile="entra", audience=API, tenants=[ONE, TWO]))


def entra_token(tenant: str, *, signed_by: str | None = None, **changes: Any) -> str:
    claims = {"aud": API, "azp": "c", "oid": "o", "tid": tenant, "ver": "2.0", "scp": "read", **changes}
    issuer = TEMPLATE.replace("{tenantid}", tenant)
    return token_of(issuer, claims, signed_by=TEMPLATE.replace("{tenantid}", signed_by or tenant))


async def test_every_listed_tenant_gets_in_and_no_other() -> None:
    realm = entra_realm()
    for tenant in (ONE, TWO):
        assert (await realm.verify(entra_token(tenant)))["tid"] == tenant
    fetched = realm.fetches.total()
    for tenant in (STRANGER, "{tenantid}", "common", ONE.upper(), f"{ONE}/v2.0/../../{STRANGER}"):
        with pytest.raises(InvalidToken):
            await realm.verify(entra_token(tenant))
    assert realm.fetches.total() == fetched


@pytest.mark.parametrize("tid", [TWO, STRANGER, None, "", [ONE], ONE.upper(), "{tenantid}"])
async def test_a_token_names_the_tenant_of_its_issuer(tid: Any) -> None:
    with pytest.raises(InvalidToken):
        await entra_realm().verify(entra_token(ONE, tid=tid))


async def test_no_tenant_signs_for_another() -> None:
    with pytest.raises(InvalidToken):
        await entra_realm().verify(entra_token(ONE, signed_by=TWO))


@pytest.mark.parametrize(
    "text",
    ["opaque", "ory_at_a.b", "ya29.a0AfH6", "a.b.c", "a.b.c.d", "..", ".", "eyJhbGciOiJSUzI1NiJ9.e30", "W10.W10.W10"],
)
async def test_an_opaque_token_is_called_one_and_the_setting_named(text: str) -> None:
    url = "https://acme.eu.auth0.com/"
    with pytest.raises(InvalidToken) as caught:
        await Realm(TrustedIssuer(url, profile="auth0")).verify(text)
    assert "opaque" in caught.value.public
    assert "At Auth0" in caught.value.public
    # With issuers of several kinds nobody can say whose token it is.
    with pytest.raises(InvalidToken) as caught:
        await Realm(TrustedIssuer(url, profile="auth0"), A).verify(text)
    assert "opaque" in caught.value.public
    assert "Auth0" not in caught.value.public


def beginning(value: Any) -> str:
    # The keys are new in every process, so whole tokens would give the tests other names each time.
    return f"{str(value)[:12]!r} of {len(str(value))}"


@pytest.mark.parametrize("text", ["", "A" * 20_000, "é", token_of(A) + "x"], ids=beginning)
async def test_rubbish_is_not_called_opaque(text: str) -> None:
    with pytest.raises(InvalidToken) as caught:
        await Realm(A).verify(text)
    assert "opaque" not in caught.value.public


async def test_an_encrypted_token_without_keys_to_open_it_is_answered_with_their_setting() -> None:
    with pytest.raises(InvalidToken) as caught:
        await Realm(A).verify("a.b.c.d.e")
    assert "decryption_keys" in caught.value.public


def with_header(header: dict[str, Any]) -> str:
    return f"{base64url_encode(json.dumps(header).encode())}.e30.AAAA"


HS256 = with_header({"alg": "HS256"})


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize(
    ("text", "found"),
    [
        (token_of(A), True),
        (token_of("https://stranger.example"), False),
        (token_of(A, typ="logout+jwt"), True),
        (with_header({"alg": "RS256", "crit": ["b64"]}), False),
        (HS256, False),
        (with_header({"alg": "none"}), False),
        (with_header({"alg": ["RS256"]}), False),
        (with_header({}), False),
        ("opaque", False),
        ("a.b.c", False),
        ("a.b.c.d.e", False),
        (token_of(A).rpartition(".")[0], False),
        (f"{token_of(A)}.x", False),
        ("", False),
    ],
    ids=beginning,
)
async def test_other_verifiers_get_what_no_issuer_signed(text: str, *, found: bool, warm: bool) -> None:
    realm = Realm(A, takes_any_bearer=False)
    if warm:
        await realm.verify(token_of(A))
    assert realm.verifier.find(Presented(text)) == (text if found else None)


def test_the_only_verifier_judges_everything_so_that_it_can_say_what_is_wrong() -> None:
    verifier = Realm(A).verifier
    for text in ("opaque", HS256, "a.b.c.d.e", ""):
        assert verifier.find(Presented(text)) == text
    assert verifier.find(Presented(None)) is None


async def test_a_token_signed_with_a_shared_secret_is_refused_with_the_setting() -> None:
    with pytest.raises(InvalidToken) as caught:
        await Realm(A).verify(HS256)
    assert "key pair" in caught.value.hint


async def test_an_id_token_is_verified_where_one_is_expected() -> None:
    trusted = TrustedIssuer(TEMPLATE, profile="entra", tenants=[ONE])
    realm = Realm(trusted, expects="id_token")
    claims = {"aud": "client", "azp": None, "scp": None, "nonce": "n", "at_hash": "h"}
    principal = (await realm.verifier.verify(entra_token(ONE, **claims))).principal
    # The same person as in access tokens, whose `sub` is another one.
    assert principal.subject == "o"
    with pytest.raises(InvalidToken):
        await realm.verifier.verify(entra_token(ONE, **claims, tid=TWO))
    with pytest.raises(InvalidToken):
        await realm.verifier.verify(
            token_of(TEMPLATE.replace("{tenantid}", ONE), {"oid": "o", "tid": ONE}, typ="at+jwt")
        )


@pytest.mark.parametrize("issuers", [(), "twice"])
def test_a_verifier_needs_each_issuer_once(issuers: Any) -> None:
    found = Realm(A).issuers
    with pytest.raises(ConfigurationError):
        JwtVerifier((*found, *found) if issuers else ())


def test_encrypted_only_needs_keys() -> None:
    with pytest.raises(ConfigurationError):
        Realm(A, encrypted_only=True)


@pytest.mark.parametrize(
    "resource",
    [RESOURCE, 'https://m.example/"x"', "https://m.example/sc\\ope", "https://m.example/scope=x", "https://ü.example"],
)
async def test_the_setting_in_a_refusal_is_plain_text_whatever_the_resource_is_called(resource: str) -> None:
    url = "https://sso.example/realms/acme"
    realm = Realm(TrustedIssuer(url, profile="keycloak"))
    with pytest.raises(WrongAudience) as caught:
        await realm.verify(token_of(url, {"aud": "other", "iat": NOW}), resource=resource)
    text = caught.value.public
    assert text.isascii()
    assert text.isprintable()
    assert not any(word in text for word in ('"', "\\", "scope=", "error="))
    if resource == RESOURCE:
        assert resource in text
