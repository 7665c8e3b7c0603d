"""The one key ring: a named minting key and the keys accepted beside it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.sample_secrets import is_sample_secret
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.errors import ConfigurationError

MINIMUM_SECRET_BYTES = 32
_NEW_SECRET_BYTES = 48
_NAME = re.compile(r"(?=.*[A-Za-z0-9])[A-Za-z0-9-]{1,64}")
_FINGERPRINT = re.compile(r"[0-9a-f]{8}")
# Enough to tell a handful of keys apart. Whoever could try secrets against it can try them against a sealed value too.
_NAME_DIGITS = 8
_FINGERPRINT_BYTES = 4
_EXAMPLE = 'Write KeyRing({"2026": secret}, minting="2026"), with a secret that this server keeps.'


class KeyRing:
    """Secrets from which every sealing key is derived, each under a name.

    New values are sealed under `minting`; values sealed under any other listed name still open. So a key is rotated
    without logging anybody out:

    1. Add the new key, and deploy it everywhere: a replica that has only the old key cannot read what the new one
       sealed. With one replica this step and the next are one.
    2. Name it as minting, and deploy that. Records are sealed anew as they are read; `mcpauthkit store rotate` does the
       rest.
    3. A day later, drop the old key: what lives shorter than that is left to die under it. In proxy mode, drop it after
       30 days, when unused refresh tokens have ended; clients that registered themselves then do so once more.

    The position in a list means nothing here: an order read the wrong way round has signed with stale keys elsewhere.

    Args:
        secrets: Name to secret, each at least 32 bytes long. Names go into sealed values in clear.
        minting: The name of the key that seals.

    Attributes:
        minting: The name of the key that seals.
        is_ephemeral: Whether it dies with this process.

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
            if not is_key_name(name):
                raise ConfigurationError(
                    f"The key name {name!r:.80} is not usable.", hint="Use letters, digits and hyphens, at most 64."
                )
            if len(secret.reveal().encode()) < MINIMUM_SECRET_BYTES:
                raise ConfigurationError(
                    f"The secret of key {name!r} is shorter than {MINIMUM_SECRET_BYTES} bytes.",
                    hint="Make one with `openssl rand -base64 48`.",
                )
        self.minting = minting
        self.is_ephemeral = False
        self._derived: dict[tuple[str, str], bytes] = {}
        self._fingerprints = {name: _fingerprint(secret) for name, secret in self._secrets.items()}

    @classmethod
    def ephemeral(cls, entropy: Entropy | None = None) -> KeyRing:
        """A ring that dies with the process: what it sealed is unreadable after a restart."""
        ring = cls({"ephemeral": new_secret(entropy)}, minting="ephemeral")
        ring.is_ephemeral = True
        return ring

    @classmethod
    def of_secrets(cls, minting: str | Secret, accepted: Iterable[str | Secret] = ()) -> KeyRing:
        """A ring of secrets that nobody has named: each is named by a digest of itself.

        So a secret has one name on all replicas, wherever it comes from and whether it mints or is only accepted.

        Args:
            minting: The secret that seals.
            accepted: Those that only open.

        Raises:
            ConfigurationError: As for the class.
        """
        secrets = {digest_name(one): one for one in (*accepted, minting)}
        return cls(secrets, minting=digest_name(minting))

    def __repr__(self) -> str:
        return f"KeyRing(names={sorted(self._secrets)}, minting={self.minting!r})"

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all keys, sorted."""
        return tuple(sorted(self._secrets))

    def looks_like_a_sample(self) -> tuple[str, ...]:
        """The names of the keys whose secrets look like placeholders, or like those of our tests and examples."""
        return tuple(name for name in self.names if is_sample_secret(self._secrets[name].reveal()))

    def fingerprint(self, name: str) -> str | None:
        """Eight hexadecimal digits that tell a secret from others of the same name, or None for an unknown name.

        They stand in sealed values, in clear.
        """
        return self._fingerprints.get(name)

    def derive(self, name: str, purpose: str) -> bytes | None:
        """The 256-bit key of one name for one purpose (HKDF, RFC 5869), or None for an unknown name."""
        secret = self._secrets.get(name)
        if secret is None:
            return None
        known = self._derived.get((name, purpose))
        if known is None:
            known = self._derived[name, purpose] = _derived(secret, f"mcpauthkit/{purpose}", 32)
        return known


def _derived(secret: Secret, info: str, length: int) -> bytes:
    hkdf = HKDF(algorithm=SHA256(), length=length, salt=None, info=info.encode())
    return hkdf.derive(secret.reveal().encode())


def _fingerprint(secret: Secret) -> str:
    # Without the slash it is nobody's purpose, so it is no part of a key.
    return _derived(secret, "mcpauthkit-fingerprint", _FINGERPRINT_BYTES).hex()


def is_key_name(text: str) -> bool:
    """Whether a key may be called that."""
    return _NAME.fullmatch(text) is not None


def is_fingerprint(text: str) -> bool:
    """Whether it looks like what tells secrets of one name apart."""
    return _FINGERPRINT.fullmatch(text) is not None


def digest_name(secret: str | Secret) -> str:
    """The name of a secret that nobody has named.

    Raises:
        ConfigurationError: It is no text.
    """
    _check_secrets({"of a list": secret})
    return f"k-{sha256_hex('mcpauthkit/key-name', as_secret(secret).reveal())[:_NAME_DIGITS]}"


def new_secret(entropy: Entropy | None = None) -> Secret:
    """A secret for a new key.

    Args:
        entropy: Source of chance.
    """
    return Secret((entropy or SystemEntropy()).token(_NEW_SECRET_BYTES))


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
