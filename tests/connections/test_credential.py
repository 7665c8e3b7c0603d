"""A credential as a value: what to do with it now, and that it does not print itself."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.credential import EXPIRY_MARGIN_SECONDS, Credential, Step, next_step
from mcpauthkit.core.secret import Secret
from mcpauthkit.oauth.token import TokenSet
from tests.connections.small_world import credential

NOW = 1000.0
tokens = st.text(min_size=1, max_size=50)
credentials = st.builds(
    Credential,
    values=st.dictionaries(tokens, tokens.map(Secret), max_size=3),
    scopes=st.frozensets(st.text(max_size=20), max_size=5),
    refresh_token=st.none() | tokens.map(Secret),
    expires_at=st.none() | st.floats(min_value=0, max_value=1e12),
    token_type=tokens,
    refresh_expires_at=st.none() | st.floats(min_value=0, max_value=1e12),
)


@pytest.mark.parametrize(
    ("lives_for", "refresh", "needs", "step"),
    [
        (None, None, ("repo",), Step.USE),
        (None, "r", ("repo",), Step.USE),
        (3600, None, ("repo",), Step.USE),
        (3600, "r", ("repo",), Step.USE),
        (3600, "r", (), Step.USE),
        (EXPIRY_MARGIN_SECONDS + 0.001, "r", ("repo",), Step.USE),
        (EXPIRY_MARGIN_SECONDS, "r", ("repo",), Step.RENEW),
        # Nothing renews it: its last seconds are better than a question.
        (EXPIRY_MARGIN_SECONDS, None, ("repo",), Step.USE),
        (0, None, ("repo",), Step.ASK),
        (0, "r", ("repo",), Step.RENEW),
        (-3600, "r", ("repo",), Step.RENEW),
        (-3600, None, ("repo",), Step.ASK),
        # A renewal gives no more scopes than there were, so it is not even tried.
        (3600, "r", ("repo", "gist"), Step.ASK),
        (-3600, "r", ("gist",), Step.ASK),
    ],
)
def test_what_to_do_with_a_credential_now(
    lives_for: float | None, refresh: str | None, needs: tuple[str, ...], step: Step
) -> None:
    held = credential(refresh=refresh, expires_at=None if lives_for is None else NOW + lives_for)
    assert next_step(held, scopes=needs, now=NOW) is step


def test_without_a_credential_the_user_is_asked_even_if_nothing_is_needed() -> None:
    assert next_step(None, scopes=(), now=NOW) is Step.ASK


@pytest.mark.parametrize(
    ("lives_for", "fresh", "alive"), [(31, True, True), (30, False, True), (1, False, True), (0, False, False)]
)
def test_a_token_counts_as_expired_half_a_minute_early_but_is_alive_to_its_end(
    lives_for: float, *, fresh: bool, alive: bool
) -> None:
    held = credential(expires_at=NOW + lives_for)
    assert (held.is_fresh(NOW), held.is_alive(NOW)) == (fresh, alive)


def test_the_clock_of_a_credential_starts_when_it_was_asked_for() -> None:
    answer = TokenSet(Secret("a"), "bearer", 60.0, None, None)
    assert Credential.from_tokens(answer, asked=("repo",), now=NOW).expires_at == NOW + 60
    endless = replace(answer, expires_in=None)
    assert Credential.from_tokens(endless, asked=("repo",), now=NOW).expires_at is None


@pytest.mark.parametrize(
    ("refresh", "expires_at", "refresh_expires_at", "ends_at"),
    [
        (None, NOW + 60, None, NOW + 60),
        (None, None, None, None),
        ("r", NOW + 60, NOW + 900, NOW + 900),
        ("r", NOW + 60, NOW + 10, NOW + 60),
        ("r", NOW + 60, None, None),
        ("r", None, NOW + 900, None),
    ],
)
def test_a_credential_ends_with_the_last_of_its_tokens_or_nobody_knows_when(
    refresh: str | None, expires_at: float | None, refresh_expires_at: float | None, ends_at: float | None
) -> None:
    held = replace(credential(refresh=refresh, expires_at=expires_at), refresh_expires_at=refresh_expires_at)
    assert held.ends_at == ends_at


def test_the_end_of_a_refresh_token_stays_with_that_token() -> None:
    old = replace(credential(refresh="old"), refresh_expires_at=NOW + 900)
    assert credential("new", refresh=None).following(old).refresh_expires_at == NOW + 900
    assert credential("new", refresh="new").following(old).refresh_expires_at is None


@pytest.mark.parametrize(("told", "granted"), [(None, {"repo", "gist"}), (("repo",), {"repo"}), ((), set())])
def test_what_the_service_says_it_granted_counts_and_silence_means_what_was_asked(
    told: tuple[str, ...] | None, granted: set[str]
) -> None:
    answer = TokenSet(Secret("a"), "bearer", None, None, told)
    assert Credential.from_tokens(answer, asked=("repo", "gist"), now=NOW).scopes == granted


@given(credentials)
def test_a_credential_survives_its_record_as_json(one: Credential) -> None:
    assert Credential.from_record(json.loads(json.dumps(one.to_record()))) == one


@given(st.text("0123456789abcdef", min_size=8), st.text("0123456789abcdef", min_size=8))
def test_no_token_shows_in_a_printed_credential(access: str, refresh: str) -> None:
    shown = repr(credential(f"a-{access}", refresh=f"r-{refresh}"))
    assert access not in shown
    assert refresh not in shown
