"""Whose account at a service something belongs to, and where answers say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcpauthkit.oauth.json_paths import text_at


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a service.

    Args:
        id: What the service calls it for ever.
        label: Its name for people, such as a login or an e-mail address.
        tenant: Its workspace, site or organisation, where a service has those.
    """

    id: str = ""
    label: str = ""
    tenant: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPaths:
    """Where an answer says whose account it is; dotted paths, of which several may be given with `|` in between.

    Args:
        id: What never changes.
        label: The name for people.
        tenant: The workspace, site or organisation.
    """

    id: str
    label: str = ""
    tenant: str = ""

    def read(self, answer: Any) -> Account | None:
        """The account of an answer, or None when it names none."""
        found = Account(text_at(answer, self.id), text_at(answer, self.label), text_at(answer, self.tenant))
        return found if found.id or found.label else None
