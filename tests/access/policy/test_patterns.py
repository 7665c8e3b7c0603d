"""Regular expressions and globs, whoever chose the text."""

from __future__ import annotations

from fnmatch import fnmatchcase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.access.policy.patterns import Glob, Pattern
from mcpauthkit.errors import ConfigurationError


@pytest.mark.parametrize(
    ("expression", "fix"),
    [
        ("(?=a)b", "look-ahead"),
        ("(?<!a)b", "look-behind"),
        ("(?>a)", "atomic"),
        (r"(a)\1", "back-references"),
        (r"a\Z", r"\z"),
        ("a*+", "possessive"),
        ("a{2000}", "1,000"),
        ("(a{1000}){1000}", "1,000"),
        ("x{1000}" * 50, "shorter"),
        ("*a", "backslash"),
        ("[a", "Close"),
        ("(a", "Close"),
        ("a)", "Open"),
        (r"\p{Nonsense}", "RE2"),
        ("\ud800", "UTF-8"),
    ],
)
def test_what_re2_does_not_know_is_refused_with_the_fix(
    expression: str, fix: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Pattern(expression)
    assert fix in str(caught.value)
    # On stdio, what the library would print there is taken for a line of the server's log.
    assert capfd.readouterr() == ("", "")


def test_it_is_looked_for_anywhere_unless_it_is_anchored() -> None:
    assert Pattern("min").is_in("admin")
    assert not Pattern("^min").is_in("admin")
    assert not Pattern("^admin$").is_in("admin\n")


def test_a_text_for_which_backtracking_would_take_for_ever_is_told_at_once() -> None:
    # One character more doubled the time of the engine that was used before: this one is read 4,000 times.
    assert Pattern("(a+)+$").is_in("a" * 100_000 + "!") is False


def test_what_would_take_too_long_even_so_or_is_no_text_cannot_be_evaluated() -> None:
    large = Pattern("(x{0,30}){0,30}y")
    assert large.is_in("x" * 1_000) is False
    assert large.is_in("x" * 1_000_000) is None
    assert Pattern("a").is_in("\ud800a") is None


globs = st.text(alphabet="ab*?[]!-^\\.\n", max_size=8)


@given(globs, st.lists(st.text(alphabet="ab*[]!-^\\.\n", max_size=8), max_size=10))
def test_a_glob_is_what_the_standard_library_says_for_file_names(glob: str, texts: list[str]) -> None:
    one = Glob(glob)
    for text in [*texts, glob]:
        assert one.matches(text) is fnmatchcase(text, glob)
        assert text.startswith(one.prefix) or not one.matches(text)
