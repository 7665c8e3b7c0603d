"""An issuer's public keys (RFC 7517 section 5)."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from joserfc import jwk
from joserfc.errors import JoseError, SecurityWarning

from mcpauthkit.core.encoding import base64url_decode
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.identity.algorithms import ALGORITHMS, MAXIMUM_RSA_BITS, MINIMUM_RSA_BITS, Algorithm, same_algorithm

_MAX_KEYS = 100
_MAX_KEY_ID_LENGTH = 512
_KEY_TYPES: dict[str, type[jwk.RSAKey | jwk.ECKey | jwk.OKPKey]] = {
    "RSA": jwk.RSAKey,
    "EC": jwk.ECKey,
    "OKP": jwk.OKPKey,
}


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """One usable public key.

    Args:
        key_id: Its `kid`, if it has one.
        key_type: Its `kty`.
        curve: Its `crv`, if it has one.
        algorithm: The only `alg` it may be used with, if it names one.
        key: The key as joserfc holds it.
    """

    key_id: str | None
    key_type: str
    curve: str | None
    algorithm: str | None
    key: jwk.RSAKey | jwk.ECKey | jwk.OKPKey

    def fits(self, algorithm: Algorithm) -> bool:
        """Whether this key may verify a signature of that algorithm."""
        return (
            self.key_type == algorithm.key_type
            and (algorithm.curve is None or self.curve == algorithm.curve)
            and (self.algorithm is None or same_algorithm(self.algorithm, algorithm.name))
        )


class KeySet:
    """The usable keys of one document.

    Args:
        keys: Keys in the document's order.
    """

    def __init__(self, keys: list[VerificationKey]) -> None:
        self._keys = keys
        self._by_id: dict[str, list[VerificationKey]] = {}
        self._fitting: dict[tuple[str, str | None], list[VerificationKey]] = {}
        for key in keys:
            if key.key_id is not None:
                self._by_id.setdefault(key.key_id, []).append(key)

    def __len__(self) -> int:
        return len(self._keys)

    def candidates(self, algorithm: Algorithm, key_id: str | None) -> list[VerificationKey]:
        """Keys that may have made a signature: those of that id, or all fitting ones when the token names none."""
        known = self._fitting.get((algorithm.name, key_id))
        if known is None:
            pool = self._keys if key_id is None else self._by_id.get(key_id, [])
            known = [key for key in pool if key.fits(algorithm)]
            if known:
                # Only what was found is remembered: made-up key ids would fill the memory.
                self._fitting[algorithm.name, key_id] = known
        return known


def parse_key_set(document: Mapping[str, Any]) -> KeySet:
    """Read a key set. An entry we cannot use is left out and never spoils the others (RFC 7517 section 5).

    Left out are: symmetric and private keys (a published one protects nothing), keys for encryption, RSA keys
    below 2048 bits, curves and types we do not know, and whatever is malformed.

    Raises:
        RemoteMisbehaved: There is no list of keys at all.
    """
    entries = document.get("keys")
    if not isinstance(entries, list):
        raise RemoteMisbehaved(reason="key set without a list of keys")
    read = (_read_key(entry) for entry in entries[:_MAX_KEYS])
    return KeySet([key for key in read if key is not None])


def _read_key(entry: Any) -> VerificationKey | None:
    if not isinstance(entry, dict) or not _is_for_verifying(entry):
        return None
    key_class = _KEY_TYPES.get(str(entry.get("kty")))
    if key_class is None or "d" in entry or not _is_sane_rsa(entry):
        return None
    # Members we do not need (x5c, vendor extensions) are dropped: a strange one would refuse a good key.
    wanted = {name: entry[name] for name in ("kty", "n", "e", "crv", "x", "y") if name in entry}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", SecurityWarning)
            key = key_class.import_key(wanted)
            _ = key.public_key  # decodes the numbers, and with them checks that a point is on its curve
    except (JoseError, SecurityWarning, ValueError, TypeError, KeyError):
        return None
    key_id, algorithm = entry.get("kid"), entry.get("alg")
    curve = wanted.get("crv")
    found = VerificationKey(key_id, key_class.key_type, curve, algorithm, key)
    # Counting a key that no algorithm of ours takes (X25519, secp256k1, an `alg` for encryption) would make a set
    # without a usable key look like a good one, and its users' tokens like forgeries.
    return found if any(found.fits(one) for one in ALGORITHMS.values()) else None


def _is_for_verifying(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    texts = (entry.get("kid", ""), entry.get("alg", ""))
    return (
        entry.get("use", "sig") == "sig"
        and isinstance(operations, list)
        and "verify" in operations
        and all(isinstance(text, str) and len(text) <= _MAX_KEY_ID_LENGTH for text in texts)
    )


def _is_sane_rsa(entry: dict[str, Any]) -> bool:
    if entry.get("kty") != "RSA":
        return True
    try:
        modulus, exponent = _number(entry.get("n")), _number(entry.get("e"))
    except ValueError:
        return False
    # An enormous modulus or exponent makes every verification expensive.
    return MINIMUM_RSA_BITS <= modulus.bit_length() <= MAXIMUM_RSA_BITS and 3 <= exponent < 1 << 33  # noqa: PLR2004


def _number(value: Any) -> int:
    if not isinstance(value, str):
        raise ValueError("not text")  # noqa: TRY004
    return int.from_bytes(base64url_decode(value), "big")
