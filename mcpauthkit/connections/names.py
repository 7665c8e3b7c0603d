"""What users call their connections: what may be a name, which names are one, and who is meant by one."""

from __future__ import annotations

import re
from typing import Protocol

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.errors import AccountNameRefused
from mcpauthkit.oauth.account import Account

_MAX_LENGTH = 60
_NAME = re.compile(rf"[\w @.+-]{{0,{_MAX_LENGTH}}}")


class Named(Protocol):
    """A connection or its credential."""

    @property
    def name(self) -> str:
        """What the user calls it; empty where there is only one."""
        ...

    @property
    def account(self) -> Account:
        """Whose account at the service it is."""
        ...


def check_account_name(name: object) -> str:
    """A connection's name as a person or a model gave it, without white space around it.

    Raises:
        AccountNameRefused: It is no text, too long, or holds other signs than names have. What asks the user shows
            the name as ours, so a model must not put links or sentences into it.
    """
    text = name.strip() if isinstance(name, str) else None
    if text is None or not _NAME.fullmatch(text):
        raise AccountNameRefused(reason="account name is no short text of letters, digits and a few signs")
    return text


def name_from(label: str) -> str:
    """A connection's name made of what its service calls the account; empty when nothing of that can be in one."""
    return " ".join(re.sub(r"[^\w @.+-]", " ", label).split())[:_MAX_LENGTH].strip()


def same_name(one: str, other: str) -> bool:
    """Whether two names are one: nobody tells `Work` from `work`."""
    return one.casefold() == other.casefold()


def is_called(one: Named, name: str) -> bool:
    """Whether a name means this connection: it is its own, or what the service calls its account."""
    return bool(name) and any(same_name(called, name) for called in (one.name, one.account.label))


def name_digest(name: str) -> str:
    """What stands for a name in store keys."""
    return sha256_hex("account", name.casefold())[:32]
