"""The kinds of values a policy is written with: names, texts, lists that are not empty, times of day."""

from __future__ import annotations

import math
import re
import unicodedata
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic_core import PydanticCustomError

Scalar = str | int | float | bool
Value = Scalar | tuple[Scalar, ...]

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
WEEKDAYS: tuple[Weekday, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")

_LONGEST_NAME = 200
_LONGEST_TEXT = 2_000
_LARGEST_NUMBER = 10**18
# A name with such a character in it reads like another one and never equals it, so a deny would silently not match; or
# it runs right to left in between, and a reviewer would approve another name.
_INVISIBLE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Zs"})
# Joiners, fillers and selectors of variants: letters and marks to Unicode, and nothing to the eye.
_EMPTY = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")
_TIME_OF_DAY = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9]|24:00")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")


def refuse(kind: str, text: str) -> PydanticCustomError:
    """An error whose text is shown as it stands."""
    return PydanticCustomError(kind, "{text}", {"text": text})


def _clean(text: str) -> str:
    if text != text.strip():
        raise refuse("outer_space", "This begins or ends with space, so it would never be met: take the space out.")
    if _EMPTY.search(text) or any(one != " " and unicodedata.category(one) in _INVISIBLE for one in text):
        raise refuse("invisible", "This holds a line break, or a character that is invisible or only looks like a "
                     "space: take it out.")  # fmt: skip
    return text


def _scheme(text: str) -> str:
    if not _SCHEME.fullmatch(text):
        raise refuse("scheme", "A scheme is written in small letters and without what follows it, such as `https`.")
    return text


def _time_of_day(text: str) -> str:
    if not _TIME_OF_DAY.fullmatch(text):
        raise refuse("time_of_day", 'A time of day has two digits each, such as "09:00".')
    return text


def _as_tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _filled(value: Any) -> Any:
    # Counted before its items are looked at: one that is wrong would not count, and be told as two faults.
    if isinstance(value, list | tuple) and not value:
        raise refuse("empty", "This list is empty, so it would select nothing: name something, or take the key out.")
    return _as_tuple(value)


def _one_or_more(value: Any) -> Any:
    return (value,) if isinstance(value, str) else _filled(value)


def _scalar(value: Any) -> bool:
    if isinstance(value, str):
        return not any("\ud800" <= one <= "\udfff" for one in value)
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and abs(value) < _LARGEST_NUMBER


def _value(value: Any) -> Value:
    items = _as_tuple(value)
    if isinstance(items, tuple):
        if not items:
            raise refuse("empty", "This list is empty, so nothing would ever be met: name at least one value.")
        if all(map(_scalar, items)):
            return items
    elif _scalar(items):
        return value  # type: ignore[no-any-return]
    raise refuse("value", "A value is a text, a number, true or false, or a list of these.")


Name = Annotated[str, Field(min_length=1, max_length=_LONGEST_NAME), AfterValidator(_clean)]
Text = Annotated[str, Field(min_length=1, max_length=_LONGEST_TEXT), AfterValidator(_clean)]
ListOf = BeforeValidator(_as_tuple)
ListOfSome = BeforeValidator(_filled)
AT_LEAST_ONE = Field(json_schema_extra={"minItems": 1})
Texts = Annotated[tuple[Text, ...], ListOfSome, AT_LEAST_ONE]
_ONE = {"type": "string", "minLength": 1, "maxLength": _LONGEST_TEXT}
TextOrTexts = Annotated[
    tuple[Text, ...],
    BeforeValidator(_one_or_more),
    WithJsonSchema({"anyOf": [_ONE, {"type": "array", "minItems": 1, "items": _ONE}]}),
]
Scheme = Annotated[str, AfterValidator(_scheme), Field(json_schema_extra={"pattern": f"^{_SCHEME.pattern}$"})]
Schemes = Annotated[tuple[Scheme, ...], ListOfSome, AT_LEAST_ONE]
TimeOfDay = Annotated[
    str, AfterValidator(_time_of_day), Field(json_schema_extra={"pattern": f"^(?:{_TIME_OF_DAY.pattern})$"})
]
AnyValue = Annotated[
    Value,
    PlainValidator(_value),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": ["string", "number", "boolean"]},
                {"type": "array", "minItems": 1, "items": {"type": ["string", "number", "boolean"]}},
            ]
        }
    ),
]


class Part(BaseModel):
    """A part of a document: frozen, strict, and without keys that it does not know."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", hide_input_in_errors=True, validate_by_name=True
    )
