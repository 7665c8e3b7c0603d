"""Requests and answers of the grants that ask nobody (RFC 8693, RFC 6749 section 4.4)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpauthkit import Secret
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpResponse
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.oauth.token_exchange import (
    ACCESS_TOKEN_TYPE,
    JWT_TYPE,
    client_credentials_request,
    exchange_request,
    on_behalf_of_request,
    process_exchange_response,
)

ENDPOINT = "https://issuer.example/token"
CLIENT = OAuthClient("gateway", Secret("client-secret"), "client_secret_post")
PROOF = {"client_id": "gateway", "client_secret": "client-secret"}


def answer(status: int = 200, **members: Any) -> HttpResponse:
    good = {"access_token": "exchanged", "token_type": "Bearer", "expires_in": 60, "issued_token_type": JWT_TYPE}
    merged = {name: value for name, value in {**good, **members}.items() if value is not None}
    return HttpResponse(status, {}, json.dumps(merged).encode())


def test_an_exchange_names_the_callers_token_and_what_it_is_exchanged_for() -> None:
    request = exchange_request(
        ENDPOINT,
        CLIENT,
        subject_token=Secret("callers"),
        audience="ledger",
        resource="https://ledger.example",
        scopes=("read", "write"),
    )
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert request.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": "callers",
        "subject_token_type": ACCESS_TOKEN_TYPE,
        "requested_token_type": ACCESS_TOKEN_TYPE,
        "audience": "ledger",
        "resource": "https://ledger.example",
        "scope": "read write",
        **PROOF,
    }


def test_what_is_not_wanted_is_not_sent() -> None:
    exchange = exchange_request(ENDPOINT, CLIENT, subject_token=Secret("callers"))
    credentials = client_credentials_request(ENDPOINT, CLIENT)
    assert not {"audience", "resource", "scope"} & {*(exchange.form or {}), *(credentials.form or {})}


def test_on_behalf_of_is_asked_for_in_entras_words() -> None:
    request = on_behalf_of_request(
        ENDPOINT, CLIENT, assertion=Secret("callers"), scopes=("https://graph.example/Read",)
    )
    assert request.form == {
        "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "requested_token_use": "on_behalf_of",
        "assertion": "callers",
        "scope": "https://graph.example/Read",
        **PROOF,
    }


def test_client_credentials_may_name_a_service() -> None:
    request = client_credentials_request(
        ENDPOINT, CLIENT, scopes=("read",), audience="ledger", resource="https://ledger.example"
    )
    assert request.form == {
        "grant_type": "client_credentials",
        "scope": "read",
        "audience": "ledger",
        "resource": "https://ledger.example",
        **PROOF,
    }


def test_a_client_that_proves_itself_in_the_header_does_so_here() -> None:
    client = OAuthClient("gateway", Secret("client-secret"), "client_secret_basic")
    request = exchange_request(ENDPOINT, client, subject_token=Secret("callers"))
    assert request.headers["authorization"].startswith("Basic ")
    assert request.form is not None
    assert not PROOF.keys() & request.form.keys()


def test_a_request_shows_no_token_when_printed() -> None:
    request = exchange_request(ENDPOINT, CLIENT, subject_token=Secret("callers"))
    assert "callers" not in repr(request)


@pytest.mark.parametrize("issued", [ACCESS_TOKEN_TYPE, JWT_TYPE, None])
def test_an_access_token_is_taken_whether_its_type_is_told_or_not(issued: str | None) -> None:
    tokens = process_exchange_response(answer(issued_token_type=issued))
    assert tokens.access_token == Secret("exchanged")
    assert tokens.expires_in == 60


@pytest.mark.parametrize(
    "members",
    [
        {"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"},
        {"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"issued_token_type": "urn:ietf:params:oauth:token-type:saml2"},
        {"issued_token_type": ""},
        {"issued_token_type": "exchanged"},
        {"issued_token_type": "urn:exchanged"},
        {"issued_token_type": 7},
        {"token_type": "N_A"},
        {"token_type": "n_a"},
        {"access_token": None},
    ],
)
def test_what_is_no_access_token_is_not_taken_for_one(members: dict[str, Any]) -> None:
    with pytest.raises(RemoteMisbehaved) as refused:
        process_exchange_response(answer(**members))
    assert "exchanged" not in refused.value.reason


def test_the_reason_names_the_kind_of_token_that_came_instead() -> None:
    with pytest.raises(RemoteMisbehaved) as refused:
        process_exchange_response(answer(issued_token_type="urn:ietf:params:oauth:token-type:id_token"))
    assert "id_token" in refused.value.reason


def test_a_type_that_is_a_list_is_no_type() -> None:
    with pytest.raises(RemoteMisbehaved):
        process_exchange_response(answer(issued_token_type=[JWT_TYPE]))


def test_a_refusal_and_an_outage_are_told_apart() -> None:
    with pytest.raises(GrantRefused) as refused:
        process_exchange_response(HttpResponse(400, {}, b'{"error": "invalid_target"}'))
    assert refused.value.error == "invalid_target"
    with pytest.raises(RemoteUnavailable):
        process_exchange_response(HttpResponse(503, {}, b""))
