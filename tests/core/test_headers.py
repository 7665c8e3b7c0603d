"""Header text in and out."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.headers import cookie_value, first_header, header_values, quoted

HEADERS = [(b"a", b"1"), (b"b", b"2"), (b"a", b"3"), (b"c", b"\xe9")]


def test_header_values_come_in_order() -> None:
    assert header_values(HEADERS, b"a") == [b"1", b"3"]
    assert header_values(HEADERS, b"z") == []
    assert first_header(HEADERS, b"a") == "1"
    assert first_header(HEADERS, b"c") == "é"
    assert first_header(HEADERS, b"z") is None


@given(st.text())
def test_no_text_breaks_out_of_a_quoted_string(text: str) -> None:
    # RFC 6750 section 3: error_description holds %x20-21 / %x23-5B / %x5D-7E.
    assert re.fullmatch(r'"[\x20\x21\x23-\x5b\x5d-\x7e]*"', quoted(text))


@given(st.text(alphabet=st.characters(min_codepoint=0x20, max_codepoint=0x7E, exclude_characters='"\\')))
def test_plain_text_is_quoted_unchanged(text: str) -> None:
    assert quoted(text) == f'"{text}"'


@pytest.mark.parametrize(
    ("cookies", "expected"),
    [
        ([b"s=1"], "1"),
        ([b"a=0; s=1; b=2"], "1"),
        ([b'a=0;s="1"'], "1"),
        ([b"a=0", b"s=a=b"], "a=b"),
        ([b"xs=1; s2=2"], None),
        ([b""], None),
        ([], None),
        ([b"s=1; s=2"], None),
        ([b"s=1", b"s=1"], None),
    ],
)
def test_a_cookie_is_read_unless_somebody_planted_a_second_one(cookies: list[bytes], expected: str | None) -> None:
    assert cookie_value([(b"cookie", one) for one in cookies], "s") == expected
