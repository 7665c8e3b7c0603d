"""Credentials that nobody was asked for: service accounts, and the callers' own sign-ins exchanged.

Theory of operation. The ways are tried in order; the first that gives a credential with the scopes wins. A refusal
leads to the next way and is remembered for a minute, so that a caller who has to be asked does not cost the
authorization server a request each time. An outage ends the search: the next way could be somebody with other rights.
After it, the same caller's calls rest for some seconds; other callers' do not, so that nobody who makes a server fail
over their own token keeps others from it.

What is obtained is kept sealed, apart from what users connected. The key of an exchanged credential holds a digest of
the very token it was exchanged for. A caller who comes back with a weaker token, with fewer scopes or a role less, must
not profit from what the stronger one got, and what one token got can only be reached with that token while leg 1 still
takes it. The price is one exchange for each token of a caller, which is one every few minutes. A service account's
credential is the same for everybody.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol, Self

from mcpauthkit.connections.chronicle import Chronicle
from mcpauthkit.connections.credential import Credential, Origin, new_connection_id
from mcpauthkit.connections.grant import UserlessGrant
from mcpauthkit.connections.resting import Resting
from mcpauthkit.connections.single_flight import SingleFlight
from mcpauthkit.connections.without_user import check_issuers
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteError, SealError
from mcpauthkit.oauth.scope_rules import ScopeRules
from mcpauthkit.principal import Principal, identity_digest_of
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("connections")

_REFUSED_SECONDS = 60.0
# A token whose end nobody tells is obtained again after this time.
_UNKNOWN_LIFE_SECONDS = 300.0
# Longer than an authorization server that is slow takes.
_BUSY_SECONDS = 45.0
_RECORD, _ASKED, _WAY = "userless.record", "userless.asked", "userless.way"


class Selective(Protocol):
    """What a userless grant can say besides. One that does not is for everybody."""

    @property
    def way(self) -> str:
        """What tells this way from others to the same service, in one word or digest; part of store keys."""
        ...

    @property
    def issuers(self) -> Collection[str] | None:
        """The issuers whose callers it is for; None for everybody's."""
        ...


