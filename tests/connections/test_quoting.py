"""Secrets in texts of somebody else's: found whole, cut, and written as programs write them; words are no secrets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.quoting import repeats_any

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
KEY = "-----BEGIN PRIVATE KEY-----\r\nMIGHAgEAMBMGByqGSM49AgEG\r\nCCqGSM49AwEHBG0wawIBAQQg\r\n-----END PRIVATE KEY-----"
PASSWORD = "tr0ub4dor&3"
PHRASE = "correct horse battery staple"


@pytest.mark.parametrize(
    "text",
    [
        f"There is no {TOKEN}.",
        f"There is no {TOKEN[:14]}...",
        f"There is no ...{TOKEN[-14:]}",
        f"GET /?token={TOKEN}&page=1",
        f"No key: {KEY!r}",
        f"No key: {KEY}",
        f"Line 2 is wrong: {KEY.splitlines()[2][:20]}",
        f"'{PASSWORD}' is wrong",
        f"'{PASSWORD[:9]}..' is wrong",
        f"'{PHRASE}' is wrong",
    ],
)
def test_a_secret_is_found_whole_and_in_parts(text: str) -> None:
    assert repeats_any(text, ["other-secret-value", TOKEN, KEY, PASSWORD, PHRASE])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "The wiki does not know this token.",
        f"The token that begins with {TOKEN[:8]} has expired.",
        "A key begins with -----BEGIN PRIVATE KEY----- and has several lines.",
        "The horse has no battery.",
        "It is 'abc' that is wrong.",
    ],
)
def test_a_text_that_helps_is_left_alone(text: str) -> None:
    assert not repeats_any(text, [TOKEN, KEY, PASSWORD, PHRASE, "abc", ""])


@given(st.text(), st.text(min_size=4), st.text())
def test_wherever_it_stands_a_whole_secret_is_found(before: str, secret: str, after: str) -> None:
    assert repeats_any(f"{before}{secret}{after}", [secret])
