"""The parameters of a request to an authorization server: each at most once (RFC 6749 section 3.1)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl

from mcpauthkit.errors import OAuthFault

_MAX_PARAMETERS = 64
_STATE = re.compile(r"[\x20-\x7e]{0,1024}\Z")
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+\Z")
_MAX_SCOPE_LENGTH = 1024


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters by name; only `resource` may come several times (RFC 8707 section 2).

    Args:
        values: The first value of each.
        resources: All resources, each once.
        repeated: The names that came more than once although they must not.
    """

    values: Mapping[str, str] = field(repr=False)
    resources: tuple[str, ...] = ()
    repeated: frozenset[str] = frozenset()

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> Parameters:
        """Read pairs; a parameter without a value counts as left out."""
        values: dict[str, str] = {}
        resources: list[str] = []
        repeated: set[str] = set()
        for name, value in pairs:
            if name == "resource":
                resources += [value] if value else []
            elif name in values:
                repeated.add(name)
            else:
                values[name] = value
        return cls(values, tuple(dict.fromkeys(resources)), frozenset(repeated))

    @classmethod
    def of_form(cls, body: bytes) -> Parameters:
        """Read a form body.

        Raises:
            OAuthFault: It is no form, or a parameter is repeated.
        """
        try:
            pairs = parse_qsl(
                body.decode("ascii"),
                keep_blank_values=True,
                strict_parsing=bool(body),
                errors="strict",
                max_num_fields=_MAX_PARAMETERS,
            )
        except ValueError as error:
            raise OAuthFault("invalid_request", "The body is not a form.") from error
        parameters = cls.of(pairs)
        parameters.check_single()
        return parameters

    def get(self, name: str) -> str:
        """The value, or an empty text; the standard treats both alike."""
        return self.values.get(name, "")

    def need(self, name: str) -> str:
        """The value of a parameter that must be there.

        Raises:
            OAuthFault: It is missing, empty or repeated.
        """
        value = self.get(name)
        if not value or name in self.repeated:
            raise OAuthFault("invalid_request", f"{name} must be there exactly once.")
        return value

    def state(self) -> str:
        """The client's `state` if it can be given back (RFC 6749 appendix A.5), else an empty text."""
        state = self.get("state")
        return state if "state" not in self.repeated and _STATE.match(state) else ""

    def check_single(self) -> None:
        """Refuse repeated parameters.

        Raises:
            OAuthFault: One is.
        """
        if self.repeated:
            raise OAuthFault("invalid_request", "A parameter is repeated.")

    def scopes(self) -> tuple[str, ...]:
        """The scopes asked for, each once (RFC 6749 section 3.3).

        Raises:
            OAuthFault: The text is too long or holds characters that no scope has.
        """
        text = self.get("scope")
        # Split at spaces only: a tab or a newline inside a scope is somebody's try at another header.
        scopes = [one for one in text.split(" ") if one]
        if len(text) > _MAX_SCOPE_LENGTH or not all(_SCOPE.match(one) for one in scopes):
            raise OAuthFault("invalid_scope", "scope is malformed or too long.")
        return tuple(dict.fromkeys(scopes))
