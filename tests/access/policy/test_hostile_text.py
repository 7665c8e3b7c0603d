"""Texts made to do harm, or that nobody wrote: each is a policy or refused as a whole, in bounded work."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mcpauthkit.policies import Policy, PolicyInvalid, read_policy

MEGABYTE = 1 << 20


def refused(text: str | bytes) -> PolicyInvalid:
    with pytest.raises(PolicyInvalid) as caught:
        read_policy(text)
    return caught.value


@pytest.mark.parametrize(
    "text",
    [
        "[" * MEGABYTE,
        "{" * MEGABYTE,
        "- " * MEGABYTE,
        "[a, " * MEGABYTE,
        "".join(f"%TAG !e{number}! tag:x:\n" for number in range(20_000)),
        "name: p\nrules: [" + "{}, " * 5_000 + "]",
        "name: " + "x" * (5 * MEGABYTE),
        "\n".join(f"{' ' * depth}a:" for depth in range(1000)),
    ],
    ids=["brackets", "braces", "dashes", "items", "directives", "faults", "long", "deep"],
)
def test_what_would_take_long_is_refused_before_it_does(text: str) -> None:
    assert len(refused(text).faults) <= 101


def test_a_document_of_many_faults_tells_the_first_and_that_there_are_more() -> None:
    faults = refused("name: p\nrules: [" + "{}, " * 1000 + "]").faults
    assert len(faults) == 101
    assert "more faults" in faults[-1].text


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("name: &a p\nrules: []", 1),
        ("name: p\nrules: &a []\ntags: *a", 2),
        ("name: p\nrules: &a\n  - *a", 2),
        ("&a name: p\nrules: []", 1),
        ("<<: {name: p}\nrules: []", 1),
        ("name: !!str p\nrules: []", 1),
        ("name: !!python/object/apply:os.getcwd []\nrules: []", 1),
        ("name: !x p\nrules: []", 1),
        ("name: p\nrules: !!set {a}", 2),
        ("%YAML 1.1\n---\nname: p\nrules: []", 1),
    ],
)
def test_what_yaml_offers_beyond_plain_values_is_refused(text: str, line: int) -> None:
    assert line in {one.line for one in refused(text).faults}


def test_aliases_that_would_grow_without_bound_are_refused_at_the_first() -> None:
    grown = "\n".join(["a0: &a0 [x]", *(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60))])
    assert len(refused(f"name: p\nrules: []\n{grown}").faults) == 101


@pytest.mark.parametrize(
    "text", [b"name: \xff", b"\xff\xfen\x00", b"name: p\nrules: []\n# \xc3", "name: \ud800", "name: \x01"]
)
def test_what_is_no_text_is_refused(text: str | bytes) -> None:
    assert refused(text).faults


def test_a_byte_that_is_no_text_is_told_by_its_line() -> None:
    assert [one.line for one in refused(b"name: p\nrules: []\n# \xff").faults] == [3]


@pytest.mark.parametrize("sign", ["\u2028", "\u2029", "\x85", "\r", "\u202e", "\u2066", "\u200f", "\u061c"])
@pytest.mark.parametrize("around", ["name: p\nrules: [] # ab{}default_effect: allow\n", 'name: p\nrules: ["ab{}"]'])
def test_what_people_read_otherwise_than_programs_do_is_refused_where_it_stands(around: str, sign: str) -> None:
    text = around.format(sign)
    [fault] = refused(text).faults
    assert (fault.line, fault.column) == (2, text.splitlines()[1].index("ab") + 3)
    assert f"U+{ord(sign):04X}" in fault.text
    assert sign not in fault.text


def test_a_column_counts_from_the_line_end_that_everybody_sees() -> None:
    assert [(one.line, one.column) for one in refused("name: p\r\nrules: []\r# x\u2028\n#\u2029").faults] == [
        (2, 10),
        (2, 14),
        (3, 2),
    ]


def test_a_million_hidden_line_ends_are_told_in_bounded_work() -> None:
    assert len(refused("\r" * MEGABYTE).faults) == 101


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_line_ends_of_every_system_are_taken(end: str) -> None:
    assert read_policy(f"name: p # \u05d0{end}rules: []{end}...{end}").name == "p"


SIGNS = """name rules effect allow agents roles yes 0 : - [ ] { } , " ' &a *a ! | > ? # % ... --- ~ é 😀"""
words = st.sampled_from([*SIGNS.split(), ": ", "- ", "\n", "  ", "\t", "\r", "\x85", "\u2028", "\ufeff"])


@given(st.lists(words, max_size=30).map("".join) | st.text() | st.binary())
@example("? ")
@example("*a: b")
@example("[*a]: b")
def test_whatever_is_read_is_a_policy_or_is_refused(text: str | bytes) -> None:
    with suppress(PolicyInvalid):
        assert isinstance(read_policy(text), Policy)
