"""Key sets and metadata that are broken, hostile or somebody else's.

An issuer that gives no usable key cannot be asked: the caller is told to come back (503), never to sign in again.
"""

from __future__ import annotations

import gzip
import json
from typing import Any

from mcpauthkit.core.encoding import base64url_encode
from tests.attacks.forge import SECRET, koblitz_key, weak_entry
from tests.attacks.hostile import good_keys, good_metadata
from tests.attacks.row import INVALID, SERVED, UNAVAILABLE, Answer, Document, IssuerRow
from tests.identity.bench import key_for, published

_MOVED = ((b"location", b"ISSUER/moved"),)
_MOVED_METADATA = ((b"location", b"ISSUER/moved-metadata"),)
_BOMB = gzip.compress(b'{"keys":[' + b" " * 30_000_000 + b"]}")
_STRANGER = key_for("EdDSA", "stranger")
_GONE = Document(b"", 404)


def keys_of(*entries: Any) -> Document:
    return Document(json.dumps({"keys": list(entries)}).encode())


def text(body: str, status: int = 200) -> Document:
    return Document(body.encode(), status)


def rsa_entry(exponent: str) -> dict[str, Any]:
    return published(key_for("RS256"), kid="ed", e=exponent)


def _keys(*rows: tuple[str, str, Answer, Document]) -> tuple[IssuerRow, ...]:
    return tuple(IssuerRow(name, "key set", tries, answer, keys=document) for name, tries, answer, document in rows)


def _metadata(*rows: tuple[str, str, Answer, Document]) -> tuple[IssuerRow, ...]:
    return tuple(IssuerRow(name, "discovery", tries, answer, document) for name, tries, answer, document in rows)


def packed(document: Document, encoding: bytes = b"gzip") -> Document:
    return Document(gzip.compress(document.body), headers=((b"content-encoding", encoding),))


