"""The page of errors has every code, with the words and the answers that the code gives."""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path

import pytest

import mcpauthkit.errors
from mcpauthkit.errors import (
    AuditUnavailable,
    AuthKitError,
    ConfigurationError,
    ConnectionFailed,
    OAuthFault,
    RequestError,
    UnknownSession,
)
from mcpauthkit.oauth import server_authorization
from tests.docs.pages import first_column, text_of
from tests.docs.snippets import ROOT

PAGE = "docs/errors.md"
CLASSES = [
    found
    for name in mcpauthkit.errors.__all__
    if inspect.isclass(found := getattr(mcpauthkit.errors, name)) and issubclass(found, AuthKitError)
]


def cells(code: str) -> list[str]:
    """The row of a code."""
    rows = re.findall(rf"^\| `{code}` \|(.*)\|$", text_of(PAGE), re.MULTILINE)
    assert rows, code
    return [cell.strip() for cell in rows[0].split("|")]


@pytest.mark.parametrize("error", CLASSES, ids=lambda one: one.code)
def test_every_error_has_its_row(error: type[AuthKitError]) -> None:
    assert cells(error.code)


def test_every_row_is_of_an_error() -> None:
    page = text_of(PAGE)
    below = page.partition("## In proxy mode")
    codes = set(re.findall(r"^\| `(\w+)` \|", below[0] + below[2].partition("## On our pages")[2], re.MULTILINE))
    assert codes == {one.code for one in CLASSES}


def words_of(error: type[AuthKitError]) -> str:
    """Its own sentence; none where it has only that of its base, or says what happened each time anew."""
    if issubclass(error, ConnectionFailed):
        return "" if "outcome_text" not in vars(error) else error.outcome_text
    if issubclass(error, ConfigurationError) or error is OAuthFault or error is UnknownSession:
        return ""
    return error.default_public if "default_public" in vars(error) else ""


@pytest.mark.parametrize("error", [one for one in CLASSES if words_of(one)], ids=lambda one: one.code)
def test_the_words_on_the_page_are_those_that_are_said(error: type[AuthKitError]) -> None:
    assert words_of(error) in cells(error.code)


@pytest.mark.parametrize(
    "error",
    [one for one in CLASSES if issubclass(one, RequestError | AuditUnavailable) and one is not RequestError],
    ids=lambda one: one.code,
)
def test_the_answer_on_the_page_is_the_one_that_is_given(error: type[AuthKitError]) -> None:
    status, _, oauth = cells(error.code)[0].partition(" ")
    assert int(status.strip(",")) == error.status_hint
    assert re.findall(r"`(\w+)`", oauth) == ([error.oauth_error] if error.oauth_error else [])


def oauth_errors_raised() -> set[str]:
    """The codes of `OAuthFault(...)` in the code, as they stand there."""
    found: set[str] = set()
    for path in (ROOT / "mcpauthkit").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "OAuthFault" and node.args:
                found |= _texts(node.args[0], path)
    return found


def _texts(node: ast.expr, path: Path) -> set[str]:
    if isinstance(node, ast.Constant):
        return {str(node.value)}
    if isinstance(node, ast.JoinedStr):
        assert ast.unparse(node) == "f'{name}_not_supported'", path
        return {"request_not_supported", "request_uri_not_supported"}
    return set()


def test_every_oauth_error_of_the_proxy_is_on_the_page() -> None:
    listed = set(first_column(PAGE, "| error | why | what to do |"))
    assert listed >= oauth_errors_raised() | server_authorization.ERRORS_PASSED_ON
