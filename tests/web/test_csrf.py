"""Tokens of our forms: good for one session, one address, some time, and one application."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.errors import SealError, SealExpired
from mcpauthkit.testing import FakeClock
from mcpauthkit.web.browser_login import BrowserSession
from mcpauthkit.web.csrf import CsrfTokens

RING = KeyRing({"test": "test-key-of-at-least-32-bytes-length"}, minting="test")
HERE = "https://mcp.example.com"
PAGE = "/connect/wiki/submit?flow=secret-flow"
ALICE = BrowserSession("session-1", "https://id.example.com", "alice", "Alice")


def tokens(clock: FakeClock | None = None, *, base_url: str = HERE, ring: KeyRing = RING) -> CsrfTokens:
    return CsrfTokens(base_url, ring, clock=clock or FakeClock())


def test_a_token_opens_for_the_session_and_address_it_was_made_for() -> None:
    tokens().check(ALICE, PAGE, tokens().token_for(ALICE, PAGE))


OTHERS: dict[str, Callable[[str], object]] = {
    "another session of the same user": lambda token: tokens().check(
        BrowserSession("session-2", ALICE.issuer, ALICE.subject, "Alice"), PAGE, token
    ),
    "another address": lambda token: tokens().check(ALICE, PAGE + "x", token),
    "another application": lambda token: tokens(base_url="https://other.example.com").check(ALICE, PAGE, token),
    "another key": lambda token: tokens(ring=KeyRing.ephemeral()).check(ALICE, PAGE, token),
    "none": lambda _: tokens().check(ALICE, PAGE, ""),
    "a long one": lambda token: tokens().check(ALICE, PAGE, token * 100),
}


@pytest.mark.parametrize("other", OTHERS)
def test_a_token_opens_nowhere_else_and_the_attempt_is_audited_without_the_link(
    other: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    with pytest.raises(SealError) as caught:
        OTHERS[other](tokens().token_for(ALICE, PAGE))
    assert not isinstance(caught.value, SealExpired)
    [line] = [record.getMessage() for record in caplog.records]
    assert "path=/connect/wiki/submit" in line
    assert "secret-flow" not in line


def test_a_page_that_was_open_for_too_long_is_told_from_a_forged_one() -> None:
    clock = FakeClock()
    token = tokens(clock).token_for(ALICE, PAGE)
    clock.advance(1799)
    tokens(clock).check(ALICE, PAGE, token)
    clock.advance(2)
    with pytest.raises(SealExpired):
        tokens(clock).check(ALICE, PAGE, token)


@given(st.text(max_size=300))
def test_nothing_made_up_opens(token: str) -> None:
    with pytest.raises(SealError):
        tokens().check(ALICE, PAGE, token)
