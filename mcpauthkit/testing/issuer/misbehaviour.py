"""Lies the issuer can be told to tell."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class IssuerMisbehaviour:
    """What the issuer does wrong; everything is off at first.

    Attributes:
        wrong_iss: The authorization response names another issuer (the mix-up attack RFC 9207 is about).
        omit_iss: The authorization response has no `iss`, although the metadata announces it.
        wrong_discovery_issuer: The metadata names another issuer.
        wrong_nonce: ID tokens carry another nonce.
        wrong_audience: Access tokens are for another audience than asked.
        expired_access_tokens: Access tokens are expired when issued.
        oversized_jwks: The key set is several megabytes long.
        jwks_redirect: The key set's address redirects.
    """

    wrong_iss: bool = False
    omit_iss: bool = False
    wrong_discovery_issuer: bool = False
    wrong_nonce: bool = False
    wrong_audience: bool = False
    expired_access_tokens: bool = False
    oversized_jwks: bool = False
    jwks_redirect: bool = False


class IssuerConduct:
    """The current misbehaviour, changed by a test's thread and read by the server's."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current = IssuerMisbehaviour()

    def now(self) -> IssuerMisbehaviour:
        """What is wrong at the moment."""
        with self._lock:
            return self._current

    def change(self, switches: dict[str, bool]) -> None:
        """Set the named switches and leave the others."""
        with self._lock:
            self._current = replace(self._current, **switches)

    def reset(self) -> None:
        """Be good again."""
        with self._lock:
            self._current = IssuerMisbehaviour()
