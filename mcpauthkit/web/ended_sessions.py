"""The browser sessions that their users have ended before their time.

A session is a sealed cookie, so taking the cookie away ends it in this browser only: a copy would stay good. What is
kept here is one short record for each sign-out, until the session would have ended by itself.
"""

from __future__ import annotations

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.errors import SealError
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.web.browser_login import SESSION_SECONDS, BrowserSession

ENDED_STATE = "mcpauthkit_ended_sessions"
"""The attribute of `app.state` under which the pages of an application find them."""


class EndedSessions:
    """The sessions that were ended, on all replicas that share a store.

    Args:
        store: The sealed store.
        namespace: Separates applications that share one store.
    """

    def __init__(self, store: SealedStore, *, namespace: str) -> None:
        self._store = store
        self._namespace = namespace

    async def end(self, session: BrowserSession) -> None:
        """End a session."""
        await self._store.put(self._key(session), {}, ttl_seconds=SESSION_SECONDS)

    async def has(self, session: BrowserSession) -> bool:
        """Whether a session was ended."""
        try:
            return await self._store.get(self._key(session)) is not None
        except SealError:
            # Something is there that we cannot read: better to sign in once more than to let a copy in.
            return True

    def _key(self, session: BrowserSession) -> str:
        return f"{self._namespace}:ended:{sha256_hex('ended', session.session_id)}"
