from __future__ import annotations

import base64
import hashlib
from urllib.parse import parse_qs, urlsplit

from mcpauthkit.testing import OAuthClient


def client() -> OAuthClient:
    return OAuthClient(
        authorize_url="https://as.example/authorize", token_url="https://as.example/token", client_id="c"
    )


def test_the_authorization_address_carries_the_challenge_of_the_verifier() -> None:
    one = client()
    query = parse_qs(urlsplit(one.authorization_url(scope="a b", resource=["r1", "r2"], state=None)).query)
    digest = hashlib.sha256(one.code_verifier.encode()).digest()
    assert query["code_challenge"] == [base64.urlsafe_b64encode(digest).decode().rstrip("=")]
    assert query["scope"] == ["a b"]
    assert query["resource"] == ["r1", "r2"]
    assert "state" not in query


def test_each_client_has_a_state_and_a_verifier_of_its_own() -> None:
    assert client().state != client().state
    assert client().code_verifier != client().code_verifier
