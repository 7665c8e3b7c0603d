"""The form grant: what a validator may say, and what becomes of it."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import anyio
import pytest

from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.form import Checked, Field, Form
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, CredentialsRejected, GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.testing import FakeClock

CANARY = "canary-secret"
DAY = 86_400.0


def grant(validate: Any = None, *, asks_expiry: bool = False, **options: Any) -> FormGrant:
    form = Form([Field(name="pat", kind="password"), Field(name="site")], asks_expiry=asks_expiry)
    return FormGrant("wiki", "Wiki", form, validate, clock=FakeClock(), **options)


def answering(answer: Any) -> Any:
    async def validate(values: Mapping[str, str]) -> Any:
        assert values == {"pat": CANARY, "site": "acme"}
        if isinstance(answer, BaseException):
            raise answer
        return answer

    return validate


async def filled(one: FormGrant, **more: str) -> Credential:
    return await one.fill({"pat": CANARY, "site": "acme", **more})


@pytest.mark.parametrize("validate", [None, answering(None)], ids=["none", "says nothing"])
async def test_accepted_values_become_a_credential_by_name(validate: Any) -> None:
    credential = await filled(grant(validate))
    assert credential.values == {"pat": Secret(CANARY), "site": Secret("acme")}
    assert credential.expires_at is None
    assert credential.connected_at == FakeClock().wall()
    assert CANARY not in repr(credential)


async def test_what_the_validator_learned_is_kept() -> None:
    account = Account(id="7", label="alice")
    ends = FakeClock().wall() + DAY
    checked = Checked(account=account, expires_at=ends, scopes=frozenset({"read"}))
    credential = await filled(grant(answering(checked)))
    assert (credential.account, credential.expires_at, credential.scopes) == (
        account,
        ends,
        frozenset({"read"}),
    )


async def test_the_user_says_when_it_ends_where_the_service_does_not() -> None:
    one = grant(answering(None), asks_expiry=True)
    assert [field.name for field in one.form.fields] == ["pat", "site", "expires_on"]
    # The day itself still counts: our clock begins on 2026-01-01.
    credential = await filled(one, expires_on="2026-01-01")
    assert credential.expires_at == FakeClock().wall() + DAY
    assert "expires_on" not in credential.values
    assert (await filled(one, expires_on="")).expires_at is None
    with pytest.raises(CredentialsRejected) as caught:
        await filled(one, expires_on="2025-12-31")
    assert caught.value.field == "expires_on"


async def test_the_services_word_about_the_end_counts_more_than_the_users() -> None:
    ends = FakeClock().wall() + 5 * DAY
    one = grant(answering(Checked(expires_at=ends)), asks_expiry=True)
    assert (await filled(one, expires_on="2030-01-01")).expires_at == ends


async def test_a_token_that_has_ended_already_is_not_kept() -> None:
    with pytest.raises(CredentialsRejected):
        await filled(grant(answering(Checked(expires_at=FakeClock().wall()))))


async def test_a_rejection_is_told_as_it_is_but_for_the_secret() -> None:
    with pytest.raises(CredentialsRejected) as told:
        await filled(grant(answering(CredentialsRejected("Unknown site acme.", field="site"))))
    assert (told.value.public, told.value.field) == ("Unknown site acme.", "site")
    with pytest.raises(CredentialsRejected) as quoted:
        await filled(grant(answering(CredentialsRejected(f"{CANARY} is unknown."))))
    assert CANARY not in str(quoted.value)


@pytest.mark.parametrize(
    "answer",
    [
        RemoteUnavailable(),
        RemoteMisbehaved(),
        KeyError(CANARY),
        TimeoutError(),
        False,
        {"account": CANARY},
    ],
    ids=repr,
)
async def test_everything_else_means_that_nothing_is_known(answer: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(RemoteUnavailable) as caught:
        await filled(grant(answering(answer)))
    seen = f"{caplog.text}{caught.value!r}{caught.value.reason}{caught.value.__cause__!r}{caught.value.__context__!r}"
    assert CANARY not in seen


async def test_a_validator_that_hangs_is_not_waited_for() -> None:
    async def hang(_values: Mapping[str, str]) -> None:
        await anyio.sleep_forever()

    with anyio.fail_after(5), pytest.raises(RemoteUnavailable):
        await filled(grant(hang, timeout_seconds=0.01))


async def test_a_user_who_goes_away_cancels_the_validator() -> None:
    ended: list[str] = []

    async def hang(_values: Mapping[str, str]) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            ended.append("cancelled")

    with anyio.move_on_after(0.01) as scope:
        await filled(grant(hang))
    assert scope.cancelled_caught
    assert ended == ["cancelled"]


def test_a_validator_that_is_not_async_is_refused_where_it_is_given() -> None:
    with pytest.raises(ConfigurationError):
        grant(lambda _values: None)


async def test_nothing_renews_what_was_typed() -> None:
    with pytest.raises(GrantRefused):
        await grant().renew(await filled(grant()))


async def test_closing_closes_what_the_validator_opened() -> None:
    closed: list[str] = []

    async def close() -> None:
        closed.append("closed")

    await grant(close=close).aclose()
    await grant().aclose()
    assert closed == ["closed"]


async def test_the_name_a_validator_gives_an_account_is_made_fit_for_pages() -> None:
    checked = Checked(account=Account("7", "\u202eecila" + "x" * 500, "acme\x00"))
    account = (await filled(grant(answering(checked)))).account
    assert (account.id, account.label, account.tenant) == ("7", "ecila" + "x" * 95, "acme")