KEY_SETS = _keys(
    ("keys-good", "Nothing: the key set.", SERVED, good_keys()),
    ("keys-500", "An error.", UNAVAILABLE, text("{}", 500)),
    ("keys-429", "Too many requests.", UNAVAILABLE, text("{}", 429)),
    ("keys-404", "No key set.", UNAVAILABLE, text("", 404)),
    ("keys-403", "A key set that demands credentials.", UNAVAILABLE, text("{}", 403)),
    ("keys-204", "No content.", UNAVAILABLE, text("", 204)),
    ("keys-201", "A good key set under another status.", UNAVAILABLE, Document(good_keys().body, 201)),
    ("keys-301", "A redirect to a good key set.", UNAVAILABLE, Document(b"", 301, _MOVED)),
    ("keys-302", "A passing redirect.", UNAVAILABLE, Document(good_keys().body, 302, _MOVED)),
    ("keys-307", "A redirect that keeps the method.", UNAVAILABLE, Document(b"", 307, _MOVED)),
    ("keys-html", "A web page.", UNAVAILABLE, text("<!doctype html><title>Sign in</title>")),
    ("keys-empty", "An empty body.", UNAVAILABLE, text("")),
    (
        "keys-list",
        "The keys without the object around them.",
        UNAVAILABLE,
        Document(json.dumps([published(key_for("EdDSA"))]).encode()),
    ),
    ("keys-text", "A text.", UNAVAILABLE, text('"keys"')),
    ("keys-object-empty", "An object without keys.", UNAVAILABLE, text("{}")),
    ("keys-null", "keys is null.", UNAVAILABLE, text('{"keys":null}')),
    (
        "keys-object",
        "keys is an object by id.",
        UNAVAILABLE,
        Document(json.dumps({"keys": {"ed": published(key_for("EdDSA"))}}).encode()),
    ),
    ("keys-none", "An empty list.", UNAVAILABLE, keys_of()),
    ("keys-junk", "A list of anything but keys.", UNAVAILABLE, keys_of(None, 1, "x", [], {}, True)),
    ("keys-twice", "keys twice, the good ones last.", UNAVAILABLE, Document(b'{"keys":[],' + good_keys().body[1:])),
    ("keys-nan", "A number that is none.", UNAVAILABLE, Document(b'{"x":NaN,' + good_keys().body[1:])),
    ("keys-deep", "A tower of brackets.", UNAVAILABLE, text('{"keys":' + "[" * 50_000 + "]" * 50_000 + "}")),
    ("keys-utf-16", "Another encoding.", UNAVAILABLE, Document(good_keys().body.decode().encode("utf-16"))),
    ("keys-bom", "A byte order mark.", UNAVAILABLE, Document(b"\xef\xbb\xbf" + good_keys().body)),
    ("keys-5-mb", "5 MB.", UNAVAILABLE, Document(good_keys().body + b" " * 5_000_000)),
    ("keys-bomb", "30 MB in a gzip bomb.", UNAVAILABLE, Document(_BOMB, headers=((b"content-encoding", b"gzip"),))),
    ("keys-gzip", "Nothing: a key set in gzip, though nobody asked for it.", SERVED, packed(good_keys())),
    (
        "keys-gzip-broken",
        "Half a gzip.",
        UNAVAILABLE,
        Document(gzip.compress(good_keys().body)[:40], headers=((b"content-encoding", b"gzip"),)),
    ),
    (
        "keys-gzip-lie",
        "Plain text called gzip.",
        UNAVAILABLE,
        Document(good_keys().body, headers=((b"content-encoding", b"gzip"),)),
    ),
    ("keys-brotli", "An encoding nobody asked for.", UNAVAILABLE, packed(good_keys(), b"br")),
    (
        "keys-certificates",
        "Certificates by id, as Google has them.",
        UNAVAILABLE,
        text('{"ed":"-----BEGIN CERTIFICATE-----"}'),
    ),
    ("keys-pem", "A PEM.", UNAVAILABLE, text("-----BEGIN PUBLIC KEY-----")),
    (
        "keys-plain",
        "Nothing: the media type is not looked at.",
        SERVED,
        Document(good_keys().body, headers=((b"content-type", b"text/plain"),)),
    ),
    ("keys-junk-first", "Nothing: junk before the key.", SERVED, good_keys(None, 1, "x", [], {})),
    (
        "keys-broken-first",
        "Nothing: an impossible point before it.",
        SERVED,
        good_keys({**published(key_for("ES256")), "y": "AAAA"}),
    ),
    ("keys-10000-behind", "Nothing: 10,000 empty entries behind it.", SERVED, good_keys(after=({},) * 10_000)),
    (
        "keys-10000-before",
        "10,000 empty entries before it: so many are not read.",
        INVALID,
        good_keys(published(_STRANGER), *({},) * 10_000),
    ),
    (
        "keys-private",
        "Only a private key: nobody can say who has it.",
        UNAVAILABLE,
        keys_of({**key_for("EdDSA").as_dict(private=True), "kid": "ed"}),
    ),
    ("keys-private-beside", "Nothing: a private key beside it.", SERVED, good_keys(_STRANGER.as_dict(private=True))),
    (
        "keys-symmetric",
        "Only a symmetric key of that id.",
        UNAVAILABLE,
        keys_of({"kty": "oct", "kid": "ed", "k": base64url_encode(SECRET)}),
    ),
    (
        "keys-symmetric-beside",
        "Nothing: a symmetric key of that id beside it.",
        SERVED,
        good_keys({"kty": "oct", "kid": "ed", "k": "AAAA"}),
    ),
    ("keys-weak", "Only an RSA key of 1024 bits.", UNAVAILABLE, keys_of(weak_entry("ed"))),
    ("keys-e-1", "Only an RSA key whose exponent is 1.", UNAVAILABLE, keys_of(rsa_entry("AQ"))),
    ("keys-e-even", "Only an RSA key whose exponent is even.", UNAVAILABLE, keys_of(rsa_entry("Ag"))),
    ("keys-e-huge", "Only an RSA key whose exponent takes minutes.", UNAVAILABLE, keys_of(rsa_entry("_" * 340))),
    (
        "keys-n-huge",
        "Only an RSA key of 32,768 bits.",
        UNAVAILABLE,
        keys_of({**rsa_entry("AQAB"), "n": "_" * 5460 + "8"}),
    ),
    ("keys-koblitz", "Only a key on a curve we do not take.", UNAVAILABLE, keys_of(published(koblitz_key(), kid="ed"))),
    (
        "keys-x25519",
        "Only a key for key agreement.",
        UNAVAILABLE,
        keys_of({"kty": "OKP", "crv": "X25519", "kid": "ed", "x": published(key_for("EdDSA"))["x"]}),
    ),
    ("keys-encryption", "Only a key for encryption.", UNAVAILABLE, good_keys(use="enc")),
    ("keys-ops", "Only a key that may not verify.", UNAVAILABLE, good_keys(key_ops=["encrypt"])),
    ("keys-other-alg", "A key that is for another algorithm than it can do.", UNAVAILABLE, good_keys(alg="ES256")),
    ("keys-other-kid", "The key under another id.", INVALID, keys_of(published(key_for("EdDSA"), kid="other"))),
    ("keys-other", "Another key under that id.", INVALID, keys_of(published(_STRANGER, kid="ed"))),
    ("keys-two", "Nothing: another key of that id before it.", SERVED, good_keys(published(_STRANGER, kid="ed"))),
)

