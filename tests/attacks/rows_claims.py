"""What claims may say: audience, issuer, times, names."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.attacks.forge import AUDIENCE, Forge, Token
from tests.attacks.making import claims, written
from tests.attacks.row import EXPIRED, INVALID, OTHER_AUDIENCE, SERVED, Answer, attacks
from tests.identity.bench import NOW
from tests.web.door import BASE, PRM

_LAST_SECOND = 253_402_300_799


def aud(value: Any) -> Token:
    return claims(aud=value)


AUDIENCES = attacks(
    "audience",
    ("aud-good", "Nothing: the resource's URL.", SERVED, aud(AUDIENCE)),
    ("aud-list", "Nothing: the resource's URL alone in a list.", SERVED, aud([AUDIENCE])),
    ("aud-among", "Nothing: the resource's URL among others.", SERVED, aud(["https://other.example", AUDIENCE])),
    ("aud-64", "Nothing: 64 audiences with ours at the end.", SERVED, aud([*["x"] * 63, AUDIENCE])),
    ("aud-65", "65 audiences with ours at the end.", INVALID, aud([*["x"] * 64, AUDIENCE])),
    ("aud-slash", "A slash behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}/")),
    ("aud-two-slashes", "Two slashes in it.", OTHER_AUDIENCE, aud(f"{BASE}//mcp")),
    ("aud-dot", "A dot segment in it.", OTHER_AUDIENCE, aud(f"{BASE}/./mcp")),
    ("aud-up", "A way up and down again.", OTHER_AUDIENCE, aud(f"{AUDIENCE}/../mcp")),
    ("aud-host-case", "The host in capitals.", OTHER_AUDIENCE, aud("https://MCP.example.com/mcp")),
    ("aud-path-case", "The path in capitals.", OTHER_AUDIENCE, aud(f"{BASE}/MCP")),
    ("aud-scheme-case", "The scheme in capitals.", OTHER_AUDIENCE, aud(AUDIENCE.replace("https", "HTTPS"))),
    ("aud-port", "The default port written out.", OTHER_AUDIENCE, aud(f"{BASE}:443/mcp")),
    ("aud-other-port", "Another port.", OTHER_AUDIENCE, aud(f"{BASE}:8443/mcp")),
    ("aud-http", "The same without TLS.", OTHER_AUDIENCE, aud(AUDIENCE.replace("https", "http"))),
    ("aud-no-scheme", "Without a scheme.", OTHER_AUDIENCE, aud(AUDIENCE.removeprefix("https:"))),
    ("aud-root-dot", "The host with the root's dot.", OTHER_AUDIENCE, aud("https://mcp.example.com./mcp")),
    ("aud-look-alike", "A Cyrillic letter in the host.", OTHER_AUDIENCE, aud("https://mc\u0440.example.com/mcp")),
    ("aud-sub-domain", "A host below ours.", OTHER_AUDIENCE, aud("https://a.mcp.example.com/mcp")),
    (
        "aud-longer-host",
        "A host that begins with ours.",
        OTHER_AUDIENCE,
        aud("https://mcp.example.com.evil.example/mcp"),
    ),
    ("aud-parent", "The whole host.", OTHER_AUDIENCE, aud(BASE)),
    ("aud-parent-slash", "The whole host with a slash.", OTHER_AUDIENCE, aud(f"{BASE}/")),
    ("aud-child", "A path below ours.", OTHER_AUDIENCE, aud(f"{AUDIENCE}/tools")),
    ("aud-neighbour", "Another server of this host.", OTHER_AUDIENCE, aud(f"{BASE}/other")),
    ("aud-prefix", "The beginning of it.", OTHER_AUDIENCE, aud(f"{BASE}/mc")),
    ("aud-longer", "It is the beginning.", OTHER_AUDIENCE, aud(f"{BASE}/mcpx")),
    ("aud-userinfo", "A user before the host.", OTHER_AUDIENCE, aud("https://user@mcp.example.com/mcp")),
    ("aud-query", "A query behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}?a=b")),
    ("aud-empty-query", "A question mark behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}?")),
    ("aud-fragment", "A fragment behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}#a")),
    ("aud-encoded", "A letter percent-encoded.", OTHER_AUDIENCE, aud(f"{BASE}/%6dcp")),
    ("aud-space", "A space behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE} ")),
    ("aud-newline", "A newline behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}\n")),
    ("aud-nul", "A NUL behind it.", OTHER_AUDIENCE, aud(f"{AUDIENCE}\x00")),
    ("aud-spaces", "Two in one text.", OTHER_AUDIENCE, aud(f"{AUDIENCE} https://other.example")),
    ("aud-commas", "Two with a comma.", OTHER_AUDIENCE, aud(f"{AUDIENCE},https://other.example")),
    ("aud-json", "A list written as a text.", OTHER_AUDIENCE, aud(f'["{AUDIENCE}"]')),
    ("aud-star", "Everybody.", OTHER_AUDIENCE, aud("*")),
    ("aud-wild-host", "Every host.", OTHER_AUDIENCE, aud("https://*.example.com/mcp")),
    ("aud-wild-path", "Every path.", OTHER_AUDIENCE, aud(f"{BASE}/*")),
    ("aud-client", "The client, as in an ID token.", OTHER_AUDIENCE, aud("test-client")),
    ("aud-issuer", "The issuer itself.", OTHER_AUDIENCE, lambda f: f.token(payload={"aud": f.issuer.issuer_url})),
    ("aud-document", "The address of the resource's document.", OTHER_AUDIENCE, aud(PRM)),
    ("aud-empty", "An empty text.", OTHER_AUDIENCE, aud("")),
    ("aud-empty-list", "An empty list.", OTHER_AUDIENCE, aud([])),
    ("aud-absent", "No audience.", OTHER_AUDIENCE, aud(None)),
    ("aud-null", "null is no audience left out.", INVALID, written("aud", "null")),
    ("aud-number", "A number.", INVALID, aud(1)),
    ("aud-true", "true.", INVALID, aud(True)),  # a claim
    ("aud-object", "An object with it as a name.", INVALID, aud({AUDIENCE: True})),
    ("aud-numbers", "A list of numbers.", INVALID, aud([1, 2])),
    ("aud-mixed", "It, beside a number.", INVALID, aud([AUDIENCE, 1])),
    ("aud-null-in-list", "It, beside null.", INVALID, aud([AUDIENCE, None])),
    ("aud-nested", "It, in a list in a list.", INVALID, aud([[AUDIENCE]])),
    ("aud-name-case", "`AUD` is not `aud`.", OTHER_AUDIENCE, claims(aud=None, AUD=AUDIENCE)),
    ("aud-expired", "Expired, and for somebody else: expiry is told first.", EXPIRED, claims(aud="x", exp=NOW - 100)),
)


def iss(change: Callable[[str], Any]) -> Token:
    return lambda forge: forge.token(payload={"iss": change(forge.issuer.issuer_url)})


def of_stranger(forge: Forge) -> bytes:
    return forge.stranger.token(audience=AUDIENCE).encode()


def calls_itself_stranger(forge: Forge) -> bytes:
    return forge.token(payload={"iss": forge.stranger.issuer_url})


ISSUERS = attacks(
    "issuer",
    ("iss-slash", "A slash behind the issuer.", INVALID, iss(lambda url: f"{url}/")),
    ("iss-host-case", "The scheme in capitals.", INVALID, iss(lambda url: url.replace("http", "HTTP"))),
    (
        "iss-localhost",
        "Another name of the same machine.",
        INVALID,
        iss(lambda url: url.replace("127.0.0.1", "localhost")),
    ),
    (
        "iss-short-ip",
        "Another spelling of the same address.",
        INVALID,
        iss(lambda url: url.replace("127.0.0.1", "127.1")),
    ),
    ("iss-no-port", "Without its port.", INVALID, iss(lambda url: url.rpartition(":")[0])),
    ("iss-https", "Another scheme.", INVALID, iss(lambda url: url.replace("http", "https"))),
    ("iss-userinfo", "A user before the host.", INVALID, iss(lambda url: url.replace("//", "//user@"))),
    ("iss-path", "A realm below it.", INVALID, iss(lambda url: f"{url}/realms/other")),
    ("iss-query", "A query behind it.", INVALID, iss(lambda url: f"{url}?a=b")),
    ("iss-fragment", "A fragment behind it.", INVALID, iss(lambda url: f"{url}#")),
    ("iss-space", "A space behind it.", INVALID, iss(lambda url: f"{url} ")),
    ("iss-nul", "A NUL behind it.", INVALID, iss(lambda url: f"{url}\x00")),
    ("iss-look-alike", "Full-width digits.", INVALID, iss(lambda url: url.replace("127", "\uff11\uff12\uff17"))),
    ("iss-list", "A list with it.", INVALID, iss(lambda url: [url])),
    ("iss-object", "An object with it as a name.", INVALID, iss(lambda url: {url: 1})),
    ("iss-number", "A number.", INVALID, claims(iss=1)),
    ("iss-empty", "An empty text.", INVALID, claims(iss="")),
    ("iss-null", "null.", INVALID, written("iss", "null")),
    ("iss-absent", "No issuer.", INVALID, claims(iss=None)),
    (
        "iss-header",
        "An issuer in the header only.",
        INVALID,
        lambda f: f.token(header={"iss": f.issuer.issuer_url}, payload={"iss": None}),
    ),
    ("iss-stranger", "A genuine token of another issuer, which nobody may ask.", INVALID, of_stranger),
    ("iss-lies", "Our issuer's key, and another issuer's name.", INVALID, calls_itself_stranger),
    (
        "iss-stolen",
        "Another issuer's key, and our issuer's name.",
        INVALID,
        lambda f: f.stranger.token(audience=AUDIENCE, iss=f.issuer.issuer_url, iat=NOW - 600).encode(),
    ),
)


def times(name: str, expiry: Answer) -> tuple[tuple[str, str, Answer, Token], ...]:
    """What no instant may be, whichever claim it is in."""
    return (
        (f"{name}-text", "A number as text.", INVALID, written(name, f'"{NOW}"')),
        (f"{name}-date", "A date as text.", INVALID, written(name, '"2026-01-01T00:00:00Z"')),
        (f"{name}-nan", "NaN, which no comparison refuses.", INVALID, written(name, "NaN")),
        (f"{name}-infinity", "Infinity.", INVALID, written(name, "Infinity")),
        (f"{name}-minus-infinity", "-Infinity.", INVALID, written(name, "-Infinity")),
        (f"{name}-1e999", "A number that becomes infinity.", INVALID, written(name, "1e999")),
        (f"{name}-400-digits", "A number of 400 digits.", INVALID, written(name, "9" * 400)),
        (f"{name}-5000-digits", "A number of 5,000 digits.", INVALID, written(name, "9" * 5000)),
        (f"{name}-year-10000", "The year 10,000.", INVALID, written(name, str(_LAST_SECOND + 1))),
        (f"{name}-negative", "Before 1970.", INVALID, written(name, "-1")),
        (f"{name}-true", "true, which Python takes for 1.", INVALID, written(name, "true")),
        (f"{name}-false", "false, which Python takes for 0.", INVALID, written(name, "false")),
        (f"{name}-null", "null is nothing left out.", INVALID, written(name, "null")),
        (f"{name}-list", "A list.", INVALID, written(name, f"[{NOW}]")),
        (f"{name}-object", "An object.", INVALID, written(name, "{}")),
        (f"{name}-zero", "1970.", expiry, written(name, "0")),
        (f"{name}-float", "Nothing: RFC 7519 allows fractions.", SERVED, written(name, f"{NOW}.5")),
        (f"{name}-exponent", "Nothing: the same number in another spelling.", SERVED, written(name, "17672256e2")),
    )


CLAIM_TYPES = attacks(
    "claim types",
    *times("exp", EXPIRED),
    *times("nbf", SERVED),
    *times("iat", SERVED),
    ("exp-absent", "A token for ever.", INVALID, claims(exp=None)),
    ("exp-past", "Expired an hour ago.", EXPIRED, claims(exp=NOW - 3600)),
    ("exp-leeway", "Nothing: a second inside the leeway.", SERVED, claims(exp=NOW - 59)),
    ("exp-edge", "At the leeway's end.", EXPIRED, claims(exp=NOW - 60)),
    ("exp-fraction", "Nothing: less than a second inside the leeway.", SERVED, written("exp", f"{NOW - 59.5}")),
    ("exp-last", "Nothing: the last second of the year 9999.", SERVED, claims(exp=_LAST_SECOND)),
    ("exp-name", "`EXP` is not `exp`.", INVALID, claims(exp=None, EXP=NOW + 300)),
    ("exp-milliseconds", "An instant in milliseconds is 54,000 years away.", INVALID, claims(exp=NOW * 1000)),
    ("nbf-edge", "Nothing: valid from the leeway's end on.", SERVED, claims(nbf=NOW + 60)),
    ("nbf-beyond", "A second beyond the leeway.", INVALID, claims(nbf=NOW + 61)),
    ("nbf-hour", "Valid in an hour.", INVALID, claims(nbf=NOW + 3600)),
    ("nbf-absent", "Nothing: nbf is optional.", SERVED, claims(nbf=None)),
    ("iat-edge", "Nothing: issued at the leeway's end.", SERVED, claims(iat=NOW + 60)),
    ("iat-beyond", "Issued a second beyond the leeway.", INVALID, claims(iat=NOW + 61)),
    ("iat-year", "Issued next year.", INVALID, claims(iat=NOW + 31_536_000)),
    ("iat-absent", "Nothing: iat is not demanded.", SERVED, claims(iat=None)),
    ("sub-absent", "Nobody.", INVALID, claims(sub=None)),
    (
        "sub-absent-named",
        "Nobody, with other names.",
        INVALID,
        claims(sub=None, preferred_username="alice", email="a@b.example"),
    ),
    ("sub-null", "null.", INVALID, written("sub", "null")),
    ("sub-empty", "An empty name.", INVALID, claims(sub="")),
    ("sub-number", "A number.", INVALID, claims(sub=1)),
    ("sub-true", "true.", INVALID, claims(sub=True)),
    ("sub-list", "A list.", INVALID, claims(sub=["alice"])),
    ("sub-object", "An object.", INVALID, claims(sub={"sub": "alice"})),
    ("sub-256", "256 characters.", INVALID, claims(sub="x" * 256)),
    ("sub-newline", "A newline in it.", INVALID, claims(sub="alice\nbob")),
    ("sub-nul", "A NUL behind it.", INVALID, claims(sub="alice\x00")),
    ("sub-escape", "A terminal's escape sequence.", INVALID, claims(sub="\x1b[2Jalice")),
    ("sub-right-to-left", "A character that turns the text around.", INVALID, claims(sub="\u202ealice")),
    ("sub-zero-width", "A character nobody sees.", INVALID, claims(sub="ali\u200bce")),
    ("sub-name-case", "`SUB` is not `sub`.", INVALID, claims(sub=None, SUB="alice")),
    ("scope-object", "Scopes as an object.", INVALID, claims(scope={"admin": True})),
    ("scope-number", "Scopes as a number.", INVALID, claims(scope=1)),
    ("scope-true", "Scopes as true.", INVALID, claims(scope=True)),
    ("scope-numbers", "Scopes as numbers.", INVALID, claims(scope=[1, 2])),
    ("scope-nested", "Scopes in a list in a list.", INVALID, claims(scope=[["admin"]])),
    ("scope-513", "A list of 513 scopes.", INVALID, claims(scope=[str(one) for one in range(513)])),
    ("scope-text", "Nothing: two scopes.", SERVED.saying(scopes=["a", "b"]), claims(scope="a b")),
    ("scope-comma", "A comma makes no second scope.", SERVED.saying(scopes=["a,b"]), claims(scope="a,b")),
    ("scope-list", "Nothing: two scopes as a list.", SERVED.saying(scopes=["a", "b"]), claims(scope=["a", "b"])),
    (
        "roles-one",
        "One role as a text is one role, not letters.",
        SERVED.saying(roles=["admin"]),
        claims(roles="admin"),
    ),
    ("roles-space", "A role with a space is one role.", SERVED.saying(roles=["not admin"]), claims(roles="not admin")),
    ("roles-object", "Roles as an object.", INVALID, claims(roles={"admin": True})),
    ("roles-numbers", "Roles as numbers.", INVALID, claims(roles=[0])),
    ("roles-null-in-list", "A role that is null.", INVALID, claims(roles=["user", None])),
    ("roles-true", "Roles as true.", INVALID, claims(roles=True)),
    ("realm-number", "A realm's roles as a number.", INVALID, claims(realm_access={"roles": 1})),
)
