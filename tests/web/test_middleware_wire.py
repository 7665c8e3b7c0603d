"""The wire table of leg 1, row by row, over real HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mcpauthkit.errors import InsufficientScope, InvalidRequest, InvalidToken, MissingToken
from mcpauthkit.testing import DevIssuer, LoopbackServer
from mcpauthkit.web.responses import Refusal
from tests.web.door import BASE, PRE_FLIGHT, PRM, served

CHALLENGE = f'Bearer scope="openid mcp:tools", resource_metadata="{PRM}"'
Headers = list[tuple[str, str]]


@pytest.fixture(scope="module", name="place")
def _place() -> Iterator[tuple[DevIssuer, LoopbackServer]]:
    with served(open_paths=("/health",)) as place:
        yield place


@pytest.fixture(name="issuer")
def _issuer(place: tuple[DevIssuer, LoopbackServer]) -> DevIssuer:
    return place[0]


@pytest.fixture(name="http")
def _http(place: tuple[DevIssuer, LoopbackServer]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=place[1].base_url) as http:
        yield http


def good(issuer: DevIssuer, **changes: Any) -> str:
    return issuer.token(**{"audience": f"{BASE}/mcp", **changes})


def check_refusal(response: httpx.Response, status: int, error: str, challenge: str | None) -> None:
    assert response.status_code == status
    assert response.headers.get("www-authenticate") == challenge
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["content-type"] == "application/json"
    assert set(response.json()) == {"error", "error_description"}
    assert response.json()["error"] == error


@pytest.mark.parametrize(
    "headers",
    [
        [],
        [("authorization", "")],
        [("authorization", "Basic YTpi")],
        [("authorization", "Bearerx y")],
        [("authorization", "token")],
        [("authorization", "DPoP abc")],
        [("cookie", "access_token=x")],
        [("x-authorization", "Bearer x")],
    ],
)
def test_no_token_or_another_scheme_is_401_without_an_error_code(http: httpx.Client, headers: Headers) -> None:
    response = http.get("/mcp", headers=headers)
    check_refusal(response, 401, "missing_token", CHALLENGE)


def challenge_of(description: str) -> str:
    return (
        f'Bearer error="invalid_token", scope="openid mcp:tools", resource_metadata="{PRM}", '
        f'error_description="{description}"'
    )


@pytest.mark.parametrize(
    "token",
    [
        "=",
        "junk",
        "a.b",
        "a.b.c",
        "a.b.c.d",
        "a.b.c.d.e",
        "x" * 20_000,
        "eyJhbGciOiJub25lIn0.e30.",
        "a b",
        "a, Bearer b",
    ],
)
def test_a_malformed_token_is_401_invalid_token(http: httpx.Client, token: str) -> None:
    response = http.get("/mcp", headers={"authorization": f"Bearer {token}"})
    # The description says what kind of token it seems to be, which depends on nothing but its shape.
    check_refusal(response, 401, "invalid_token", challenge_of(response.json()["error_description"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://other.example"},
        {"iss": None},
        {"headers": {"typ": "id+jwt"}},
        {"headers": {"kid": "made-up"}, "iat": 1},
        {"exp": None},
        {"sub": ""},
        {"nbf": 99_999_999_999},
        {"roles": 5},
    ],
    ids=str,
)
def test_a_token_that_breaks_a_rule_is_401_invalid_token(
    http: httpx.Client, issuer: DevIssuer, changes: dict[str, Any]
) -> None:
    response = http.get("/mcp", headers={"authorization": f"Bearer {good(issuer, **changes)}"})
    check_refusal(response, 401, "invalid_token", challenge_of(InvalidToken.default_public))


def test_a_forged_token_is_401_invalid_token(http: httpx.Client) -> None:
    with DevIssuer() as stranger:
        token = stranger.token(audience=f"{BASE}/mcp")
    response = http.get("/mcp", headers={"authorization": f"Bearer {token}"})
    check_refusal(response, 401, "invalid_token", challenge_of(InvalidToken.default_public))


def test_an_expired_token_is_401_and_says_so_before_it_speaks_of_scope(http: httpx.Client, issuer: DevIssuer) -> None:
    response = http.get("/mcp", headers={"authorization": f"Bearer {good(issuer, expires_in=-61, scope='')}"})
    check_refusal(
        response, 401, "invalid_token", challenge_of("The access token has expired. Refresh it and repeat the request.")
    )


@pytest.mark.parametrize("audience", ["https://other.example/mcp", f"{BASE}/mcp/", BASE, "test-client"])
def test_a_token_for_another_audience_is_401_invalid_token(
    http: httpx.Client, issuer: DevIssuer, audience: str
) -> None:
    response = http.get("/mcp", headers={"authorization": f"Bearer {good(issuer, audience=audience)}"})
    description = "The access token was issued for another audience. Sign in again for this server."
    check_refusal(response, 401, "invalid_token", challenge_of(description))


def test_every_401_names_the_same_scope(http: httpx.Client, issuer: DevIssuer) -> None:
    tokens = [None, "junk", good(issuer, expires_in=-100), good(issuer, audience="x"), good(issuer, scope="other")]
    answers = [http.get("/mcp", headers={"authorization": f"Bearer {one}"} if one else {}) for one in tokens[:4]]
    assert {one.headers["www-authenticate"].split('scope="')[1].split('"')[0] for one in answers} == {
        "openid mcp:tools"
    }


def test_two_authorization_headers_are_400_without_a_challenge(http: httpx.Client, issuer: DevIssuer) -> None:
    token = good(issuer)
    for second in (f"Bearer {token}", "Basic YTpi", ""):
        headers = [("authorization", f"Bearer {token}"), ("authorization", second)]
        check_refusal(http.get("/mcp", headers=headers), 400, "invalid_request", None)


@pytest.mark.parametrize("query", ["access_token=x", "a=b&access_token=x", "access_token="])
def test_a_token_in_the_address_is_400_even_beside_a_good_header(
    http: httpx.Client, issuer: DevIssuer, query: str
) -> None:
    check_refusal(http.get(f"/mcp?{query}"), 400, "invalid_request", None)
    response = http.get(f"/mcp?{query}", headers={"authorization": f"Bearer {good(issuer)}"})
    check_refusal(response, 400, "invalid_request", None)


@pytest.mark.parametrize("query", ["no_access_token=x", "q=about+access_token", "next=%3Faccess_token%3Dx"])
def test_a_query_that_only_looks_like_it_is_nobodys_business(http: httpx.Client, issuer: DevIssuer, query: str) -> None:
    assert http.get(f"/mcp?{query}", headers={"authorization": f"Bearer {good(issuer)}"}).status_code == 200


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR", "Bearer  "])
def test_the_scheme_knows_no_case(http: httpx.Client, issuer: DevIssuer, scheme: str) -> None:
    # B1 "scheme `bearer` in lower case"
    response = http.get("/mcp", headers={"authorization": f"{scheme} {good(issuer)}"})
    assert response.status_code == 200
    assert response.json() == {"user": "alice", "path": "mcp", "state": True}


def test_a_body_is_no_place_for_a_token(http: httpx.Client, issuer: DevIssuer) -> None:
    check_refusal(http.post("/mcp", data={"access_token": good(issuer)}), 401, "missing_token", CHALLENGE)


def test_a_preflight_is_told_nothing_and_any_other_options_needs_a_token(http: httpx.Client) -> None:
    # K6p: every OPTIONS reached the application. CORSMiddleware answers allowed ones outside of us.
    answer = http.options("/elsewhere", headers=PRE_FLIGHT)
    assert (answer.status_code, answer.content) == (204, b"")
    assert not any(name.startswith("access-control") for name in answer.headers)
    check_refusal(http.options("/elsewhere"), 401, "missing_token", CHALLENGE)
    for name in PRE_FLIGHT:
        partial = {key: value for key, value in PRE_FLIGHT.items() if key != name}
        check_refusal(http.options("/elsewhere", headers=partial), 401, "missing_token", CHALLENGE)
    check_refusal(http.get("/elsewhere", headers=PRE_FLIGHT), 401, "missing_token", CHALLENGE)


def test_an_open_path_needs_no_token_and_knows_no_user(http: httpx.Client, issuer: DevIssuer) -> None:
    for headers in ({}, {"authorization": "Bearer junk"}, {"authorization": f"Bearer {good(issuer)}"}):
        response = http.get("/health", headers=headers)
        assert response.json() == {"user": None, "path": "health", "state": False}


def test_a_missing_scope_is_403_with_everything_the_call_needs() -> None:
    refusal = Refusal(InsufficientScope(("mcp:tools", "repo")), resource_metadata=PRM, scope="openid")
    headers = dict(refusal.headers)
    assert refusal.status == 403
    assert headers[b"www-authenticate"].decode() == (
        f'Bearer error="insufficient_scope", scope="mcp:tools repo", resource_metadata="{PRM}", '
        f'error_description="{InsufficientScope.default_public}"'
    )


@pytest.mark.parametrize("error", [MissingToken(), InvalidToken(reason="canary"), InvalidRequest(hint="canary")])
def test_neither_hint_nor_reason_leaves_the_process(error: Any) -> None:
    refusal = Refusal(error, resource_metadata=PRM, scope="openid")
    assert "canary" not in repr((refusal.body, refusal.headers))
