"""How a development server currently behaves: a frozen value, changed by a test's thread and read by the server's."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Mapping

WRONG_ISSUER = "https://wrong-issuer.example"


@dataclass(frozen=True, slots=True)
class IssuerMisbehaviour:
    """What `DevIssuer` does wrong; `DevIssuer.misbehave` says what each switch means."""

    wrong_iss: bool = False
    omit_iss: bool = False
    wrong_discovery_issuer: bool = False
    wrong_nonce: bool = False
    wrong_audience: bool = False
    expired_access_tokens: bool = False
    oversized_jwks: bool = False
    jwks_redirect: bool = False
    needs_interaction: bool = False


@dataclass(frozen=True, slots=True)
class ServiceMisbehaviour:
    """What `DevService` does wrong; `DevService.misbehave` says what each switch means."""

    wrong_iss: bool = False
    omit_iss: bool = False
    wrong_state: bool = False
    fewer_scopes: bool = False
    refuse_revocation: bool = False


Misbehaviour = TypeVar("Misbehaviour", IssuerMisbehaviour, ServiceMisbehaviour)


class Conduct(Generic[Misbehaviour]):
    """The current misbehaviour of one server. Thread-safe.

    Args:
        good: The value with every switch off.
    """

    def __init__(self, good: Misbehaviour) -> None:
        self._lock = threading.Lock()
        self._good: Misbehaviour = good
        self._current: Misbehaviour = good

    def now(self) -> Misbehaviour:
        """What is wrong at the moment."""
        with self._lock:
            return self._current

    def change(self, switches: Mapping[str, bool | None]) -> None:
        """Set the named switches; those that are None or not named stay as they are."""
        named = {name: on for name, on in switches.items() if on is not None}
        with self._lock:
            self._current = replace(self._current, **named)

    def reset(self) -> None:
        """Be good again."""
        with self._lock:
            self._current = self._good
