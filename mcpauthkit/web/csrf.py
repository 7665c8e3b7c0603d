"""Proof that a form was sent from a page of ours, by the person it was made for.

The session cookie is SameSite=Lax, which keeps other sites out and lets every sibling subdomain in: what runs there
counts as the same site, and its forms bring our cookie along. So each form of ours carries a value that only we can
make, for one session, one address and some time.
"""

from __future__ import annotations

from typing import Protocol

from mcpauthkit.core.audit import Actor, EventName
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealError
from mcpauthkit.web.refused import tell_refused

CSRF_FIELD = "csrf"
"""The hidden input of our forms."""

# Shorter than the session, which would otherwise end first and take what was typed with it.
_LIFETIME_SECONDS = 1800.0


class Session(Protocol):
    """Who sits in front of a browser, as far as a form needs to know."""

    @property
    def session_id(self) -> str:
        """Tells one session from another."""
        ...

    @property
    def actor(self) -> Actor:
        """The person as the record knows them."""
        ...


class CsrfTokens:
    """Makes and checks the tokens of our forms; nothing is stored.

    Args:
        base_url: The public address; a token of another application does not open.
        key_ring: What seals them.
        clock: Time.
    """

    def __init__(self, base_url: str, key_ring: KeyRing, *, clock: Clock) -> None:
        self._base_url = base_url
        self._sealer = Sealer(key_ring, "csrf")
        self._clock = clock

    def token_for(self, session: Session, what: str) -> str:
        """A token for one form.

        Args:
            session: Who the page is made for.
            what: The path and query the form is sent to.
        """
        expires_at = self._clock.wall() + _LIFETIME_SECONDS
        return self._sealer.seal({}, context=self._context(session, what), expires_at=expires_at)

    def check(self, session: Session, what: str, token: str) -> None:
        """Refuse a form that did not come from our page; the attempt is audited.

        Args:
            session: Who sent it.
            what: As for `token_for`.
            token: What came with it; empty for nothing.

        Raises:
            SealExpired: It came from our page, which was open for too long. What was typed may be shown again.
            SealError: It did not. What was typed is somebody else's: a page that shows it would do their work.
        """
        try:
            self._sealer.open(token, context=self._context(session, what), now=self._clock.wall())
        except SealError as error:
            path = what.partition("?")[0]
            why = "no token of ours"
            tell_refused(EventName.FORM_REFUSED, why, actor=session.actor, path=path, fault=error.code)
            raise

    def _context(self, session: Session, what: str) -> str:
        return f"{self._base_url}|{session.session_id}|{what}"
