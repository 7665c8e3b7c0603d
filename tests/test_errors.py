"""The error tree."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import pytest

from mcpauthkit import errors
from mcpauthkit.errors import (
    AuthKitError,
    ConfigurationError,
    ConnectionFailed,
    ConnectionRequired,
    GrantRefused,
    PermissionMissing,
    RemoteError,
    RemoteMisbehaved,
    RemoteUnavailable,
)


def every_error() -> Iterator[type[AuthKitError]]:
    for value in vars(errors).values():
        if inspect.isclass(value) and issubclass(value, AuthKitError):
            yield value


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    drawn = re.findall(r"[├└]── (\w+)", errors.__doc__ or "")
    assert sorted(drawn) == sorted(one.__name__ for one in every_error() if one is not AuthKitError)
    indents = {
        match[1]: len(match[0]) for match in re.findall(r"^(.*?)[├└]── (\w+)", errors.__doc__ or "", re.MULTILINE)
    }
    for one in every_error():
        if one is not AuthKitError:
            parent = next(base for base in one.__bases__ if issubclass(base, AuthKitError))
            assert indents[one.__name__] == (indents[parent.__name__] + 4 if parent is not AuthKitError else 0)


def test_every_code_is_its_own_and_every_status_is_one() -> None:
    codes = [one.code for one in every_error() if "code" in vars(one)]
    assert len(codes) == len(set(codes))
    assert all(100 <= one.status_hint < 600 for one in every_error())


def test_the_reason_is_never_printed() -> None:
    error = AuthKitError("public", hint="hint", reason="canary")
    assert (error.public, error.hint, error.reason) == ("public", "hint", "canary")
    assert "canary" not in f"{error} {error!r} {error.args}"
    assert str(error) == "public hint"


@pytest.mark.parametrize(
    "error",
    [
        RemoteUnavailable("Down.", hint="Wait.", reason="HTTP 503"),
        GrantRefused("invalid_grant", reason="over"),
        PermissionMissing("Forge", scopes=("repo",)),
        ConnectionRequired("Forge", connect_url="https://mcp.example/connect", scopes=("repo",), is_more=True),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_copy_of_an_error_says_the_same_and_was_never_raised(error: AuthKitError) -> None:
    error.add_note("seen here")
    with pytest.raises(type(error)):
        raise error from ValueError()
    copied = error.copy()
    assert type(copied) is type(error)
    assert (str(copied), repr(copied), copied.for_log()) == (str(error), repr(error), error.for_log())
    assert vars(copied) == {name: value for name, value in vars(error).items() if name != "__notes__"}
    assert (copied.__traceback__, copied.__cause__, copied.__context__) == (None, None, None)


@pytest.mark.parametrize("error", [one for one in every_error() if one.__init__ is AuthKitError.__init__])
def test_an_error_has_a_sentence_of_its_own(error: type[AuthKitError]) -> None:
    assert error().public.endswith(".")


def test_a_configuration_error_is_a_value_error() -> None:
    assert issubclass(ConfigurationError, ValueError)


def test_outcomes_of_a_connection_all_read_differently() -> None:
    outcomes = [one for one in every_error() if issubclass(one, ConnectionFailed) and one is not ConnectionRequired]
    further: dict[Any, Any] = {PermissionMissing: {"scopes": ("repo",)}}
    texts = [one("Forge", **further.get(one, {})).public for one in outcomes]
    assert len(set(texts)) == len(texts)
    assert all("Forge" in text for text in texts)


@pytest.mark.parametrize(
    "error",
    [
        RemoteUnavailable(hint="hint", reason="why"),
        RemoteMisbehaved(hint="hint", reason="why"),
        GrantRefused("invalid_grant", hint="hint", reason="why"),
    ],
)
def test_naming_the_service_changes_the_text_of_a_copy_and_nothing_else(error: RemoteError) -> None:
    before = error.public
    named = error.naming("Forge")
    assert type(named) is type(error)
    assert "Forge" in named.public
    assert "Forge" in repr(named)
    assert error.public == before
    assert {**vars(named), "public": before} == vars(error)


def test_errors_carry_what_a_caller_acts_on() -> None:
    needed = ConnectionRequired("Forge", connect_url="https://m.example/connect/forge?flow=f", scopes=("repo",))
    assert needed.connect_url in needed.public
    assert (needed.service, needed.scopes) == ("Forge", ("repo",))
    assert GrantRefused("invalid_grant").error == "invalid_grant"
