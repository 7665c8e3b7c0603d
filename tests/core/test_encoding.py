"""Base64url and JSON of strangers."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.core.encoding import base64url_decode, base64url_encode, parse_json_object, sha256_hex

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def parse(text: str | bytes, **limits: int) -> dict[str, Any]:
    data = text.encode() if isinstance(text, str) else text
    return parse_json_object(data, **{"max_bytes": 100_000, **limits})


@given(st.binary(max_size=200))
def test_base64url_survives_a_round_trip_and_carries_no_padding(data: bytes) -> None:
    text = base64url_encode(data)
    assert "=" not in text
    assert base64url_decode(text) == data
    assert base64url_decode(text.encode()) == data


@given(st.binary(max_size=60))
def test_every_byte_string_has_exactly_one_spelling(data: bytes) -> None:
    text = base64url_encode(data)
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet if text else "":
        other = text[:-1] + last
        if other != text:
            try:
                assert base64url_decode(other) != data
            except ValueError:
                continue


@pytest.mark.parametrize(
    "text",
    ["YQ==", "YQ=", "a+b/", "a b", "YQ\n", "A", "AAAAA", "YR", "YWJ", "é", "Y.Q", "-_-", "\x00\x00"],
    ids=[
        "padding",
        "half padding",
        "other alphabet",
        "space",
        "newline",
        "one character",
        "five characters",
        "stray bits after one byte",
        "stray bits after two bytes",
        "not ascii",
        "dot",
        "stray bits in url alphabet",
        "control characters",
    ],
)
def test_base64url_that_is_not_canonical_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        base64url_decode(text)


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=5))
def test_any_json_object_survives_a_round_trip(value: dict[str, Any]) -> None:
    assert parse(json.dumps(value), max_depth=64) == value
    assert parse(json.dumps(value, ensure_ascii=False), max_depth=64) == value


@given(st.binary(max_size=300) | st.text().map(str.encode))
def test_arbitrary_bytes_are_an_object_or_a_value_error(data: bytes) -> None:
    try:
        value = parse(data)
    except ValueError:
        return
    assert isinstance(value, dict)


def nested(depth: int) -> str:
    return '{"a":' * depth + "1" + "}" * depth


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(nested(17), id="objects one level too deep"),
        pytest.param('{"a":' + "[" * 16 + "]" * 16 + "}", id="lists one level too deep"),
        pytest.param("[" * 90_000, id="a tower that would end the scanner in RecursionError"),
        pytest.param('{"a":NaN}', id="NaN"),
        pytest.param('{"a":Infinity}', id="Infinity"),
        pytest.param('{"a":[-Infinity]}', id="negative Infinity"),
        pytest.param('{"a":1e999}', id="a float too large to be one"),
        pytest.param('{"a":-1e999}', id="a float too small to be one"),
        pytest.param('{"a":1,"a":1}', id="a repeated member"),
        pytest.param('{"a":1,"\\u0061":2}', id="a repeated member, once escaped"),
        pytest.param('{"b":{"a":1,"a":2}}', id="a repeated member inside"),
        pytest.param('{"a":' + "9" * 5000 + "}", id="an integer of five thousand digits"),
        pytest.param('{"a":"\\ud800"}', id="half a surrogate pair"),
        pytest.param('{"\\uDC00":1}', id="half a surrogate pair in a name"),
        pytest.param("[1]", id="a list"),
        pytest.param('"a"', id="a text"),
        pytest.param("null", id="null"),
        pytest.param("", id="nothing"),
        pytest.param('{"a":1} x', id="something after it"),
        pytest.param('{"a":1}{"a":2}', id="two objects"),
        pytest.param('{"a":"\x01"}', id="a raw control character"),
        pytest.param(b'{"a":"\xff"}', id="not UTF-8"),
        pytest.param('{"a":1}'.encode("utf-16"), id="UTF-16"),
        pytest.param(b"\xef\xbb\xbf{}", id="a byte order mark"),
    ],
)
def test_json_beyond_our_limits_is_refused(text: str | bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        parse(text)


def test_size_is_measured_before_anything_is_read() -> None:
    assert parse('{"a":1}', max_bytes=7) == {"a": 1}
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        parse('{"a":1}', max_bytes=6)


def test_depth_at_the_limit_passes_and_brackets_in_texts_do_not_count() -> None:
    assert parse(nested(16))
    assert parse(json.dumps({"a": "[{" * 500 + '\\"', "b": ["]]]"] * 30}))
    assert parse(json.dumps({"a": [[], {}] * 100}))


def test_a_surrogate_pair_is_one_character() -> None:
    assert parse('{"a":"\\ud83d\\ude00"}') == {"a": "\U0001f600"}


@pytest.mark.parametrize("tail", [b'"\\' * 40_000, b'\\"' * 40_000, b'"' * 40_001, b"\\" * 80_000, b'"\\"' * 20_000])
def test_measuring_depth_takes_linear_time_however_texts_are_broken(tail: bytes) -> None:
    started = time.process_time()
    with pytest.raises(ValueError):  # noqa: PT011  # the type is the contract
        parse(b"[]" * 20 + tail)
    assert time.process_time() - started < 1.0


def test_a_digest_of_several_texts_tells_where_one_ends() -> None:
    assert sha256_hex("ab", "c") != sha256_hex("a", "bc") != sha256_hex("abc")
    assert sha256_hex("a", "") != sha256_hex("a")
    assert len(sha256_hex("a")) == 64
