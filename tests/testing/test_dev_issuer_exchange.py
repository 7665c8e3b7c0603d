"""Tokens for tokens at the development issuer, and the service account of the development service."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jws

from mcpauthkit.oauth.token_exchange import ACCESS_TOKEN_TYPE, JWT_BEARER, TOKEN_EXCHANGE
from mcpauthkit.testing import DevIssuer, DevService, FakeClock, OAuthClient

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOCK = FakeClock()
HERE, THERE = "https://mcp.example/mcp", "https://ledger.example"
PROOF = {"client_id": "gateway", "client_secret": "gateway-secret"}


@pytest.fixture(scope="module", name="served")
def _served() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256", clock=CLOCK) as issuer:
        issuer.add_exchange_client(
            "gateway", "gateway-secret", targets=[THERE, "https://other.example"], called_as=[HERE]
        )
        yield issuer


@pytest.fixture(name="issuer")
def _issuer(served: DevIssuer) -> Iterator[DevIssuer]:
    yield served
    served.behave()


def post(url: str, **form: str) -> httpx.Response:
    return httpx.post(url, data=form)


def exchange(issuer: DevIssuer, **changes: str) -> httpx.Response:
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token_type": ACCESS_TOKEN_TYPE,
        "subject_token": changes.pop("subject_token", None) or issuer.token(audience=HERE),
        **PROOF,
        **changes,
    }
    return post(f"{issuer.issuer_url}/token", **form)


def on_behalf_of(issuer: DevIssuer, **changes: str) -> httpx.Response:
    form = {
        "grant_type": JWT_BEARER,
        "requested_token_use": "on_behalf_of",
        "assertion": issuer.token(audience=HERE),
        "scope": f"{THERE}/read",
        **PROOF,
        **changes,
    }
    return post(f"{issuer.issuer_url}/token", **form)


def claims_of(token: str) -> dict[str, Any]:
    return dict(json.loads(jws.extract_compact(token.encode()).payload))


def test_a_callers_token_becomes_one_for_another_service(issuer: DevIssuer) -> None:
    body = exchange(issuer, audience=THERE, scope="read write").json()
    assert body["issued_token_type"] == ACCESS_TOKEN_TYPE
    assert body["token_type"] == "Bearer"
    assert "refresh_token" not in body
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == ("alice", THERE, "read write")
    assert claims["act"] == {"sub": "gateway"}


def test_a_service_may_be_named_by_its_address_or_not_at_all(issuer: DevIssuer) -> None:
    by_resource = exchange(issuer, resource="https://other.example").json()
    assert claims_of(by_resource["access_token"])["aud"] == "https://other.example"
    assert claims_of(exchange(issuer).json()["access_token"])["aud"] == THERE


def test_on_behalf_of_takes_the_service_from_the_scope(issuer: DevIssuer) -> None:
    body = on_behalf_of(issuer, scope="https://other.example/read").json()
    claims = claims_of(body["access_token"])
    assert (claims["sub"], claims["aud"], claims["scope"]) == (
        "alice",
        "https://other.example",
        "https://other.example/read",
    )


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"audience": "https://elsewhere.example"}, "invalid_target"),
        ({"subject_token": "made-up"}, "invalid_request"),
        ({"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"),
        ({"requested_token_type": "urn:ietf:params:oauth:token-type:id_token"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
    ],
)
def test_an_exchange_that_is_not_in_order_is_refused(issuer: DevIssuer, changes: dict[str, str], error: str) -> None:
    assert exchange(issuer, **changes).json()["error"] == error


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"assertion": "made-up"}, "invalid_grant"),
        ({"scope": "https://elsewhere.example/read"}, "invalid_scope"),
        ({"requested_token_use": "something"}, "invalid_request"),
        ({"client_secret": "wrong"}, "invalid_client"),
    ],
)
def test_an_assertion_that_is_not_in_order_is_refused(issuer: DevIssuer, changes: dict[str, str], error: str) -> None:
    assert on_behalf_of(issuer, **changes).json()["error"] == error


def test_a_token_that_is_not_the_clients_callers_is_not_exchanged(issuer: DevIssuer) -> None:
    for stolen in (
        issuer.token(audience="https://somebody-else.example"),
        issuer.token(audience=HERE, expires_in=-60),
        issuer.token(audience=HERE, iss="https://other-issuer.example"),
    ):
        assert exchange(issuer, subject_token=stolen).json()["error"] == "invalid_request"


def test_only_a_client_that_was_registered_for_it_may_exchange(issuer: DevIssuer) -> None:
    client = OAuthClient.of(issuer)
    issuer.add_client("confidential", "secret", [client.redirect_uri])
    issuer.add_client("public", None, [client.redirect_uri], grant_types=[TOKEN_EXCHANGE])
    for proof in ({"client_id": "confidential", "client_secret": "secret"}, {"client_id": "public"}):
        form = {"grant_type": TOKEN_EXCHANGE, "subject_token": "any", "subject_token_type": ACCESS_TOKEN_TYPE, **proof}
        assert post(f"{issuer.issuer_url}/token", **form).json()["error"] == "unauthorized_client"


def test_a_switch_makes_it_want_the_user(issuer: DevIssuer) -> None:
    issuer.misbehave(needs_interaction=True)
    assert exchange(issuer).json()["error"] == "interaction_required"
    assert on_behalf_of(issuer).json()["error"] == "interaction_required"
    issuer.behave()
    assert exchange(issuer).status_code == 200


def test_exchanges_are_counted(issuer: DevIssuer) -> None:
    before = issuer.requests.count("token", grant_type=TOKEN_EXCHANGE, audience=THERE)
    exchange(issuer, audience=THERE)
    assert issuer.requests.count("token", grant_type=TOKEN_EXCHANGE, audience=THERE) == before + 1


def test_the_metadata_names_both_grants(issuer: DevIssuer) -> None:
    document = httpx.get(f"{issuer.issuer_url}/.well-known/openid-configuration").json()
    assert {TOKEN_EXCHANGE, JWT_BEARER} <= set(document["grant_types_supported"])


def test_the_services_client_gets_tokens_of_a_service_account() -> None:
    with DevService() as service:
        proof = {"client_id": service.client_id, "client_secret": service.client_secret}
        body = post(service.token_url, grant_type="client_credentials", scope="repo", **proof).json()
        assert "refresh_token" not in body
        assert body["scope"] == "repo"
        with httpx.Client(headers={"authorization": f"Bearer {body['access_token']}"}) as http:
            assert http.get(f"{service.api_url}/user").json()["login"] == "octo-robot"
            assert [one["name"] for one in http.get(f"{service.api_url}/repos").json()] == ["deployments"]
        everything = post(service.token_url, grant_type="client_credentials", **proof).json()
        assert everything["scope"] == "read:user repo"
        refused = post(service.token_url, grant_type="client_credentials", client_id=service.client_id)
        assert refused.json()["error"] == "invalid_client"
