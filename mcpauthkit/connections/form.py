"""What a service asks its users to type: fields as values, and what may be typed into them. No I/O."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal, Self, get_args

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

from mcpauthkit.connections.credential import Account
from mcpauthkit.connections.typed_url import problem_of_url
from mcpauthkit.errors import ConfigurationError

Kind = Literal["string", "password", "url", "textarea", "select", "date"]
"""What is typed into a field; `password` is a secret in one line, `date` a day as `2026-12-31`."""

RESERVED_NAMES = frozenset({"csrf", "expires_on"})
"""Inputs of our own on the page of a form; `expires_on` is `EXPIRY`."""

MAX_TYPED_BYTES = 64 * 1024
"""What all values of a form may come to together."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}\Z")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}\Z")
_MAX_LENGTH = 4 * 1024
_MAX_FIELDS = 40
_FIRST_YEAR = 2000
# Unicode's control characters, halves of surrogate pairs, and line and paragraph separators.
_NEVER_TYPED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_KEYS = ("label", "type", "hint", "required", "pattern", "options", "max_length", "secret")
_TYPES: Mapping[str, tuple[type, str]] = {
    "label": (str, "a text"),
    "hint": (str, "a text"),
    "pattern": (str, "a text"),
    "required": (bool, "True or False"),
    "secret": (bool, "True or False"),
    "max_length": (int, "a number of characters"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """What a validator learned about the values it accepted.

    Args:
        account: Whose account they belong to.
        expires_at: Wall time in seconds when they end, or None when the service does not say.
        scopes: What they permit, as the service spells it.

    Raises:
        ConfigurationError: One of them is something else.
    """

    account: Account | None = None
    expires_at: float | None = None
    scopes: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.account is not None and not isinstance(self.account, Account):
            raise _no_part("account", self.account, "Write account=Account(label=...).")
        if self.expires_at is not None and not _is_time(self.expires_at):
            raise _no_part("expires_at", self.expires_at, "expires_at is wall time in seconds: use dt.timestamp().")
        if not _is_list_of_texts(self.scopes):
            raise _no_part("scopes", self.scopes, 'Write scopes=frozenset({"read", "write"}).')
        object.__setattr__(self, "scopes", frozenset(self.scopes))


Validate = Callable[[Mapping[str, str]], Awaitable[Checked | None]]
"""Tries typed values at the service: returns when they work, raises `CredentialsRejected` when they do not, and
`RemoteError` when that could not be found out."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One thing to type.

    Args:
        name: Its name in `get_credentials()`.
        label: Its name for people.
        kind: What is typed.
        hint: A sentence below the label that says where to find it.
        pattern: A regular expression the whole value has to match, in the dialect of Rust's regex library: it takes
            linear time whatever is typed, and knows no look-around and no back-references.
        required: Whether it may not be left empty.
        options: What a `select` offers.
        max_length: In characters; 4096 by default, and 65536 for a `textarea`.
        secret: Whether it is never shown again, not even to the user who typed it; a `password` never is.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    name: str
    label: str = ""
    kind: Kind = "string"
    hint: str = ""
    pattern: str = ""
    required: bool = True
    options: tuple[str, ...] = ()
    max_length: int = 0
    secret: bool = False

    def __post_init__(self) -> None:
        if _NAME.match(self.name) is None:
            raise ConfigurationError(
                f"The field name {self.name!r} cannot be used.",
                hint="Use letters, digits, hyphens and underscores, beginning with a letter.",
            )
        if self.kind not in get_args(Kind):
            raise self._wrong(f"the unknown type {self.kind!r}", f"Use one of {', '.join(get_args(Kind))}.")
        if self.pattern:
            self._check_pattern()
        if (self.kind == "select") is not bool(self.options):
            raise self._wrong("options without a select, or the reverse", 'Give type "select" and options together.')
        if any(not one or one != one.strip() or not _is_plain(one) for one in self.options):
            raise self._wrong("an option that nobody could send", "Leave out empty options and white space around.")
        if not 0 <= self.max_length <= MAX_TYPED_BYTES:
            raise self._wrong(f"max_length={self.max_length}", f"Give a number between 1 and {MAX_TYPED_BYTES}.")
        # Filled in here, so that every reader of a field sees the same values.
        longest = self.max_length or (MAX_TYPED_BYTES if self.kind == "textarea" else _MAX_LENGTH)
        object.__setattr__(self, "max_length", longest)
        object.__setattr__(self, "label", self.label or self.name.replace("_", " ").replace("-", " ").capitalize())
        object.__setattr__(self, "secret", self.secret or self.kind == "password")

    @classmethod
    def parse(cls, name: object, options: object) -> Self:
        """The field of an entry of `variables`, in which `kind` is called `type`.

        Raises:
            ConfigurationError: There is a key or a value that means nothing here.
        """
        if not isinstance(name, str) or not isinstance(options, Mapping):
            raise ConfigurationError(
                f"The entry {name!r} of variables is not a mapping.",
                hint='Write variables={"pat": {"label": "Personal Access Token", "type": "password"}}.',
            )
        unknown = sorted(str(key) for key in options if key not in _KEYS)
        if unknown:
            raise ConfigurationError(
                f"The field {name!r} has the unknown key {unknown[0]!r}.", hint=f"Known are {', '.join(_KEYS)}."
            )
        for key, (wanted, words) in _TYPES.items():
            if key in options and (type(options[key]) is not wanted):
                raise ConfigurationError(f"{key!r} of the field {name!r} is not {words}.", hint=f"Write {words}.")
        arguments = {key: value for key, value in options.items() if key not in {"type", "options"}}
        choices = options.get("options", ())
        if not isinstance(choices, list | tuple) or not all(isinstance(one, str) for one in choices):
            raise ConfigurationError(
                f"'options' of the field {name!r} is not a list of texts.", hint='Write "options": ["eu", "us"].'
            )
        return cls(name=name, kind=options.get("type", "string"), options=tuple(choices), **arguments)

    def tidy(self, typed: str) -> str:
        """A value as it is kept: pasted ones come with white space around, and browsers end lines in two characters."""
        return typed.replace("\r\n", "\n").replace("\r", "\n").strip() if self.kind == "textarea" else typed.strip()

    def problem(self, value: str, *, on_loopback: bool) -> str | None:
        """Why a tidied value cannot be right, in words for the page that never repeat it; None when it can be.

        Args:
            value: The value.
            on_loopback: Whether this application runs on the machine of its only user, where addresses of that
                machine are no attack on it.
        """
        if not value:
            return f"Fill in {self.label}." if self.required else None
        if len(value) > self.max_length:
            return f"{self.label} is longer than {self.max_length} characters."
        if not _is_plain(value.replace("\n", "").replace("\t", "") if self.kind == "textarea" else value):
            return f"{self.label} holds characters that cannot be seen. Copy it again."
        return self._problem_of_kind(value, on_loopback=on_loopback) or self._problem_of_pattern(value)

    def _problem_of_kind(self, value: str, *, on_loopback: bool) -> str | None:
        match self.kind:
            case "url":
                return problem_of_url(self.label, value, on_loopback=on_loopback)
            case "select" if value not in self.options:
                return f"Choose one of the options of {self.label}."
            case "date" if not _is_day(value):
                return f"{self.label} is not a date like 2026-12-31."
            case _:
                return None

    def _problem_of_pattern(self, value: str) -> str | None:
        if not self.pattern:
            return None
        try:
            _matcher(rf"\A(?:{self.pattern})\z").validate_python(value)
        except ValidationError:
            return f"{self.label} does not look right. Check that it was copied completely."
        return None

    def _check_pattern(self) -> None:
        try:
            # By itself as well: `a)|(b` is whole only between our brackets.
            _matcher(self.pattern)
            _matcher(rf"\A(?:{self.pattern})\z")
        except SchemaError as error:
            raise self._wrong(
                f"a pattern that cannot be used: {self.pattern!r}",
                "Write it for Rust's regex library, which has no look-around and no back-references.",
            ) from error

    def _wrong(self, what: str, hint: str) -> ConfigurationError:
        return ConfigurationError(f"The field {self.name!r} has {what}.", hint=hint)


EXPIRY = Field(
    name="expires_on",
    label="Expires on",
    kind="date",
    hint=(
        "The last day it works, which the service shows where you made it. You are reminded in time. "
        "Leave this empty if it never ends."
    ),
    required=False,
)
"""Asked where nothing else says when typed credentials end."""


@dataclass(frozen=True, slots=True)
class Answers:
    """What a user typed into a form.

    Args:
        values: Tidied values by name, one for each field of the form, empty where nothing was typed.
        problems: What is wrong with them, by name; for the whole form under the empty name.
    """

    values: Mapping[str, str] = field(repr=False)
    problems: Mapping[str, str] = field(default_factory=dict)


class Form:
    """The fields of one service.

    Args:
        fields: The fields, in the order of the page.
        asks_expiry: Whether the page asks besides when all this ends.
        guide: Markdown for the page, which says how to get what is asked.

    Raises:
        ConfigurationError: There is none, there are too many, two of one name, or something that is no field.
    """

    def __init__(self, fields: Iterable[Field], *, asks_expiry: bool = False, guide: str = "") -> None:
        own = _checked_fields(fields)
        names = [one.name for one in own]
        taken = sorted({name for name in names if names.count(name) > 1 or name in RESERVED_NAMES})
        if taken:
            raise ConfigurationError(f"The field name {taken[0]!r} is taken.", hint="Give each a name of its own.")
        if not 0 < len(names) <= _MAX_FIELDS:
            raise ConfigurationError(
                f"A form has between 1 and {_MAX_FIELDS} fields, not {len(names)}.",
                hint='Write variables={"pat": {"label": "Personal Access Token", "type": "password"}}.',
            )
        self.fields = (*own, EXPIRY) if asks_expiry else own
        self.guide = guide

    @classmethod
    def parse(cls, variables: object, *, asks_expiry: bool = False, guide: str = "") -> Self:
        """The form of a dictionary like `{"pat": {"label": "Personal Access Token", "type": "password"}}`.

        Raises:
            ConfigurationError: It means nothing here; the message names the field and the fix.
        """
        if not isinstance(variables, Mapping):
            raise ConfigurationError(
                "variables is not a mapping.",
                hint='Write variables={"pat": {"label": "Personal Access Token", "type": "password"}}.',
            )
        fields = [Field.parse(name, options) for name, options in variables.items()]
        return cls(fields, asks_expiry=asks_expiry, guide=guide)

    def check(self, typed: Mapping[str, str], *, on_loopback: bool = False) -> Answers:
        """Tidy and check what was typed. Names that are no field of ours are left out.

        Args:
            typed: What came from the browser, by name.
            on_loopback: As for `Field.problem`.
        """
        values = {one.name: one.tidy(typed.get(one.name, "")) for one in self.fields}
        found = ((one.name, one.problem(values[one.name], on_loopback=on_loopback)) for one in self.fields)
        problems = {name: text for name, text in found if text is not None}
        if sum(len(value.encode(errors="replace")) for value in values.values()) > MAX_TYPED_BYTES:
            problems[""] = "This is more than can be kept. Leave out what is not needed."
        return Answers(values, problems)


def _no_part(name: str, value: object, hint: str) -> ConfigurationError:
    # Its type only: in place of a name there may stand what a user typed.
    return ConfigurationError(f"{name} of Checked cannot be this {type(value).__name__}.", hint=hint)


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, str) and all(isinstance(one, str) for one in value)


def _is_time(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)


def _checked_fields(given: object) -> tuple[Field, ...]:
    own = tuple(given) if isinstance(given, Iterable) else (given,)
    if isinstance(given, Field) or not all(isinstance(one, Field) for one in own):
        raise ConfigurationError(
            "fields is not a list of Field values.",
            hint='Write fields=[Field(name="pat", kind="password")], or give a mapping as variables=.',
        )
    return own


def _is_plain(value: str) -> bool:
    return not any(unicodedata.category(one) in _NEVER_TYPED for one in value)


def _is_day(value: str) -> bool:
    try:
        return _DAY.match(value) is not None and date.fromisoformat(value).year > _FIRST_YEAR
    except ValueError:
        return False


def _matcher(pattern: str) -> SchemaValidator:
    # Python's own engine backtracks: a careless pattern and 30 characters chosen for it stop the event loop for hours.
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
