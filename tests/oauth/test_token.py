"""Token requests and answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import Secret
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpResponse
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response, refresh_request
from tests.oauth.answers import answer

ENDPOINT = "https://issuer.example/token"
GOOD = {"access_token": "at", "token_type": "Bearer"}


def code_form(client: OAuthClient) -> tuple[dict[str, str], dict[str, str]]:
    made = code_request(ENDPOINT, client, code="c", redirect_uri="https://m.example/cb", code_verifier="v" * 43)
    assert (made.method, made.url) == ("POST", ENDPOINT)
    return dict(made.form or {}), dict(made.headers)


def test_a_public_client_names_itself_and_shows_the_verifier() -> None:
    form, headers = code_form(OAuthClient("client"))
    assert form == {
        "grant_type": "authorization_code",
        "code": "c",
        "redirect_uri": "https://m.example/cb",
        "code_verifier": "v" * 43,
        "client_id": "client",
    }
    assert headers == {"accept": "application/json"}


def test_a_client_proves_itself_in_the_form() -> None:
    form, headers = code_form(OAuthClient("client", Secret("s3cret"), "client_secret_post"))
    assert (form["client_id"], form["client_secret"]) == ("client", "s3cret")
    assert "authorization" not in headers


def test_a_client_proves_itself_by_basic_with_both_halves_form_encoded() -> None:
    # RFC 6749 section 2.3.1.
    form, headers = code_form(OAuthClient("cli:ent", Secret("s cr%t/é"), "client_secret_basic"))
    assert base64.b64decode(headers["authorization"].removeprefix("Basic ")) == b"cli%3Aent:s+cr%25t%2F%C3%A9"
    assert not {"client_id", "client_secret"} & form.keys()


@pytest.mark.parametrize("authentication", ["client_secret_basic", "client_secret_post"])
def test_a_client_without_a_secret_names_itself_in_the_form(authentication: Any) -> None:
    form, headers = code_form(OAuthClient("client", None, authentication))
    assert form["client_id"] == "client"
    assert "client_secret" not in form
    assert "authorization" not in headers


def test_a_refresh_asks_for_the_scopes_given() -> None:
    made = refresh_request(ENDPOINT, OAuthClient("client"), refresh_token=Secret("rt"), scopes=("a", "b"))
    assert made.form == {
        "grant_type": "refresh_token",
        "refresh_token": "rt",
        "scope": "a b",
        "client_id": "client",
    }
    assert "scope" not in (refresh_request(ENDPOINT, OAuthClient("c"), refresh_token=Secret("rt")).form or {})


def test_no_request_prints_a_secret() -> None:
    made = refresh_request(
        ENDPOINT, OAuthClient("client", Secret("s3cret"), "client_secret_basic"), refresh_token=Secret("canary")
    )
    assert "canary" not in repr(made)
    assert "Basic" not in repr(made)


def test_a_full_answer_is_read() -> None:
    tokens = process_token_response(
        answer({**GOOD, "expires_in": 300, "refresh_token": "rt", "scope": "a b", "id_token": "it"})
    )
    assert tokens.access_token.reveal() == "at"
    assert tokens.token_type == "Bearer"
    assert tokens.expires_in == 300
    assert tokens.refresh_token == Secret("rt")
    assert tokens.scopes == ("a", "b")
    assert tokens.id_token == Secret("it")
    assert "at" not in repr(tokens).split("'")


def test_what_the_server_does_not_say_is_none() -> None:
    tokens = process_token_response(answer({"access_token": "at"}))
    assert (tokens.expires_in, tokens.refresh_token, tokens.scopes, tokens.id_token) == (None, None, None, None)
    assert tokens.token_type == "Bearer"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (300, 300.0),
        ("300", 300.0),
        (300.5, 300.5),
        (0, None),
        (-1, None),
        ("soon", None),
        ("nan", None),
        ("inf", None),
        (None, None),
        ([], None),
        (True, None),
        (10**400, None),
    ],
)
def test_a_lifetime_is_a_positive_number_or_unknown(value: Any, expected: float | None) -> None:
    assert process_token_response(answer({**GOOD, "expires_in": value})).expires_in == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a b", ("a", "b")),
        ("a,b", ("a", "b")),
        (" a,  b ", ("a", "b")),
        ("", ()),
        (["a", "b c"], ("a", "b c")),
        ([1], None),
        (5, None),
    ],
)
def test_scopes_come_with_spaces_commas_or_as_a_list(value: Any, expected: Any) -> None:
    assert process_token_response(answer({**GOOD, "scope": value})).scopes == expected


@pytest.mark.parametrize("status", [200, 400, 401, 403])
def test_a_definite_refusal_is_told_with_its_code_whatever_the_status(status: int) -> None:
    # GitHub sends errors with HTTP 200.
    with pytest.raises(GrantRefused) as caught:
        process_token_response(answer({"error": "invalid_grant", "access_token": "at"}, status))
    assert caught.value.error == "invalid_grant"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (GOOD, 500),
        ({"error": "invalid_grant"}, 503),
        ("<html>", 502),
        ("", 429),
        ("", 408),
        ({"error": "temporarily_unavailable"}, 400),
        ({"error": "server_error"}, 200),
        ({"error": "slow_down"}, 400),
    ],
)
def test_an_outage_is_not_a_refusal(body: Any, status: int) -> None:
    # Section C: `test_try_silent_refresh_fn_fails_clears_token` pinned the opposite.
    with pytest.raises(RemoteUnavailable):
        process_token_response(answer(body, status))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 200),
        ({"access_token": ""}, 200),
        ({"access_token": 5}, 200),
        ({"access_token": None}, 200),
        ({"access_token": "a\r\nx-injected: 1"}, 200),
        ({"access_token": "a\tb"}, 200),
        ({"access_token": "a\x00"}, 200),
        ({"access_token": "é"}, 200),
        ({"access_token": "a" * 20_000}, 200),
        ({**GOOD, "refresh_token": "a\nb"}, 200),
        ({**GOOD, "id_token": "a\x7f"}, 200),
        # A token bound to a proof that we cannot give is of no use (RFC 6749 section 7.1).
        ({**GOOD, "token_type": "DPoP"}, 200),
        ({**GOOD, "token_type": "mac"}, 200),
        (GOOD, 400),
        (GOOD, 201),
        ({"error": {"code": 190}}, 400),
        ("access_token=at", 200),
        ("[]", 200),
        ("{" * 100, 200),
        ('{"access_token":"a","access_token":"b"}', 200),
        ({**GOOD, "x": "y" * 300_000}, 200),
    ],
)
def test_an_answer_without_a_usable_token_is_misbehaviour_and_repeats_no_token(body: Any, status: int) -> None:
    with pytest.raises(RemoteMisbehaved) as caught:
        process_token_response(answer(body, status))
    # N1b: the whole answer, tokens included, went to the log.
    assert "x-injected" not in caught.value.reason
    assert "y" * 64 not in caught.value.reason


@given(st.binary(max_size=200), st.sampled_from([200, 400, 500]))
def test_no_answer_raises_anything_but_a_remote_error(body: bytes, status: int) -> None:
    with pytest.raises(RemoteError):
        process_token_response(HttpResponse(status, {}, body))


@given(st.text(min_size=1))
def test_an_error_code_is_kept_short(error: str) -> None:
    with pytest.raises(RemoteError) as caught:
        process_token_response(answer({"error": error}, 400))
    assert len(getattr(caught.value, "error", "")) <= 64


@pytest.mark.parametrize("name", ["refresh_expires_in", "refresh_token_expires_in", "x_refresh_token_expires_in"])
@pytest.mark.parametrize(("value", "expected"), [(900, 900.0), ("900", 900.0), (0, None), (-1, None), ("soon", None)])
def test_the_life_of_a_refresh_token_is_told_under_several_names(
    name: str, value: object, expected: float | None
) -> None:
    assert process_token_response(answer({**GOOD, name: value})).refresh_expires_in == expected
