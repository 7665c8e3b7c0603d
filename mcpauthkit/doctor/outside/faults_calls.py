"""Faults that only a caller with a token meets."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault

TOKEN_REFUSED = Fault(
    "token-refused",
    "error",
    "The given token is refused",
    "The server answered 401 to the token, and says why.",
    "Compare the token's iss, aud and exp with issuer_url, audience and the clock; give a fresh token.",
)
TOKEN_FORBIDDEN = Fault(
    "token-lacks-scope",
    "warning",
    "The given token may not even begin",
    "The server answered 403 to the first request of a session, so clients sign in again before anything works.",
    "Name the scopes of require_scopes in scopes, too, so that clients ask for them at the first sign-in.",
)
LEGACY_FAILS = Fault(
    "mcp-2025-fails",
    "error",
    "The handshake of protocol 2025-11-25 fails",
    "With a token, initialize is not answered: VS Code, Codex, opencode and TypeScript clients speak nothing else.",
    "Look into the server's log at this moment; the lifespan of the MCP server has to run.",
)
MODERN_FAILS = Fault(
    "mcp-2026-fails",
    "error",
    "The handshake of protocol 2026-07-28 fails",
    "With a token, server/discover ends in a server error, where an older server would say that it does not know it.",
    "Look into the server's log at this moment; the lifespan of the MCP server has to run.",
)
SESSION_LOST = Fault(
    "session-lost",
    "error",
    "A session is forgotten at its second request",
    "initialize gave a session, and the next request in it is refused: another worker answered, or a gateway drops the "
    "mcp-session-id header.",
    "Pass the header on; route a session to one worker, or serve without sessions (stateless_http=True).",
)

CALLS = (TOKEN_REFUSED, TOKEN_FORBIDDEN, LEGACY_FAILS, MODERN_FAILS, SESSION_LOST)
"""In the order in which clients meet them."""
