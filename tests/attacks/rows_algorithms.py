"""Algorithm and key confusion, and keys that a token brings along."""

from __future__ import annotations

import hmac
import json

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from tests.attacks.forge import SECRET, Forge, Token, join, raw_signature, signing_input
from tests.attacks.making import bent, header, header_written, signed, signed_by
from tests.attacks.row import INVALID, SERVED, attacks
from tests.identity.bench import key_for, published

_P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_ED25519_ORDER = 2**252 + 27742317777372353535851937790883648493


def unsigned(name: str, signature: bytes = b"") -> Token:
    return lambda forge: join(signing_input({"alg": name, "kid": "ed"}, forge.claims()), signature)


def public_key_as(encoding: Encoding, form: PublicFormat) -> Token:
    key = key_for("RS256").public_key
    return lambda forge: forge.mac(key.public_bytes(encoding, form))


def with_signature(signature: bytes, algorithm: str = "EdDSA", kid: str = "ed") -> Token:
    return lambda forge: join(signing_input({"alg": algorithm, "kid": kid}, forge.claims()), signature)


def _es256(forge: Forge) -> tuple[bytes, int, int]:
    first = signing_input({"alg": "ES256", "kid": "p256"}, forge.claims())
    signature = raw_signature(first, key_for("ES256"), "ES256")
    return first, int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")


def der_signature(forge: Forge) -> bytes:
    first, r, s = _es256(forge)
    return join(first, encode_dss_signature(r, s))


def mirrored_signature(forge: Forge) -> bytes:
    first, r, s = _es256(forge)
    return join(first, r.to_bytes(32, "big") + (_P256_ORDER - s).to_bytes(32, "big"))


def long_numbers(forge: Forge) -> bytes:
    first, r, s = _es256(forge)
    return join(first, r.to_bytes(48, "big") + s.to_bytes(48, "big"))


def shifted_scalar(forge: Forge) -> bytes:
    first = signing_input({"alg": "EdDSA", "kid": "ed"}, forge.claims())
    signature = raw_signature(first, key_for("EdDSA"))
    scalar = int.from_bytes(signature[32:], "little") + _ED25519_ORDER
    return join(first, signature[:32] + scalar.to_bytes(32, "little"))


def signature_of_part(part: int) -> Token:
    def make(forge: Forge) -> bytes:
        first = signing_input({"alg": "EdDSA", "kid": "ed"}, forge.claims())
        return join(first, raw_signature(first.split(b".")[part], key_for("EdDSA")))

    return make


def signature_of_another(forge: Forge) -> bytes:
    mine, other = forge.token(payload={"sub": "mallory"}), forge.token()
    return mine.rpartition(b".")[0] + b"." + other.rpartition(b".")[2]


def signature_changed(cut: int, more: bytes = b"") -> Token:
    def make(forge: Forge) -> bytes:
        first, _, last = forge.token().rpartition(b".")
        signature = base64url_decode(last)
        return join(first, signature[: len(signature) - cut] + more)

    return make


def rsa_signature_with_a_zero_before(forge: Forge) -> bytes:
    first, _, last = forge.token(header={"kid": "rsa"}, algorithm="RS256").rpartition(b".")
    return join(first, b"\x00" + base64url_decode(last))


def unencoded_payload(forge: Forge) -> bytes:
    first = signing_input({"alg": "EdDSA", "kid": "ed", "b64": False}, b"").rstrip(b".")
    first += b"." + json.dumps(forge.claims()).encode().replace(b".", b"")
    return join(first, raw_signature(first, key_for("EdDSA")))


_NAMES = ("none", "None", "NONE", "nOnE")

