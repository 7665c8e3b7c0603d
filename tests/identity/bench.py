"""An issuer on a workbench: any key, any header, any claims, and a verifier that trusts it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from joserfc import jwk, jws

from mcpauthkit import Principal
from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.testing import FakeClock

ISSUER = "https://issuer.example"
NOW = 1_767_225_600
Key = jwk.RSAKey | jwk.ECKey | jwk.OKPKey

ALGORITHMS = (
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
)


def key_for(algorithm: str, name: str = "k1") -> Key:
    """A signing key; the same one each time, because RSA keys take long to make."""
    return _key("RSA" if algorithm[1:2] == "S" and algorithm[0] in "RP" else algorithm, name)


@cache
def _key(kind: str, name: str) -> Key:
    parameters: jwk.KeyParameters = {"kid": name}
    if kind == "RSA":
        return jwk.RSAKey.generate_key(2048, parameters)
    if kind.startswith("ES"):
        return jwk.ECKey.generate_key({"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}[kind], parameters)
    return jwk.OKPKey.generate_key("Ed25519", parameters)


def published(key: Key, **changes: Any) -> dict[str, Any]:
    """The key's entry in a key set; None removes a member."""
    members = {**key.as_dict(private=False), **changes}
    return {name: value for name, value in members.items() if value is not None}


def claims_of(**changes: Any) -> dict[str, Any]:
    """Good claims with changes; None removes one."""
    members = {"iss": ISSUER, "sub": "alice", "aud": "https://m.example/mcp", "exp": NOW + 300, "iat": NOW, **changes}
    return {name: value for name, value in members.items() if value is not None}


def sign(
    payload: Mapping[str, Any] | str | bytes, *, algorithm: str = "EdDSA", key: Key | None = None, **header: Any
) -> str:
    """A compact JWS; header members may be replaced, and None removes one."""
    key = key or key_for(algorithm)
    members = {"alg": algorithm, "kid": key.kid, "typ": "at+jwt", **header}
    protected = {name: value for name, value in members.items() if value is not None}
    text = json.dumps(payload) if isinstance(payload, Mapping) else payload
    data = text.encode() if isinstance(text, str) else text
    return sign_by_hand(protected, data, key)


def sign_by_hand(header: Mapping[str, Any], payload: bytes, key: Key) -> str:
    """A compact JWS with exactly this header, which no library may be willing to write."""
    first = f"{base64url_encode(json.dumps(header).encode())}.{base64url_encode(payload)}"
    # joserfc warns of the old name of Ed25519, which issuers still use.
    name = str(header["alg"]).replace("EdDSA", "Ed25519")
    signature = jws.JWSRegistry(algorithms=[name]).get_alg(name).sign(first.encode(), key)
    return f"{first}.{base64url_encode(signature)}"


class Bench:
    """A verifier whose issuer answers from memory.

    Args:
        entries: The key set's entries; the Ed25519 key of `key_for` unless given.
        options: For `Issuer`.
    """

    def __init__(self, *entries: Any, **options: Any) -> None:
        self.clock = FakeClock(wall=NOW)
        self.entries: list[Any] = list(entries) or [published(key_for("EdDSA"))]
        self.fetches = 0
        self.down = False
        issuer = Issuer(ISSUER, fetch=self, clock=self.clock, **options)
        self.verifier = JwtVerifier(issuer)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        if self.down:
            raise RemoteUnavailable
        if not request.url.endswith("/jwks"):
            document: dict[str, Any] = {"issuer": ISSUER, "jwks_uri": f"{ISSUER}/jwks"}
        else:
            self.fetches += 1
            document = {"keys": self.entries}
        return HttpResponse(200, {}, json.dumps(document).encode())

    async def aclose(self) -> None:
        return

    async def verify(self, token: str) -> Principal:
        return (await self.verifier.verify(token)).principal
