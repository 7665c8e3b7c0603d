"""What a header may say: key ids, critical extensions, types."""

from __future__ import annotations

import unicodedata

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from tests.attacks.forge import SECRET, Forge, join, signing_input, weak_key
from tests.attacks.making import header, header_written, signed, signed_by
from tests.attacks.row import INVALID, SERVED, attacks


def by_weak_key(forge: Forge) -> bytes:
    first = signing_input({"alg": "RS256", "kid": "weak"}, forge.claims())
    return join(first, weak_key().sign(first, padding.PKCS1v15(), hashes.SHA256()))


def own_address(forge: Forge) -> bytes:
    return forge.foreign(kid=forge.stranger.jwks_url)


KID = attacks(
    "kid",
    ("kid-good", "Nothing: the key's id.", SERVED, header(kid="ed")),
    ("kid-absent", "No id: every fitting key is tried.", SERVED, header(kid=None)),
    ("kid-unknown", "An id nobody published.", INVALID, header(kid="no such key")),
    ("kid-unknown-foreign", "An id nobody published, and another key.", INVALID, signed_by("stranger", "new")),
    ("kid-empty", "An empty id is no id left out.", INVALID, header(kid="")),
    ("kid-null", "null is no id left out: RFC 7515 section 4.1.4 says text.", INVALID, header_written("kid", "null")),
    ("kid-number", "The id is a number.", INVALID, header(kid=0)),
    ("kid-true", "The id is true.", INVALID, header(kid=True)),
    ("kid-list", "The id is a list with a good one.", INVALID, header(kid=["ed"])),
    ("kid-object", "The id is an object.", INVALID, header(kid={"ed": "ed"})),
    ("kid-upper", "The id in other letters: ids know case.", INVALID, header(kid="ED")),
    ("kid-lower", "A key called `Cased` is asked for as `cased`.", INVALID, signed_by("cased", "cased")),
    ("kid-cased", "Nothing: the same key by its name.", SERVED, signed_by("cased", "Cased")),
    ("kid-space", "A space behind the id.", INVALID, header(kid="ed ")),
    ("kid-nul", "A NUL behind the id, where C programs stop reading.", INVALID, header(kid="ed\x00")),
    ("kid-nul-path", "A NUL before something else.", INVALID, header(kid="ed\x00.pem")),
    ("kid-newline", "A line of its own in our log.", INVALID, header(kid="ed\ncode=none user=root")),
    ("kid-look-alike", "A Cyrillic letter in the id.", INVALID, header(kid="\u0435d")),
    ("kid-full-width", "Full-width letters, which NFKC makes plain.", INVALID, header(kid="\uff45\uff44")),
    ("kid-combining", "A combining character behind it.", INVALID, header(kid=unicodedata.normalize("NFD", "\u00e9d"))),
    ("kid-too-long", "An id of 513 characters.", INVALID, header(kid="x" * 513)),
    ("kid-10-kb", "An id of 10 KB.", INVALID, header(kid="x" * 10_240)),
    ("kid-path", "A path in the file system, whose content is known.", INVALID, header(kid="../../../../dev/null")),
    (
        "kid-path-mac",
        "The same, with a MAC made with that file's content.",
        INVALID,
        lambda f: f.mac(b"", kid="/dev/null"),
    ),
    ("kid-sql", "A piece of SQL that brings a key along.", INVALID, header(kid="x' UNION SELECT 'secret' -- ")),
    ("kid-shell", "A piece of shell.", INVALID, header(kid="ed|/usr/bin/id")),
    ("kid-template", "A piece of a template.", INVALID, header(kid="{{7*7}}${7*7}%s%n")),
    ("kid-dunder", "The name of something every object has.", INVALID, header(kid="__class__")),
    ("kid-index", "The place of the key in the set.", INVALID, header(kid="4")),
    ("kid-address", "An address with keys, which nobody may fetch.", INVALID, own_address),
    ("kid-encryption-key", "The id of a key for encryption.", INVALID, signed("RS256", "for-encryption")),
    ("kid-signing-only", "The id of a key whose key_ops lack verify.", INVALID, header(kid="for-signing-only")),
    ("kid-private", "The id of a key published with its private part.", INVALID, signed_by("private", "private")),
    ("kid-symmetric", "The id of a symmetric key, under an asymmetric name.", INVALID, header(kid="symmetric")),
    ("kid-weak", "The id of an RSA key of 1024 bits.", INVALID, by_weak_key),
    ("kid-twin-ec", "Nothing: two keys of one id, the EC one.", SERVED, signed_by("twin", "twin", "ES256")),
    ("kid-twin-ed", "Nothing: two keys of one id, the Ed25519 one.", SERVED, signed_by("twin", "twin")),
    ("kid-twin-mixed", "Two keys of one id, and a third one's signature.", INVALID, header(kid="twin")),
    ("kid-other-good", "The id of another good key than the one that signed.", INVALID, header(kid="Cased")),
    (
        "kid-symmetric-mac",
        "A MAC by the symmetric key of that id.",
        INVALID,
        lambda f: f.mac(SECRET, "HS512", "symmetric"),
    ),
)

