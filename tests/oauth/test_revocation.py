"""Telling services that a token is over."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mcpauthkit import Secret
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.revocation import (
    bearer_request,
    deletion_request,
    process_revocation_response,
    revocation_request,
)
from mcpauthkit.oauth.token import OAuthClient
from tests.oauth.answers import answer

ENDPOINT = "https://service.example/revoke"
CLIENT = OAuthClient("client", Secret("secret-canary"), "client_secret_post")
TOKEN = Secret("token-canary")

ALL = {
    "rfc7009": revocation_request(ENDPOINT, CLIENT, token=TOKEN, kind="refresh_token"),
    "github": deletion_request(ENDPOINT, CLIENT, token=TOKEN),
    "bearer": bearer_request(ENDPOINT, token=TOKEN),
}


@pytest.mark.parametrize("request_", ALL.values(), ids=ALL)
def test_neither_the_address_nor_the_print_tells_the_token_or_the_secret(request_: HttpRequest) -> None:
    assert request_.url == ENDPOINT
    assert "canary" not in repr(request_)


def test_the_standard_sends_a_form_with_the_proof() -> None:
    assert ALL["rfc7009"].form == {
        "token": "token-canary",
        "token_type_hint": "refresh_token",
        "client_id": "client",
        "client_secret": "secret-canary",
    }


def test_github_takes_a_deletion_under_basic_whatever_the_token_endpoint_takes() -> None:
    made = ALL["github"]
    assert (made.method, made.json) == ("DELETE", {"access_token": "token-canary"})
    assert base64.b64decode(made.headers["authorization"].removeprefix("Basic ")) == b"client:secret-canary"


def test_a_bearer_token_revokes_itself_and_no_other_header_takes_its_place() -> None:
    made = bearer_request(
        ENDPOINT, token=TOKEN, headers={"Authorization": "Basic x", "Accept": "text/x"}, json={"a": 1}
    )
    assert made.headers == {"accept": "text/x", "authorization": "Bearer token-canary"}
    assert (made.method, made.form, made.json) == ("POST", None, {"a": 1})


@pytest.mark.parametrize(
    ("body", "status", "flag", "problem"),
    [
        ("", 200, "", None),
        ("", 204, "", None),
        ({"ok": True}, 200, "ok", None),
        ({"ok": False, "error": "token_revoked"}, 200, "ok", RemoteMisbehaved),
        ({}, 200, "ok", RemoteMisbehaved),
        ("", 200, "ok", RemoteMisbehaved),
        ("", 202, "", RemoteMisbehaved),
        ("", 401, "", RemoteMisbehaved),
        ("", 404, "", RemoteMisbehaved),
        ("", 429, "", RemoteUnavailable),
        ("", 503, "ok", RemoteUnavailable),
    ],
)
def test_only_a_clear_yes_is_a_confirmation(body: Any, status: int, flag: str, problem: type[Exception] | None) -> None:
    if problem is None:
        process_revocation_response(answer(body, status), ok_flag=flag)
    else:
        with pytest.raises(problem):
            process_revocation_response(answer(body, status), ok_flag=flag)
