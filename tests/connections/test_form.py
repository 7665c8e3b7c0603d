"""Forms as values: what developers may ask for, and what users may type."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.connections.form import MAX_TYPED_BYTES, Field, Form
from mcpauthkit.errors import ConfigurationError

SEED: dict[str, dict[str, Any]] = {
    "pat": {"label": "Personal Access Token", "type": "password", "hint": "Profile, then tokens.", "required": True}
}


def test_the_documented_variables_become_a_secret_in_one_line() -> None:
    [field] = Form.parse(SEED).fields
    assert field == Field(name="pat", label="Personal Access Token", kind="password", hint="Profile, then tokens.")
    assert field.secret
    assert field.required
    assert field.max_length == 4096


def test_what_is_left_out_has_a_sensible_value() -> None:
    [field] = Form.parse({"api_key": {}}).fields
    assert (field.label, field.kind, field.required, field.secret) == ("Api key", "string", True, False)
    assert Field(name="key", kind="textarea").max_length == 65_536


WRONG: dict[str, Any] = {
    "nothing": {},
    "a list": [],
    "a field that is no mapping": {"pat": "password"},
    "an unknown key": {"pat": {"lable": "Token"}},
    "an unknown type": {"pat": {"type": "secret"}},
    "a type that is no text": {"pat": {"type": 1}},
    "a label that is no text": {"pat": {"label": 1}},
    "required in words": {"pat": {"required": "yes"}},
    "a number that is a bool": {"pat": {"max_length": True}},
    "a length below zero": {"pat": {"max_length": -1}},
    "a length beyond what is kept": {"pat": {"max_length": MAX_TYPED_BYTES + 1}},
    "options as one text": {"pat": {"type": "select", "options": "ab"}},
    "options that are no texts": {"pat": {"type": "select", "options": [1]}},
    "options that are no list": {"pat": {"type": "select", "options": 5}},
    "an empty option": {"pat": {"type": "select", "options": [""]}},
    "a select without options": {"pat": {"type": "select"}},
    "options without a select": {"pat": {"options": ["a"]}},
    "a name with a space": {"p t": {}},
    "a name that is no text": {1: {}},
    "a name of ours": {"csrf": {}},
    "too many": {f"field{number}": {} for number in range(41)},
    "a broken pattern": {"pat": {"pattern": "("}},
    "a pattern that is whole only in brackets": {"pat": {"pattern": "a)|(?:b"}},
    "a pattern with look-ahead": {"pat": {"pattern": "(?=a)a"}},
    "a pattern with a back-reference": {"pat": {"pattern": r"(a)\1"}},
    "a pattern that is too large": {"pat": {"pattern": "((a{1000}){1000}){1000}"}},
}


@pytest.mark.parametrize("kind", WRONG)
def test_what_means_nothing_is_refused_with_the_fix(kind: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Form.parse(WRONG[kind])
    assert caught.value.hint


def test_two_fields_of_one_name_are_refused() -> None:
    with pytest.raises(ConfigurationError):
        Form([Field(name="a"), Field(name="a")])


def problem(value: str, *, on_loopback: bool = False, **options: Any) -> str | None:
    form = Form([Field(name="x", label="Thing", **options)])
    return form.check({"x": value}, on_loopback=on_loopback).problems.get("x")


@pytest.mark.parametrize("kind", ["string", "password", "url", "select", "date", "textarea"])
def test_only_optional_fields_may_be_empty(kind: Any) -> None:
    options: dict[str, Any] = {"options": ("a",)} if kind == "select" else {}
    assert problem(" \n", kind=kind, **options)
    assert problem(" \n", kind=kind, required=False, **options) is None


GOOD_URLS = ("https://wiki.example.com", "https://wiki.example.com:8443/confluence/", "https://10.1.2.3/x?y=z")
BAD_URLS = (
    "http://wiki.example.com",
    "wiki.example.com",
    "javascript:alert(1)",
    "https://user:pw@wiki.example.com",
    "https://trusted.example@evil.example",
    "https://wiki.example.com/#x",
    "https://wiki.example.com\\@evil.example",
    "https://wiki.example.com/ x",
    "https://",
    "https://wiki.example.com:99999",
)
INNER_URLS = (
    "http://localhost:8080",
    "https://localhost.",
    "https://sub.localhost",
    "http://127.0.0.1",
    "https://[::1]/",
    "https://[::ffff:127.0.0.1]/",
    "https://0.0.0.0",
    "https://127.1",
    "https://0x7f000001",
    "https://2130706433",
    "https://169.254.169.254/latest/meta-data",
    "https://[fe80::1]",
)


@pytest.mark.parametrize("url", GOOD_URLS)
def test_an_https_address_is_taken(url: str) -> None:
    assert problem(url, kind="url") is None


@pytest.mark.parametrize("url", BAD_URLS)
def test_other_addresses_are_not_taken_anywhere(url: str) -> None:
    assert problem(url, kind="url")
    assert problem(url, kind="url", on_loopback=True)


@pytest.mark.parametrize("url", INNER_URLS)
def test_addresses_of_the_machine_itself_are_not_taken_from_the_users_of_a_public_server(url: str) -> None:
    assert problem(url, kind="url")


@pytest.mark.parametrize("url", ["http://localhost:8080", "http://127.0.0.1/x", "https://[::1]"])
def test_they_are_taken_during_development_on_that_machine(url: str) -> None:
    assert problem(url, kind="url", on_loopback=True) is None


@pytest.mark.parametrize(
    ("day", "is_good"),
    [("2026-12-31", True), ("2026-02-30", False), ("31.12.2026", False), ("20261231", False), ("1026-12-31", False)],
)
def test_a_date_is_a_day_there_is(day: str, *, is_good: bool) -> None:
    assert (problem(day, kind="date") is None) is is_good


def test_the_whole_value_has_to_match_a_pattern() -> None:
    assert problem("abc", pattern="[a-z]+|x") is None
    assert problem("abc1", pattern="[a-z]+|x")
    assert problem("1x", pattern="[a-z]+|x")
    assert problem("a\nb", pattern="a|b", kind="textarea")


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|a)*b", r"(.*a){12}", r"^(([a-z])+.)+[A-Z]([a-z])+$"])
def test_no_pattern_takes_long_whatever_is_typed(pattern: str) -> None:
    # Minutes to ages with an engine that backtracks. The suite's own limit of time is the assertion.
    assert problem("a" * 60_000 + "!", pattern=pattern, kind="textarea")


@given(st.text(max_size=50))
def test_a_single_line_holds_nothing_that_cannot_be_seen(text: str) -> None:
    if re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]", text.strip()):
        assert problem(text)
    elif text.strip():
        assert problem(text) is None


def test_a_text_area_keeps_its_lines_and_nothing_else() -> None:
    form = Form([Field(name="key", kind="textarea")])
    answers = form.check({"key": "\r\n-----BEGIN\r\nabc\rdef\tg\r\n"})
    assert answers.problems == {}
    assert answers.values["key"] == "-----BEGIN\nabc\ndef\tg"
    assert problem("a\x00b", kind="textarea")


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=40), max_size=6), st.text(max_size=200))
def test_whatever_is_typed_every_field_has_a_tidied_value_and_no_message_repeats_a_secret(
    typed: dict[str, str], secret: str
) -> None:
    form = Form([Field(name="a"), Field(name="b", kind="url"), Field(name="pat", kind="password", max_length=20)])
    answers = form.check({**typed, "pat": f"canary{secret}"})
    assert list(answers.values) == ["a", "b", "pat"]
    assert all(value == value.strip() for value in answers.values.values())
    assert not any("canary" in text for text in answers.problems.values())
    assert "canary" not in repr(answers)


def test_lengths_are_bounded_one_by_one_and_together() -> None:
    assert problem("x" * 4096) is None
    assert problem("x" * 4097)
    assert problem("12345", max_length=4)
    two = Form([Field(name="a", kind="textarea"), Field(name="b", kind="textarea")])
    assert two.check({"a": "x" * 40_000, "b": "y" * 40_000}).problems.keys() == {""}
    assert two.check({"a": "ä" * 40_000, "b": "y"}).problems.keys() == {""}


def test_a_select_takes_only_what_it_offers() -> None:
    assert problem("eu", kind="select", options=("eu", "us")) is None
    assert problem("cn", kind="select", options=("eu", "us"))
