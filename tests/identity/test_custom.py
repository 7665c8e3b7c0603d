"""A function of the application's own."""

from __future__ import annotations

import functools
import threading
from typing import Any

import pytest

from mcpauthkit import Principal
from mcpauthkit.errors import ConfigurationError, ExpiredToken, InvalidRequest, InvalidToken, IssuerUnavailable
from mcpauthkit.identity.custom import CustomVerifier
from mcpauthkit.identity.port import Presented
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.credentials import FROM_PROXY, SIGNED, UNREADABLE, WITH_KEY

KNOWN: dict[str, dict[str, Any]] = {
    f"mine_{subject}_credential": {"sub": subject, "aud": "api", "exp": NOW + 300, "iss": "https://else.example"}
    for subject in ("alice", "bob")
}
TOKEN = "mine_alice_credential"


async def look_up(token: str) -> dict[str, Any] | None:
    return KNOWN.get(token)


def verifier(function: Any = look_up, **options: Any) -> CustomVerifier:
    return CustomVerifier(function, clock=FakeClock(wall=NOW), **options)


class TestCustomVerifier(VerifierContract):
    issuer = "custom"

    def make(self) -> CustomVerifier:
        return CustomVerifier(look_up, prefix="mine_", clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(f"mine_{subject}_credential")

    def strangers(self) -> list[Presented]:
        return [SIGNED, UNREADABLE, WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return []


class TestCustomVerifierOfAHeader(TestCustomVerifier):
    issuer = "desk"

    def make(self) -> CustomVerifier:
        return CustomVerifier(KNOWN.get, header="X-Desk-Token", issuer="desk", clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(headers=((b"x-desk-token", f"mine_{subject}_credential".encode()),))


class _Callable:
    async def __call__(self, token: str) -> dict[str, Any] | None:
        return KNOWN.get(token)


async def _with_argument(_argument: str, token: str) -> dict[str, Any] | None:
    return KNOWN.get(token)


@pytest.mark.parametrize(
    "function",
    [look_up, KNOWN.get, lambda token: look_up(token), _Callable(), functools.partial(_with_argument, "x")],  # noqa: PLW0108
    ids=["async", "sync", "lambda around async", "async object", "partial"],
)
async def test_sync_and_async_functions_work(function: Any) -> None:
    assert (await verifier(function).verify(TOKEN)).principal.subject == "alice"


async def test_a_sync_function_does_not_hold_everybody_up() -> None:
    threads: list[int] = []

    def slow(token: str) -> dict[str, Any] | None:
        threads.append(threading.get_ident())
        return KNOWN.get(token)

    await verifier(slow).verify(TOKEN)
    assert threads != [threading.get_ident()]


async def test_the_claims_do_not_choose_whose_user_it_is() -> None:
    assert (await verifier().verify(TOKEN)).principal.key == ("custom", "alice")


@pytest.mark.parametrize(
    "claims",
    [{}, {"sub": ""}, {"sub": None}, {"sub": 5}, {"sub": "a", "aud": 5}, {"sub": "a", "exp": True}, {"client_id": "a"}],
    ids=str,
)
async def test_claims_that_break_a_rule_are_refused(claims: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await verifier(lambda _token: claims).verify(TOKEN)


async def test_the_end_counts_if_there_is_one() -> None:
    with pytest.raises(ExpiredToken):
        await verifier(lambda _token: {"sub": "a", "exp": NOW - 60}).verify(TOKEN)
    assert (await verifier(lambda _token: {"sub": "a"}).verify(TOKEN)).principal.expires_at is None


async def test_a_principal_may_be_returned_ready_made() -> None:
    made = Principal(
        {"iss": "custom", "sub": "alice"}, issuer="custom", subject="alice", roles=frozenset({"x"}), expires_at=NOW
    )
    assert (await verifier(lambda _token: made).verify(TOKEN)).principal is made
    over = CustomVerifier(lambda _token: made, clock=FakeClock(wall=NOW + 60))
    with pytest.raises(InvalidToken):
        await over.verify(TOKEN)


@pytest.mark.parametrize(
    "answer",
    [
        "alice",
        True,
        0,
        ["alice"],
        Principal({"iss": "custom"}, issuer="https://issuer.example", subject="alice", expires_at=None),
        Principal({}, issuer="custom", subject="alice", expires_at=None),
        Principal({"iss": "https://issuer.example"}, issuer="custom", subject="alice", expires_at=None),
        Principal({"iss": "custom"}, issuer="custom", subject="", expires_at=None),
    ],
    ids=range(8),
)
async def test_any_other_answer_is_a_fault_of_the_program(answer: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        await verifier(lambda _token: answer).verify(TOKEN)
    assert refused.value.hint


@pytest.mark.parametrize("error", [IssuerUnavailable(7), KeyError("x"), ConfigurationError()], ids=str)
async def test_its_errors_go_up_unchanged_and_nobody_gets_in(error: Exception) -> None:
    def fail(_token: str) -> None:
        raise error

    with pytest.raises(type(error)) as raised:
        await verifier(fail).verify(TOKEN)
    assert raised.value is error


async def test_a_token_without_audience_needs_the_switch() -> None:
    def unnamed(_token: str) -> dict[str, str]:
        return {"sub": "alice"}

    assert not (await verifier(unnamed).verify(TOKEN)).made_for_us
    assert (await verifier(unnamed, accept_tokens_without_audience=True).verify(TOKEN)).made_for_us
    assert (await verifier(audience=["api", "other"]).verify(TOKEN)).audiences == frozenset({"api", "other"})


async def test_its_answers_are_remembered_only_if_wanted() -> None:
    assert (await verifier().verify(TOKEN)).remember_seconds == 0
    assert (await verifier(remember_seconds=30).verify(TOKEN)).remember_seconds == 30


def test_a_header_that_comes_twice_is_refused() -> None:
    twice = Presented(headers=((b"x-desk", b"a"), (b"x-desk", b"b")))
    with pytest.raises(InvalidRequest):
        verifier(header="x-desk").find(twice)


@pytest.mark.parametrize(
    "options", [{"function": 5}, {"issuer": ""}, {"header": "authorization"}, {"audience": []}], ids=str
)
def test_arguments_that_cannot_work_are_told_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        verifier(**options)
    assert refused.value.hint
