"""Text that two readers read differently, or that is made to exhaust one."""

from __future__ import annotations

import base64
import json

from tests.attacks.forge import AUDIENCE, Forge, Token, join, raw_signature
from tests.attacks.making import around, bent, claims, header, header_bytes, payload_bytes, written
from tests.attacks.row import INVALID, SERVED, attacks
from tests.identity.bench import NOW, key_for
from tests.identity.jwe_bench import encrypt

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
_MAX_TOKEN = 16 * 1024


def again(name: str, text: str, *, first: bool) -> Token:
    """Good claims with one of them a second time, before or behind the good one."""

    def make(forge: Forge) -> bytes:
        good = json.dumps(forge.claims())[1:-1]
        added = f'"{name}":{text}'
        return forge.token(payload=f"{{{added},{good}}}".encode() if first else f"{{{good},{added}}}".encode())

    return make


def issuer_again(*, first: bool) -> Token:
    """Two issuers, ours and the stranger's."""

    def make(forge: Forge) -> bytes:
        return again("iss", json.dumps(forge.stranger.issuer_url), first=first)(forge)

    return make


DUPLICATES = attacks(
    "duplicate keys",
    (
        "twice-alg-first",
        "alg: none, then the real one.",
        INVALID,
        header_bytes('{"alg":"none","alg":"EdDSA","kid":"ed"}'),
    ),
    (
        "twice-alg-last",
        "alg: the real one, then none.",
        INVALID,
        header_bytes('{"alg":"EdDSA","alg":"none","kid":"ed"}'),
    ),
    ("twice-alg-same", "alg: the real one twice.", INVALID, header_bytes('{"alg":"EdDSA","alg":"EdDSA","kid":"ed"}')),
    (
        "twice-alg-escaped",
        "alg a second time, escaped.",
        INVALID,
        header_bytes('{"alg":"EdDSA","\\u0061lg":"none","kid":"ed"}'),
    ),
    ("twice-kid", "Two key ids.", INVALID, header_bytes('{"alg":"EdDSA","kid":"Cased","kid":"ed"}')),
    ("twice-typ", "Two types.", INVALID, header_bytes('{"alg":"EdDSA","typ":"at+jwt","kid":"ed","typ":"dpop+jwt"}')),
    ("twice-unread", "A member nobody reads, twice.", INVALID, header_bytes('{"alg":"EdDSA","kid":"ed","x":1,"x":1}')),
    ("twice-sub-first", "Another subject before the real one.", INVALID, again("sub", '"root"', first=True)),
    ("twice-sub-last", "Another subject behind the real one.", INVALID, again("sub", '"root"', first=False)),
    ("twice-sub-same", "The same subject twice.", INVALID, again("sub", '"alice"', first=False)),
    ("twice-sub-escaped", "A subject whose name is escaped.", INVALID, again("\\u0073ub", '"root"', first=False)),
    ("twice-exp-first", "A later end before the real one.", INVALID, again("exp", str(NOW + 9), first=True)),
    ("twice-exp-last", "A later end behind the real one.", INVALID, again("exp", str(NOW + 9), first=False)),
    ("twice-aud-first", "Another audience before the real one.", INVALID, again("aud", '"x"', first=True)),
    ("twice-aud-last", "Another audience behind the real one.", INVALID, again("aud", f'"{AUDIENCE}"', first=False)),
    ("twice-iss-first", "Another issuer before the real one.", INVALID, issuer_again(first=True)),
    ("twice-iss-last", "Another issuer behind the real one.", INVALID, issuer_again(first=False)),
    (
        "twice-inside",
        "Roles twice inside another claim.",
        INVALID,
        written("realm_access", '{"roles":[],"roles":["a"]}'),
    ),
    ("twice-in-list", "A member twice inside a list.", INVALID, written("x", '[{"a":1,"a":2}]')),
)


def good_text(forge: Forge) -> str:
    return json.dumps(forge.claims())


