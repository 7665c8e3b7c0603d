"""A forge of tokens: an issuer whose keys the tests hold, and a stranger with an issuer of his own."""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jwk, jws

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.testing import DevIssuer, FakeClock
from tests.identity.bench import NOW, Key, key_for, published
from tests.web.door import BASE

AUDIENCE = f"{BASE}/mcp"
SECRET = b"a secret that the key set gives away"


@cache
def weak_key() -> rsa.RSAPrivateKey:
    """An RSA key of 1024 bits."""
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weak on purpose


@cache
def koblitz_key() -> jwk.ECKey:
    """An EC key on a curve we do not take."""
    return jwk.ECKey.generate_key("secp256k1", {"kid": "koblitz"})


def weak_entry(kid: str = "weak") -> dict[str, Any]:
    """The weak key as a key set publishes it."""
    modulus = weak_key().public_key().public_numbers().n
    return {"kty": "RSA", "kid": kid, "e": "AQAB", "n": base64url_encode(modulus.to_bytes(128, "big"))}


def key_set() -> list[dict[str, Any]]:
    """What the issuer publishes: good keys under their names, and every kind that must not verify anything."""
    rsa_key, ed = key_for("RS256"), key_for("EdDSA")
    return [
        published(rsa_key, kid="rsa"),
        published(rsa_key, kid="rsa-for-rs256", alg="RS256"),
        published(key_for("ES256"), kid="p256"),
        published(key_for("ES384"), kid="p384"),
        published(ed, kid="ed"),
        published(key_for("EdDSA", "cased"), kid="Cased"),
        # The same numbers as good keys: whoever ignores `use` or `key_ops` takes these.
        published(rsa_key, kid="for-encryption", use="enc"),
        published(ed, kid="for-signing-only", key_ops=["sign"]),
        published(key_for("ES256", "twin"), kid="twin"),
        published(key_for("EdDSA", "twin"), kid="twin"),
        {**key_for("EdDSA", "private").as_dict(private=True), "kid": "private"},
        published(koblitz_key(), kid="koblitz"),
        {"kty": "oct", "kid": "symmetric", "k": base64url_encode(SECRET), "alg": "HS256"},
        weak_entry(),
    ]


def join(signing_input: bytes, signature: bytes) -> bytes:
    """A compact serialization of these two parts."""
    return signing_input + b"." + base64url_encode(signature).encode()


def raw_signature(signing_input: bytes, key: Key, algorithm: str = "EdDSA") -> bytes:
    """The signature's bytes."""
    # joserfc warns of the old name of Ed25519, which issuers still use.
    name = algorithm.replace("EdDSA", "Ed25519")
    return jws.JWSRegistry(algorithms=[name]).get_alg(name).sign(signing_input, key)


def signing_input(header: Mapping[str, Any] | bytes, payload: Mapping[str, Any] | bytes) -> bytes:
    """The part of a token that is signed."""
    parts = (one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, payload))
    return ".".join(map(base64url_encode, parts)).encode()


class Forge:
    """Makes tokens that are good but for one thing.

    Args:
        issuer: The issuer that the server under attack trusts; it publishes `key_set`.
        stranger: An issuer it has never heard of: a request that arrives there is a success of the attacker's.
        clock: Time, which stands still at `NOW`.
    """

    def __init__(self, issuer: DevIssuer, stranger: DevIssuer, clock: FakeClock) -> None:
        self.issuer = issuer
        self.stranger = stranger
        self.clock = clock

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Good claims with changes; None removes one.

        The token is older than our copy of the key set, so a key id we do not know is made up and not new.
        """
        members = {
            "iss": self.issuer.issuer_url,
            "sub": "alice",
            "aud": AUDIENCE,
            "iat": NOW - 600,
            "exp": NOW + 3600,
            **changes,
        }
        return {name: value for name, value in members.items() if value is not None}

    def token(
        self,
        *,
        header: Mapping[str, Any] | bytes | None = None,
        payload: Mapping[str, Any] | bytes | None = None,
        key: Key | None = None,
        algorithm: str = "EdDSA",
    ) -> bytes:
        """A compact JWS whose signature fits what it says, however odd that is.

        Args:
            header: Members to add or replace (None removes one), or the header's bytes.
            payload: Claims to add or replace (None removes one), or the payload's bytes.
            key: What signs; the key `ed` unless given.
            algorithm: How it signs, whatever the header says.
        """
        if not isinstance(header, bytes):
            members = {"alg": algorithm, "kid": "ed", "typ": "at+jwt", **(header or {})}
            header = {name: value for name, value in members.items() if value is not None}
        if not isinstance(payload, bytes):
            payload = self.claims(**(payload or {}))
        first = signing_input(header, payload)
        return join(first, raw_signature(first, key or key_for(algorithm), algorithm))

    def mac(self, secret: bytes, algorithm: str = "HS256", kid: str = "rsa") -> bytes:
        """A token sealed with a secret (RFC 7518 section 3.2)."""
        first = signing_input({"alg": algorithm, "kid": kid}, self.claims())
        return join(first, hmac.digest(secret, first, algorithm.replace("HS", "sha")))

    def foreign(self, **header: Any) -> bytes:
        """A token signed by the stranger, with a header of his choice."""
        return self.token(header=header, key=key_for("EdDSA", "stranger"))


Token = Callable[[Forge], bytes]


@contextmanager
def forge() -> Iterator[Forge]:
    """A forge at work."""
    clock = FakeClock(wall=NOW)
    with (
        DevIssuer(clock=clock, algorithm="Ed25519") as issuer,
        DevIssuer(clock=clock, algorithm="Ed25519") as stranger,
    ):
        issuer.faults.respond("jwks", status=200, body=json.dumps({"keys": key_set()}))
        yield Forge(issuer, stranger, clock)
