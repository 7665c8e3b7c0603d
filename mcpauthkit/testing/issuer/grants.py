"""What the issuer remembers: browser sessions, codes, and grants with their refresh tokens."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy

CODE_SECONDS = 60.0
SESSION_SECONDS = 8 * 3600.0


@dataclass(frozen=True, slots=True)
class Session:
    """A user signed in to a browser, and when (seconds since the epoch)."""

    sub: str
    auth_time: int


@dataclass(frozen=True, slots=True)
class Grant:
    """What a user allowed a client; all tokens that come of it live and die with it."""

    grant_id: str
    client_id: str
    sub: str
    scopes: tuple[str, ...]
    resources: tuple[str, ...]
    nonce: str
    auth_time: int
    refreshable: bool


@dataclass(frozen=True, slots=True)
class CodeTerms:
    """What the token request must repeat to redeem a code."""

    redirect_uri: str
    code_challenge: str


@dataclass(slots=True)
class _Code:
    grant: Grant
    terms: CodeTerms
    expires_at: float
    used: bool = False


@dataclass(slots=True)
class _Refresh:
    grant: Grant
    used: bool = False


@dataclass(slots=True)
class _Memory:
    sessions: dict[str, Session] = field(default_factory=dict)
    codes: dict[str, _Code] = field(default_factory=dict)
    refreshes: dict[str, _Refresh] = field(default_factory=dict)
    revoked: set[str] = field(default_factory=set)
    access: dict[str, str] = field(default_factory=dict)
    revoked_access: set[str] = field(default_factory=set)


class Grants:
    """The issuer's memory. Thread-safe; every method is one step that cannot be interleaved."""

    def __init__(self, clock: Clock, entropy: Entropy) -> None:
        self._clock = clock
        self._entropy = entropy
        self._lock = threading.Lock()
        self._memory = _Memory()

    def open_session(self, sub: str) -> tuple[str, Session]:
        """Remember a sign-in; gives the cookie's value."""
        session = Session(sub, int(self._clock.wall()))
        cookie = self._entropy.token()
        with self._lock:
            self._memory.sessions[cookie] = session
        return cookie, session

    def session(self, cookie: str) -> Session | None:
        """The sign-in behind a cookie, unless it is too old."""
        with self._lock:
            session = self._memory.sessions.get(cookie)
        if session is None or self._clock.wall() >= session.auth_time + SESSION_SECONDS:
            return None
        return session

    def close_session(self, cookie: str) -> None:
        """Sign a browser out."""
        with self._lock:
            self._memory.sessions.pop(cookie, None)

    def issue_code(self, grant: Grant, terms: CodeTerms) -> str:
        """A new authorization code."""
        code = self._entropy.token()
        with self._lock:
            self._memory.codes[code] = _Code(grant, terms, self._clock.wall() + CODE_SECONDS)
        return code

    def redeem_code(self, code: str, client_id: str) -> tuple[Grant, CodeTerms] | None:
        """Use a code up; a second use also kills what the first one got (RFC 6749 section 4.1.2)."""
        with self._lock:
            entry = self._memory.codes.get(code)
            if entry is None or entry.grant.client_id != client_id:
                return None
            if entry.used:
                self._memory.revoked.add(entry.grant.grant_id)
                return None
            entry.used = True
            if self._clock.wall() >= entry.expires_at:
                return None
            return entry.grant, entry.terms

    def issue_refresh(self, grant: Grant) -> str:
        """A new refresh token of a grant."""
        token = self._entropy.token()
        with self._lock:
            self._memory.refreshes[token] = _Refresh(grant)
        return token

    def use_refresh(self, token: str, client_id: str, *, check: Callable[[Grant], None]) -> Grant | None:
        """Use a refresh token up and give its grant; None for a bad one, and a used one kills its whole family.

        Reuse means that a thief or the owner holds a copy, and we cannot tell who asks (RFC 9700 section 4.14.2).

        Args:
            token: The refresh token.
            client_id: Who asks.
            check: Raises if the request does not fit the grant; the token then stays good.
        """
        with self._lock:
            entry = self._memory.refreshes.get(token)
            if entry is None or entry.grant.client_id != client_id:
                return None
            if entry.used:
                self._memory.revoked.add(entry.grant.grant_id)
            if entry.grant.grant_id in self._memory.revoked:
                return None
            check(entry.grant)
            entry.used = True
            return entry.grant

    def note_access(self, jti: str, grant: Grant) -> None:
        """Remember which grant an access token came from."""
        with self._lock:
            self._memory.access[jti] = grant.grant_id

    def access_is_live(self, jti: str) -> bool:
        """False for an access token that was revoked, by itself or with its grant."""
        with self._lock:
            return jti not in self._memory.revoked_access and self._memory.access.get(jti) not in self._memory.revoked

    def revoke_access(self, jti: str) -> None:
        """Revoke one access token; resource servers that only verify signatures will not notice."""
        with self._lock:
            self._memory.revoked_access.add(jti)

    def revoke_refresh(self, token: str, client_id: str) -> bool:
        """Revoke the grant of a client's refresh token; False if the client has no such token."""
        with self._lock:
            entry = self._memory.refreshes.get(token)
            if entry is None or entry.grant.client_id != client_id:
                return False
            self._memory.revoked.add(entry.grant.grant_id)
            return True

    def revoke_subject(self, sub: str | None) -> int:
        """Revoke all refreshable grants of a subject, or everybody's; gives how many."""
        with self._lock:
            ids = {
                entry.grant.grant_id
                for entry in self._memory.refreshes.values()
                if sub is None or entry.grant.sub == sub
            } - self._memory.revoked
            self._memory.revoked |= ids
            return len(ids)