ENCODING = attacks(
    "encoding",
    (
        "text-latin-1",
        "Claims in Latin-1.",
        INVALID,
        lambda f: f.token(payload=good_text(f).replace("alice", "\u00e9").encode("latin-1")),
    ),
    ("text-utf-16", "Claims in UTF-16.", INVALID, lambda f: f.token(payload=good_text(f).encode("utf-16"))),
    ("text-utf-32", "Claims in UTF-32.", INVALID, lambda f: f.token(payload=good_text(f).encode("utf-32-be"))),
    ("text-utf-7", "Claims in UTF-7.", INVALID, payload_bytes("+AHsAfQ-")),
    ("text-bom", "A byte order mark before the claims.", INVALID, around("\ufeff", "")),
    ("text-overlong", "An overlong spelling of a quotation mark.", INVALID, payload_bytes(b'{"sub":\xc0\xa2alice"}')),
    ("text-surrogate", "Half a surrogate pair in a subject.", INVALID, written("sub", '"\\ud800"')),
    ("text-surrogate-unread", "Half a pair in a claim nobody reads.", INVALID, written("x", '"\\udfff"')),
    ("text-surrogate-bytes", "A surrogate as UTF-8 bytes.", INVALID, payload_bytes(b'{"sub":"\xed\xa0\x80"}')),
    ("text-pair", "Nothing: a whole pair.", SERVED.saying(roles=["\U0001f600"]), written("roles", '"\\ud83d\\ude00"')),
    ("text-control", "A raw control character in a text.", INVALID, written("x", '"\x01"')),
    (
        "text-header-bom",
        "A byte order mark before the header.",
        INVALID,
        header_bytes('\ufeff{"alg":"EdDSA","kid":"ed"}'),
    ),
    ("text-header-utf-16", "A header in UTF-16.", INVALID, header_bytes('{"alg":"EdDSA","kid":"ed"}'.encode("utf-16"))),
    ("json-behind", "Something behind the claims.", INVALID, around("", "x")),
    ("json-nul-behind", "A NUL behind the claims.", INVALID, around("", "\x00")),
    ("json-two", "Two objects.", INVALID, around("", "{}")),
    ("json-in-list", "The claims in a list.", INVALID, around("[", "]")),
    ("json-space", "Nothing: white space around the claims.", SERVED, around(" \r\n\t", "\n")),
    ("json-comment", "A comment.", INVALID, around("/**/", "")),
    ("json-list", "A list.", INVALID, payload_bytes("[]")),
    ("json-text", "A text.", INVALID, payload_bytes('"alice"')),
    ("json-null", "null.", INVALID, payload_bytes("null")),
    ("json-number", "A number.", INVALID, payload_bytes("1")),
    ("json-empty", "No payload.", INVALID, payload_bytes("")),
    ("json-no-claims", "No claims.", INVALID, payload_bytes("{}")),
    ("json-token", "A whole token as payload.", INVALID, lambda f: f.token(payload=f.token(), header={"cty": "JWT"})),
    ("json-single-quotes", "Python instead of JSON.", INVALID, payload_bytes("{'sub': 'alice'}")),
    (
        "json-trailing-comma",
        "A comma too many.",
        INVALID,
        lambda f: f.token(payload=good_text(f)[:-1].encode() + b",}"),
    ),
    ("json-leading-zero", "A number with a zero before it.", INVALID, written("exp", f"0{NOW + 300}")),
    ("json-plus", "A number with a plus.", INVALID, written("exp", f"+{NOW + 300}")),
    ("json-hex", "A number in hexadecimal.", INVALID, written("exp", hex(NOW + 300))),
    ("json-header-list", "A list as header.", INVALID, header_bytes('["EdDSA"]')),
    ("json-header-empty", "An empty header.", INVALID, header_bytes("{}")),
    ("json-header-nothing", "No header.", INVALID, header_bytes("")),
    ("json-header-null", "null as header.", INVALID, header_bytes("null")),
)


