"""The kit registers itself at an issuer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import Secret
from mcpauthkit.errors import RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpResponse
from mcpauthkit.oauth.registration import process_registration, registration_request
from mcpauthkit.oauth.token import OAuthClient
from tests.oauth.answers import answer


@pytest.mark.parametrize(
    ("redirect", "kind"), [("https://m.example/cb", "web"), ("http://127.0.0.1:8000/cb", "native")]
)
def test_a_public_client_with_codes_only_is_asked_for(redirect: str, kind: str) -> None:
    made = registration_request("https://i.example/register", name="Kit", redirect_uris=[redirect], scope="openid")
    assert (made.method, made.url) == ("POST", "https://i.example/register")
    assert made.json == {
        "client_name": "Kit",
        "redirect_uris": [redirect],
        "grant_types": ["authorization_code"],
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": kind,
        "scope": "openid",
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"client_id": "c"}, OAuthClient("c", None, "none")),
        ({"client_id": "c", "client_secret": ""}, OAuthClient("c", None, "none")),
        (
            {"client_id": "c", "client_secret": "s", "token_endpoint_auth_method": "client_secret_post"},
            OAuthClient("c", Secret("s"), "client_secret_post"),
        ),
        (
            {"client_id": "c", "client_secret": "s", "token_endpoint_auth_method": "client_secret_basic"},
            OAuthClient("c", Secret("s"), "client_secret_basic"),
        ),
    ],
)
@pytest.mark.parametrize("status", [200, 201])
def test_the_client_the_issuer_made_is_used(body: Any, expected: OAuthClient, status: int) -> None:
    assert process_registration(answer(body, status)) == expected


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"error": "invalid_redirect_uri"}, 400),
        ({"client_id": "c"}, 403),
        ({}, 201),
        ({"client_id": ""}, 201),
        ({"client_id": 5}, 201),
        ({"client_id": "c", "token_endpoint_auth_method": "private_key_jwt"}, 201),
        ("<html>", 201),
    ],
)
def test_a_refusal_or_a_useless_answer_is_misbehaviour(body: Any, status: int) -> None:
    with pytest.raises(RemoteMisbehaved):
        process_registration(answer(body, status))


def test_an_outage_is_not_a_refusal() -> None:
    with pytest.raises(RemoteUnavailable):
        process_registration(answer({"client_id": "c"}, 503))


@given(st.binary(max_size=200))
def test_no_answer_raises_anything_but_a_remote_error(body: bytes) -> None:
    with pytest.raises(RemoteError):
        process_registration(HttpResponse(201, {}, body))
