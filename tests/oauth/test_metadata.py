"""Metadata documents, read and served."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpResponse
from mcpauthkit.oauth.metadata import (
    discovery_requests,
    process_discovery,
    protected_resource_document,
    resource_metadata_url,
)
from tests.oauth.answers import answer

ISSUER = "https://issuer.example/realms/r"
DOCUMENT = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}


@pytest.mark.parametrize("issuer", [ISSUER, f"{ISSUER}/"])
def test_metadata_is_looked_for_where_oidc_and_then_where_rfc_8414_has_it(issuer: str) -> None:
    assert [request.url for request in discovery_requests(issuer)] == [
        "https://issuer.example/realms/r/.well-known/openid-configuration",
        "https://issuer.example/.well-known/oauth-authorization-server/realms/r",
    ]


def test_a_full_document_is_read() -> None:
    metadata = process_discovery(
        ISSUER,
        answer(
            {
                **DOCUMENT,
                "authorization_endpoint": f"{ISSUER}/authorize",
                "token_endpoint": f"{ISSUER}/token",
                "registration_endpoint": f"{ISSUER}/register",
                "authorization_response_iss_parameter_supported": True,
            }
        ),
    )
    assert metadata is not None
    assert metadata.issuer == ISSUER
    assert metadata.jwks_uri == f"{ISSUER}/jwks"
    assert metadata.authorization_endpoint == f"{ISSUER}/authorize"
    assert metadata.token_endpoint == f"{ISSUER}/token"
    assert metadata.registration_endpoint == f"{ISSUER}/register"
    assert metadata.sends_iss


@pytest.mark.parametrize("value", [False, "true", 1, None])
def test_an_issuer_sends_iss_only_if_it_says_so_plainly(value: Any) -> None:
    metadata = process_discovery(ISSUER, answer({**DOCUMENT, "authorization_response_iss_parameter_supported": value}))
    assert metadata is not None
    assert not metadata.sends_iss


@pytest.mark.parametrize(
    "issuer",
    [
        None,
        5,
        "",
        f"{ISSUER}/",
        ISSUER.upper(),
        "https://issuer.example:443/realms/r",
        "https://evil.example",
        [ISSUER],
    ],
)
def test_a_document_of_another_issuer_is_refused(issuer: Any) -> None:
    # K3b, K3c: no issuer, or another one, was accepted. RFC 8414 section 3.3.
    with pytest.raises(RemoteMisbehaved) as caught:
        process_discovery(ISSUER, answer({**DOCUMENT, "issuer": issuer}))
    assert ISSUER in caught.value.hint


@pytest.mark.parametrize(
    "address",
    [
        None,
        5,
        "",
        "/jwks",
        "http://issuer.example/jwks",
        "file:///etc/passwd",
        "https://u:p@i.example/jwks",
        "http://127.0.0.1/jwks",
    ],
)
def test_keys_come_from_an_encrypted_address_or_not_at_all(address: Any) -> None:
    with pytest.raises(RemoteMisbehaved):
        process_discovery(ISSUER, answer({**DOCUMENT, "jwks_uri": address}))


@pytest.mark.parametrize("name", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
def test_no_endpoint_may_be_plain_http(name: str) -> None:
    with pytest.raises(RemoteMisbehaved):
        process_discovery(ISSUER, answer({**DOCUMENT, name: "http://issuer.example/x"}))


@pytest.mark.parametrize("status", [404, 401, 403, 400, 204])
def test_no_document_here_is_none(status: int) -> None:
    assert process_discovery(ISSUER, answer("", status)) is None


@pytest.mark.parametrize("status", [500, 502, 503, 429, 408])
def test_an_issuer_that_cannot_answer_now_is_unavailable(status: int) -> None:
    with pytest.raises(RemoteUnavailable):
        process_discovery(ISSUER, answer(DOCUMENT, status))


@given(st.binary(max_size=200))
def test_no_document_raises_anything_but_a_remote_error(body: bytes) -> None:
    with pytest.raises(RemoteError):
        process_discovery(ISSUER, HttpResponse(200, {}, body))


def test_the_resource_document_names_issuer_and_resource_byte_for_byte() -> None:
    document = protected_resource_document(
        resource="https://M.example/mcp", issuer="https://I.example/", scopes=["a", "b"], name="Tools"
    )
    assert document == {
        "resource": "https://M.example/mcp",
        "authorization_servers": ["https://I.example/"],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["a", "b"],
        "resource_name": "Tools",
    }


def test_the_resource_document_leaves_out_what_is_not_known() -> None:
    assert protected_resource_document(resource="https://m.example/mcp", issuer=ISSUER).keys() == {
        "resource",
        "authorization_servers",
        "bearer_methods_supported",
    }


def test_the_resource_documents_address_is_inserted_before_the_path() -> None:
    # RFC 9728 section 3.1.
    assert (
        resource_metadata_url("https://m.example/a/mcp")
        == "https://m.example/.well-known/oauth-protected-resource/a/mcp"
    )
