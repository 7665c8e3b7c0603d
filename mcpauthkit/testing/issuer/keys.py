"""The issuer's signing keys and their rotation."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Literal

from joserfc import jwk, jws

from mcpauthkit.core.encoding import base64url_encode

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.core.entropy import Entropy

SigningAlgorithm = Literal["RS256", "PS256", "ES256", "EdDSA"]
"""What a `DevIssuer` can sign with."""

_SigningKey = jwk.RSAKey | jwk.ECKey | jwk.OKPKey


class SigningKeys:
    """One key that signs and those that are still published. Thread-safe.

    Args:
        algorithm: The algorithm of all keys.
        entropy: Source of key ids.
    """

    def __init__(self, algorithm: SigningAlgorithm, entropy: Entropy) -> None:
        self.algorithm = algorithm
        self._entropy = entropy
        self._lock = threading.Lock()
        self._signing = self._generate()
        self._published = [self._signing]

    @property
    def kid(self) -> str:
        """Id of the key that signs now."""
        with self._lock:
            return self._signing.kid or ""

    def rotate(self, *, keep_old: bool) -> str:
        """Sign with a new key from now on; the old ones stay published or are withdrawn."""
        key = self._generate()
        with self._lock:
            self._signing = key
            self._published = [key, *self._published] if keep_old else [key]
        return key.kid or ""

    def document(self) -> dict[str, Any]:
        """The published key set (RFC 7517 section 5)."""
        with self._lock:
            return {"keys": [key.as_dict(private=False) for key in self._published]}

    def sign(self, header: Mapping[str, Any], payload: bytes) -> str:
        """A compact JWS; header members given replace ours, and None removes one."""
        with self._lock:
            key = self._signing
        members = {"alg": self.algorithm, "kid": key.kid, **header}
        protected = {name: value for name, value in members.items() if value is not None}
        # The check for unknown header members is off on purpose: tests sign tokens that nobody should accept.
        registry = jws.JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        return jws.serialize_compact(protected, payload, key, registry=registry)

    def verify(self, token: str) -> bytes | None:
        """The payload of a token signed by a published key, else None."""
        with self._lock:
            keys = jwk.KeySet(list(self._published))
        registry = jws.JWSRegistry(algorithms=[self.algorithm], strict_check_header=False)
        try:
            return jws.deserialize_compact(token, keys, registry=registry).payload
        except Exception:  # noqa: BLE001  # whatever is wrong with a stranger's token, it is not ours
            return None

    def _generate(self) -> _SigningKey:
        kid = base64url_encode(self._entropy.random_bytes(12))
        parameters: jwk.KeyParameters = {"kid": kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "ES256":
            return jwk.ECKey.generate_key("P-256", parameters)
        if self.algorithm == "EdDSA":
            return jwk.OKPKey.generate_key("Ed25519", parameters)
        return jwk.RSAKey.generate_key(2048, parameters)
