"""What one service with tokens and keys made by hand needs, as values. The rows are in `key_services`."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, Self

from mcpauthkit.connections.form import Field
from mcpauthkit.connections.preset import UNAUTHORIZED, Refusal
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.account import AccountPaths

_VARIABLE = re.compile(r"\{(\w+)\}")

NARROW = Refusal(meaning="narrow", status=403)
"""The usual meaning of 403: a key that is good, and may do other things than ours."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What has to stand in an answer with status 200 before it proves anything.

    Args:
        path: A dotted path in the JSON body.
        values: What may stand there; none for anything but false and nothing. Texts are compared without case.
    """

    path: str
    values: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Detour:
    """A second way to ask, for keys that the first address does not take although they are good.

    Args:
        lookup_url: Where the missing variable stands, without any key.
        path: Where in that answer.
        variable: What the check's address calls it; it becomes the tenant of the account.
        check_url: Where the key is tried again.
    """

    lookup_url: str
    path: str
    variable: str
    check_url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyService:
    """One service whose users make a token or a key themselves. Templates hold fields as `{name}`.

    Args:
        name: Its name in links.
        display_name: Its name for people.
        fields: What its users type.
        check_url: A cheap request that needs the key.
        sent: Header fields that carry the key.
        basic: User name and password of Basic authentication (RFC 7617), with a colon in between.
        headers: Header fields without secrets that its API insists on.
        method: GET or POST.
        json: A JSON body of the check.
        key_field: The field to blame when the key is refused.
        address_field: The field that decides where the check goes, if one does.
        account: Where the answer says whose key it is; an answer that does not say it decides nothing.
        proof: What has to stand in the answer besides; without it the key is refused.
        refusals: Answers that are no; the first that fits counts. `narrow` is a good key all the same.
        scopes: Where the answer lists what the key permits: a dotted path, or `header:` with a name.
        expires: Where it says when the key ends, likewise.
        detour: A second way to ask.
        settings_url: Where the key is made, if that is one address for all users.
        guide: How it is made, in Markdown.
        fixed: Values of fields that the developer gave instead of the users.

    Raises:
        ConfigurationError: A secret field is part of an address.
    """

    name: str
    display_name: str
    fields: tuple[Field, ...]
    check_url: str
    sent: Mapping[str, str] = field(default_factory=dict)
    basic: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    method: Literal["GET", "POST"] = "GET"
    json: Mapping[str, Any] | None = None
    key_field: str = "token"
    address_field: str = ""
    account: AccountPaths | None = None
    proof: Proof | None = None
    refusals: tuple[Refusal, ...] = (UNAUTHORIZED, NARROW)
    scopes: str = ""
    expires: str = ""
    detour: Detour | None = None
    settings_url: str = ""
    guide: str = ""
    fixed: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.check_address("check_url", self.check_url)
        if self.detour is not None:
            self.check_address("detour.lookup_url", self.detour.lookup_url)
            self.check_address("detour.check_url", self.detour.check_url)

    def check_address(self, argument: str, template: str) -> None:
        """Refuse an address that would hold a secret: addresses stand in logs, and not only in ours.

        Args:
            argument: What gave it, for the message.
            template: The address.

        Raises:
            ConfigurationError: It would.
        """
        named = set(_VARIABLE.findall(template))
        secret = next((one.name for one in self.fields if one.secret and one.name in named), None)
        if secret is not None:
            raise ConfigurationError(
                f"{argument} of {self.display_name} holds the secret {{{secret}}}.",
                hint=f'Send it in a header: sent={{"Authorization": "Bearer {{{secret}}}"}}.',
            )

    def fixing(self, **values: str) -> Self:
        """The same service with some of its fields given by the developer, so that no user is asked for them.

        Args:
            **values: For instance `base_url="https://jira.example.com"`. Addresses may be anywhere, also inside.

        Raises:
            ConfigurationError: There is no such field, or its value cannot be used.
        """
        fields = {one.name: one for one in self.fields}
        for name, value in values.items():
            if name not in fields:
                raise ConfigurationError(
                    f"{self.display_name} has no field {name!r}.", hint=f"It has {', '.join(sorted(fields))}."
                )
            if fields[name].kind == "url":
                check_base_url(value, name)
            elif problem := fields[name].problem(value, on_loopback=True):
                raise ConfigurationError(f"{name}={value!r} cannot be used: {problem}", hint="Give another value.")
        left = tuple(one for one in self.fields if one.name not in values)
        return replace(self, fields=left, fixed={**self.fixed, **values})

    def url_for(self, template: str, values: Mapping[str, str]) -> str:
        """An address of the service for typed values.

        Args:
            template: `check_url` or one of your own.
            values: The values, checked.
        """
        return _filled(template, {name: value.rstrip("/") for name, value in self._all(values).items()})

    def headers_for(self, values: Mapping[str, str]) -> Mapping[str, str]:
        """The header fields of every request with this key. They are secret.

        Args:
            values: The values, checked.
        """
        known = self._all(values)
        made = {**self.headers, **{name: _filled(template, known) for name, template in self.sent.items()}}
        if self.basic:
            pair = _filled(self.basic, known).encode()
            made["Authorization"] = "Basic " + base64.b64encode(pair).decode("ascii")
        return made

    def _all(self, values: Mapping[str, str]) -> dict[str, str]:
        return {**values, **self.fixed}


def _filled(template: str, values: Mapping[str, str]) -> str:
    # In one pass: a value that looks like a variable is not looked at again.
    return _VARIABLE.sub(lambda one: values.get(one[1], one[0]), template)
