"""What the connect pages show, as values for their templates."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from mcpauthkit.connections.form import Field


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectView:
    """What every connect page says.

    Args:
        service: The service's name for people.
        purpose: Who asked: a tool by name, or the user.
        account: What the user calls the connection, if they have several.
        held_as: What the service calls the account that it has now.
        scopes: What is asked for.
        granted: What the user allowed before.
        user: Who is signed in.
        decline_url: Where "Not now" is sent.
        decline_token: Its token.
    """

    service: str
    purpose: str
    account: str = ""
    held_as: str = ""
    scopes: tuple[str, ...] = ()
    granted: tuple[str, ...] = ()
    user: str
    decline_url: str
    decline_token: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldView:
    """One field of a form page.

    Args:
        about: The field.
        value: What it shows; nothing for a secret.
        problem: What is wrong with what was typed.
    """

    about: Field
    value: str = field(default="", repr=False)
    problem: str = ""

    @property
    def control(self) -> str:
        """The HTML control: `textarea`, `select`, or the type of an input."""
        match self.about.kind:
            case "textarea" | "select" | "url" | "date":
                return self.about.kind
            case _:
                return "password" if self.about.secret else "text"

    @property
    def described_by(self) -> str:
        """The ids of what explains it."""
        parts = [("hint", self.about.hint), ("problem", self.problem)]
        return " ".join(f"{kind}-{self.about.name}" for kind, text in parts if text)


@dataclass(frozen=True, slots=True, kw_only=True)
class FormView:
    """A form page.

    Args:
        fields: Its fields.
        submit_url: Where it is sent.
        token: Its token.
        problem: What is wrong with the whole of it.
    """

    fields: tuple[FieldView, ...]
    submit_url: str
    token: str = field(repr=False)
    problem: str = ""

    @property
    def has_problems(self) -> bool:
        """Whether something has to be typed again."""
        return bool(self.problem) or any(one.problem for one in self.fields)


def field_views(
    fields: Iterable[Field], values: Mapping[str, str], problems: Mapping[str, str]
) -> tuple[FieldView, ...]:
    """Fields as they are shown again after something was typed: secrets never are."""
    return tuple(
        FieldView(
            about=one,
            value="" if one.secret else values.get(one.name, ""),
            problem=problems.get(one.name, ""),
        )
        for one in fields
    )
