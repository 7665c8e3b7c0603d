"""Which web pages may call the MCP endpoint from a browser.

MCP's Streamable HTTP transport demands the check (2025-11-25 and 2026-07-28, "Security Warning"): without it, anybody's
page reaches a server on the user's own machine or network through DNS rebinding. One list feeds this check and the CORS
headers, so that the two cannot disagree.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from mcpauthkit.core.headers import RawHeaders, header_values
from mcpauthkit.core.urls import is_loopback_host, origin_of
from mcpauthkit.errors import ConfigurationError, ForbiddenOrigin

_LOOPBACK = r"https?://(localhost|127\.0\.0\.1|\[::1\])(:[0-9]{1,5})?"
_EXPOSED = ("mcp-session-id", "www-authenticate", "x-request-id", "retry-after")
_METHODS = ("GET", "POST", "DELETE")


class AllowedOrigins:
    """Our own origin, those listed, and every loopback origin while the server itself is on loopback.

    Args:
        server_base_url: The public address of the application.
        origins: Further origins, such as `https://inspector.example.com`; no path, no wildcard.

    Raises:
        ConfigurationError: One of them is not an origin.
    """

    def __init__(self, server_base_url: str, origins: Sequence[str] = ()) -> None:
        if isinstance(origins, str):
            raise ConfigurationError(
                f"allowed_origins={origins!r} is one text.", hint='Write ["https://client.example.com"].'
            )
        self._listed = frozenset({_as_browsers_write(origin_of(server_base_url)), *(_checked(one) for one in origins)})
        # A server on loopback is being developed, or belongs to the person at this machine.
        in_development = is_loopback_host(urlsplit(server_base_url).hostname)
        self._pattern = re.compile(_LOOPBACK) if in_development else None
        self.feeds_cors = bool(origins) or in_development
        """Whether there is any origin but our own, which needs no CORS headers."""

    def check(self, headers: RawHeaders) -> None:
        """Let a request pass whose Origin is allowed, or that has none, as requests of programs have.

        Raises:
            ForbiddenOrigin: It comes from another page, from several, or from one that hides (`null`).
        """
        origins = header_values(headers, b"origin")
        if origins and not (len(origins) == 1 and self._allows(origins[0].decode("latin-1"))):
            raise ForbiddenOrigin(
                hint="Add the page's origin to allowed_origins= of JwtAuthMiddleware, if it is yours.",
                reason=f"origin {origins[0]!r:.120}, {len(origins)} of them",
            )

    def _allows(self, origin: str) -> bool:
        return origin in self._listed or (self._pattern is not None and self._pattern.fullmatch(origin) is not None)

    def with_cors(self, app: ASGIApp) -> CORSMiddleware:
        """The application with the CORS headers of these origins."""
        return CORSMiddleware(
            app,
            allow_origins=sorted(self._listed),
            allow_origin_regex=None if self._pattern is None else self._pattern.pattern,
            allow_methods=_METHODS,
            # Tools may declare `Mcp-Param-*` headers of their own, so the list has no end.
            allow_headers=["*"],
            expose_headers=_EXPOSED,
        )


def _checked(origin: str) -> str:
    try:
        parts = urlsplit(origin)
        is_origin = parts.scheme and parts.hostname and parts.port != 0 and origin_of(origin) == origin.rstrip("/")
    except ValueError:
        is_origin = False
    if not is_origin or "*" in origin or "@" in origin:
        raise ConfigurationError(
            f"allowed_origins holds {origin!r}, which is not an origin.",
            hint="Give scheme, host and port only, such as https://client.example.com; there is no wildcard.",
        )
    return _as_browsers_write(origin.rstrip("/"))


def _as_browsers_write(origin: str) -> str:
    """In lower case and without the scheme's own port (RFC 6454 section 6.1)."""
    parts = urlsplit(origin)
    default = {"https": 443, "http": 80}.get(parts.scheme)
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname
    port = "" if parts.port in {None, default} else f":{parts.port}"
    return f"{parts.scheme}://{host}{port}"