def with_length(length: int) -> Token:
    """A good token of exactly this many characters."""

    def make(forge: Forge) -> bytes:
        for mark in ("", "x", "xx"):
            for size in range(length * 3 // 4 - 500, length * 3 // 4):
                token = forge.token(header={"pad": mark}, payload={"pad": "x" * size})
                if len(token) == length:
                    return token
        raise AssertionError("no such length")

    return make


def header_of(size: int) -> Token:
    """A good header of this many bytes."""
    bare = '{"alg":"EdDSA","kid":"ed","x":""}'
    return header_bytes(bare.replace('"x":""', f'"x":"{"x" * (size - len(bare))}"'))


def tower(height: int) -> str:
    return "[" * height + "]" * height


def last_bits(token: bytes) -> bytes:
    """The same signature bytes with a stray bit in the last character, which lenient decoders ignore."""
    last = _ALPHABET[_ALPHABET.index(chr(token[-1])) ^ 1]
    return token[:-1] + last.encode()


def segment(number: int, change: bytes) -> Token:
    """A good token with something behind one of its segments."""

    def put(token: bytes) -> bytes:
        parts = token.split(b".")
        parts[number] += change
        return b".".join(parts)

    return bent(put)


def standard_alphabet(forge: Forge) -> bytes:
    """A token in base64 instead of base64url, signed as it is written."""
    for number in range(1000):
        first, _, last = forge.token(payload={"jti": str(number)}).rpartition(b".")
        if b"-" in last and b"_" in last:
            return first + b"." + last.translate(bytes.maketrans(b"-_", b"+/"))
    raise AssertionError("no such signature")


def signed_with_padding(forge: Forge) -> bytes:
    """Segments with padding that the signature covers."""
    parts = (b'{"alg":"EdDSA","kid":"ed"}', good_text(forge).encode())
    # White space to a length that needs padding.
    first = b".".join(base64.urlsafe_b64encode(one + b" " * (1 + -len(one) % 3)) for one in parts)
    assert b"=" in first
    return join(first, raw_signature(first, key_for("EdDSA")))


def as_json(token: bytes) -> bytes:
    """The flattened JSON serialization of a token."""
    names = ("protected", "payload", "signature")
    return json.dumps(dict(zip(names, token.decode().split("."), strict=True))).encode()


SIZE = attacks(
    "size and depth",
    ("size-limit", "Nothing: a token of 16 KB.", SERVED, with_length(_MAX_TOKEN)),
    ("size-beyond", "A character more than 16 KB.", INVALID, with_length(_MAX_TOKEN + 1)),
    ("size-100-kb", "A genuine token of 100 KB.", INVALID, claims(pad="x" * 100_000)),
    ("size-megabyte", "A megabyte of letters.", INVALID, lambda _: b"A" * 1_000_000),
    ("size-header", "Nothing: a header of 4 KB.", SERVED, header_of(4096)),
    ("size-header-beyond", "A header of a byte more.", INVALID, header_of(4097)),
    (
        "size-signature",
        "A signature of 2,049 bytes.",
        INVALID,
        lambda f: join(f.token().rpartition(b".")[0], bytes(2049)),
    ),
    ("size-members", "Nothing: 500 claims.", SERVED, claims(**{f"c{number}": number for number in range(500)})),
    (
        "size-hashes",
        "A thousand members in the header.",
        INVALID,
        header(**{f"x{number}": number for number in range(1000)}),
    ),
    ("depth-limit", "Nothing: claims twelve levels deep.", SERVED, written("x", tower(11))),
    ("depth-beyond", "Claims thirteen levels deep.", INVALID, written("x", tower(12))),
    ("depth-objects", "Objects thirteen levels deep.", INVALID, written("x", '{"a":' * 12 + "1" + "}" * 12)),
    ("depth-5000", "Claims 5,000 levels deep.", INVALID, written("x", tower(5000))),
    ("depth-10000-open", "10,000 brackets that never close.", INVALID, payload_bytes("[" * 10_000)),
    ("depth-in-text", "Nothing: brackets in a text are text.", SERVED, claims(x="[" * 1000)),
    (
        "depth-header",
        "Nothing: a header four levels deep.",
        SERVED,
        header_bytes('{"alg":"EdDSA","kid":"ed","x":[[[]]]}'),
    ),
    (
        "depth-header-beyond",
        "A header five levels deep.",
        INVALID,
        header_bytes('{"alg":"EdDSA","kid":"ed","x":[[[[]]]]}'),
    ),
    ("dots-1000", "A thousand dots.", INVALID, lambda _: b"." * 1000),
    ("dots-2", "Three empty segments.", INVALID, lambda _: b".."),
    ("dots-none", "One segment.", INVALID, bent(lambda token: token.replace(b".", b""))),
    ("dots-1", "Two segments.", INVALID, bent(lambda token: token.rpartition(b".")[0])),
    ("dots-3", "Four segments.", INVALID, bent(lambda token: token + b".AAAA")),
    ("dots-4", "An encrypted token, where there is no key to open it.", INVALID, lambda f: encrypt(f.token()).encode()),
    ("dots-5", "Six segments.", INVALID, bent(lambda token: token + b".A.A.A")),
    ("dots-trailing", "A dot behind it.", INVALID, bent(lambda token: token + b".")),
    ("dots-leading", "A dot before it.", INVALID, bent(lambda token: b"." + token)),
    ("empty-header", "An empty first segment.", INVALID, bent(lambda token: b"." + token.split(b".", 1)[1])),
    ("space-inside", "A space between segments.", INVALID, bent(lambda token: token.replace(b".", b". ", 1))),
    ("space-in-segment", "A space in a segment.", INVALID, segment(1, b" ")),
    ("newline-behind", "A newline behind it.", INVALID, bent(lambda token: token + b"\n")),
    ("newline-inside", "A line break in a segment, as MIME has it.", INVALID, segment(0, b"\r\n")),
    ("tab-inside", "A tab in a segment.", INVALID, segment(1, b"\t")),
    ("nul-behind", "A NUL behind it.", INVALID, bent(lambda token: token + b"\x00")),
    ("padding-header", "Padding behind the header.", INVALID, segment(0, b"=")),
    ("padding-signature", "Padding behind the signature.", INVALID, segment(2, b"==")),
    ("padding-signed", "Padding that the signature covers.", INVALID, signed_with_padding),
    ("alphabet", "The other alphabet, + and /.", INVALID, standard_alphabet),
    ("stray-bits", "A stray bit in the last character: the same bytes, another text.", INVALID, bent(last_bits)),
    ("not-ascii", "A letter beyond ASCII.", INVALID, segment(2, b"\xe9")),
    ("not-ascii-utf-8", "The same in UTF-8.", INVALID, segment(2, "\u00e9".encode())),
    ("percent", "A dot percent-encoded.", INVALID, bent(lambda token: token.replace(b".", b"%2e"))),
    ("quotes", "Quotation marks around it.", INVALID, bent(lambda token: b'"' + token + b'"')),
    ("brackets", "Angle brackets around it.", INVALID, bent(lambda token: b"<" + token + b">")),
    ("json-serialization", "The JSON serialization (RFC 7515 section 7.2).", INVALID, bent(as_json)),
    (
        "detached",
        "A payload left out (RFC 7515 appendix F).",
        INVALID,
        bent(lambda token: b"..".join(token.split(b".")[::2])),
    ),
)