ALGORITHMS = attacks(
    "algorithms",
    *(
        (f"alg-{name}-{number}", "A token says it needs no signature.", INVALID, unsigned(name))
        for number, name in enumerate(_NAMES, 1)
    ),
    (
        "alg-none-signed",
        "Only the header of a good token is changed to `none`; its signature stays.",
        INVALID,
        lambda forge: signing_input({"alg": "none"}, forge.claims()) + b"." + forge.token().rpartition(b".")[2],
    ),
    (
        "hmac-spki-pem",
        "HS256 with the public RSA key's PEM as the secret.",
        INVALID,
        public_key_as(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    ),
    (
        "hmac-pkcs1-pem",
        "HS256 with the public RSA key's PKCS #1 PEM as the secret.",
        INVALID,
        public_key_as(Encoding.PEM, PublicFormat.PKCS1),
    ),
    (
        "hmac-spki-der",
        "HS256 with the public RSA key's DER as the secret.",
        INVALID,
        public_key_as(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    ),
    (
        "hmac-jwk",
        "HS256 with the published JWK's JSON as the secret.",
        INVALID,
        lambda forge: forge.mac(json.dumps(published(key_for("RS256"), kid="rsa")).encode()),
    ),
    (
        "hmac-modulus",
        "HS256 with the modulus as the secret.",
        INVALID,
        lambda forge: forge.mac(base64url_decode(str(published(key_for("RS256"))["n"]))),
    ),
    (
        "hmac-x",
        "HS512 with the public bytes of the Ed25519 key as the secret.",
        INVALID,
        lambda forge: forge.mac(base64url_decode(str(published(key_for("EdDSA"))["x"])), "HS512", "ed"),
    ),
    ("hmac-empty", "HS256 with an empty secret.", INVALID, lambda forge: forge.mac(b"")),
    (
        "hmac-published",
        "HS256 with a symmetric key that the key set itself gives away.",
        INVALID,
        lambda forge: forge.mac(SECRET, kid="symmetric"),
    ),
    ("rs256", "Nothing: RS256 by a key without alg.", SERVED, signed("RS256", "rsa")),
    ("rs256-named", "Nothing: RS256 by a key for it.", SERVED, signed("RS256", "rsa-for-rs256")),
    ("ps384", "Nothing: PS384 by a key without alg.", SERVED, signed("PS384", "rsa")),
    ("ps256-on-rs256-key", "PS256 by a key that is for RS256.", INVALID, signed("PS256", "rsa-for-rs256")),
    ("rs512-on-rs256-key", "RS512 by a key that is for RS256.", INVALID, signed("RS512", "rsa-for-rs256")),
    ("ps256-as-rs256", "A PSS signature is called RS256.", INVALID, signed("PS256", "rsa", alg="RS256")),
    ("rs256-as-rs512", "A hash is called another one.", INVALID, signed("RS256", "rsa", alg="RS512")),
    ("rs256-by-ec", "RS256 with the id of an EC key.", INVALID, signed("RS256", "p256")),
    ("es256-by-rsa", "ES256 with the id of an RSA key.", INVALID, signed("ES256", "rsa")),
    ("eddsa-by-ec", "EdDSA with the id of an EC key.", INVALID, signed("EdDSA", "p256")),
    ("es256", "Nothing: ES256.", SERVED, signed("ES256", "p256")),
    ("es256-by-p384", "ES256 signed by a P-384 key.", INVALID, signed("ES384", "p384", alg="ES256")),
    ("es384-by-p256", "ES384 signed by a P-256 key.", INVALID, signed("ES256", "p256", alg="ES384")),
    ("es256k", "ES256K, whose curve a published key has.", INVALID, header(alg="ES256K", kid="koblitz")),
    ("es256-koblitz", "ES256 by a secp256k1 key.", INVALID, signed("ES256", "koblitz")),
    ("eddsa", "Nothing: Ed25519 under its old name.", SERVED, header(alg="EdDSA")),
    ("ed25519", "Nothing: Ed25519 under its new name.", SERVED, header(alg="Ed25519")),
    ("ed448", "An Ed25519 signature is called Ed448.", INVALID, header(alg="Ed448")),
    ("alg-lower", "`eddsa` instead of `EdDSA`.", INVALID, header(alg="eddsa")),
    ("alg-lower-rsa", "`rs256` instead of `RS256`.", INVALID, signed("RS256", "rsa", alg="rs256")),
    ("alg-space", "A space before the name.", INVALID, header(alg=" EdDSA")),
    ("alg-nul", "A NUL behind the name.", INVALID, header(alg="EdDSA\x00")),
    ("alg-empty", "An empty name.", INVALID, header(alg="")),
    ("alg-absent", "No alg at all.", INVALID, header(alg=None)),
    ("alg-null", "alg is null.", INVALID, header_written("alg", "null")),
    ("alg-number", "alg is a number.", INVALID, header(alg=256)),
    ("alg-list", "alg is a list.", INVALID, header(alg=["EdDSA", "none"])),
    ("alg-object", "alg is an object.", INVALID, header(alg={"EdDSA": True})),
    ("alg-true", "alg is true.", INVALID, header(alg=True)),
    ("alg-jwe", "An encryption's name on a signed token.", INVALID, header(alg="RSA-OAEP-256")),
    ("alg-dir", "`dir` on a signed token.", INVALID, header(alg="dir", enc="A256GCM")),
    ("alg-sha1", "RS1, which uses SHA-1.", INVALID, signed("RS256", "rsa", alg="RS1")),
    (
        "b64-encoded",
        "`b64: false` without crit is no extension in force (RFC 7797 section 6): the payload is read as always.",
        SERVED,
        header(b64=False),
    ),
    ("b64-raw", "`b64: false` with the bare JSON as payload.", INVALID, unencoded_payload),
    ("zip-jws", "`zip` on a signed token, where it means nothing.", SERVED, header(zip="DEF")),
    ("sig-other-token", "The signature of another token.", INVALID, signature_of_another),
    ("sig-truncated", "The signature without its last byte.", INVALID, signature_changed(1)),
    ("sig-extended", "A byte behind the signature.", INVALID, signature_changed(0, b"\x00")),
    ("sig-twice", "The signature and as many zeros.", INVALID, signature_changed(0, bytes(64))),
    ("sig-empty", "No signature.", INVALID, with_signature(b"")),
    ("sig-of-header", "A signature of the header alone.", INVALID, signature_of_part(0)),
    ("sig-of-payload", "A signature of the payload alone.", INVALID, signature_of_part(1)),
    ("sig-zero-ed", "64 zeros as an EdDSA signature.", INVALID, with_signature(bytes(64))),
    (
        "sig-zero-ec",
        "r = s = 0, which a wrong verifier takes for any message (CVE-2022-21449).",
        INVALID,
        with_signature(bytes(64), "ES256", "p256"),
    ),
    (
        "sig-order-ec",
        "r = s = the order of the group, which is 0 again.",
        INVALID,
        with_signature(_P256_ORDER.to_bytes(32, "big") * 2, "ES256", "p256"),
    ),
    ("sig-der", "An ECDSA signature as DER.", INVALID, der_signature),
    ("sig-long-numbers", "ECDSA numbers with zeros before them.", INVALID, long_numbers),
    (
        "sig-mirrored",
        "(r, n - s) instead of (r, s): as good a signature, of the same words. Nothing here takes a token for unique.",
        SERVED,
        mirrored_signature,
    ),
    (
        "sig-shifted-ed",
        "An EdDSA scalar beyond the group's order (RFC 8032 section 5.1.7 refuses it).",
        INVALID,
        shifted_scalar,
    ),
    ("sig-rsa-one", "An RSA signature of 1.", INVALID, with_signature(bytes(255) + b"\x01", "RS256", "rsa")),
    ("sig-rsa-long", "An RSA signature with a zero before it.", INVALID, rsa_signature_with_a_zero_before),
    ("sig-foreign", "Another key's signature under a known id.", INVALID, signed_by("stranger", "ed")),
    ("sig-foreign-rsa", "The same with RSA.", INVALID, signed_by("stranger", "rsa", "RS256")),
    ("sig-foreign-no-kid", "Another key's signature, and no id.", INVALID, signed_by("stranger", None)),
    (
        "segments-swapped",
        "Payload, header, signature.",
        INVALID,
        bent(lambda token: b".".join([token.split(b".")[1], token.split(b".")[0], token.split(b".")[2]])),
    ),
)


def with_own_key(kid: str | None, **more: object) -> Token:
    """The stranger's token, with the stranger's public key in its header."""
    return lambda forge: forge.foreign(kid=kid, jwk=published(key_for("EdDSA", "stranger")), **more)


def with_own_secret(forge: Forge) -> bytes:
    first = signing_input(
        {"alg": "HS256", "jwk": {"kty": "oct", "k": base64url_encode(SECRET)}, "kid": "rsa"}, forge.claims()
    )
    return join(first, hmac.digest(SECRET, first, "sha256"))


def pointing(name: str, kid: str | None = None, path: str = "/jwks") -> Token:
    """The stranger's token, with the address of the stranger's keys in its header."""
    return lambda forge: forge.foreign(kid=kid, **{name: forge.stranger.issuer_url + path})


EMBEDDED_KEYS = attacks(
    "embedded keys",
    ("jwk-no-kid", "A token brings its own key.", INVALID, with_own_key(None)),
    ("jwk-known-kid", "It calls that key by a known id.", INVALID, with_own_key("ed")),
    ("jwk-own-kid", "It calls that key by an id of its own.", INVALID, with_own_key("mine")),
    ("jwk-symmetric", "It brings a symmetric key and a MAC made with it.", INVALID, with_own_secret),
    (
        "jwk-private",
        "It brings a private key.",
        INVALID,
        lambda forge: forge.foreign(jwk=key_for("EdDSA", "stranger").as_dict(private=True)),
    ),
    ("jku", "A token says where its key set is.", INVALID, pointing("jku")),
    ("jku-known-kid", "It names a known id besides.", INVALID, pointing("jku", "ed")),
    (
        "jku-stranger-kid",
        "It names the key there.",
        INVALID,
        lambda forge: forge.foreign(jku=forge.stranger.jwks_url, kid=forge.stranger.kid),
    ),
    (
        "jku-userinfo",
        "An address that begins with our issuer's and leads elsewhere.",
        INVALID,
        lambda forge: forge.foreign(jku=f"{forge.issuer.issuer_url}@{forge.stranger.issuer_url[7:]}/jwks"),
    ),
    ("jku-file", "An address in the file system.", INVALID, lambda forge: forge.foreign(jku="file:///etc/passwd")),
    (
        "jku-metadata",
        "The address of a cloud's metadata service.",
        INVALID,
        lambda forge: forge.foreign(jku="http://169.254.169.254/latest/meta-data/"),
    ),
    ("x5u", "A token says where its certificate is.", INVALID, pointing("x5u", path="/register")),
    ("x5u-known-kid", "It names a known id besides.", INVALID, pointing("x5u", "ed")),
    ("x5c", "A token brings its certificate.", INVALID, lambda forge: forge.foreign(x5c=["MIIB"], kid=None)),
    (
        "x5t",
        "A token names a certificate by its digest.",
        INVALID,
        lambda forge: forge.foreign(x5t="AAAAAAAAAAAAAAAAAAAAAAAAAAA", kid=None),
    ),
    ("x5t-s256", "The same with SHA-256.", INVALID, lambda forge: forge.foreign(**{"x5t#S256": "A" * 43}, kid="mine")),
    (
        "jwk-genuine",
        "Nothing: an issuer that repeats its key is not read there.",
        SERVED,
        header(jwk=published(key_for("EdDSA"))),
    ),
    (
        "jku-genuine",
        "Nothing: an address in a genuine token is not asked.",
        SERVED,
        lambda forge: forge.token(header={"jku": forge.stranger.jwks_url, "x5u": forge.stranger.jwks_url}),
    ),
)
