"""Our cookies: sealed, for this host only, unreadable for scripts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from starlette.responses import Response

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.headers import cookie_value, header_values
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealError


class SealedCookies:
    """Reads and writes cookies whose content only we can read.

    Over https the names begin with `__Host-`, so that no sibling domain can plant one (RFC 6265bis section 4.1.3.2).
    On http, which is loopback during development, browsers disagree about that prefix, so it is left out there.

    Args:
        base_url: The public address; a cookie of another application on this host does not open.
        key_ring: What seals them.
        clock: Time.
    """

    def __init__(self, base_url: str, key_ring: KeyRing, *, clock: Clock) -> None:
        self._base_url = base_url
        self._sealer = Sealer(key_ring, "cookie")
        self._clock = clock
        self._secure = base_url.startswith("https:")
        self._prefix = "__Host-mcpauthkit-" if self._secure else "mcpauthkit-"

    def read(self, headers: Iterable[tuple[bytes, bytes]], name: str) -> dict[str, Any] | None:
        """The content of a cookie, or None when there is none of ours."""
        sealed = cookie_value(headers, self._prefix + name)
        if sealed is None:
            return None
        try:
            return self._sealer.open(sealed, context=self._context(name), now=self._clock.wall())
        except SealError:
            return None

    def make_room(self, response: Response, headers: Iterable[tuple[bytes, bytes]], kind: str, *, most: int) -> None:
        """Remove the oldest cookies of a kind, so that one more does not make them too many for a request.

        Args:
            response: What removes them.
            headers: Those of the request.
            kind: A regular expression for their names. A name that somebody else planted goes into no answer of ours.
            most: How many there may be, the next one included.
        """
        names = [name for name in self._names(headers) if re.fullmatch(kind, name)]
        for name in names[: max(0, len(names) + 1 - most)]:
            self.clear(response, name)

    def write(self, response: Response, name: str, content: dict[str, Any], *, lifetime_seconds: int) -> None:
        """Set a cookie."""
        expires_at = self._clock.wall() + lifetime_seconds
        sealed = self._sealer.seal(content, context=self._context(name), expires_at=expires_at)
        self._set(response, name, sealed, lifetime_seconds)

    def clear(self, response: Response, name: str) -> None:
        """Remove a cookie."""
        self._set(response, name, "", 0)

    def _names(self, headers: Iterable[tuple[bytes, bytes]]) -> list[str]:
        # In the order sent: browsers send the oldest first (RFC 6265 section 5.4).
        pairs = [pair for raw in header_values(headers, b"cookie") for pair in raw.decode("latin-1").split(";")]
        names = [pair.partition("=")[0].strip() for pair in pairs]
        return [name.removeprefix(self._prefix) for name in names if name.startswith(self._prefix)]

    def _set(self, response: Response, name: str, value: str, max_age: int) -> None:
        # Lax: the browser comes back from the issuer and the service by a top-level GET and must bring them along.
        response.set_cookie(
            self._prefix + name, value, max_age=max_age, path="/", secure=self._secure, httponly=True, samesite="lax"
        )

    def _context(self, name: str) -> str:
        return f"{self._base_url}|{name}"
