"""Names of accounts, which strangers choose and people read."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.oauth.account import Account, AccountPaths

PATHS = AccountPaths(id="id", label="name|login", tenant="team")
# What turns the direction of text, hides it, or ends a line: nobody could tell what such a name says.
UNSEEN = ("\u202e", "\u2066", "\u200f", "\u200b", "\x00", "\x1b", "\x7f", "\ufeff", "\ud800")


@pytest.mark.parametrize("character", UNSEEN, ids=ascii)
def test_a_name_holds_nothing_that_cannot_be_seen(character: str) -> None:
    account = Account("7", f"ali{character}ce", f"ac{character}me")
    assert (account.label, account.tenant) == ("alice", "acme")
    assert PATHS.read({"id": 7, "name": f"ali{character}ce"}) == Account("7", "alice")


@pytest.mark.parametrize("space", ["\n", "\r\n", "\u2028", "\xa0", "  ", "\t"], ids=ascii)
def test_a_name_is_one_line(space: str) -> None:
    assert Account("7", f"Alice{space}Example").label == "Alice Example"


def test_a_name_is_short_enough_for_a_line() -> None:
    assert Account(label="a" * 5000).label == "a" * 100
    found = PATHS.read({"id": 7, "name": "é" * 5000})
    assert found is not None
    assert found.label == "é" * 100


def test_what_identifies_an_account_is_not_touched() -> None:
    # Two accounts must not become one by it.
    assert Account("x" * 500).id == "x" * 500


@pytest.mark.parametrize(
    ("answer", "account"),
    [
        ({"id": "u1", "name": "\u202e\u200b", "login": "alice"}, Account("u1", "alice")),
        ({"id": "u1", "name": 17}, Account("u1", "17")),
        ({"id": "u1", "name": ["x"]}, Account("u1")),
        ({"id": "u\u202e1"}, None),
        ({"name": " alice "}, Account("", "alice")),
        ([], None),
    ],
)
def test_the_first_name_that_can_be_read_counts(answer: Any, account: Account | None) -> None:
    assert PATHS.read(answer) == account


@given(st.text())
def test_whatever_a_service_calls_an_account_it_fits_on_a_page(name: str) -> None:
    label = Account("1", name).label
    assert label.isprintable()
    assert len(label) <= 100
    assert label == label.strip()
