"""Token answers of services with habits of their own, and answers of nobody's."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import Secret
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.account import Account, AccountPaths
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response, refresh_request
from mcpauthkit.oauth.token_shape import TokenShape
from tests.oauth.answers import answer

CHATTY = TokenShape(
    blocks=("authed_user", "", "deep.*.token"),
    lifetime_seconds=1800.0,
    ok_flag="ok",
    error_paths=("error", "err"),
    gone=frozenset({"token_is_history"}),
    gone_phrases=frozenset({"refresh token"}),
    foreign_types=frozenset({"bot"}),
    transient=frozenset({"fatal_error"}),
    details={"team": "team.id", "host": "instance_url"},
    account=AccountPaths(id="authed_user.id|user.id", label="user.name", tenant="team.id"),
)
TOKENS = ("at-canary-1", "rt-canary-2", "id-canary-3")


def test_the_token_of_a_nested_block_is_taken_with_its_own_scopes_and_lifetime() -> None:
    user = {"id": "U1", "access_token": "user-token", "scope": "search:read,users:read", "expires_in": 43200}
    body = {"ok": True, "access_token": "bot-token", "scope": "chat:write", "team": {"id": "T1"}, "authed_user": user}
    tokens = process_token_response(answer(body), CHATTY)
    assert tokens.access_token == Secret("user-token")
    assert tokens.scopes == ("search:read", "users:read")
    assert tokens.expires_in == 43200
    assert tokens.refresh_token is None
    assert tokens.account == Account("U1", "", "T1")
    assert tokens.details == {"team": "T1"}


def test_a_block_without_a_token_is_passed_over() -> None:
    tokens = process_token_response(answer({"authed_user": {"id": "U1"}, "access_token": "top"}), CHATTY)
    assert tokens.access_token == Secret("top")
    assert tokens.scopes is None


def test_a_block_may_be_an_item_of_a_list() -> None:
    body = {"deep": [{"token": {}}, {"token": {"access_token": "found"}}]}
    assert process_token_response(answer(body), CHATTY).access_token == Secret("found")


@pytest.mark.parametrize("lifetime", [{}, {"expires_in": None}, {"expires_in": 0}, {"expires_in": "soon"}])
def test_where_the_answer_names_no_lifetime_the_services_own_holds(lifetime: dict[str, Any]) -> None:
    assert process_token_response(answer({"access_token": "a", **lifetime}), CHATTY).expires_in == 1800.0


def test_scopes_under_another_name_are_read() -> None:
    assert process_token_response(answer({"access_token": "a", "scopes": ["x", "y"]})).scopes == ("x", "y")


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ({"ok": False, "error": "invalid_auth"}, 200, "invalid_auth"),
        ({"ok": False, "error": "invalid_refresh_token"}, 200, "invalid_grant"),
        ({"error": "bad_refresh_token"}, 200, "invalid_grant"),
        ({"error": "token_is_history"}, 403, "invalid_grant"),
        ({"err": "token_is_history"}, 400, "invalid_grant"),
        ({"err": "Invalid client"}, 403, "Invalid client"),
        ({"status": 400, "message": "Invalid refresh token"}, 400, "invalid_grant"),
        ({"message": "This Refresh_Token was revoked."}, 401, "invalid_grant"),
        ({"error": "invalid_client"}, 401, "invalid_client"),
        ({"error": "the token rt-canary-2 is old"}, 400, "unreadable_error"),
        ({"error": "a\nb", "access_token": "a"}, 200, "unreadable_error"),
    ],
)
def test_a_refused_token_is_told_apart_from_a_refused_client(body: Any, status: int, error: str) -> None:
    with pytest.raises(GrantRefused) as refused:
        process_token_response(answer(body, status), CHATTY)
    assert refused.value.error == error
    assert refused.value.is_gone == (error == "invalid_grant")
    # Whoever runs this server can mend a refused client, and not what became of a user's consent.
    assert ("client_secret, client_authentication" in refused.value.hint) is not refused.value.is_gone
    assert "canary" not in refused.value.for_log()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"status": 400}, 400),
        ({"message": "Invalid client secret"}, 400),
        ({"message": "Parameter missing"}, 400),
        ({"message": ["refresh token"]}, 400),
        ({"refresh token": "message"}, 400),
        ({"message": "Where is the refresh token?"}, 201),
    ],
)
def test_a_refusal_that_does_not_say_of_what_ends_nobodys_grant(body: Any, status: int) -> None:
    with pytest.raises(RemoteMisbehaved):
        process_token_response(answer(body, status), CHATTY)


def test_a_401_that_names_no_error_is_about_the_client_too() -> None:
    with pytest.raises(RemoteMisbehaved) as refused:
        process_token_response(answer({"message": "Bad credentials"}, 401), CHATTY)
    assert "client_secret, client_authentication" in refused.value.hint


@pytest.mark.parametrize("spelled", ["bot", "Bot"])
def test_a_token_of_somebody_else_is_not_taken_for_the_users(spelled: str) -> None:
    body = {"access_token": "at-canary-1", "token_type": spelled, "authed_user": {"id": "U1"}}
    with pytest.raises(RemoteMisbehaved) as refused:
        process_token_response(answer(body), CHATTY)
    assert "not the user's" in refused.value.hint
    assert "canary" not in refused.value.for_log()


def test_a_token_of_somebody_else_beside_the_users_does_not_matter() -> None:
    body = {"access_token": "b", "token_type": "bot", "authed_user": {"access_token": "u", "token_type": "user"}}
    assert process_token_response(answer(body), CHATTY).access_token == Secret("u")


def test_a_services_own_word_for_later_is_no_refusal() -> None:
    with pytest.raises(RemoteUnavailable):
        process_token_response(answer({"ok": False, "error": "fatal_error"}), CHATTY)


@pytest.mark.parametrize("body", [{"ok": False}, {"ok": False, "access_token": "a"}, {"authed_user": {}}, {"ok": True}])
def test_an_answer_that_says_no_without_a_reason_gives_no_token(body: Any) -> None:
    with pytest.raises(RemoteMisbehaved):
        process_token_response(answer(body), CHATTY)


@pytest.mark.parametrize(
    ("value", "kept"),
    [("https://eu.example", {"host": "https://eu.example"}), (17, {"host": "17"}), (["x"], {}), ("a\nb", {}), ("", {})],
)
def test_details_are_short_printable_texts_or_left_out(value: Any, kept: dict[str, str]) -> None:
    body = {"access_token": "a", "instance_url": value}
    assert process_token_response(answer(body), CHATTY).details == kept


def test_a_json_body_carries_the_same_members_and_the_proof_in_the_header() -> None:
    client = OAuthClient("id", Secret("s"), "client_secret_basic")
    made = code_request("https://s.example/t", client, code="c", redirect_uri="https://m.example/cb", body="json")
    assert made.form is None
    assert made.json == {"grant_type": "authorization_code", "code": "c", "redirect_uri": "https://m.example/cb"}
    assert made.headers["authorization"].startswith("Basic ")
    again = refresh_request("https://s.example/t", client, refresh_token=Secret("rt-canary-2"), body="json")
    assert again.json == {"grant_type": "refresh_token", "refresh_token": "rt-canary-2"}
    assert "canary" not in again.url + repr(again)


names = (
    "access_token",
    "refresh_token",
    "id_token",
    "scope",
    "scopes",
    "expires_in",
    "token_type",
    "error",
    "err",
    "ok",
)
paths = ("authed_user", "deep", "token", "team", "id", "instance_url", "user", "name")
members = st.sampled_from(names + paths)
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text()
values = st.recursive(
    leaves | st.sampled_from(TOKENS), lambda inner: st.lists(inner, max_size=3) | st.dictionaries(members, inner)
)


@given(st.dictionaries(members, values, max_size=8), st.sampled_from([200, 201, 400, 401, 403, 500]))
def test_no_shape_of_answer_raises_anything_but_our_errors_or_tells_a_token(body: dict[str, Any], status: int) -> None:
    for shape in (CHATTY, TokenShape()):
        try:
            told = repr(process_token_response(answer(body, status), shape).access_token)
        except RemoteError as error:
            told = f"{error} {error.hint} {error.reason} {error!r} {getattr(error, 'error', '')}"
        assert not any(one in told for one in TOKENS)
