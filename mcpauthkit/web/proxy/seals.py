"""What travels instead of being kept: each kind sealed for one purpose, so that none opens as another."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealError
from mcpauthkit.oauth.server_authorization import AskedAuthorization, asked_from
from mcpauthkit.oauth.server_token import CodeGrant, RefreshGrant

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T", bound="DataclassInstance")

# As long as issuers' own codes live, or a little less.
_CODE_SECONDS = 60.0
_TICKET_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class SealedClient:
    """A client that registered itself; its id is this, sealed. Short names, because every request repeats it.

    Args:
        r: Its redirect URIs.
        n: What it calls itself.
    """

    r: Sequence[str]
    n: str


@dataclass(frozen=True, slots=True)
class Ticket:
    """What the links on a consent page carry.

    Args:
        asked: The authorization request.
        nonce: What the browser that the page was shown to has a cookie for.
        name: What the client is called.
        vouched_by: Who says so; empty when only the client does.
        is_trusted: Whether a refusal may be sent to the client without another page.
        may_remember: Whether agreement is remembered.
    """

    asked: Mapping[str, Any]
    nonce: str = field(repr=False)
    name: str
    vouched_by: str
    is_trusted: bool
    may_remember: bool

    def __post_init__(self) -> None:
        _ = self.request  # a TypeError here means that another version sealed it

    @property
    def request(self) -> AskedAuthorization:
        """The authorization request as a value."""
        return asked_from(self.asked)


class Seal(Generic[T]):
    """One kind of value as sealed text.

    Args:
        kind: Builds the value from its fields.
        sealer: Its purpose.
        context: What it is bound to.
        clock: Time.
        lifetime_seconds: How long it opens; None for as long as the key lives.
    """

    def __init__(
        self,
        kind: Callable[..., T],
        sealer: Sealer,
        *,
        context: str,
        clock: Clock,
        lifetime_seconds: float | None = None,
    ) -> None:
        self._kind = kind
        self._sealer = sealer
        self._context = context
        self._clock = clock
        self._lifetime = lifetime_seconds

    def close(self, value: T) -> str:
        """The value as text."""
        expires_at = None if self._lifetime is None else self._clock.wall() + self._lifetime
        return self._sealer.seal(asdict(value), context=self._context, expires_at=expires_at)

    def open(self, text: str) -> T:
        """The value again.

        Raises:
            SealError: It is none of ours, of another kind, or too old.
        """
        content = self._sealer.open(text, context=self._context, now=self._clock.wall())
        try:
            return self._kind(**content)
        except TypeError as error:
            raise SealError(reason="sealed by another version") from error


def is_sealed(text: str) -> bool:
    """Whether a text has the form of a sealed value, of ours or of anybody's; an issuer has no business with it."""
    return text.startswith("mk1.")


class ProxySeals:
    """All kinds of sealed values of one proxy.

    Args:
        key_ring: What seals them.
        base_url: The public address; another application's values do not open.
        upstream: The issuer and our client there. Codes and refresh tokens are bound to them too: after a change of
            issuer the old one's tokens must not be shown to the new one.
        clock: Time.
        entropy: Source of nonces.
        refresh_idle_seconds: How long a refresh token opens.
    """

    def __init__(
        self,
        key_ring: KeyRing,
        *,
        base_url: str,
        upstream: str,
        clock: Clock,
        entropy: Entropy,
        refresh_idle_seconds: float,
    ) -> None:
        def seal(kind: Callable[..., T], name: str, context: str, seconds: float | None = None) -> Seal[T]:
            sealer = Sealer(key_ring, f"proxy-{name}", entropy=entropy)
            return Seal(kind, sealer, context=context, clock=clock, lifetime_seconds=seconds)

        bound = f"{base_url}|{upstream}"
        self.clients: Seal[SealedClient] = seal(SealedClient, "client", base_url)
        self.tickets: Seal[Ticket] = seal(Ticket, "ticket", bound, _TICKET_SECONDS)
        self.codes: Seal[CodeGrant] = seal(CodeGrant, "code", bound, _CODE_SECONDS)
        self.refreshes: Seal[RefreshGrant] = seal(RefreshGrant, "refresh", bound, refresh_idle_seconds)
