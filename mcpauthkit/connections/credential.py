"""A user's credential for one service, and what to do with it now."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Any, Literal, Self

from mcpauthkit.connections.names import same_name
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import SealError
from mcpauthkit.oauth.account import Account
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.oauth.token import TokenSet

__all__ = ["Account", "Credential", "Origin", "Step", "new_connection_id", "next_step"]

EXPIRY_MARGIN_SECONDS = 30.0
"""A token this close to its expiry counts as expired: it has to survive the request it is sent with."""
_EARLY_SECONDS = 300.0
_EARLY_SHARE = 0.1
_ID_BYTES = 16

Origin = Literal["user", "exchange", "service-account"]
"""Who a credential comes from: the user's consent or form, their sign-in exchanged, or this application itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a service, or a form, gave us for one user.

    Args:
        values: The secrets by name: `access_token` of an OAuth service, or the fields of a form.
        scopes: What it permits, as the service spells it.
        refresh_token: What renews it, if anything does.
        expires_at: Wall time in seconds when it ends, or None when nobody says.
        token_type: As the service spells it.
        obtained_at: Wall time in seconds when these values came.
        connected_at: Wall time in seconds when the user connected; renewals leave it.
        account: Whose account it is, as far as the service told.
        name: What the user calls this connection, when they have several.
        details: What else the service said and requests need, such as `instance_url`; no secrets.
        origin: Who it comes from.
        connection_id: Which connection it is of, through renewals and whatever the user calls it; ours, and random.
        refresh_expires_at: Wall time in seconds at which the refresh token ends, or None when the service does not say.
    """

    values: Mapping[str, Secret] = field(repr=False)
    scopes: frozenset[str] = frozenset()
    refresh_token: Secret | None = None
    expires_at: float | None = None
    token_type: str = "Bearer"  # noqa: S105
    obtained_at: float = 0.0
    connected_at: float = 0.0
    account: Account = field(default_factory=Account)
    name: str = ""
    details: Mapping[str, str] = field(default_factory=dict)
    origin: Origin = "user"
    connection_id: str = ""
    refresh_expires_at: float | None = None

    @classmethod
    def of_token(cls, access_token: Secret, **others: Any) -> Self:
        """The credential of an access token.

        Args:
            access_token: What requests carry.
            **others: The other arguments of the class.
        """
        return cls(values={"access_token": access_token}, **others)

    @classmethod
    def from_tokens(cls, tokens: TokenSet, *, asked: Iterable[str], now: float) -> Self:
        """The credential of a token answer; without a `scope` in it, what was asked is what was granted."""
        return cls.of_token(
            tokens.access_token,
            scopes=frozenset(asked if tokens.scopes is None else tokens.scopes),
            refresh_token=tokens.refresh_token,
            expires_at=None if tokens.expires_in is None else now + tokens.expires_in,
            token_type=tokens.token_type,
            obtained_at=now,
            connected_at=now,
            account=tokens.account or Account(),
            details=tokens.details,
            refresh_expires_at=None if tokens.refresh_expires_in is None else now + tokens.refresh_expires_in,
        )

    @property
    def access_token(self) -> Secret:
        """What requests carry; only credentials of OAuth services have one."""
        return self.values["access_token"]

    def is_same(self, other: Credential | None) -> bool:
        """Whether these are the very same secrets."""
        return other is not None and dict(self.values) == dict(other.values)

    def is_of(self, other: Credential) -> bool:
        """Whether both are of one connection: renewed or not, under whatever name."""
        if self.connection_id or other.connection_id:
            return self.connection_id == other.connection_id
        return same_name(self.name, other.name) and self.account == other.account

    def is_fresh(self, now: float) -> bool:
        """Whether it can be sent with a request."""
        return self.expires_at is None or now < self.expires_at - EXPIRY_MARGIN_SECONDS

    def is_alive(self, now: float) -> bool:
        """Whether the service would still take it, margin or not."""
        return self.expires_at is None or now < self.expires_at

    def is_ending(self, now: float) -> bool:
        """Whether it is time to get another in its place, which is a while before that has to be."""
        if self.expires_at is None:
            return False
        lifetime = self.expires_at - self.obtained_at if self.obtained_at else 0.0
        early = min(_EARLY_SECONDS, _EARLY_SHARE * lifetime)
        return now >= self.expires_at - max(EXPIRY_MARGIN_SECONDS, early)

    def is_due(self, now: float) -> bool:
        """Whether it is time to renew it, if it can be renewed."""
        return self.refresh_token is not None and self.is_ending(now)

    @property
    def ends_at(self) -> float | None:
        """Wall time in seconds after which nothing can be done with it any more; None when nobody knows."""
        if self.refresh_token is None:
            return self.expires_at
        if self.expires_at is None or self.refresh_expires_at is None:
            return None
        return max(self.expires_at, self.refresh_expires_at)

    def keeping_refresh_token(self, old: Credential) -> Self:
        """This credential, with the refresh token of an old one if it has none of its own."""
        if self.refresh_token is not None:
            return self
        return replace(self, refresh_token=old.refresh_token, refresh_expires_at=old.refresh_expires_at)

    def following(self, old: Credential) -> Self:
        """This credential as the renewal of an old one: what the service did not repeat stays."""
        return replace(
            self.keeping_refresh_token(old),
            connected_at=old.connected_at,
            account=self.account.filled_from(old.account),
            name=old.name,
            details={**old.details, **self.details},
            origin=old.origin,
            connection_id=old.connection_id,
        )

    def to_record(self) -> dict[str, Any]:
        """The credential as JSON; goes into sealed stores only."""
        return {
            "values": {name: one.reveal() for name, one in self.values.items()},
            "scopes": sorted(self.scopes),
            "refresh_token": self.refresh_token.reveal() if self.refresh_token else None,
            "expires_at": self.expires_at,
            "token_type": self.token_type,
            "obtained_at": self.obtained_at,
            "connected_at": self.connected_at,
            "account": [self.account.id, self.account.label, self.account.tenant],
            "name": self.name,
            "details": dict(self.details),
            "origin": self.origin,
            "connection_id": self.connection_id,
            "refresh_expires_at": self.refresh_expires_at,
        }

    @classmethod
    def from_record(cls, record: dict[str, Any]) -> Self:
        """The credential of a record we wrote.

        Raises:
            SealError: It is the record of another version of ours.
        """
        try:
            refresh_token = record["refresh_token"]
            read = {
                "values": {name: Secret(one) for name, one in record["values"].items()},
                "scopes": frozenset(record["scopes"]),
                "refresh_token": Secret(refresh_token) if refresh_token else None,
                "account": Account(*record["account"]),
            }
            return cls(**{**record, **read})
        except (KeyError, TypeError, AttributeError) as error:
            raise SealError(reason="credential record of another version") from error


def new_connection_id(entropy: Entropy) -> str:
    """An id for a new connection: in digits and the letters a to f, which nothing takes for a token."""
    return entropy.random_bytes(_ID_BYTES).hex()


class Step(Enum):
    """What a lookup leads to."""

    USE = auto()
    RENEW = auto()
    ASK = auto()


def next_step(
    credential: Credential | None, *, scopes: Iterable[str], now: float, rules: ScopeRules | None = None
) -> Step:
    """Whether to use a credential, renew it, or ask the user."""
    if credential is None or (rules or ScopeRules()).missing(scopes, credential.scopes):
        return Step.ASK
    if credential.is_due(now) or (credential.refresh_token and not credential.is_fresh(now)):
        return Step.RENEW
    # Where nothing renews it, its last seconds are better than a question, which might bring no longer life.
    return Step.USE if credential.is_alive(now) else Step.ASK
