"""What every verifier has to do. A verifier's tests inherit this and give the factory."""

from __future__ import annotations

import abc
import logging

import anyio
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mcpauthkit.errors import AuthKitError, InvalidRequest, InvalidToken, RequestError
from mcpauthkit.identity.port import Presented, TokenVerifier, Verified
from mcpauthkit.testing import FakeClock

NOW = 1_767_225_600
GARBAGE = (
    "",
    " ",
    ".",
    "..",
    "....",
    "a.b.c",
    "a.b.c.d.e",
    "x" * 20_000,
    "eyJhbGciOiJub25lIn0.e30.",
    "eyJhbGciOiJIUzI1NiJ9.e30.",
    "two words",
    "line\nbreak",
    "nul\x00",
    "tab\t",
    "del\x7f",
    "ünï",
    "\ud800",
    "\u202ealice",
    "{}",
    "[" * 5000,
)


class VerifierContract(abc.ABC):
    """The contract of `TokenVerifier`: recognise a kind, judge it, say nothing of it."""

    issuer: str
    refusals: tuple[type[RequestError], ...] = (InvalidToken, InvalidRequest)
    clock: FakeClock

    @pytest.fixture(autouse=True)
    def _new_clock(self) -> None:
        self.clock = FakeClock(wall=NOW)

    @abc.abstractmethod
    def make(self) -> TokenVerifier:
        """The verifier under test, living by `self.clock`."""

    @abc.abstractmethod
    def present(self, subject: str = "alice") -> Presented:
        """A good credential of somebody."""

    @abc.abstractmethod
    def strangers(self) -> list[Presented]:
        """Credentials of other kinds."""

    @abc.abstractmethod
    def secrets(self) -> list[str]:
        """What must never be shown, besides the credential."""

    async def good(self, subject: str = "alice") -> tuple[str, Verified]:
        verifier = self.make()
        text = verifier.find(self.present(subject))
        assert text is not None
        return text, await verifier.verify(text)

    def test_it_finds_nothing_where_nothing_is_presented(self) -> None:
        assert self.make().find(Presented()) is None
        assert self.make().find(Presented(headers=((b"user-agent", b"x"),), peer="127.0.0.1")) is None

    def test_it_leaves_other_kinds_to_others(self) -> None:
        for stranger in self.strangers():
            assert self.make().find(stranger) is None

    async def test_a_good_credential_says_who_it_is(self) -> None:
        _, verified = await self.good()
        principal = verified.principal
        assert principal.key == (self.issuer, "alice")
        # The SDK binds sessions to the claim, so it has to be the same.
        assert principal["iss"] == self.issuer
        assert principal["sub"] == "alice"
        assert principal.client_id is None or principal.client_id
        assert principal.expires_at is None or principal.expires_at > self.clock.wall()

    async def test_a_verdict_can_be_asked_whether_it_still_holds(self) -> None:
        _, verified = await self.good()
        assert verified.is_current() is True
        assert 0 <= verified.remember_seconds <= 3600

    async def test_a_credential_without_an_audience_is_good_only_where_it_was_made_for_us(self) -> None:
        _, verified = await self.good()
        assert verified.made_for_us or verified.principal.audience
        assert verified.audiences is None or all(verified.audiences)

    async def test_two_people_are_two_people(self) -> None:
        (_, alice), (_, bob) = await self.good("alice"), await self.good("bob")
        assert alice.principal.key != bob.principal.key

    async def test_a_credential_changed_anywhere_is_refused(self) -> None:
        text, _ = await self.good()
        verifier = self.make()
        positions = {*range(0, len(text), max(1, len(text) // 24)), len(text) - 1}
        for position in sorted(positions):
            other = "A" if text[position] != "A" else "B"
            with pytest.raises(self.refusals):
                await verifier.verify(text[:position] + other + text[position + 1 :])
        for changed in (text[:-1], text + "A", text[1:], text + " ", text + "\n", text.swapcase()):
            with pytest.raises(self.refusals):
                await verifier.verify(changed)

    @pytest.mark.parametrize("text", GARBAGE, ids=lambda text: ascii(text[:24]))
    async def test_garbage_is_refused_and_nothing_else_happens(self, text: str) -> None:
        with pytest.raises(self.refusals):
            await self.make().verify(text)

    @given(
        st.text()
        | st.text("ey.AJ{}\"':0\n ", max_size=60)
        | st.binary(max_size=60).map(lambda one: one.decode("latin-1"))
    )
    @settings(max_examples=60, suppress_health_check=[HealthCheck.differing_executors, HealthCheck.too_slow])
    def test_no_text_at_all_gets_in_or_raises_anything_else(self, text: str) -> None:
        verifier = self.make()
        headers = ((b"x-api-key", text.encode("utf-8", "replace")), (b"x-user-id", text.encode("utf-8", "replace")))

        async def judge() -> None:
            with pytest.raises(self.refusals):
                await verifier.verify(text)

        anyio.run(judge)
        try:
            verifier.find(Presented(text, headers, "192.0.2.1"))
        except self.refusals:
            return

    async def test_nothing_secret_is_shown(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.DEBUG)
        verifier = self.make()
        presented = self.present()
        text, verified = await self.good()
        shown = [repr(verifier), str(verifier), repr(presented), repr(verified), repr(verified.principal)]
        for wrong in (text[:-2] + "AA", text + "AA", text.upper()):
            try:
                await verifier.verify(wrong)
            except AuthKitError as error:
                shown += [repr(error), str(error), error.for_log(), error.public, error.hint, error.reason]
        shown.append(caplog.text)
        hidden = [text, text[:-2], *self.secrets()]
        assert not [secret for secret in hidden for one in shown if secret and secret in one]
