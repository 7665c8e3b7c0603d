"""Tokens for clients with an id and a secret, and an issuer whose key outlives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jwk, jwt

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import DevIssuer, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

ADMIN = {"client_id": "agent-admin", "client_secret": "admin-secret"}
CLIENTS: dict[str, dict[str, Any]] = {
    "agent-admin": {"secret": "admin-secret", "roles": ["admin", "finance"], "scopes": ["read", "write"]},
    "agent-viewer": {"secret": "viewer-secret", "roles": {"viewer"}},
}


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256", audience="http://127.0.0.1:8000/mcp", clock=FakeClock(1000.0)) as issuer:
        issuer.enable_token_endpoint(CLIENTS)
        yield issuer


def ask(issuer: DevIssuer, path: str = "/auth/token", **request: Any) -> httpx.Response:
    return httpx.post(issuer.base_url + path, timeout=10, **request)


def claims_in(issuer: DevIssuer, answer: httpx.Response) -> dict[str, Any]:
    return claims_of(issuer, answer.json()["access_token"])


def claims_of(issuer: DevIssuer, token: str) -> dict[str, Any]:
    return jwt.decode(token, jwk.KeySet([jwk.import_key(one) for one in issuer.jwks()["keys"]])).claims


def test_a_client_gets_a_token_with_its_roles_for_a_day(issuer: DevIssuer) -> None:
    answer = ask(issuer, json=ADMIN)
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json().keys() == {"access_token", "token_type", "expires_in"}
    assert (answer.json()["token_type"], answer.json()["expires_in"]) == ("Bearer", 86400)
    claims = claims_in(issuer, answer)
    assert claims["sub"] == claims["client_id"] == "agent-admin"
    assert (claims["roles"], claims["scope"]) == (["admin", "finance"], "read write")
    assert (claims["iat"], claims["exp"]) == (1000, 87400)
    assert claims["aud"] == "http://127.0.0.1:8000/mcp"
    assert issuer.requests.count("token") == 1


def test_roles_may_be_a_set_and_scopes_be_missing(issuer: DevIssuer) -> None:
    claims = claims_in(issuer, ask(issuer, json={"client_id": "agent-viewer", "client_secret": "viewer-secret"}))
    assert (claims["roles"], claims["scope"]) == (["viewer"], "")


@pytest.mark.parametrize("wrong", [{"client_secret": "viewer-secret"}, {"client_id": "nobody"}])
def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer(issuer: DevIssuer, wrong: dict[str, str]) -> None:
    answer = ask(issuer, json={**ADMIN, **wrong})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert answer.json()["error_description"] == "client id or secret is wrong"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": {"client_id": "agent-admin"}}, 400),
        ({"json": {**ADMIN, "client_secret": 7}}, 400),
        ({"json": [ADMIN]}, 400),
        ({"content": b"{", "headers": {"content-type": "application/json"}}, 400),
        ({"content": b"[" * 16_000, "headers": {"content-type": "application/json"}}, 400),
        ({"content": b" " * 20_000, "headers": {"content-type": "application/json"}}, 413),
        ({"data": ADMIN}, 415),
        ({"content": b'{"client_id": "agent-admin"}', "headers": {"content-type": "text/plain"}}, 415),
    ],
)
def test_what_is_no_request_of_a_client_is_refused(issuer: DevIssuer, request_: dict[str, Any], status: int) -> None:
    answer = ask(issuer, **request_)
    assert (answer.status_code, answer.json()["error"]) == (status, "invalid_request")


def test_a_page_whose_name_was_led_to_this_machine_gets_nothing(issuer: DevIssuer) -> None:
    # DNS rebinding: for the browser the page and the issuer are one origin then, and only the name tells.
    headers = {"host": f"evil.example:{issuer.port}", "origin": f"http://evil.example:{issuer.port}"}
    answer = ask(issuer, json=ADMIN, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (421, "invalid_request")
    assert ask(issuer, json=ADMIN, headers={"host": f"localhost:{issuer.port}"}).status_code == 200


def test_half_a_letter_in_a_secret_is_a_wrong_secret(issuer: DevIssuer) -> None:
    content = b'{"client_id": "agent-admin", "client_secret": "\\ud800"}'
    answer = ask(issuer, content=content, headers={"content-type": "application/json"})
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


def test_no_page_of_another_origin_is_let_in(issuer: DevIssuer) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{issuer.base_url}/auth/token", headers=headers, timeout=10)
    assert "access-control-allow-origin" not in answer.headers
    assert answer.status_code == 405


def test_the_path_the_lifetime_and_the_audience_can_be_others(issuer: DevIssuer) -> None:
    issuer.enable_token_endpoint(CLIENTS, path="/short", default_expires_in=60, audience=["one", "two"])
    claims = claims_in(issuer, ask(issuer, "/short", json=ADMIN))
    assert claims["exp"] - claims["iat"] == 60
    assert claims["aud"] == ["one", "two"]


@pytest.mark.parametrize(
    ("clients", "options"),
    [
        ({"agent": {}}, {}),
        ({"agent": {"secret": ""}}, {}),
        ({"agent": {"secret": "s", "role": "admin"}}, {}),
        ({"agent": {"secret": "s", "roles": "admin"}}, {}),
        ({"agent": {"secret": "s", "scopes": [1]}}, {}),
        (CLIENTS, {"path": "auth/token"}),
        (CLIENTS, {"path": "/token"}),
        (CLIENTS, {"default_expires_in": 0}),
    ],
)
def test_mistakes_are_refused_before_anybody_asks(
    issuer: DevIssuer, clients: dict[str, Any], options: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError):
        issuer.enable_token_endpoint(clients, **{"path": "/other", **options})


def test_tokens_of_an_issuer_with_a_key_of_its_own_outlive_it() -> None:
    key = jwk.ECKey.generate_key("P-256", private=True)
    with DevIssuer(algorithm="ES256", signing_key=key.as_dict(private=True)) as issuer:
        token, kid = issuer.token(), issuer.kid
    with DevIssuer(algorithm="ES256", signing_key=key.as_dict(private=True)) as again:
        assert again.kid == kid
        assert claims_of(again, token)["sub"] == "alice"
        assert "d" not in again.jwks()["keys"][0]


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "EC"},
        {"kty": "oct", "k": "c2VjcmV0"},
        {"crv": "P-256"},
        jwk.ECKey.generate_key("P-256").as_dict(private=False),
        jwk.ECKey.generate_key("P-384").as_dict(private=True),
        jwk.RSAKey.generate_key(2048).as_dict(private=True),
    ],
)
def test_a_signing_key_that_is_none_is_refused_without_being_shown(key: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        DevIssuer(algorithm="ES256", signing_key=key)
    assert key.get("d", key.get("k", "none at all")) not in str(refused.value)
    assert refused.value.__cause__ is None
