"""Between the legs something is refused, or could not be recorded."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcpauthkit.errors.root import AuthKitError, ConfigurationError


class AccessDenied(AuthKitError):
    """A guard or a policy forbids it; signing in again would not help."""

    code = "access_denied"
    status_hint = 403
    default_public = "You are not allowed to do this."


class AuditUnavailable(AuthKitError):
    """The record could not be kept, and nothing may happen without it."""

    code = "audit_unavailable"
    status_hint = 503
    default_public = "This cannot be recorded at the moment, so it was not done. Try again shortly."


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong with a document.

    Args:
        source: The file, or what else it came from.
        line: The line, from 1; 0 where there is none.
        column: The column, from 1; 0 where there is none.
        text: What is wrong, and what to write instead.
    """

    source: str
    line: int
    column: int
    text: str

    def __str__(self) -> str:
        place = f"{self.source}:{self.line}:{self.column}" if self.line else self.source
        return f"{place}: {self.text}"


class PolicyInvalid(ConfigurationError):
    """A policy document cannot be used; nothing of it is.

    Args:
        faults: Everything that is wrong with it, in order.
        what: What cannot be used, where it is another document that is read as policies are.
    """

    code = "policy_invalid"

    def __init__(self, faults: Sequence[Fault], *, what: str = "A policy") -> None:
        self.faults = tuple(faults)
        super().__init__(f"{what} cannot be used:\n" + "\n".join(map(str, self.faults)))
