"""Fields that many services with keys have in common."""

from __future__ import annotations

from mcpauthkit.connections.form import Field

# Header fields carry ASCII, and no key has a space in it.
_KEY = "[!-~]+"
_EMAIL = r"[^@:\s]+@[^@:\s]+"
# One label of a host name.
_LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"


def key(label: str, hint: str = "", *, name: str = "token") -> Field:
    """A token, key or password in one line."""
    return Field(name=name, label=label, kind="password", pattern=_KEY, hint=hint)


def email(hint: str = "The address you sign in with there.") -> Field:
    """The user's e-mail address at the service."""
    return Field(name="email", label="E-mail address", pattern=_EMAIL, hint=hint, max_length=254)


def part(name: str, label: str, hint: str) -> Field:
    """One part of a host name, such as `acme` of acme.example.com, or a name in a path."""
    return Field(name=name, label=label, pattern=_LABEL, hint=hint, max_length=63)


def address(label: str, hint: str) -> Field:
    """Where an installation of the service is."""
    return Field(name="base_url", label=label, kind="url", hint=hint, max_length=512)


def choice(name: str, label: str, *options: str, hint: str = "") -> Field:
    """One of several hosts or regions."""
    return Field(name=name, label=label, kind="select", options=options, hint=hint)
