"""The keys that open encrypted tokens, and what we publish of them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Self, assert_never

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as generate_ec_key
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa_key
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.jwe import (
    EncryptedToken,
    EncryptionHeader,
    encryption_header_memory,
    read_encrypted_token,
)
from mcpauthkit.identity.private_keys import DecryptionKey, private_key, read_jwk, read_pem
from mcpauthkit.settings import DecryptionKeySettings

KeyKind = Literal["RSA", "P-256", "X25519"]
"""The kinds of key that `DecryptionKeys.generate` makes."""

UNPUBLISHED_MEMBER = "mcpauthkit_unpublished"
"""The member of a private JWK by which `mcpauthkit keys rotate` marks a key that opens and is not published."""

_MAX_KEYS = 10
# Anybody can send a token that names no key, and each trial with an RSA key of 4096 bits costs some 7 ms.
_MAX_TRIALS = 3
_MAX_FILE_BYTES = 256 * 1024
_GROUP_WRITES_OR_OTHERS_READ = 0o027
_RSA_BITS = 3072
_COMPACT_JWS = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_JSON_WHITESPACE = b" \t\r\n"
_log = RequestLog("identity")


class DecryptedToken(NamedTuple):
    """What was inside an encrypted token.

    Args:
        payload: The plaintext: a compact JWS when nested, else text that begins like a JSON object. Encryption proves
            nothing about who wrote it: the key it was encrypted with is public.
        is_nested: Whether it is a signed token.
    """

    payload: bytes
    is_nested: bool

    def __repr__(self) -> str:
        return f"DecryptedToken(is_nested={self.is_nested})"


class DecryptionKeys:
    """Private keys that open encrypted tokens.

    All of them open tokens; their public halves are published, and producers may use any of these. So a key is rotated
    without downtime in steps: add the new one as `unpublished` to every replica, publish it, make the old one
    `unpublished`, and drop that once the tokens encrypted to it have expired.

    A token's `kid` says which key opens it. A token without one, or with one that is none of ours, is tried with the
    first three keys that fit its `alg`, and no more: have producers send the `kid` that is published. With three keys
    of one kind or fewer, which is all that a rotation needs, their order means nothing.

    Args:
        keys: The keys, ten at most; RSA keys of 2048 to 4096 bits.
        unpublished: Ids of keys that open tokens but are not offered to producers.

    Raises:
        ConfigurationError: There is no key, too many, an unknown id in `unpublished`, or nothing left to publish.
    """

    def __init__(self, keys: Sequence[DecryptionKey], *, unpublished: Collection[str] = ()) -> None:
        if not keys:
            raise ConfigurationError("There is no decryption key.", hint="Put at least one private key into the file.")
        if len(keys) > _MAX_KEYS:
            raise ConfigurationError(
                f"There are {len(keys)} decryption keys.",
                hint=f"Keep {_MAX_KEYS} at most: drop those whose tokens have expired.",
            )
        known = {key.key_id for key in keys}
        if isinstance(unpublished, str) or not known.issuperset(unpublished):
            raise ConfigurationError(
                "unpublished= names a key that is not there.", hint=f"Give a list of key ids out of {sorted(known)}."
            )
        if known.issubset(unpublished):
            raise ConfigurationError(
                "Every decryption key is unpublished, so nobody could encrypt a token.",
                hint="Leave at least one key id out of unpublished=.",
            )
        self._keys = tuple(keys)
        self._by_id: dict[str | None, list[DecryptionKey]] = {}
        for key in keys:
            self._by_id.setdefault(key.key_id, []).append(key)
        self._unpublished = frozenset(unpublished)
        self._headers = encryption_header_memory()

    @classmethod
    def from_file(cls, path: Path | str, *, unpublished: Collection[str] = ()) -> Self:
        """The keys of a file: a private key set, a single private JWK, or PEM.

        Args:
            path: The file.
            unpublished: As of the class.

        Raises:
            ConfigurationError: It cannot be read or holds anything but usable private keys.
        """
        path = Path(path)
        try:
            mode = path.stat().st_mode
            with path.open("rb") as file:
                data = file.read(_MAX_FILE_BYTES + 1)
        except OSError as error:
            raise ConfigurationError(
                f"The key file {path} cannot be read ({error.strerror}).",
                hint="Check that the path is right and that this process may read it; MCP_KEY_FILE_PATH may hold it.",
            ) from error
        if mode & _GROUP_WRITES_OR_OTHERS_READ:
            _log.warning("key file open to others path=%s mode=%o hint=%r", path, mode & 0o777, "chmod 600 it")
        if data.lstrip().startswith(b"-----BEGIN"):
            return cls(read_pem(data.decode("ascii", "replace"), f"The key file {path}"), unpublished=unpublished)
        try:
            document = parse_json_object(data, max_bytes=_MAX_FILE_BYTES)
        except ValueError as error:
            raise ConfigurationError(
                f"The key file {path} is neither a JSON object nor PEM.",
                hint="It must hold a private key set, one private JWK, or a private key in PEM form.",
            ) from error
        return cls.from_jwks(document, unpublished=unpublished)

    @classmethod
    def from_jwks(cls, document: Mapping[str, Any], *, unpublished: Collection[str] = ()) -> Self:
        """The keys of a private key set (RFC 7517 section 5), or the one key of a private JWK.

        Keys that `mcpauthkit keys rotate` has marked so are unpublished as well.

        Args:
            document: `{"keys": [...]}` or the JWK.
            unpublished: As of the class.

        Raises:
            ConfigurationError: One of them is no usable private key.
        """
        entries = document.get("keys", [document])
        if not isinstance(entries, Sequence) or isinstance(entries, str):
            raise ConfigurationError("The member `keys` of the key set is not a list.", hint="Make it a list of JWKs.")
        keys = [read_jwk(entry, f"Decryption key {place}") for place, entry in enumerate(entries, start=1)]
        marked = {key.key_id for key, entry in zip(keys, entries, strict=True) if UNPUBLISHED_MEMBER in entry}
        return cls(keys, unpublished={*unpublished, *marked} if marked else unpublished)

    @classmethod
    def from_pem(cls, text: str, *, kid: str | None = None, unpublished: Collection[str] = ()) -> Self:
        """The keys of a PEM text.

        Args:
            text: One or more private keys without a password.
            kid: The id of the only key; each key's thumbprint (RFC 7638) unless given.
            unpublished: As of the class.

        Raises:
            ConfigurationError: One of them is no usable private key.
        """
        return cls(read_pem(text, "The PEM text", kid), unpublished=unpublished)

    @classmethod
    def from_settings(cls, settings: DecryptionKeySettings | None = None) -> Self | None:
        """The keys of the file that `MCP_KEY_FILE_PATH` names; None when it names none.

        Args:
            settings: Where the file is; read from the environment unless given.

        Raises:
            ConfigurationError: As `from_file`; or the `.env` file cannot be read.
        """
        path = (settings or DecryptionKeySettings.from_environment()).mcp_key_file_path
        return None if path is None else cls.from_file(path)

    @classmethod
    def generate(cls, kind: KeyKind = "RSA", *, kid: str | None = None) -> Self:
        """One new key that dies with the process, for development.

        Args:
            kind: What kind of key; `RSA` has 3072 bits.
            kid: Its id; its thumbprint (RFC 7638) unless given.
        """
        match kind:
            case "RSA":
                return cls([private_key(generate_rsa_key(65537, _RSA_BITS), kid)])
            case "P-256":
                return cls([private_key(generate_ec_key(SECP256R1()), kid)])
            case "X25519":
                return cls([private_key(X25519PrivateKey.generate(), kid)])
            case _:
                assert_never(kind)

    def __repr__(self) -> str:
        return f"DecryptionKeys(key_ids={self.key_ids}, unpublished={sorted(self._unpublished)})"

    @property
    def key_ids(self) -> tuple[str, ...]:
        """The ids of all keys."""
        return tuple(key.key_id for key in self._keys)

    def public_jwks(self) -> dict[str, Any]:
        """The key set for producers and issuers: public members only, `use` enc."""
        return {"keys": [key.public_members() for key in self._keys if key.key_id not in self._unpublished]}

    def decrypt(self, token: str) -> DecryptedToken:
        """Open a token.

        Args:
            token: A compact JWE.

        Raises:
            InvalidToken: It does not open, or holds neither a signed token nor claims. The text is the same for every
                cause.
        """
        encrypted = read_encrypted_token(token, self._headers)
        payload = self.open(encrypted)
        is_nested = _COMPACT_JWS.fullmatch(payload) is not None
        holds_claims = payload.lstrip(_JSON_WHITESPACE).startswith(b"{")
        # A second encrypted token inside has five segments and ends here.
        if not (is_nested or holds_claims) or encrypted.header.holds_token not in {None, is_nested}:
            raise InvalidToken(reason="the encrypted token holds something other than its cty says, or neither kind")
        return DecryptedToken(payload, is_nested)

    def open(self, encrypted: EncryptedToken) -> bytes:
        """The plaintext of a token, whatever it is.

        Raises:
            InvalidToken: It does not open.
        """
        header = encrypted.header
        for key in self._candidates(header):
            try:
                return encrypted.open_with(key.key)
            except InvalidToken:
                continue
        raise InvalidToken(reason=f"no key opens the token: alg {header.management.name}, key id {header.key_id!r:.80}")

    def _candidates(self, header: EncryptionHeader) -> list[DecryptionKey]:
        # A key id we know names the key; one we do not know may be the producer's own name for it.
        named = self._by_id.get(header.key_id, self._keys)
        return [key for key in named if key.fits(header)][:_MAX_TRIALS]
