"""What the service remembers: codes, access tokens and refresh tokens, all of them opaque."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy

_CODE_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class AccountGrant:
    """What the owner of an account allowed the client."""

    grant_id: str
    login: str
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """What redeeming a code depends on; the challenge is empty if none was sent."""

    redirect_uri: str
    code_challenge: str


@dataclass(slots=True)
class _Code:
    grant: AccountGrant
    terms: CodeTerms
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class _Access:
    grant: AccountGrant
    expires_at: float
    revoked: bool = False


@dataclass(slots=True)
class _Refresh:
    grant: AccountGrant
    used: bool = False


@dataclass(slots=True)
class _Memory:
    codes: dict[str, _Code] = field(default_factory=dict)
    access: dict[str, _Access] = field(default_factory=dict)
    refreshes: dict[str, _Refresh] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)


class AccountGrants:
    """The service's memory. Thread-safe; every method is one step that cannot be interleaved."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._memory = _Memory()

    def issue_code(self, login: str, scopes: tuple[str, ...], terms: CodeTerms) -> str:
        """A code for a new grant."""
        grant = AccountGrant(self._entropy.token(12), login, scopes)
        code = self._entropy.token(20)
        with self._lock:
            self._memory.codes[code] = _Code(grant, terms, self._clock.wall() + _CODE_SECONDS)
        return code

    def redeem_code(self, code: str) -> tuple[AccountGrant, CodeTerms] | None:
        """Use a code up; a second use revokes what the first one got."""
        with self._lock:
            entry = self._memory.codes.get(code)
            if entry is None:
                return None
            if entry.used:
                self._memory.revoked.add(entry.grant.grant_id)
                return None
            entry.used = True
            return None if self._clock.wall() >= entry.expires_at else (entry.grant, entry.terms)

    def issue_access(self, grant: AccountGrant, ttl_seconds: float | None) -> str:
        """A new access token; without a lifetime it does not expire."""
        token = f"dfa_{self._entropy.token(24)}"
        expires_at = float("inf") if ttl_seconds is None else self._clock.wall() + ttl_seconds
        with self._lock:
            self._memory.access[token] = _Access(grant, expires_at)
        return token

    def issue_refresh(self, grant: AccountGrant) -> str:
        """A new refresh token."""
        token = f"dfr_{self._entropy.token(24)}"
        with self._lock:
            self._memory.refreshes[token] = _Refresh(grant)
        return token

    def use_refresh(self, token: str, *, once: bool = True) -> AccountGrant | None:
        """Use a refresh token; where it is good once, a second use kills the grant, as GitLab does."""
        with self._lock:
            entry = self._memory.refreshes.get(token)
            if entry is None:
                return None
            if entry.used:
                self._memory.revoked.add(entry.grant.grant_id)
            if entry.grant.grant_id in self._memory.revoked:
                return None
            entry.used = once
            return entry.grant

    def grant_of(self, access_token: str) -> AccountGrant | None:
        """The grant behind an access token that is good right now."""
        with self._lock:
            entry = self._memory.access.get(access_token)
            return entry.grant if entry is not None and self._is_live(entry) else None

    def live_tokens(self, login: str | None) -> tuple[str, ...]:
        """The access tokens that are good right now, of one account or of all."""
        with self._lock:
            return tuple(token for token, entry in self._access_of(login) if self._is_live(entry))

    def expire(self, login: str | None) -> int:
        """Let access tokens expire now; their refresh tokens stay good."""
        with self._lock:
            live = [entry for _, entry in self._access_of(login) if self._is_live(entry)]
            for entry in live:
                entry.expires_at = self._clock.wall()
            return len(live)

    def revoke_account(self, login: str | None) -> int:
        """Revoke whole grants, of one account or all, as users do in their settings."""
        with self._lock:
            grants = [entry.grant for entry in self._memory.access.values()]
            grants += [entry.grant for entry in self._memory.refreshes.values()]
            ids = {grant.grant_id for grant in grants if login is None or grant.login == login}
            ids -= self._memory.revoked
            self._memory.revoked |= ids
            return len(ids)

    def revoke_grant(self, grant: AccountGrant) -> None:
        """Revoke everything that came of one consent."""
        with self._lock:
            self._memory.revoked.add(grant.grant_id)

    def revoke_token(self, token: str) -> None:
        """Revoke one access token, or the whole grant of a refresh token (RFC 7009 section 2.1)."""
        with self._lock:
            refresh = self._memory.refreshes.get(token)
            if refresh is not None:
                self._memory.revoked.add(refresh.grant.grant_id)
            access = self._memory.access.get(token)
            if access is not None:
                access.revoked = True

    def _access_of(self, login: str | None) -> list[tuple[str, _Access]]:
        return [pair for pair in self._memory.access.items() if login is None or pair[1].grant.login == login]

    def _is_live(self, entry: _Access) -> bool:
        return (
            not entry.revoked
            and entry.grant.grant_id not in self._memory.revoked
            and self._clock.wall() < entry.expires_at
        )
