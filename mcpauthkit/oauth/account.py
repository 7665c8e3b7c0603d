"""Whose account at a service something belongs to, and where answers say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mcpauthkit.oauth.json_paths import text_at, text_of, values_at

_MAX_LABEL_LENGTH = 100


@dataclass(frozen=True, slots=True)
class Account:
    """An account at a service.

    Characters that cannot be seen are taken out, and a name is cut to 100 characters.

    Args:
        id: What the service calls it for ever.
        label: Its name for people, such as a login or an e-mail address.
        tenant: Its workspace, site or organisation, where a service has those.
    """

    id: str = ""
    label: str = ""
    tenant: str = ""

    def __post_init__(self) -> None:
        # Its owner chose the name, and others read it: one that turns the direction of text would pass for another's.
        object.__setattr__(self, "id", _visible(self.id))
        object.__setattr__(self, "label", _visible(self.label)[:_MAX_LABEL_LENGTH].rstrip())
        object.__setattr__(self, "tenant", _visible(self.tenant))

    def filled_from(self, earlier: Account) -> Account:
        """This account with what was known of it earlier, unless it is told to be another one."""
        if self.id and earlier.id and self.id != earlier.id:
            return self
        return Account(self.id or earlier.id, self.label or earlier.label, self.tenant or earlier.tenant)

    def is_same(self, other: Account) -> bool:
        """Whether both are known to be one account; what has no id is not known to be any."""
        return bool(self.id) and (self.id, self.tenant) == (other.id, other.tenant)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountPaths:
    """Where an answer says whose account it is; dotted paths, of which several may be given with `|` in between.

    Args:
        id: What never changes; empty where only the rest stands there.
        label: The name for people; of several at one path, all.
        tenant: The workspace, site or organisation; of several at one path, none: nobody knows which is meant.
    """

    id: str = ""
    label: str = ""
    tenant: str = ""

    def read(self, answer: Any) -> Account | None:
        """The account of an answer, or None when it names none."""
        found = self.read_part(answer)
        return found if found.id or found.label else None

    def read_part(self, answer: Any) -> Account:
        """What an answer says of an account, which may be its tenant only, or nothing."""
        return Account(text_at(answer, self.id), ", ".join(_labels_at(answer, self.label)), self._tenant(answer))

    def _tenant(self, answer: Any) -> str:
        for path in filter(None, self.tenant.split("|")):
            found = {text for one in values_at(answer, path) if (text := text_of(one))}
            if found:
                return found.pop() if len(found) == 1 else ""
        return ""


def _labels_at(answer: Any, paths: str) -> tuple[str, ...]:
    for path in filter(None, paths.split("|")):
        found = (_visible(one) if isinstance(one, str) else text_of(one) for one in values_at(answer, path))
        if labels := tuple(dict.fromkeys(filter(None, found))):
            return labels
    return ()


def _visible(text: str) -> str:
    line = " ".join(text.split())
    # Nearly all are, and every read of a credential passes here.
    return line if line.isprintable() else "".join(one for one in line if one.isprintable()).strip()
