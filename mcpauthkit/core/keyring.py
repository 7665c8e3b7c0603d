"""The one key ring: a named minting key and the keys accepted beside it."""

from __future__ import annotations

from collections.abc import Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError

MINIMUM_SECRET_BYTES = 32
_EXAMPLE = 'Write KeyRing({"2026": secret}, minting="2026"), with a secret that this server keeps.'


class KeyRing:
    """Secrets from which every sealing key is derived, each under a name.

    New values are sealed under `minting`; values sealed under any other listed name still open, so a key is
    rotated by adding the new one, naming it as minting, and dropping the old one when its values have died. With
    several replicas these are two deployments: one that has only the old key cannot read what the new one sealed.
    The position in a list means nothing here: an order read the wrong way round has signed with stale keys
    elsewhere.

    Args:
        secrets: Name to secret, each at least 32 bytes long. Names go into sealed values in clear.
        minting: The name of the key that seals.

    Raises:
        ConfigurationError: No such minting key, a secret too short or no text, or a name that is not plain text.
    """

    def __init__(self, secrets: Mapping[str, str | Secret], *, minting: str) -> None:
        _check_secrets(secrets)
        if minting not in secrets:
            raise ConfigurationError(
                f"The key ring has no key named {minting!r}.",
                hint="Set `minting` to the name of a listed key.",
            )
        self._secrets = {name: as_secret(secret) for name, secret in secrets.items()}
        for name, secret in self._secrets.items():
            if not name.isascii() or not name.replace("-", "").isalnum():
                raise ConfigurationError(
                    f"The key name {name!r} is not usable.", hint="Use letters, digits and hyphens."
                )
            if len(secret.reveal().encode()) < MINIMUM_SECRET_BYTES:
                raise ConfigurationError(
                    f"The secret of key {name!r} is shorter than {MINIMUM_SECRET_BYTES} bytes.",
                    hint="Make one with `python -c 'import secrets; print(secrets.token_urlsafe(48))'`.",
                )
        self.minting = minting
        self._derived: dict[tuple[str, str], bytes] = {}

    @classmethod
    def ephemeral(cls, entropy: Entropy | None = None) -> KeyRing:
        """A ring that dies with the process: what it sealed is unreadable after a restart."""
        return cls({"ephemeral": (entropy or SystemEntropy()).token(48)}, minting="ephemeral")

    def __repr__(self) -> str:
        return f"KeyRing(names={sorted(self._secrets)}, minting={self.minting!r})"

    def derive(self, name: str, purpose: str) -> bytes | None:
        """The 256-bit key of one name for one purpose (HKDF, RFC 5869), or None for an unknown name."""
        secret = self._secrets.get(name)
        if secret is None:
            return None
        known = self._derived.get((name, purpose))
        if known is None:
            info = f"mcpauthkit/{purpose}".encode()
            known = HKDF(algorithm=SHA256(), length=32, salt=None, info=info).derive(secret.reveal().encode())
            self._derived[name, purpose] = known
        return known


def check_key_ring(given: object) -> None:
    """Refuse what is no key ring where one belongs.

    Raises:
        ConfigurationError: It is something else.
    """
    if not isinstance(given, KeyRing):
        raise ConfigurationError(f"key_ring is a {type(given).__name__}, not a KeyRing.", hint=_EXAMPLE)


def _check_secrets(given: object) -> None:
    # By type alone: an argument in the wrong place may be a secret.
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"KeyRing got a {type(given).__name__} where secrets belong.", hint=_EXAMPLE)
    for name, secret in given.items():
        if not isinstance(name, str) or not isinstance(secret, str | Secret):
            raise ConfigurationError(
                f"The key {name!r} has a {type(secret).__name__} as its secret.",
                hint="Name and secret are texts; decode() bytes, or write them as hexadecimal digits.",
            )
