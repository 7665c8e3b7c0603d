"""The request line, sent as these bytes: which paths are open, and which only look like it.

`/health` is open, and so are the documents below `/.well-known/oauth-protected-resource`; everything else is not.
"""

from __future__ import annotations

from tests.attacks.row import MALFORMED, NO_TOKEN, NOT_HTTP, OPEN, SERVED, Answer, Headers, PathRow
from tests.web.door import BASE

_WEB_SOCKET: Headers = (
    (b"upgrade", b"websocket"),
    (b"connection", b"upgrade"),
    (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ=="),
)
_PREFLIGHT: Headers = ((b"origin", BASE.encode()), (b"access-control-request-method", b"POST"))


def _targets(*rows: tuple[str, str, Answer, bytes]) -> tuple[PathRow, ...]:
    return tuple(PathRow(name, "paths", tries, answer, target) for name, tries, answer, target in rows)


WITHOUT_A_TOKEN = _targets(
    ("path-open", "Nothing: an open path.", OPEN, b"/health"),
    ("path-open-slash", "Nothing: the same with a slash.", OPEN, b"/health/"),
    ("path-open-below", "Nothing: what is below it.", OPEN, b"/health/live"),
    ("path-open-query", "Nothing: a query behind it.", OPEN, b"/health?next=/../mcp"),
    ("path-open-encoded", "Nothing: a letter of it encoded.", OPEN, b"/%68ealth"),
    ("path-document", "Nothing: a metadata document.", OPEN, b"/.well-known/oauth-protected-resource/mcp"),
    ("path-mcp", "The resource.", NO_TOKEN, b"/mcp"),
    ("path-mcp-slash", "A slash behind it.", NO_TOKEN, b"/mcp/"),
    ("path-mcp-slashes", "A slash before it.", NO_TOKEN, b"//mcp"),
    ("path-mcp-case", "In capitals.", NO_TOKEN, b"/MCP"),
    ("path-mcp-encoded", "A letter encoded.", NO_TOKEN, b"/%6dcp"),
    ("path-mcp-semicolon", "A path parameter.", NO_TOKEN, b"/mcp;x=/health"),
    ("path-mcp-dot", "A dot segment.", NO_TOKEN, b"/./mcp"),
    ("path-mcp-query", "An open path in the query.", NO_TOKEN, b"/mcp?/health"),
    ("path-mcp-fragment", "An open path in a fragment, which no client sends.", NO_TOKEN, b"/mcp#/health"),
    ("path-mcp-below", "An open path below the resource.", NO_TOKEN, b"/mcp/health"),
    ("path-root", "The root.", NO_TOKEN, b"/"),
    ("path-prefix", "A longer word.", NO_TOKEN, b"/healthX/admin"),
    ("path-prefix-z", "A common longer word.", NO_TOKEN, b"/healthz"),
    ("path-case", "The open path in capitals.", NO_TOKEN, b"/HEALTH"),
    ("path-up", "Up from an open path.", NO_TOKEN, b"/health/../mcp"),
    ("path-up-encoded", "The dots encoded.", NO_TOKEN, b"/health/%2e%2e/mcp"),
    ("path-up-half-encoded", "One dot encoded.", NO_TOKEN, b"/health/.%2e/mcp"),
    ("path-up-slash-encoded", "The slash encoded.", NO_TOKEN, b"/health/..%2fmcp"),
    ("path-up-slash-upper", "The slash encoded in capitals.", NO_TOKEN, b"/health/..%2Fmcp"),
    ("path-up-all-encoded", "Both slashes encoded.", NO_TOKEN, b"/health%2f..%2fmcp"),
    ("path-up-double", "Encoded twice.", NO_TOKEN, b"/health/%252e%252e/mcp"),
    ("path-up-double-slash", "The slash encoded twice.", NO_TOKEN, b"/health/..%252fmcp"),
    ("path-up-triple", "Encoded three times.", NO_TOKEN, b"/health/%25252e%25252e/mcp"),
    ("path-up-overlong", "The slash in overlong UTF-8.", NO_TOKEN, b"/health/..%c0%afmcp"),
    ("path-up-overlong-dots", "The dots in overlong UTF-8.", NO_TOKEN, b"/health/%c0%ae%c0%ae/mcp"),
    ("path-up-iis", "The slash as IIS once read it.", NO_TOKEN, b"/health/..%u2215mcp"),
    ("path-up-semicolon", "A path parameter behind the dots, as Tomcat drops it.", NO_TOKEN, b"/health/..;/mcp"),
    ("path-up-semicolon-first", "A path parameter before them.", NO_TOKEN, b"/health;x/../mcp"),
    ("path-up-backslash", "Backslashes.", NO_TOKEN, b"/health\\..\\mcp"),
    ("path-up-backslash-below", "A backslash below the open path.", NO_TOKEN, b"/health/..\\mcp"),
    ("path-up-backslash-encoded", "The backslash encoded.", NO_TOKEN, b"/health/..%5cmcp"),
    ("path-up-last", "Up, and nothing behind.", NO_TOKEN, b"/health/.."),
    ("path-here", "A dot segment.", NO_TOKEN, b"/health/./mcp"),
    ("path-slashes", "An empty segment.", NO_TOKEN, b"/health//mcp"),
    ("path-slashes-first", "An empty segment before it.", NO_TOKEN, b"//health"),
    ("path-absolute-inside", "An address inside the path.", NO_TOKEN, b"/health/http://mcp.example.com/mcp"),
    ("path-parameter", "A path parameter below it.", NO_TOKEN, b"/health/;/mcp"),
    ("path-document-up", "Up from a metadata document.", NO_TOKEN, b"/.well-known/oauth-protected-resource/../../mcp"),
    ("path-well-known-up", "Up from the well-known place.", NO_TOKEN, b"/.well-known/../mcp"),
    ("path-well-known", "The well-known place itself.", NO_TOKEN, b"/.well-known"),
    ("path-well-known-other", "A document that is not ours.", NO_TOKEN, b"/.well-known/security.txt"),
    ("path-key-set-prefix", "A longer name than our key set's.", NO_TOKEN, b"/.well-known/jwks.jsonX"),
    ("path-key-set-up", "Up from our key set.", NO_TOKEN, b"/.well-known/jwks.json/../../mcp"),
    ("path-well-known-prefix", "A longer document name.", NO_TOKEN, b"/.well-known/oauth-protected-resourceX"),
    ("path-nul", "A NUL, encoded.", MALFORMED, b"/mcp%00"),
    ("path-nul-open", "A NUL below the open path, where C programs stop reading.", MALFORMED, b"/health/%00/../mcp"),
    ("path-newline", "A newline, encoded: some routers take it for the end.", MALFORMED, b"/mcp%0a"),
    ("path-return", "A carriage return, encoded.", MALFORMED, b"/health/%0d%0aX-Open:%201"),
    ("path-line-separator", "A line separator of Unicode.", MALFORMED, b"/mcp%e2%80%a8"),
    ("path-tab", "A tab, encoded.", MALFORMED, b"/health/%09/mcp"),
    (
        "path-absolute",
        "The whole address, with an open path and another host.",
        NO_TOKEN,
        b"http://evil.example/health",
    ),
    ("path-absolute-mcp", "The whole address of the resource.", NO_TOKEN, b"http://mcp.example.com/mcp"),
    ("path-relative", "No slash before it.", NO_TOKEN, b"health"),
    ("path-question", "Only a query.", NO_TOKEN, b"?/health"),
    ("path-raw-nul", "A NUL as it is.", NOT_HTTP, b"/health\x00"),
    ("path-raw-space", "A space as it is.", NOT_HTTP, b"/health /mcp"),
    ("path-raw-latin", "A letter beyond ASCII as it is.", NOT_HTTP, b"/health/\xc0\xaf../mcp"),
    ("path-raw-tab", "A tab as it is.", NOT_HTTP, b"/health\t/mcp"),
    ("path-raw-nothing", "No target at all.", NOT_HTTP, b""),
)

PATHS = (
    *WITHOUT_A_TOKEN,
    PathRow(
        "path-options-lower",
        "paths",
        "A preflight in lower case: methods know case.",
        NO_TOKEN,
        b"/mcp",
        b"options",
        headers=_PREFLIGHT,
    ),
    PathRow("path-star", "paths", "OPTIONS for the whole server.", NO_TOKEN, b"*", b"OPTIONS"),
    PathRow("path-authority", "paths", "CONNECT, as to a proxy.", NO_TOKEN, b"mcp.example.com:443", b"CONNECT"),
    PathRow("path-head", "paths", "HEAD of the resource.", NO_TOKEN, b"/mcp", b"HEAD"),
    PathRow("path-trace", "paths", "TRACE up from an open path.", NO_TOKEN, b"/health/../mcp", b"TRACE"),
    PathRow("path-put", "paths", "PUT up from an open path.", NO_TOKEN, b"/health/..%2fmcp", b"PUT"),
    PathRow("path-socket", "paths", "A WebSocket to the resource.", NO_TOKEN, b"/mcp", headers=_WEB_SOCKET),
    PathRow(
        "path-socket-up", "paths", "A WebSocket up from an open path.", NO_TOKEN, b"/health/../mcp", headers=_WEB_SOCKET
    ),
    PathRow(
        "path-socket-upper", "paths", "A WebSocket to the resource in capitals.", NO_TOKEN, b"/MCP", headers=_WEB_SOCKET
    ),
    PathRow("path-good", "paths", "Nothing: the resource, with a token.", SERVED, b"/mcp", bearer=True),
    PathRow("path-good-newline", "paths", "A newline behind it, with a token.", MALFORMED, b"/mcp%0a", bearer=True),
    PathRow("path-good-nul", "paths", "A NUL behind it, with a token.", MALFORMED, b"/mcp%00", bearer=True),
    PathRow(
        "path-good-override",
        "paths",
        "Nothing: another method in a header changes nothing.",
        SERVED,
        b"/mcp",
        bearer=True,
        headers=((b"x-http-method-override", b"TRACE"),),
    ),
    PathRow(
        "path-good-query", "paths", "A token in the address, as bytes.", MALFORMED, b"/mcp?access_token=x", bearer=True
    ),
)