CRIT = attacks(
    "crit",
    ("crit-unknown", "An extension nobody knows.", INVALID, header(crit=["x-future"], **{"x-future": 1})),
    ("crit-empty", "An empty list, which RFC 7515 forbids.", INVALID, header(crit=[])),
    ("crit-b64-true", "b64 (RFC 7797), saying what is so anyhow.", INVALID, header(crit=["b64"], b64=True)),
    ("crit-b64-false", "b64 (RFC 7797), in force.", INVALID, header(crit=["b64"], b64=False)),
    ("crit-known", "A name that RFC 7515 itself defines.", INVALID, header(crit=["kid"])),
    ("crit-alg", "The algorithm called critical.", INVALID, header(crit=["alg"])),
    ("crit-claim", "A claim's name.", INVALID, header(crit=["exp"], exp=9_999_999_999)),
    ("crit-absent-member", "A name that the header does not have.", INVALID, header(crit=["x-future"])),
    ("crit-twice", "One name twice.", INVALID, header(crit=["b64", "b64"], b64=True)),
    ("crit-empty-name", "An empty name.", INVALID, header(crit=[""])),
    ("crit-text", "A text instead of a list.", INVALID, header(crit="b64", b64=True)),
    ("crit-null", "null instead of a list.", INVALID, header_written("crit", "null")),
    ("crit-false", "false instead of a list.", INVALID, header(crit=False)),
    ("crit-object", "An object instead of a list.", INVALID, header(crit={"b64": True})),
    ("crit-numbers", "A list of numbers.", INVALID, header(crit=[1])),
    ("crit-upper", "Nothing: `CRIT` is another member, which means nothing.", SERVED, header(CRIT=["x-future"])),
)

TYP = attacks(
    "typ",
    ("typ-at", "Nothing: an access token (RFC 9068).", SERVED, header(typ="at+jwt")),
    ("typ-at-upper", "Nothing: media types know no case.", SERVED, header(typ="AT+JWT")),
    ("typ-application-at", "Nothing: the long form.", SERVED, header(typ="application/at+jwt")),
    ("typ-jwt", "Nothing: what most issuers write.", SERVED, header(typ="JWT")),
    ("typ-jwt-lower", "Nothing: the same in lower case.", SERVED, header(typ="jwt")),
    ("typ-absent", "Nothing: some issuers write none.", SERVED, header(typ=None)),
    ("typ-null", "null is no type left out.", INVALID, header_written("typ", "null")),
    ("typ-empty", "An empty type.", INVALID, header(typ="")),
    ("typ-id", "An ID token.", INVALID, header(typ="id_token+jwt")),
    ("typ-id-keycloak", "An ID token as Keycloak calls it.", INVALID, header(typ="ID")),
    ("typ-logout", "A logout token.", INVALID, header(typ="logout+jwt")),
    ("typ-dpop", "A DPoP proof.", INVALID, header(typ="dpop+jwt")),
    ("typ-secevent", "A security event.", INVALID, header(typ="secevent+jwt")),
    ("typ-introspection", "An introspection answer (RFC 9701).", INVALID, header(typ="token-introspection+jwt")),
    ("typ-request", "A request object (RFC 9101).", INVALID, header(typ="oauth-authz-req+jwt")),
    ("typ-client", "A client's own assertion.", INVALID, header(typ="client-authentication+jwt")),
    ("typ-sd", "A verifiable credential.", INVALID, header(typ="dc+sd-jwt")),
    ("typ-jose", "The general type of JOSE objects.", INVALID, header(typ="JOSE")),
    ("typ-jwe", "The type of an encrypted one.", INVALID, header(typ="JWE")),
    ("typ-parameter", "A parameter behind the type.", INVALID, header(typ="at+jwt;charset=utf-8")),
    ("typ-space", "A space behind the type.", INVALID, header(typ="at+jwt ")),
    ("typ-prefix-only", "Only the prefix.", INVALID, header(typ="application/")),
    ("typ-prefix-twice", "The prefix twice.", INVALID, header(typ="application/application/at+jwt")),
    ("typ-other-prefix", "Another kind of media.", INVALID, header(typ="text/at+jwt")),
    ("typ-suffix", "Something before it.", INVALID, header(typ="not-at+jwt")),
    ("typ-number", "A number.", INVALID, header(typ=1)),
    ("typ-true", "true.", INVALID, header(typ=True)),
    ("typ-list", "A list with a good one.", INVALID, header(typ=["at+jwt"])),
    ("cty-jwt", "Nothing: `cty` announces a nested token, and the payload is claims.", SERVED, header(cty="JWT")),
)
