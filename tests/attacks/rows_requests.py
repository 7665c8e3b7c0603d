"""What stands around a token: schemes, headers, methods, origins. `TOKEN` stands for a good one."""

from __future__ import annotations

from tests.attacks.row import (
    INVALID,
    MALFORMED,
    NO_TOKEN,
    OPEN,
    OTHER_ORIGIN,
    PREFLIGHT,
    SERVED,
    Answer,
    Headers,
    RequestRow,
)
from tests.web.door import BASE

_FORM = (b"content-type", b"application/x-www-form-urlencoded")
_GOOD = (b"authorization", b"Bearer TOKEN")
_ASKS = (b"access-control-request-method", b"POST")


def authorization(*values: bytes) -> Headers:
    return tuple((b"authorization", value) for value in values)


def header(name: bytes, value: bytes) -> Headers:
    return ((name, value),)


def _values(*rows: tuple[str, str, Answer, Headers]) -> tuple[RequestRow, ...]:
    return tuple(RequestRow(name, "requests", tries, answer, headers) for name, tries, answer, headers in rows)


HEADERS = _values(
    ("no-header", "Nothing at all.", NO_TOKEN, ()),
    ("header-without-value", "An empty header.", NO_TOKEN, authorization(b"")),
    ("bare-token", "A token without a scheme.", NO_TOKEN, authorization(b"TOKEN")),
    ("scheme-bearer", "Nothing: the scheme in capitals.", SERVED, authorization(b"BEARER TOKEN")),
    ("scheme-lower", "Nothing: the scheme in lower case.", SERVED, authorization(b"bearer TOKEN")),
    ("scheme-mixed", "Nothing: the scheme in both.", SERVED, authorization(b"bEaReR TOKEN")),
    ("scheme-colon", "A colon behind the scheme.", NO_TOKEN, authorization(b"Bearer: TOKEN")),
    ("scheme-equals", "An equals sign.", NO_TOKEN, authorization(b"Bearer=TOKEN")),
    ("scheme-longer", "A longer word.", NO_TOKEN, authorization(b"Bearerx TOKEN")),
    ("scheme-glued", "No space.", NO_TOKEN, authorization(b"BearerTOKEN")),
    ("scheme-tab", "A tab for the space.", NO_TOKEN, authorization(b"Bearer\tTOKEN")),
    ("scheme-nbsp", "Another kind of space.", NO_TOKEN, authorization(b"Bearer\xa0TOKEN")),
    ("scheme-nul", "A NUL for the space.", NO_TOKEN, authorization(b"Bearer\x00TOKEN")),
    ("scheme-leading-space", "A space before the scheme.", NO_TOKEN, authorization(b" Bearer TOKEN")),
    ("scheme-basic", "Basic, with a token for a password.", NO_TOKEN, authorization(b"Basic OlRPS0VO")),
    ("scheme-digest", "Digest.", NO_TOKEN, authorization(b'Digest username="alice"')),
    ("scheme-dpop", "DPoP, which demands a proof we do not check.", NO_TOKEN, authorization(b"DPoP TOKEN")),
    ("scheme-token", "`Token`.", NO_TOKEN, authorization(b"Token TOKEN")),
    ("scheme-jwt", "`JWT`.", NO_TOKEN, authorization(b"JWT TOKEN")),
    ("scheme-alone", "The scheme and nothing else: a token of no length.", INVALID, authorization(b"Bearer")),
    ("scheme-space", "The scheme and spaces.", INVALID, authorization(b"Bearer   ")),
    ("scheme-twice", "The scheme twice.", INVALID, authorization(b"Bearer Bearer TOKEN")),
    ("spaces", "Nothing: two spaces.", SERVED, authorization(b"Bearer  TOKEN")),
    ("spaces-behind", "Nothing: spaces behind the token.", SERVED, authorization(b"Bearer TOKEN  ")),
    ("tab-before", "A tab before the token.", INVALID, authorization(b"Bearer \tTOKEN")),
    (
        "joined",
        "Two tokens joined by a comma, as proxies join headers.",
        INVALID,
        authorization(b"Bearer TOKEN, Bearer TOKEN"),
    ),
    ("joined-basic", "A token and other credentials.", INVALID, authorization(b"Bearer TOKEN, Basic YTpi")),
    ("joined-first", "Other credentials and a token.", NO_TOKEN, authorization(b"Basic YTpi, Bearer TOKEN")),
    ("quoted", "A token in quotation marks.", INVALID, authorization(b'Bearer "TOKEN"')),
    ("as-parameter", "A token as a parameter.", INVALID, authorization(b"Bearer token=TOKEN")),
    ("two-headers", "Two headers, one good and one not.", MALFORMED, authorization(b"Bearer TOKEN", b"Bearer x")),
    ("two-equal", "Two equal good headers.", MALFORMED, authorization(b"Bearer TOKEN", b"Bearer TOKEN")),
    ("two-schemes", "A good header and Basic.", MALFORMED, authorization(b"Bearer TOKEN", b"Basic YTpi")),
    ("two-empty", "A good header and an empty one.", MALFORMED, authorization(b"Bearer TOKEN", b"")),
    ("three-headers", "Three headers without a token.", MALFORMED, authorization(b"", b"", b"")),
    ("cookie", "A token in a cookie.", NO_TOKEN, header(b"cookie", b"access_token=TOKEN; authorization=Bearer TOKEN")),
    ("x-authorization", "A token in a header like it.", NO_TOKEN, header(b"x-authorization", b"Bearer TOKEN")),
    ("proxy-authorization", "A token for a proxy.", NO_TOKEN, header(b"proxy-authorization", b"Bearer TOKEN")),
    ("x-access-token", "A token in a header of some frameworks.", NO_TOKEN, header(b"x-access-token", b"TOKEN")),
    ("forwarded-token", "A token as proxies forward it.", NO_TOKEN, header(b"x-forwarded-access-token", b"TOKEN")),
    ("forwarded-user", "A user as proxies name one.", NO_TOKEN, header(b"x-forwarded-user", b"alice")),
    ("remote-user", "A user as web servers name one.", NO_TOKEN, header(b"remote-user", b"alice")),
    ("user-beside", "A user beside a token: the token counts.", SERVED, (_GOOD, (b"x-forwarded-user", b"root"))),
    ("client-certificate", "A certificate as a header.", NO_TOKEN, header(b"x-client-cert", b"CN=alice")),
    ("original-url", "An open path as IIS writes it.", NO_TOKEN, header(b"x-original-url", b"/health")),
    ("rewrite-url", "An open path as another rewriter writes it.", NO_TOKEN, header(b"x-rewrite-url", b"/health")),
    ("forwarded-prefix", "A prefix that would change the path.", NO_TOKEN, header(b"x-forwarded-prefix", b"/health")),
    ("forwarded-for", "An address of this machine.", NO_TOKEN, header(b"x-forwarded-for", b"127.0.0.1")),
    ("host", "Another host: addresses come from settings.", NO_TOKEN, header(b"host", b"evil.example")),
    ("forwarded-host", "Another host as proxies write it.", NO_TOKEN, header(b"x-forwarded-host", b"evil.example")),
    ("session", "An MCP session's id, which is no credential.", NO_TOKEN, header(b"mcp-session-id", b"0" * 32)),
    ("upgrade", "A header that asks for another protocol.", NO_TOKEN, header(b"upgrade", b"websocket")),
    (
        "request-id-lines",
        "A request id with lines of its own.",
        NO_TOKEN,
        header(b"x-request-id", b"a code=none\x1b[2J"),
    ),
    ("origin-own", "Nothing: a page of ours.", SERVED, (_GOOD, (b"origin", BASE.encode()))),
    (
        "origin-foreign",
        "A foreign page, with a good token.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"https://evil.example")),
    ),
    ("origin-none", "A foreign page without a token.", OTHER_ORIGIN, header(b"origin", b"https://evil.example")),
    ("origin-null", "A page that hides.", OTHER_ORIGIN, (_GOOD, (b"origin", b"null"))),
    ("origin-empty", "An empty origin.", OTHER_ORIGIN, (_GOOD, (b"origin", b""))),
    ("origin-http", "Our host without TLS.", OTHER_ORIGIN, (_GOOD, (b"origin", b"http://mcp.example.com"))),
    ("origin-port", "Our host on another port.", OTHER_ORIGIN, (_GOOD, (b"origin", b"https://mcp.example.com:444"))),
    (
        "origin-prefix",
        "A host that begins with ours.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"https://mcp.example.com.evil.example")),
    ),
    (
        "origin-suffix",
        "A host that ends with ours.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"https://evilmcp.example.com")),
    ),
    (
        "origin-slash",
        "A slash behind ours, as no browser writes it.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"https://mcp.example.com/")),
    ),
    (
        "origin-loopback",
        "A page on loopback, for a server that is not.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"http://localhost:3000")),
    ),
    (
        "origin-twice",
        "Our origin and a foreign one.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", BASE.encode()), (b"origin", b"https://evil.example")),
    ),
    (
        "origin-list",
        "Both in one header.",
        OTHER_ORIGIN,
        (_GOOD, (b"origin", b"https://mcp.example.com https://evil.example")),
    ),
)

