"""A challenge, read in two ways: as the standard has it, and as clients search it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Parameter = Literal["scope", "resource_metadata", "error"]

_PARAMETER = re.compile(r'([A-Za-z_]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^\s,"]+)')
_SCHEME = re.compile(r"(?:^|,)\s*([A-Za-z][A-Za-z0-9-]*)(?=\s+[A-Za-z_]+\s*=|\s*(?:,|$))")


@dataclass(frozen=True, slots=True)
class Challenge:
    """The value of WWW-Authenticate.

    Args:
        text: It as sent; empty where there was none.
    """

    text: str = ""

    @property
    def schemes(self) -> tuple[str, ...]:
        """The schemes, as they are written."""
        return tuple(_SCHEME.findall(_without_quoted(self.text)))

    @property
    def is_bearer(self) -> bool:
        """Whether Bearer is among them, in whatever case."""
        return any(one.lower() == "bearer" for one in self.schemes)

    def parameter(self, name: Parameter) -> str:
        """A parameter by the grammar of RFC 9110 section 11.2; empty where it is missing.

        Args:
            name: Its name.
        """
        found: dict[str, str] = {key: value.strip('"') for key, value in reversed(_PARAMETER.findall(self.text))}
        return found.get(name, "")

    def as_searched(self, name: Parameter) -> str:
        """The same as Python and TypeScript clients find it: what stands behind the first `name=`, wherever that is.

        Args:
            name: Its name.
        """
        found = re.search(rf'{name}=(?:"([^"]+)"|([^\s,]+))', self.text)
        return (found[1] or found[2] or "").strip('"') if found else ""


def _without_quoted(text: str) -> str:
    return re.sub(r'"(?:[^"\\]|\\.)*"', '""', text)
