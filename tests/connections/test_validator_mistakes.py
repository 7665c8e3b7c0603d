"""An application's own functions and what is wrong with them, told with the place and without what was typed."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from mcpauthkit import Checked, CredentialsProvider, Field
from mcpauthkit.connections.form import Form
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.core.application_code import place_of
from mcpauthkit.errors import ConfigurationError, CredentialsRejected, RemoteUnavailable
from mcpauthkit.testing import FakeClock

CANARY = "canary-secret"
TYPED = {"pat": CANARY, "site": "acme"}


def provider(**options: Any) -> CredentialsProvider:
    fields = [Field(name="pat", kind="password")]
    return CredentialsProvider(name="wiki", server_base_url="https://mcp.example", fields=fields, **options)


def grant(validate: Any) -> FormGrant:
    form = Form([Field(name="pat", kind="password"), Field(name="site")])
    return FormGrant("wiki", "Wiki", form, validate, clock=FakeClock())


async def forgetful() -> None:
    """A validator that takes nothing."""


async def greedy(_values: Any, _more: Any) -> None:
    """A validator that wants more than there is."""


def synchronous(_values: Any) -> None:
    """A validator that nobody can await."""


class Service:
    """A class, where its instance would do."""

    def __init__(self, _values: Any = None) -> None:
        """Nothing to keep."""

    async def check(self, _values: Mapping[str, str]) -> None:
        """A validator."""

    async def __call__(self, _values: Mapping[str, str]) -> None:
        """Another one."""


MISTAKES = ["x", 7, {"pat": None}, forgetful, greedy, synchronous, print, Service, functools.partial(synchronous)]


@pytest.mark.parametrize("argument", ["validate", "on_expiring"])
@pytest.mark.parametrize("given", MISTAKES, ids=lambda one: getattr(one, "__name__", type(one).__name__))
def test_what_cannot_be_called_as_it_will_be_is_refused_where_it_is_given(argument: str, given: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        provider(**{argument: given})
    assert argument in refused.value.public
    assert "async def" in refused.value.hint


@pytest.mark.parametrize("argument", ["validate", "on_expiring"])
@pytest.mark.parametrize(
    "given",
    [None, Service(), Service().check, functools.partial(greedy, None)],
    ids=["nothing", "object", "method", "partial"],
)
def test_what_can_be_called_so_is_taken_in_every_form(argument: str, given: Any) -> None:
    assert provider(**{argument: given}).name == "wiki"


async def told_of(validate: Any, caplog: pytest.LogCaptureFixture) -> str:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RemoteUnavailable) as caught:
        await grant(validate).fill(TYPED)
    assert caught.value.__cause__ is caught.value.__context__ is None
    assert CANARY not in f"{caplog.text}{caught.value!r}{caught.value.reason}"
    return caplog.text


def look_up(values: Mapping[str, str]) -> str:
    # The line that is at fault.
    return values[f"{CANARY}-as-a-key"]


def line_of(function: Callable[..., Any], offset: int) -> str:
    code = function.__code__
    return f"{code.co_filename}:{code.co_firstlineno + offset}"


async def test_the_log_says_on_which_line_a_validator_failed_and_not_what_it_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def validate(values: Mapping[str, str]) -> None:
        look_up(values)

    assert f"KeyError at {line_of(look_up, 2)}" in await told_of(validate, caplog)


async def test_the_line_is_the_applications_where_a_library_failed_in_its_hands(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def validate(_values: Mapping[str, str]) -> None:
        datetime.strptime(CANARY, "%Y").astimezone(UTC)

    assert f"ValueError at {line_of(validate, 1)}" in await told_of(validate, caplog)


def test_what_never_was_raised_has_no_place() -> None:
    assert place_of(ValueError(CANARY)) == "ValueError"


async def test_a_result_that_is_none_is_told_by_its_type(caplog: pytest.LogCaptureFixture) -> None:
    async def validate(values: Mapping[str, str]) -> Any:
        return dict(values)

    text = await told_of(validate, caplog)
    assert "dict" in text
    assert "Checked(" in text


@pytest.mark.parametrize(
    ("arguments", "fix"),
    [
        ({"account": "alice"}, "account=Account(label="),
        ({"expires_at": "2026-12-31"}, "dt.timestamp()"),
        ({"expires_at": datetime(2026, 12, 31, tzinfo=UTC)}, "dt.timestamp()"),
        ({"expires_at": float("nan")}, "dt.timestamp()"),
        ({"scopes": "read write"}, '{"read", "write"}'),
        ({"scopes": 7}, '{"read", "write"}'),
        ({"scopes": [None]}, '{"read", "write"}'),
    ],
    ids=repr,
)
async def test_what_cannot_have_been_learned_is_refused_with_the_way_to_write_it(
    arguments: Any, fix: str, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ConfigurationError) as refused:
        Checked(**arguments)
    assert next(iter(arguments)) in refused.value.public
    assert fix in refused.value.hint

    async def validate(_values: Mapping[str, str]) -> Checked:
        return Checked(**arguments)

    text = await told_of(validate, caplog)
    assert fix in text
    assert f"ConfigurationError at {line_of(validate, 1)}" in text


def test_scopes_may_come_from_wherever_scopes_come_from() -> None:
    assert Checked(scopes=["read", "write"]).scopes == {"read", "write"}  # type: ignore[arg-type]  # as people write


async def test_a_problem_beside_a_field_that_is_not_there_is_shown_all_the_same_and_told_of(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def validate(values: Mapping[str, str]) -> None:
        raise CredentialsRejected("This has expired.", field=values["pat"])

    with pytest.raises(CredentialsRejected) as told:
        await grant(validate).fill(TYPED)
    assert (told.value.public, told.value.field) == ("This has expired.", "")
    [warning] = [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING]
    assert "pat, site" in warning
    assert line_of(validate, 1) in warning
    assert CANARY not in warning


@pytest.mark.parametrize("field", ["", "pat"])
async def test_a_problem_in_its_place_is_no_reason_to_warn(field: str, caplog: pytest.LogCaptureFixture) -> None:
    async def validate(_values: Mapping[str, str]) -> None:
        raise CredentialsRejected("This has expired.", field=field)

    with pytest.raises(CredentialsRejected) as told:
        await grant(validate).fill(TYPED)
    assert told.value.field == field
    assert not caplog.records
