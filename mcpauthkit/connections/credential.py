"""A user's credential for one service, and what to do with it now."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any, Self

from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import SealError
from mcpauthkit.oauth.token import TokenSet

EXPIRY_MARGIN_SECONDS = 30.0
"""A token this close to its expiry counts as expired: it has to survive the request it is sent with."""


@dataclass(frozen=True, slots=True)
class Credential:
    """What a service gave us for one user.

    Args:
        access_token: What requests carry.
        scopes: What it permits.
        refresh_token: What renews it, if anything does.
        expires_at: Wall time in seconds when it ends, or None when the service does not say.
        token_type: As the service spells it.
    """

    access_token: Secret
    scopes: frozenset[str]
    refresh_token: Secret | None = field(default=None)
    expires_at: float | None = None
    token_type: str = "Bearer"  # noqa: S105

    @classmethod
    def from_tokens(cls, tokens: TokenSet, *, asked: Iterable[str], now: float) -> Self:
        """The credential of a token answer; without a `scope` in it, what was asked is what was granted."""
        return cls(
            access_token=tokens.access_token,
            scopes=frozenset(asked if tokens.scopes is None else tokens.scopes),
            refresh_token=tokens.refresh_token,
            expires_at=None if tokens.expires_in is None else now + tokens.expires_in,
            token_type=tokens.token_type,
        )

    def is_fresh(self, now: float) -> bool:
        """Whether it can be sent with a request."""
        return self.expires_at is None or now < self.expires_at - EXPIRY_MARGIN_SECONDS

    def is_alive(self, now: float) -> bool:
        """Whether the service would still take it, margin or not."""
        return self.expires_at is None or now < self.expires_at

    def to_record(self) -> dict[str, Any]:
        """The credential as JSON; goes into sealed stores only."""
        return {
            "access_token": self.access_token.reveal(),
            "scopes": sorted(self.scopes),
            "refresh_token": self.refresh_token.reveal() if self.refresh_token else None,
            "expires_at": self.expires_at,
            "token_type": self.token_type,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The credential of a record we wrote.

        Raises:
            SealError: It is the record of another version of ours.
        """
        try:
            refresh_token = record["refresh_token"]
            return cls(
                access_token=Secret(record["access_token"]),
                scopes=frozenset(record["scopes"]),
                refresh_token=Secret(refresh_token) if refresh_token else None,
                expires_at=record["expires_at"],
                token_type=record["token_type"],
            )
        except (KeyError, TypeError) as error:
            raise SealError(reason="credential record of another version") from error


class Step(Enum):
    """What a lookup leads to."""

    USE = auto()
    RENEW = auto()
    ASK = auto()


def next_step(credential: Credential | None, *, scopes: Iterable[str], now: float) -> Step:
    """Whether to use a credential, renew it, or ask the user."""
    if credential is None or not credential.scopes.issuperset(scopes):
        return Step.ASK
    if credential.is_fresh(now):
        return Step.USE
    if credential.refresh_token:
        return Step.RENEW
    # Nothing renews it, so its last seconds are better than a question, which might bring no longer life.
    return Step.USE if credential.is_alive(now) else Step.ASK
