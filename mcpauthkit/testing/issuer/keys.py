"""The issuer's signing keys and their rotation."""

from __future__ import annotations

import json
import threading
from typing import TYPE_CHECKING, Any, Literal

from joserfc import jwk, jws
from joserfc.errors import JoseError

from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.core.entropy import Entropy

SigningAlgorithm = Literal["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""What a `DevIssuer` can sign with; `Ed25519` is what RFC 9864 calls `EdDSA` with that curve."""

_SigningKey = jwk.RSAKey | jwk.ECKey | jwk.OKPKey
_KINDS: dict[SigningAlgorithm, type[_SigningKey]] = {
    "RS256": jwk.RSAKey,
    "PS256": jwk.RSAKey,
    "ES256": jwk.ECKey,
    "EdDSA": jwk.OKPKey,
    "Ed25519": jwk.OKPKey,
}

_CURVES: dict[SigningAlgorithm, str] = {"ES256": "P-256", "EdDSA": "Ed25519", "Ed25519": "Ed25519"}


class SigningKeys:
    """One key that signs and those that are still published. Thread-safe.

    Args:
        algorithm: The algorithm of all keys.
        entropy: Source of key ids.
        first: The key to begin with, as a private JWK; generated unless given.

    Raises:
        ConfigurationError: It is no private key of this algorithm.
    """

    def __init__(self, algorithm: SigningAlgorithm, entropy: Entropy, first: Mapping[str, Any] | None = None) -> None:
        self.algorithm = algorithm
        # The bare algorithm: joserfc's own path would check headers that are meant to be wrong, and warn of `EdDSA`.
        self._algorithm = jws.JWSRegistry.algorithms[algorithm]
        self._entropy = entropy
        self._lock = threading.Lock()
        self._signing = self._generate() if first is None else self._imported(first)
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
        """A compact JWS (RFC 7515); header members given replace ours, and None removes one.

        The header may lie, about `alg` too: tests sign tokens that nobody should accept.
        """
        with self._lock:
            key = self._signing
        members = {"alg": self.algorithm, "kid": key.kid, **header}
        protected = json.dumps({name: value for name, value in members.items() if value is not None})
        signing_input = f"{base64url_encode(protected.encode())}.{base64url_encode(payload)}"
        signature = self._algorithm.sign(signing_input.encode(), key)
        return f"{signing_input}.{base64url_encode(signature)}"

    def verify(self, token: str) -> bytes | None:
        """The payload of a token signed by a published key, else None."""
        signing_input, _, signature = token.rpartition(".")
        try:
            payload = base64url_decode(signing_input.partition(".")[2])
            signed = base64url_decode(signature)
        except ValueError:
            return None
        with self._lock:
            keys = list(self._published)
        is_ours = any(self._algorithm.verify(signing_input.encode(), signed, key) for key in keys)
        return payload if is_ours else None

    def _imported(self, members: Mapping[str, Any]) -> _SigningKey:
        kind = _KINDS[self.algorithm]
        try:
            if members.get("kty") != kind.key_type or members.get("crv") != _CURVES.get(self.algorithm):
                raise ValueError("another kind of key")  # noqa: TRY301  # one refusal for whatever is none
            key = kind.import_key(dict(members), {"use": "sig", "alg": self.algorithm})
            if not key.is_private:
                raise ValueError("not private")  # noqa: TRY301
        except (JoseError, ValueError, TypeError, KeyError):
            # Not `from error`: that one may show a piece of the key.
            raise ConfigurationError(
                f"signing_key= is no private key for {self.algorithm}.", hint="Give a JWK with its private members."
            ) from None
        key.ensure_kid()
        return key

    def _generate(self) -> _SigningKey:
        kid = base64url_encode(self._entropy.random_bytes(12))
        parameters: jwk.KeyParameters = {"kid": kid, "use": "sig", "alg": self.algorithm}
        if self.algorithm == "ES256":
            return jwk.ECKey.generate_key("P-256", parameters)
        if self.algorithm in {"EdDSA", "Ed25519"}:
            return jwk.OKPKey.generate_key("Ed25519", parameters)
        return jwk.RSAKey.generate_key(2048, parameters)
