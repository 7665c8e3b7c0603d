"""Encrypted tokens: bombs, confused algorithms, broken parts, and whatever may be inside.

Encryption proves nothing about the sender, and no failure may tell which step failed (RFC 7516 section 11.5): all rows
that are refused as invalid are answered alike, byte for byte.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from cryptography.hazmat.primitives.asymmetric.padding import AsymmetricPadding
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.concatkdf import ConcatKDFHash
from joserfc import jwk

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from tests.attacks.forge import SECRET, Forge, Token, join, signing_input
from tests.attacks.row import EXPIRED, INVALID, OTHER_AUDIENCE, SERVED, attacks
from tests.identity.bench import NOW, key_for, published
from tests.identity.jwe_bench import encrypt, joined, private, segments_of

_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def around(make: Token = Forge.token, /, **options: Any) -> Token:
    """What this makes, encrypted with these options of `encrypt`."""
    return lambda forge: encrypt(make(forge), **options).encode()


def inside(**changes: Any) -> Token:
    """An encrypted token whose claims are changed before they are signed."""
    return around(lambda forge: forge.token(payload=changes))


def claims_alone(forge: Forge) -> bytes:
    return json.dumps(forge.claims()).encode()


def unsigned(forge: Forge) -> bytes:
    return join(signing_input({"alg": "none"}, forge.claims()), b"")


def parts(change: Callable[[list[bytes]], list[bytes]], kind: str = "RSA") -> Token:
    """A good encrypted token whose five parts are changed."""
    return lambda forge: joined(*change(segments_of(encrypt(forge.token(), kind=kind)))).encode()


def part(place: int, change: Callable[[bytes], bytes], kind: str = "RSA") -> Token:
    """The same for one part."""
    return parts(lambda all_of: [change(one) if at == place else one for at, one in enumerate(all_of)], kind)


def member(name: str, value: Any, kind: str = "P-256") -> Token:
    """A good encrypted token with another header."""
    return part(0, lambda data: json.dumps({**json.loads(data), name: value}).encode(), kind)


def sealed(header: dict[str, Any], content_key: bytes, encrypted_key: bytes, payload: bytes) -> bytes:
    """A JWE by hand, with AES-GCM."""
    first = base64url_encode(json.dumps(header).encode())
    iv = os.urandom(12)
    text = AESGCM(content_key).encrypt(iv, payload, first.encode())
    rest = (encrypted_key, iv, text[:-16], text[-16:])
    return ".".join([first, *map(base64url_encode, rest)]).encode()


def wrapped(header: dict[str, Any], pad: AsymmetricPadding, payload: bytes) -> bytes:
    """A JWE by hand for our RSA key, with this padding."""
    key = private("RSA")
    assert isinstance(key, jwk.RSAKey)
    content_key = os.urandom(32)
    return sealed(header, content_key, key.public_key.encrypt(content_key, pad), payload)


def bomb(forge: Forge) -> bytes:
    """Ten megabytes of claims in a few kilobytes, made as RFC 7516 says."""
    deflate = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    payload = json.dumps({**forge.claims(), "x": "x" * 10_000_000}).encode()
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "e1", "zip": "DEF"}
    return wrapped(header, _OAEP, deflate.compress(payload) + deflate.flush())


def rsa1_5(forge: Forge) -> bytes:
    """A whole, openable token by the algorithm whose padding tells about the key."""
    header = {"alg": "RSA1_5", "enc": "A256GCM", "kid": "e1", "cty": "JWT"}
    return wrapped(header, padding.PKCS1v15(), forge.token())


def direct(forge: Forge) -> bytes:
    """Encrypted with a key that is in the issuer's key set."""
    header = {"alg": "dir", "enc": "A256GCM", "kid": "symmetric", "cty": "JWT"}
    return sealed(header, SECRET[:32], b"", forge.token())


