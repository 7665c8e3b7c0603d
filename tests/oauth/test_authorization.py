"""Authorization requests and responses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.authorization import (
    AuthorizationRequest,
    check_extra_parameters,
    code_challenge,
    process_authorization_response,
)

VECTOR = json.loads((Path(__file__).parent.parent / "vectors" / "rfc7636_appendix_b.json").read_text())
ISSUER = "https://issuer.example/tenant"


def request(**changes: Any) -> AuthorizationRequest:
    values: dict[str, Any] = {
        "endpoint": "https://issuer.example/authorize",
        "client_id": "client",
        "redirect_uri": "https://mcp.example/callback",
        "state": "state-canary",
        "code_verifier": VECTOR["code_verifier"],
        **changes,
    }
    return AuthorizationRequest(**values)


def query_of(url: str) -> dict[str, list[str]]:
    return parse_qs(urlsplit(url).query, keep_blank_values=True)


def test_the_challenge_is_the_one_of_rfc_7636() -> None:
    assert code_challenge(VECTOR["code_verifier"]) == VECTOR["code_challenge"]


def test_the_request_carries_pkce_and_state_and_each_parameter_once() -> None:
    query = query_of(request(scopes=("repo", "user"), nonce="n", extra={"prompt": "login"}).url)
    assert query == {
        "response_type": ["code"],
        "client_id": ["client"],
        "redirect_uri": ["https://mcp.example/callback"],
        "state": ["state-canary"],
        "code_challenge": [VECTOR["code_challenge"]],
        "code_challenge_method": ["S256"],
        "scope": ["repo user"],
        "nonce": ["n"],
        "prompt": ["login"],
    }


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    query = query_of(request().url)
    assert "scope" not in query
    assert "nonce" not in query


def test_the_verifier_is_not_sent_and_nothing_secret_is_printed() -> None:
    made = request(nonce="nonce-canary")
    assert VECTOR["code_verifier"] not in made.url
    assert not {"state-canary", "nonce-canary", VECTOR["code_verifier"]} & set(repr(made).replace("'", " ").split())


def test_a_query_of_the_endpoint_is_kept() -> None:
    url = request(endpoint="https://issuer.example/authorize?tenant=1").url
    assert url.count("?") == 1
    assert query_of(url)["tenant"] == ["1"]


def test_a_service_may_have_its_own_scope_separator() -> None:
    assert query_of(request(scopes=("a", "b"), scope_separator=",").url)["scope"] == ["a,b"]


@pytest.mark.parametrize(
    "name", ["response_type", "client_id", "redirect_uri", "state", "code_challenge", "code_challenge_method", "nonce"]
)
def test_extra_parameters_cannot_replace_what_safety_rests_on(name: str) -> None:
    with pytest.raises(ConfigurationError):
        check_extra_parameters({"prompt": "login", name: "x"})


def test_without_a_verifier_nothing_of_pkce_is_sent() -> None:
    assert not {"code_challenge", "code_challenge_method"} & query_of(request(code_verifier="").url).keys()


def test_scopes_go_under_another_name_where_the_service_has_one() -> None:
    made = request(scopes=("a", "b"), scope_separator=",", scope_parameter="user_scope", extra={"scope": "bot"})
    query = query_of(made.url)
    assert (query["user_scope"], query["scope"]) == (["a,b"], ["bot"])
    check_extra_parameters(made.extra, scope_parameter="user_scope")
    with pytest.raises(ConfigurationError):
        check_extra_parameters({"user_scope": "x"}, scope_parameter="user_scope")


def test_other_extra_parameters_are_kept() -> None:
    extra = {"prompt": "login", "audience": "x"}
    check_extra_parameters(extra)
    request = AuthorizationRequest("https://as.example/a", "id", "https://x.example/cb", "s", "v" * 43, extra=extra)
    assert httpx.URL(request.url).params["audience"] == "x"


@pytest.mark.parametrize(
    ("query", "expected_issuer", "iss_required", "good"),
    [
        ({"code": "c"}, None, False, True),
        ({"code": "c", "iss": "https://anybody.example"}, None, False, True),
        ({"code": "c"}, ISSUER, False, True),
        ({"code": "c", "iss": ISSUER}, ISSUER, False, True),
        ({"code": "c", "iss": ISSUER}, ISSUER, True, True),
        ({"code": "c"}, ISSUER, True, False),
        ({"code": "c", "iss": ""}, ISSUER, False, False),
        ({"code": "c", "iss": ""}, ISSUER, True, False),
        ({"code": "c", "iss": f"{ISSUER}/"}, ISSUER, False, False),
        ({"code": "c", "iss": ISSUER.upper()}, ISSUER, False, False),
        ({"code": "c", "iss": "https://issuer.example:443/tenant"}, ISSUER, False, False),
        ({"code": "c", "iss": "https://evil.example"}, ISSUER, False, False),
        ({"error": "access_denied", "iss": "https://evil.example"}, ISSUER, False, False),
        ({"error": "access_denied"}, ISSUER, True, False),
        ({}, None, False, False),
        ({"code": ""}, None, False, False),
        ({"code": "c" * 4097}, None, False, False),
    ],
)
def test_the_right_server_has_to_answer(
    query: dict[str, str], expected_issuer: str | None, *, iss_required: bool, good: bool
) -> None:
    # L4: the callback's `iss` of another server was ignored. RFC 9207 section 2.4.
    if good:
        code = process_authorization_response(query, expected_issuer=expected_issuer, iss_required=iss_required)
        assert code == "c"
    else:
        with pytest.raises(RemoteMisbehaved):
            process_authorization_response(query, expected_issuer=expected_issuer, iss_required=iss_required)


def _refused(error: str) -> GrantRefused:
    with pytest.raises(GrantRefused) as caught:
        process_authorization_response({"error": error, "code": "c", "iss": ISSUER}, expected_issuer=ISSUER)
    return caught.value


@given(st.from_regex(r"[a-z]+(_[a-z]+){0,3}", fullmatch=True).filter(lambda one: len(one) <= 64))
def test_an_error_of_the_right_server_is_told_with_its_code(error: str) -> None:
    assert _refused(error).error == error
    assert _refused(error).public == GrantRefused.default_public


@given(st.text(min_size=1))
@example("the code 4f1c-canary is used")
def test_what_is_no_name_of_an_error_is_not_repeated(error: str) -> None:
    refused = _refused(error)
    assert refused.error in {error, "unreadable_error"}
    assert refused.error.isprintable()
    assert "canary" not in f"{refused.error} {refused.reason}"


@pytest.mark.parametrize("error", ["server_error", "temporarily_unavailable"])
def test_not_now_is_not_no(error: str) -> None:
    # RFC 6749 section 4.1.2.1: in the redirect itself, where there is no status to say so.
    with pytest.raises(RemoteUnavailable):
        process_authorization_response({"error": error}, expected_issuer=None)
