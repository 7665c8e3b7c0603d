"""Faults of the MCP endpoint: how it is reached, and how it answers who has no token."""

from __future__ import annotations

from mcpauthkit.doctor.finding import Fault

PLAIN_HTTP = Fault(
    "url-plain-http",
    "error",
    "The public URL is plain http",
    "Tokens travel in clear, and clients refuse such a server. Nothing was asked of it.",
    "Serve it over https, and set server_base_url to that address; http is for loopback only.",
)
UNREACHABLE = Fault(
    "url-unreachable",
    "error",
    "Nobody answers at the public URL",
    "No client gets further than this: there was no answer within the bound.",
    "Start the server, or correct the URL, its DNS name or the firewall; then open the URL from here.",
)
UNTRUSTED = Fault(
    "tls-untrusted",
    "error",
    "The certificate is not trusted",
    "The TLS certificate has expired, is for another name, or lacks the certificates between it and a known authority.",
    "Renew it, serve it with its intermediate certificates, or use the name it was made for.",
)
REDIRECTS = Fault(
    "mcp-redirects",
    "error",
    "The MCP URL redirects",
    "Clients lose the Authorization header or the body on the way, or do not follow.",
    "Let users enter the address it leads to, or serve MCP at this one: mind the trailing slash, www and https.",
    explains=("mcp-2025-fails", "mcp-2026-fails"),
)
HOST_REFUSED = Fault(
    "host-refused",
    "error",
    "The server does not know its own host name",
    "A check of the Host header, against DNS rebinding, refuses the public name.",
    "Add the public host name to allowed_hosts of the MCP server or of TrustedHostMiddleware.",
)
NOT_FOUND = Fault(
    "mcp-not-found",
    "error",
    "There is no MCP server at the URL",
    "The path answers 404 before anybody is asked for a token.",
    "Compare the path with the one the MCP server is mounted at, and with resource_paths.",
)
SERVER_ERROR = Fault(
    "mcp-server-error",
    "error",
    "The MCP URL answers with a server error",
    "The server, or a gateway before it, fails before it asks for a token.",
    "Look into the logs of the server and of the gateway at this moment.",
)
NO_AUTHENTICATION = Fault(
    "mcp-without-token",
    "error",
    "The MCP server is open to everybody",
    "A request without a token was served.",
    "Add JwtAuthMiddleware to the application that serves this path, and take the path out of open_paths.",
)
FORBIDDEN_FIRST = Fault(
    "first-answer-403",
    "error",
    "A request without a token is answered 403",
    "Most clients sign in after a 401 only. Something before the middleware answers.",
    "Let the request through to JwtAuthMiddleware, which answers 401 with a challenge.",
)
NOT_A_CHALLENGE = Fault(
    "first-answer-not-401",
    "error",
    "A request without a token is not answered 401",
    "Clients sign in after a 401 only.",
    "Let the request through to JwtAuthMiddleware: a gateway or another middleware answers in its place.",
)
CHALLENGE_MISSING = Fault(
    "challenge-missing",
    "warning",
    "The 401 has no challenge",
    "WWW-Authenticate is missing, so clients guess where the login is and ask for all scopes there are.",
    "Let the header pass: a gateway or an exception handler drops it, or answers in the place of JwtAuthMiddleware.",
)
CHALLENGE_LOWER_CASE = Fault(
    "challenge-lower-case",
    "warning",
    "The challenge does not say Bearer as clients compare it",
    "VS Code compares the word as written, and ignores the challenge otherwise.",
    "Write Bearer with a capital.",
)
CHALLENGE_NOT_ALONE = Fault(
    "challenge-not-first",
    "warning",
    "Another scheme stands before Bearer in the challenge",
    "TypeScript clients ignore the header then, and with it the scopes to ask for.",
    "Make Bearer the only challenge: a gateway adds its own.",
)
CHALLENGE_NO_POINTER = Fault(
    "challenge-without-metadata",
    "warning",
    "The challenge does not say where the metadata is",
    "resource_metadata is missing, so clients try the well-known places one after the other.",
    'Add resource_metadata="..." to the challenge, as JwtAuthMiddleware does.',
)
POINTER_ELSEWHERE = Fault(
    "challenge-points-elsewhere",
    "error",
    "The challenge points to another host",
    "resource_metadata names another scheme, host or port than users enter: the server does not know its public "
    "address, or a gateway changes the host.",
    "Set server_base_url to the address users enter, with the same scheme, host and port.",
    explains=("prm-missing", "prm-resource-mismatch", "prm-not-at-path-form", "prm-needs-token"),
)
SCOPE_VARIES = Fault(
    "challenge-scope-varies",
    "warning",
    "The scopes in the challenge differ from one 401 to the next",
    "VS Code takes the latest challenge for the scopes to have, and signs the user in again whenever they change.",
    "Name the same scopes in every 401, for a missing and for a refused token.",
)
MISREAD = Fault(
    "challenge-misread",
    "warning",
    "The description of the challenge is taken for its parameters",
    "Python and TypeScript clients search the whole header for the first scope=, error= or resource_metadata=.",
    "Keep these words out of error_description.",
)
BAD_TOKEN_SERVED = Fault(
    "bad-token-served",
    "error",
    "A made-up token is accepted",
    "The server looks whether there is a token, and does not verify it.",
    "Verify tokens: add JwtAuthMiddleware, or see which verifier accepted it.",
)
BAD_TOKEN_NOT_401 = Fault(
    "bad-token-not-401",
    "error",
    "A refused token is not answered 401",
    "Clients renew their token after a 401 only; after anything else they stop, or throw their registration away.",
    "Answer 401 with invalid_token, as JwtAuthMiddleware does; see what answers in its place.",
)
HEADER_LOST = Fault(
    "authorization-header-lost",
    "error",
    "The Authorization header does not arrive",
    "A token is answered as if there were none, so every sign-in ends where it began.",
    "Let the gateway pass the Authorization header on.",
    explains=("token-refused",),
)
ORIGIN_UNCHECKED = Fault(
    "origin-not-checked",
    "warning",
    "Web pages of any origin may call the server",
    "A request from a made-up origin is not refused. MCP demands the check against DNS rebinding.",
    "Check the Origin header, as JwtAuthMiddleware does, and list your own pages in allowed_origins.",
)
PREFLIGHT_401 = Fault(
    "preflight-needs-token",
    "warning",
    "Preflights are asked for a token",
    "Browsers send none with a preflight, so no page can call the server. CORS stands inside of the authentication.",
    "Add CORSMiddleware after JwtAuthMiddleware, so that it stands outside; or use allowed_origins alone.",
)
CHALLENGE_HIDDEN = Fault(
    "challenge-hidden-from-pages",
    "warning",
    "Pages that may call cannot read the challenge",
    "The CORS answer does not expose WWW-Authenticate, so clients in a browser do not find the login.",
    "Expose www-authenticate and mcp-session-id, or leave CORS to allowed_origins of JwtAuthMiddleware.",
)
URL_FROM_REQUEST = Fault(
    "url-from-request",
    "error",
    "The public URL is taken from request headers",
    "A made-up X-Forwarded-Host appears in the metadata: whoever sends it decides where others are led.",
    "Take the public address from settings (server_base_url), never from a request.",
)

DOOR = (
    PLAIN_HTTP,
    UNREACHABLE,
    UNTRUSTED,
    REDIRECTS,
    HOST_REFUSED,
    NOT_FOUND,
    SERVER_ERROR,
    NO_AUTHENTICATION,
    FORBIDDEN_FIRST,
    NOT_A_CHALLENGE,
    CHALLENGE_MISSING,
    CHALLENGE_LOWER_CASE,
    CHALLENGE_NOT_ALONE,
    CHALLENGE_NO_POINTER,
    POINTER_ELSEWHERE,
    SCOPE_VARIES,
    MISREAD,
    BAD_TOKEN_SERVED,
    BAD_TOKEN_NOT_401,
    HEADER_LOST,
    ORIGIN_UNCHECKED,
    PREFLIGHT_401,
    CHALLENGE_HIDDEN,
    URL_FROM_REQUEST,
)
"""In the order in which clients meet them."""