@dataclass(frozen=True, slots=True)
class _Way:
    """A grant, what tells it from others, and whom it is for."""

    grant: UserlessGrant
    name: str
    issuers: frozenset[str] | None

    @classmethod
    def of(cls, grant: UserlessGrant, position: int) -> Self:
        """The way of a grant, read once, so that whom it is for cannot change under what is kept.

        Raises:
            ConfigurationError: What the grant says of itself cannot be understood.
        """
        kind = type(grant).__name__
        if grant.origin not in {"exchange", "service-account"}:
            raise ConfigurationError(
                f"{kind}.origin is {grant.origin!r}.",
                hint='It is "exchange" or "service-account": whose rights it gives.',
            )
        # One by one: a way that says whom it is for, and not what it is called, is not for everybody.
        name = getattr(grant, "way", f"{kind}-{position}")
        if not isinstance(name, str) or not name:
            raise ConfigurationError(f"{kind}.way is {name!r}.", hint="Make it one word.")
        return cls(grant, name, check_issuers(getattr(grant, "issuers", None)))

    @property
    def key(self) -> tuple[Origin, str]:
        """What its credentials are found by."""
        return self.grant.origin, self.name

    @property
    def is_exchange(self) -> bool:
        """Whether it gives the caller's own rights."""
        return self.grant.origin == "exchange"

    def is_for(self, principal: Principal, caller_token: Secret | None) -> bool:
        """Whether a caller may go this way."""
        is_named = self.issuers is None or principal.issuer in self.issuers
        return is_named and (caller_token is not None or not self.is_exchange)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a credential is kept, and how it came there."""

    way: _Way
    key: str
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Kept:
    """A record: a credential, or the refusal of one."""

    credential: Credential | None


class Userless:
    """Obtains and keeps the credentials of one service that need no user.

    Args:
        grants: The ways, in order.
        store: The sealed store.
        namespace: Separates applications that share one store.
        service: The service's name in store keys.
        chronicle: Told of what is kept, before it is.
        clock: Time.
        entropy: Source of the ids of credentials.
        scope_rules: How the service's scopes relate.

    Raises:
        ConfigurationError: What a way says of itself cannot be understood, or two have one name.
    """

    def __init__(
        self,
        grants: Sequence[UserlessGrant],
        store: SealedStore,
        *,
        namespace: str,
        service: str,
        chronicle: Chronicle | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
        scope_rules: ScopeRules | None = None,
    ) -> None:
        self._ways = _ways_of(grants)
        self._store = store
        self._prefix = f"{namespace}:userless:{service}"
        self._service = service
        self._clock = clock or SystemClock()
        self._chronicle = chronicle or Chronicle(service, self._clock)
        self._entropy = entropy or SystemEntropy()
        self._rules = scope_rules or ScopeRules()
        self._flights: SingleFlight[Credential | None] = SingleFlight()
        self._resting = Resting(self._clock)

    async def find(
        self, principal: Principal, scopes: Sequence[str], *, caller_token: Secret | None
    ) -> Credential | None:
        """A credential for a call, or None when the user has to be asked.

        Args:
            principal: Who calls.
            scopes: What the credential has to permit.
            caller_token: The verified token of the call; without one nothing can be exchanged.

        Raises:
            RemoteUnavailable: A way that may be open cannot be tried now.
            RemoteMisbehaved: A way is closed by a fault of this server's or of the authorization server's.
        """
        asked = tuple(sorted(set(scopes)))
        for way in self._ways:
            place = self._place(way, principal, asked, caller_token)
            credential = None if place is None else await self._found(place, principal, caller_token)
            if credential is not None:
                return credential
        return None

    async def renew(
        self, principal: Principal, *, rejected: Credential, caller_token: Secret | None
    ) -> Credential | None:
        """Another credential in the place of one that `find` gave and the service has refused.

        Args:
            principal: Who calls.
            rejected: The credential the service refused.
            caller_token: The verified token of the call.

        Returns:
            The credential to use, perhaps one that another call has obtained already; None when there is none this way.

        Raises:
            RemoteError: It cannot be obtained now.
        """
        place = self._place_of(rejected, principal, caller_token)
        if place is None:
            return None
        found: Credential | None = rejected
        # Twice: the first flight may have taken off for another reason. No oftener, since some servers give the same
        # token again while it lasts.
        for _ in range(2):
            found = await self._flights.run(
                place.key, lambda: self._obtained(place, principal, caller_token, rejected=rejected)
            )
            if not rejected.is_same(found):
                break
        return found

    async def forget(self, principal: Principal, *, rejected: Credential) -> None:
        """Use a credential that `find` gave no more.

        The caller's token is not exchanged again for a minute, so that the user is asked meanwhile; it would bring
        another credential that is no better. A service account is everybody's, and no caller may lock others out.

        Args:
            principal: Who calls.
            rejected: The credential; another one that has taken its place since stays.
        """
        key = rejected.details.get(_RECORD, "")
        if not key.startswith((self._prefix_of("service-account", principal), self._prefix_of("exchange", principal))):
            return
        kept = await self._read(key)
        if kept is None or not rejected.is_same(kept.credential):
            return
        with self._chronicle.ending(principal, rejected, reason="of no use to the service"):
            if rejected.origin == "exchange":
                await self._write_refusal(key, "rejected by the service")
            else:
                await self._store.delete(key)

    async def aclose(self) -> None:
        """Close what the grants opened."""
        for way in self._ways:
            await way.grant.aclose()

    async def _found(self, place: _Place, principal: Principal, caller_token: Secret | None) -> Credential | None:
        kept = await self._read(place.key)
        if kept is not None and not self._is_due(kept.credential):
            return kept.credential
        return await self._flights.run(place.key, lambda: self._obtained(place, principal, caller_token))

    async def _obtained(
        self,
        place: _Place,
        principal: Principal,
        caller_token: Secret | None,
        *,
        rejected: Credential | None = None,
    ) -> Credential | None:
        async with self._store.lease(f"{place.key}:lease", timeout_seconds=_BUSY_SECONDS):
            return await self._obtained_alone(place, principal, caller_token, rejected=rejected)

    async def _obtained_alone(
        self,
        place: _Place,
        principal: Principal,
        caller_token: Secret | None,
        *,
        rejected: Credential | None,
    ) -> Credential | None:
        # Read again: a flight may have landed between the caller's look and this one's start, here or elsewhere.
        kept = await self._read(place.key)
        held = None if kept is None else kept.credential
        must = rejected is not None and rejected.is_same(held)
        if kept is not None and not must and not self._is_due(held):
            return held
        try:
            obtained = await self._asked(place, principal, caller_token)
        except GrantRefused as error:
            await self._refuse(place, principal, held, error.error)
            return None
        except RemoteError:
            # An outage is no refusal: some seconds of life left are better than a failed call.
            if not must and held is not None and held.is_alive(self._clock.wall()):
                return held
            raise
        if self._rules.missing(place.asked, obtained.scopes):
            _log.info("fewer scopes without the user service=%s way=%s", self._service, place.way.name)
            await self._refuse(place, principal, held, "fewer scopes")
            return None
        credential = self._marked(obtained, place, held)
        seconds = self._life(credential, principal)
        with self._chronicle.keeping(principal, credential, held=held, seconds=seconds):
            await self._write(place.key, {"credential": credential.to_record()}, seconds)
        return credential

    async def _refuse(self, place: _Place, principal: Principal, held: Credential | None, why: str) -> None:
        await self._write_refusal(place.key, why)
        if held is not None:
            self._chronicle.over(principal, held, reason=why)

    async def _asked(self, place: _Place, principal: Principal, caller_token: Secret | None) -> Credential:
        self._resting.check(place.key)
        # What a service account gives is kept for everybody, so nobody's own token has a part in it.
        shown = caller_token if place.way.is_exchange else None
        try:
            return await place.way.grant.obtain(place.asked, caller_token=shown)
        except RemoteError as error:
            _log.warning(
                "not obtained without the user service=%s user=%s way=%s %s",
                self._service,
                principal.digest,
                place.way.name,
                error.for_log(),
            )
            if not isinstance(error, GrantRefused):
                self._resting.rest(place.key, error)
            raise

    def _marked(self, obtained: Credential, place: _Place, held: Credential | None) -> Credential:
        """The credential with what finds its record again. What would renew it without its caller's token goes."""
        marks = {_RECORD: place.key, _ASKED: " ".join(place.asked), _WAY: place.way.name}
        origin: Origin = place.way.grant.origin
        return replace(
            obtained,
            origin=origin,
            refresh_token=None,
            details={**obtained.details, **marks},
            connection_id=(held.connection_id if held is not None else "") or new_connection_id(self._entropy),
        )

    def _is_due(self, credential: Credential | None) -> bool:
        """Whether it is time to obtain another. A refusal stands until it is forgotten."""
        return credential is not None and credential.is_ending(self._clock.wall())

    def _life(self, credential: Credential, principal: Principal) -> float:
        now = self._clock.wall()
        ends = [now + _UNKNOWN_LIFE_SECONDS if credential.expires_at is None else credential.expires_at]
        if credential.origin == "exchange" and principal.expires_at is not None:
            # Nobody can reach the record any longer than the token lasts that it is bound to.
            ends.append(principal.expires_at)
        return max(1.0, min(ends) - now)

    def _place(
        self, way: _Way, principal: Principal, asked: tuple[str, ...], caller_token: Secret | None
    ) -> _Place | None:
        """Where the credential is kept that a way gives to this caller; None when the way is not for them."""
        if not way.is_for(principal, caller_token):
            return None
        bound_to = caller_token.reveal() if way.is_exchange and caller_token is not None else ""
        digest = sha256_hex("userless", way.name, bound_to, *asked)
        return _Place(way, f"{self._prefix_of(way.grant.origin, principal)}{digest}", asked)

    def _place_of(self, credential: Credential, principal: Principal, caller_token: Secret | None) -> _Place | None:
        asked = tuple(credential.details.get(_ASKED, "").split())
        key = credential.origin, credential.details.get(_WAY)
        way = next((one for one in self._ways if one.key == key), None)
        return None if way is None else self._place(way, principal, asked, caller_token)

    def _prefix_of(self, origin: Origin, principal: Principal) -> str:
        whose = "application" if origin == "service-account" else identity_digest_of(principal)
        return f"{self._prefix}:{origin}:{whose}:"

    async def _read(self, key: str) -> _Kept | None:
        try:
            record = await self._store.get(key)
        except SealError:
            # Reported by the store; there is another where it came from.
            return None
        try:
            if record is None:
                return None
            return _Kept(Credential.from_record(record["credential"]) if "credential" in record else None)
        except SealError as error:
            _log.warning("credential unreadable service=%s %s", self._service, error.for_log())
            return None

    async def _write(self, key: str, record: dict[str, Any], seconds: float) -> None:
        await self._store.put(key, record, ttl_seconds=seconds)

    async def _write_refusal(self, key: str, why: str) -> None:
        await self._write(key, {"refused": why}, _REFUSED_SECONDS)


def _ways_of(grants: Sequence[UserlessGrant]) -> tuple[_Way, ...]:
    ways = tuple(_Way.of(grant, position) for position, grant in enumerate(grants))
    if len({one.key for one in ways}) != len(ways):
        # What the one obtained would be found under the other's name, also by callers whom only the other is for.
        raise ConfigurationError(
            "Two of the ways in without_user= are the same.",
            hint="Write one with the issuers of both, or give grants of your own a `way` each.",
        )
    return ways
