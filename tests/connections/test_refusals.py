"""What answers of services say about the token that was sent."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.preset import UNAUTHORIZED, Refusal
from mcpauthkit.connections.refusals import MAX_BODY_BYTES, Verdict, judge, needs_body

SLACK = (
    Refusal(meaning="dead", status=200, path="error", values=frozenset({"token_revoked"})),
    Refusal(meaning="narrow", status=200, path="error", values=frozenset({"missing_scope"}), needed="needed"),
    UNAUTHORIZED,
)
GITHUB = (
    UNAUTHORIZED,
    Refusal(meaning="narrow", status=403, needed="header:X-Accepted-OAuth-Scopes", any_of=True),
)
STANDARD = (Refusal(meaning="narrow", status=403, needed="header:WWW-Authenticate"),)
LISTS = (
    Refusal(meaning="dead", status=401, path="*.errorCode", values=frozenset({"INVALID_SESSION_ID"})),
    Refusal(meaning="narrow", status=401, path="error..tag", values=frozenset({"missing_scope"})),
    Refusal(meaning="narrow", status=401, path="code", values=frozenset({"4711"})),
    Refusal(meaning="dead", status=400, path="errors.*.extensions.code", values=frozenset({"AUTHENTICATION_ERROR"})),
)
DEAD, NARROW = Verdict("dead"), Verdict("narrow")
JSON = {"content-type": "application/json"}


@pytest.mark.parametrize(
    ("refusals", "status", "body", "verdict"),
    [
        (SLACK, 200, {"ok": True}, None),
        (SLACK, 200, {"ok": False, "error": "token_revoked"}, DEAD),
        (SLACK, 200, {"ok": False, "error": "TOKEN_REVOKED"}, DEAD),
        (SLACK, 200, {"ok": False, "error": "missing_scope", "needed": "a,b"}, Verdict("narrow", ("a", "b"))),
        (SLACK, 200, {"ok": False, "error": "missing_scope"}, NARROW),
        (SLACK, 200, {"ok": False, "error": "channel_not_found"}, None),
        (SLACK, 401, {}, DEAD),
        (LISTS, 401, [{"errorCode": "INVALID_SESSION_ID"}], DEAD),
        (LISTS, 401, {"error": {".tag": "missing_scope"}}, NARROW),
        (LISTS, 401, {"code": 4711}, NARROW),
        (LISTS, 401, {"code": 124}, None),
        (LISTS, 400, {"errors": [{"x": 1}, {"extensions": {"code": "AUTHENTICATION_ERROR"}}]}, DEAD),
        (LISTS, 400, {"errors": "AUTHENTICATION_ERROR"}, None),
        (LISTS, 500, {"code": 4711}, None),
    ],
)
def test_the_first_rule_that_fits_counts(
    refusals: tuple[Refusal, ...], status: int, body: Any, verdict: Verdict | None
) -> None:
    assert judge(refusals, status=status, headers=JSON, body=json.dumps(body).encode()) == verdict


@pytest.mark.parametrize(
    ("refusals", "headers", "verdict"),
    [
        (GITHUB, {"x-accepted-oauth-scopes": "repo, public_repo"}, Verdict("narrow", ("repo", "public_repo"), True)),
        (GITHUB, {"x-accepted-oauth-scopes": ""}, None),
        (GITHUB, {}, None),
        (
            STANDARD,
            {"www-authenticate": 'Bearer error="insufficient_scope", scope="a b"'},
            Verdict("narrow", ("a", "b")),
        ),
        (STANDARD, {"www-authenticate": 'Bearer realm="scope"'}, None),
    ],
)
def test_a_header_that_names_scopes_is_what_makes_a_refusal_of_it(
    refusals: tuple[Refusal, ...], headers: dict[str, str], verdict: Verdict | None
) -> None:
    assert judge(refusals, status=403, headers=headers) == verdict


@pytest.mark.parametrize(
    ("refusals", "status", "headers", "needed"),
    [
        (SLACK, 200, JSON, True),
        (SLACK, 200, {"content-type": "Application/Problem+JSON; charset=utf-8"}, True),
        (SLACK, 200, {"content-type": "application/x-ndjson-like"}, False),
        (SLACK, 200, {"content-type": "text/html"}, False),
        (SLACK, 200, {}, False),
        (SLACK, 200, {**JSON, "content-length": str(MAX_BODY_BYTES + 1)}, False),
        (SLACK, 200, {**JSON, "content-length": "9" * 5000}, False),
        (SLACK, 401, JSON, False),
        (SLACK, 403, JSON, False),
        (GITHUB, 403, {**JSON, "x-accepted-oauth-scopes": "repo"}, False),
        ((*LISTS, UNAUTHORIZED), 401, JSON, True),
        ((UNAUTHORIZED, *LISTS), 401, JSON, False),
    ],
)
def test_a_body_is_read_only_where_a_rule_needs_it(
    refusals: tuple[Refusal, ...], status: int, headers: dict[str, str], *, needed: bool
) -> None:
    assert needs_body(refusals, status=status, headers=headers) is needed


@given(st.binary(max_size=300) | st.sampled_from([b"[" * 200, b"[]", b"null", b'{"error":{"a":1}}']))
def test_a_body_that_is_anything_else_says_nothing(body: bytes) -> None:
    assert judge(SLACK, status=200, headers=JSON, body=body) is None
    assert judge(SLACK, status=401, headers=JSON, body=body) == DEAD