REQUESTS = (
    *HEADERS,
    RequestRow("query", "requests", "A token in the address.", MALFORMED, (), target="/mcp?access_token=TOKEN"),
    RequestRow(
        "query-beside",
        "requests",
        "A token there and in the header.",
        MALFORMED,
        (_GOOD,),
        target="/mcp?access_token=TOKEN",
    ),
    RequestRow(
        "query-empty", "requests", "An empty token in the address.", MALFORMED, (_GOOD,), target="/mcp?access_token="
    ),
    RequestRow(
        "query-second",
        "requests",
        "A token behind something else.",
        MALFORMED,
        (),
        target="/mcp?a=b&access_token=TOKEN",
    ),
    RequestRow("query-upper", "requests", "The parameter in capitals.", NO_TOKEN, (), target="/mcp?ACCESS_TOKEN=TOKEN"),
    RequestRow(
        "query-encoded", "requests", "The parameter's name encoded.", NO_TOKEN, (), target="/mcp?access%5Ftoken=TOKEN"
    ),
    RequestRow(
        "query-other", "requests", "Another parameter's name.", NO_TOKEN, (), target="/mcp?token=TOKEN&bearer=TOKEN"
    ),
    RequestRow(
        "query-like",
        "requests",
        "Nothing: a parameter that ends like it.",
        SERVED,
        (_GOOD,),
        target="/mcp?no_access_token=x",
    ),
    RequestRow("form", "requests", "A token in a form body.", NO_TOKEN, (_FORM,), "POST", body=b"access_token=TOKEN"),
    RequestRow(
        "form-beside",
        "requests",
        "Nothing: a form with a token beside a good header.",
        SERVED,
        (_GOOD, _FORM),
        "POST",
        body=b"access_token=x",
    ),
    RequestRow(
        "json-body", "requests", "A token in a JSON body.", NO_TOKEN, (), "POST", body=b'{"access_token":"TOKEN"}'
    ),
    RequestRow("options", "requests", "OPTIONS that is no preflight.", NO_TOKEN, (), "OPTIONS"),
    RequestRow("options-asks", "requests", "Half a preflight.", NO_TOKEN, (_ASKS,), "OPTIONS"),
    RequestRow("options-own", "requests", "The other half.", NO_TOKEN, ((b"origin", BASE.encode()),), "OPTIONS"),
    RequestRow(
        "preflight-own",
        "requests",
        "Nothing: a preflight of our own page.",
        PREFLIGHT,
        ((b"origin", BASE.encode()), _ASKS),
        "OPTIONS",
    ),
    RequestRow(
        "preflight-foreign",
        "requests",
        "A preflight of a foreign page.",
        OTHER_ORIGIN,
        ((b"origin", b"https://evil.example"), _ASKS),
        "OPTIONS",
    ),
    RequestRow(
        "preflight-get", "requests", "A preflight's headers on a GET.", NO_TOKEN, ((b"origin", BASE.encode()), _ASKS)
    ),
    RequestRow(
        "preflight-post",
        "requests",
        "A preflight's headers on a POST.",
        NO_TOKEN,
        ((b"origin", BASE.encode()), _ASKS),
        "POST",
    ),
    RequestRow(
        "override",
        "requests",
        "A POST that calls itself OPTIONS.",
        NO_TOKEN,
        ((b"x-http-method-override", b"OPTIONS"), (b"origin", BASE.encode()), _ASKS),
        "POST",
    ),
    RequestRow("head", "requests", "HEAD.", NO_TOKEN, (), "HEAD"),
    RequestRow("trace", "requests", "TRACE, which would show the headers.", NO_TOKEN, (), "TRACE"),
    RequestRow("connect", "requests", "A method nobody knows.", NO_TOKEN, (), "JEFF"),
    RequestRow("delete", "requests", "DELETE, which ends sessions.", NO_TOKEN, (), "DELETE"),
    RequestRow(
        "open-with-junk",
        "requests",
        "Nothing: an open path looks at no token.",
        OPEN,
        authorization(b"Bearer x"),
        target="/health",
    ),
    RequestRow(
        "open-with-two", "requests", "Nothing: nor at two.", OPEN, authorization(b"Bearer x", b"y"), target="/health"
    ),
)