def by_hand(forge: Forge) -> bytes:
    """A good token, encrypted the way the bad ones here are."""
    return wrapped({"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "e1", "cty": "JWT"}, _OAEP, forge.token())


def agreed(*names: str) -> Token:
    """A key agreement by hand, with these members of the ephemeral key in the header."""

    def make(forge: Forge) -> bytes:
        receiver = private("P-256")
        assert isinstance(receiver, jwk.ECKey)
        ephemeral = ec.generate_private_key(ec.SECP256R1())
        secret = ephemeral.exchange(ec.ECDH(), receiver.public_key)
        # RFC 7518 section 4.6.2: the algorithm, two absent parties and the key's size.
        info = len("A256GCM").to_bytes(4, "big") + b"A256GCM" + bytes(8) + (256).to_bytes(4, "big")
        content_key = ConcatKDFHash(hashes.SHA256(), 32, info).derive(secret)
        members = jwk.ECKey.import_key(ephemeral).as_dict(private=True)
        point = {name: members[name] for name in names}
        header = {"alg": "ECDH-ES", "enc": "A256GCM", "kid": "e1", "cty": "JWT", "epk": point}
        return sealed(header, content_key, b"", forge.token())

    return make


def wrapped_for_another(all_of: list[bytes]) -> list[bytes]:
    return [all_of[0], segments_of(encrypt("a.b.c"))[1], *all_of[2:]]


ENCRYPTED = attacks(
    "jwe",
    ("jwe-rsa", "Nothing: a signed token, encrypted to our RSA key.", SERVED, around()),
    ("jwe-ec", "Nothing: encrypted to our EC key.", SERVED, around(kind="P-256")),
    ("jwe-cbc", "Nothing: by another content encryption.", SERVED, around(algorithms=("RSA-OAEP", "A128CBC-HS256"))),
    ("jwe-cty-jwt", "Nothing: cty is JWT.", SERVED, around(cty="JWT")),
    ("jwe-cty-absent", "Nothing: cty is left out.", SERVED, around(cty=None)),
    ("jwe-no-kid", "Nothing: without an id, our keys are tried.", SERVED, around(kid=None)),
    ("jwe-own-kid", "Nothing: the producer's own name for our key.", SERVED, around(kid="yours")),
    ("jwe-expired", "A genuine token inside, expired.", EXPIRED, inside(exp=NOW - 100)),
    ("jwe-audience", "A genuine token inside, for somebody else.", OTHER_AUDIENCE, inside(aud="https://x.example")),
    ("jwe-bomb", "Ten megabytes in a few kilobytes.", INVALID, bomb),
    ("jwe-zip", "Content called compressed.", INVALID, around(zip="DEF")),
    ("jwe-zip-null", "zip is null.", INVALID, member("zip", None, "RSA")),
    ("jwe-rsa1-5", "RSA1_5, whose padding tells about the key.", INVALID, rsa1_5),
    (
        "jwe-pbes2",
        "A password hashed ten million times.",
        INVALID,
        around(alg="PBES2-HS256+A128KW", p2s="AAAA", p2c=10**7),
    ),
    (
        "jwe-pbes2-huge",
        "A password hashed for years.",
        INVALID,
        around(alg="PBES2-HS512+A256KW", p2s="AAAA", p2c=10**30),
    ),
    ("jwe-dir", "A direct key, out of the issuer's key set.", INVALID, direct),
    ("jwe-a128kw", "A wrapped key under a shared one.", INVALID, around(alg="A128KW")),
    ("jwe-a256gcmkw", "The same with GCM.", INVALID, around(alg="A256GCMKW", iv="AAAA", tag="AAAA")),
    ("jwe-alg-none", "No key management at all.", INVALID, around(alg="none")),
    ("jwe-alg-signature", "A signature's name.", INVALID, around(alg="RS256")),
    ("jwe-alg-absent", "No alg.", INVALID, around(alg=None)),
    ("jwe-alg-list", "A list of algorithms.", INVALID, around(alg=["RSA-OAEP-256"])),
    ("jwe-enc-192", "A content encryption that is not on the list.", INVALID, around(enc="A192GCM")),
    ("jwe-enc-none", "No content encryption.", INVALID, around(enc="none")),
    ("jwe-enc-absent", "No enc.", INVALID, around(enc=None)),
    ("jwe-enc-confused", "GCM content called CBC.", INVALID, around(enc="A128CBC-HS256")),
    ("jwe-crit", "A critical extension.", INVALID, around(crit=["x"], x=1)),
    ("jwe-depth-2", "An encrypted token inside.", INVALID, around(around())),
    ("jwe-depth-3", "Two of them.", INVALID, around(around(around()))),
    ("jwe-none-inside", "An unsigned token inside.", INVALID, around(unsigned)),
    (
        "jwe-mac-inside",
        "A token inside, sealed with our public key.",
        INVALID,
        around(lambda f: f.mac(json.dumps(published(key_for("RS256"))).encode())),
    ),
    ("jwe-foreign-inside", "A token inside, signed by somebody else.", INVALID, around(lambda f: f.foreign())),
    (
        "jwe-foreign-key-inside",
        "The same, with the stranger's key along.",
        INVALID,
        around(lambda f: f.foreign(jwk=published(key_for("EdDSA", "stranger")), kid=None)),
    ),
    (
        "jwe-stranger-inside",
        "Another issuer's genuine token inside.",
        INVALID,
        around(lambda f: f.stranger.token().encode()),
    ),
    ("jwe-crit-inside", "A critical extension inside.", INVALID, around(lambda f: f.token(header={"crit": ["x"]}))),
    ("jwe-typ-inside", "A logout token inside.", INVALID, around(lambda f: f.token(header={"typ": "logout+jwt"}))),
    (
        "jwe-twice-inside",
        "A repeated claim inside.",
        INVALID,
        around(lambda f: f.token(payload=b'{"sub":"a","sub":"b"}')),
    ),
    (
        "jwe-claims",
        "Claims inside that nobody signed: our key is public (J1).",
        INVALID,
        around(claims_alone, cty="json"),
    ),
    ("jwe-claims-no-cty", "The same without cty.", INVALID, around(claims_alone, cty=None)),
    ("jwe-claims-cty-jwt", "The same, called a token.", INVALID, around(claims_alone, cty="JWT")),
    ("jwe-text", "Any text inside.", INVALID, around(lambda _: b"alice", cty=None)),
    ("jwe-nothing", "Nothing inside.", INVALID, around(lambda _: b"", cty=None)),
    ("jwe-binary", "Bytes inside.", INVALID, around(lambda _: bytes(range(256)), cty=None)),
    ("jwe-cty-text", "cty says it is plain text.", INVALID, around(cty="text/plain")),
    ("jwe-cty-json", "cty says it is claims, and it is a token.", INVALID, around(cty="json")),
    ("jwe-cty-number", "cty is a number.", INVALID, around(cty=1)),
    ("jwe-cty-null", "cty is null.", INVALID, member("cty", None, "RSA")),
    ("jwe-cty-jwe", "cty says it is another encrypted one.", INVALID, around(cty="JWE")),
    ("jwe-tag-short", "A tag of four bytes.", INVALID, part(4, lambda data: data[:4])),
    ("jwe-tag-empty", "No tag.", INVALID, part(4, lambda _: b"")),
    ("jwe-tag-zero", "A tag of zeros.", INVALID, part(4, lambda _: bytes(16))),
    ("jwe-iv-short", "An initialization vector a byte short.", INVALID, part(2, lambda data: data[:-1])),
    ("jwe-iv-long", "A longer one.", INVALID, part(2, lambda data: data + b"\x00")),
    ("jwe-iv-empty", "None.", INVALID, part(2, lambda _: b"")),
    ("jwe-text-changed", "A bit of the content.", INVALID, part(3, lambda data: bytes([data[0] ^ 1]) + data[1:])),
    ("jwe-text-empty", "No content.", INVALID, part(3, lambda _: b"")),
    ("jwe-header-changed", "Another member in the header, which is authenticated.", INVALID, member("x", 1, "RSA")),
    ("jwe-key-zero", "A wrapped key of zeros.", INVALID, part(1, lambda data: bytes(len(data)))),
    ("jwe-key-short", "A wrapped key a byte short.", INVALID, part(1, lambda data: data[:-1])),
    ("jwe-key-empty", "No wrapped key.", INVALID, part(1, lambda _: b"")),
    ("jwe-key-large", "A wrapped key beyond the modulus.", INVALID, part(1, lambda _: b"\xff" * 256)),
    ("jwe-key-other", "Another token's wrapped key.", INVALID, parts(wrapped_for_another)),
    ("jwe-key-extra", "A wrapped key where none belongs.", INVALID, part(1, lambda _: bytes(40), "P-256")),
    ("jwe-foreign-key", "A token for somebody else's key.", INVALID, around(name="foreign", kid="e1")),
    ("jwe-retired-key", "A token for a key that we gave up.", INVALID, around(name="retired")),
    ("jwe-other-curve", "A token for a curve we have no key on.", INVALID, around(kind="P-384")),
    (
        "jwe-epk-off-curve",
        "An ephemeral key that is no point.",
        INVALID,
        member("epk", {"kty": "EC", "crv": "P-256", "x": "A" * 43, "y": "A" * 43}),
    ),
    ("jwe-epk-other", "An ephemeral key on another curve.", INVALID, member("epk", published(key_for("ES384")))),
    ("jwe-epk-absent", "No ephemeral key.", INVALID, member("epk", None)),
    (
        "jwe-epk-private",
        "An ephemeral private key, with which every reader opens it (RFC 7518 section 4.6.1.1 forbids it).",
        INVALID,
        agreed("kty", "crv", "x", "y", "d"),
    ),
    ("jwe-epk-by-hand", "Nothing: the same without the private part.", SERVED, agreed("kty", "crv", "x", "y")),
    ("jwe-by-hand", "Nothing: made as the bomb is, and not compressed.", SERVED, by_hand),
    ("jwe-party", "Party information that is no base64url.", INVALID, member("apu", "=")),
    ("jwe-header-twice", "alg a second time.", INVALID, part(0, lambda data: data[:-1] + b',"alg":"dir"}')),
    ("jwe-header-deep", "A header of brackets.", INVALID, part(0, lambda _: b"[" * 3000)),
    ("jwe-kid-number", "The key id is a number.", INVALID, around(kid=1)),
    (
        "jwe-own-jwk",
        "The stranger's key in the header changes nothing.",
        SERVED,
        around(jwk=published(key_for("EdDSA", "stranger"))),
    ),
    (
        "jwe-own-jku",
        "An address in the header is not asked.",
        SERVED,
        lambda f: encrypt(f.token(), jku=f.stranger.jwks_url).encode(),
    ),
    ("jwe-empty", "Five empty parts.", INVALID, lambda _: b"...."),
    ("jwe-large", "100 KB of it.", INVALID, around(lambda _: b"x" * 100_000)),
    ("jwe-padding", "Padding behind it.", INVALID, lambda f: encrypt(f.token()).encode() + b"="),
    ("jwe-newline", "A newline behind it.", INVALID, lambda f: encrypt(f.token()).encode() + b"\n"),
    ("jwe-stray-bits", "A stray bit in the last character.", INVALID, lambda f: _stray(encrypt(f.token()).encode())),
)


def _stray(token: bytes) -> bytes:
    # 16 bytes of tag leave four bits of the last character unused.
    last = base64url_encode(base64url_decode(token.rpartition(b".")[2].decode()))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + alphabet[alphabet.index(last[-1]) ^ 1].encode()