DISCOVERY = (
    *_metadata(
        ("metadata-good", "Nothing: the metadata.", SERVED, good_metadata()),
        ("metadata-500", "An error.", UNAVAILABLE, text("{}", 500)),
        ("metadata-404", "No metadata.", UNAVAILABLE, _GONE),
        ("metadata-302", "A redirect to good metadata.", UNAVAILABLE, Document(b"", 302, _MOVED_METADATA)),
        ("metadata-308", "A lasting redirect.", UNAVAILABLE, Document(b"", 308, _MOVED_METADATA)),
        ("metadata-html", "A web page.", UNAVAILABLE, text("<!doctype html>")),
        ("metadata-list", "A list.", UNAVAILABLE, text("[]")),
        ("metadata-empty", "An empty object.", UNAVAILABLE, text("{}")),
        ("metadata-5-mb", "5 MB.", UNAVAILABLE, Document(good_metadata().body + b" " * 5_000_000)),
        ("metadata-bomb", "A gzip bomb.", UNAVAILABLE, Document(_BOMB, headers=((b"content-encoding", b"gzip"),))),
        ("metadata-deep", "A tower of brackets.", UNAVAILABLE, text('{"x":' + "[" * 50_000)),
        ("metadata-no-issuer", "It names no issuer.", UNAVAILABLE, good_metadata(issuer=None)),
        (
            "metadata-other-issuer",
            "It names another issuer.",
            UNAVAILABLE,
            good_metadata(issuer="https://evil.example"),
        ),
        ("metadata-issuer-slash", "It names itself with a slash.", UNAVAILABLE, good_metadata(issuer="ISSUER/")),
        ("metadata-issuer-path", "It names a realm of its own.", UNAVAILABLE, good_metadata(issuer="ISSUER/realm")),
        ("metadata-issuer-list", "It names itself in a list.", UNAVAILABLE, good_metadata(issuer=["ISSUER"])),
        (
            "metadata-issuer-twice",
            "It names itself and another.",
            UNAVAILABLE,
            text('{"issuer":"x","issuer":"ISSUER","jwks_uri":"ISSUER/jwks"}'),
        ),
        ("metadata-no-keys", "It names no key set.", UNAVAILABLE, good_metadata(jwks_uri=None)),
        ("metadata-keys-null", "The key set is null.", UNAVAILABLE, text('{"issuer":"ISSUER","jwks_uri":null}')),
        ("metadata-keys-number", "The key set is a number.", UNAVAILABLE, good_metadata(jwks_uri=1)),
        ("metadata-keys-list", "The key set is in a list.", UNAVAILABLE, good_metadata(jwks_uri=["ISSUER/jwks"])),
        ("metadata-keys-empty", "The key set is nowhere.", UNAVAILABLE, good_metadata(jwks_uri="")),
        ("metadata-keys-relative", "A relative address.", UNAVAILABLE, good_metadata(jwks_uri="/jwks")),
        (
            "metadata-keys-http",
            "An address without TLS.",
            UNAVAILABLE,
            good_metadata(jwks_uri="http://keys.example/jwks"),
        ),
        (
            "metadata-keys-cloud",
            "A cloud's metadata service.",
            UNAVAILABLE,
            good_metadata(jwks_uri="http://169.254.169.254/latest"),
        ),
        ("metadata-keys-file", "A file.", UNAVAILABLE, good_metadata(jwks_uri="file:///etc/passwd")),
        ("metadata-keys-data", "Data.", UNAVAILABLE, good_metadata(jwks_uri="data:application/json,{}")),
        ("metadata-keys-ftp", "Another protocol.", UNAVAILABLE, good_metadata(jwks_uri="ftp://127.0.0.1/jwks")),
        ("metadata-keys-script", "A script.", UNAVAILABLE, good_metadata(jwks_uri="javascript:alert(1)")),
        (
            "metadata-keys-user",
            "An address with credentials.",
            UNAVAILABLE,
            good_metadata(jwks_uri="https://a:b@127.0.0.1/jwks"),
        ),
        (
            "metadata-keys-lines",
            "An address with a line break.",
            UNAVAILABLE,
            good_metadata(jwks_uri="ISSUER/jwks\r\nX: y"),
        ),
        (
            "metadata-keys-dead",
            "An address where nobody listens.",
            UNAVAILABLE,
            good_metadata(jwks_uri="https://127.0.0.1:1/jwks"),
        ),
        ("metadata-keys-tls", "An address that speaks no TLS.", UNAVAILABLE, good_metadata(jwks_uri="TLS/jwks")),
        (
            "metadata-token-endpoint",
            "A token endpoint without TLS: the whole document lies.",
            UNAVAILABLE,
            good_metadata(token_endpoint="http://evil.example"),
        ),
    ),
    IssuerRow("metadata-8414", "discovery", "Nothing: only RFC 8414 metadata.", SERVED, openid=_GONE),
    IssuerRow(
        "metadata-8414-other",
        "discovery",
        "RFC 8414 metadata of another issuer, and no other.",
        UNAVAILABLE,
        good_metadata(issuer="https://evil.example"),
        openid=_GONE,
    ),
    IssuerRow(
        "metadata-first-lies",
        "discovery",
        "OpenID metadata of another issuer before good RFC 8414 metadata.",
        UNAVAILABLE,
        openid=good_metadata(issuer="https://evil.example"),
    ),
    IssuerRow(
        "metadata-first-fails",
        "discovery",
        "An error before good RFC 8414 metadata: it may come back.",
        UNAVAILABLE,
        openid=text("", 503),
    ),
)
