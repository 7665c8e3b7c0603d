"""The key that a developer signs tokens with, for a server on their own machine."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from joserfc import jwk, jws
from joserfc.errors import JoseError, SecurityWarning

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.replaced_file import replace_file

SIGNING_NAME: Final = "mcp-dev-signing.json"
VERIFYING_NAME: Final = "mcp-dev-verifying.json"
ACCESS_TOKEN_TYPE: Final = "at+jwt"  # noqa: S105  # a media type
_ALGORITHM: Final = "ES256"
_SHARED_SECRET_ALGORITHM: Final = "HS256"  # noqa: S105  # an algorithm
_MAX_FILE_BYTES: Final = 16 * 1024


class DevelopmentKey:
    """A signing key in a file that its owner alone reads, with its public half beside it.

    Args:
        signing: The file of the private key; its folder has to be there.
    """

    def __init__(self, signing: Path) -> None:
        self.signing = signing
        self.verifying = signing.with_name(VERIFYING_NAME)

    def __repr__(self) -> str:
        return f"DevelopmentKey({str(self.signing)!r})"

    def ensure(self) -> bool:
        """Make the key if it is not there, and its public half likewise; whether the key is new.

        Raises:
            ConfigurationError: A file cannot be read or written, or holds something else.
        """
        is_new = not os.path.lexists(self.signing)
        if is_new:
            made = jwk.ECKey.generate_key("P-256", {"use": "sig", "alg": _ALGORITHM}, private=True, auto_kid=True)
            replace_file(self.signing, lambda: _text(made.as_dict(private=True)))
        key = self._read()
        if is_new or not self.verifying.exists():
            replace_file(self.verifying, lambda: _text(key.as_dict(private=False)))
        return is_new

    def sign(self, claims: Mapping[str, Any]) -> str:
        """A signed token.

        Args:
            claims: What it says.

        Raises:
            ConfigurationError: The file cannot be read, or holds something else.
        """
        key = self._read()
        header = {"alg": _ALGORITHM, "typ": ACCESS_TOKEN_TYPE, "kid": str(key.kid)}
        return jws.serialize_compact(header, json.dumps(claims).encode(), key)

    def _read(self) -> jwk.ECKey:
        try:
            data = self.signing.read_bytes()
            document = parse_json_object(data, max_bytes=_MAX_FILE_BYTES)
            if document.get("use") != "sig" or document.get("alg") != _ALGORITHM:
                raise ValueError("another kind of key")  # noqa: TRY301  # one refusal for whatever is none
            return jwk.ECKey.import_key(document)
        except OSError as error:
            raise ConfigurationError(
                f"{self.signing} cannot be read ({error.strerror}).", hint="Name another file: --key"
            ) from error
        except (JoseError, ValueError, TypeError, KeyError):
            # Not `from error`: that one may show a piece of the file.
            raise ConfigurationError(
                f"{self.signing} holds no development key.", hint="Name another file: --key"
            ) from None


def sign_with_secret(claims: Mapping[str, Any], secret: Secret) -> str:
    """A token signed with a secret that the server holds too, as `SharedSecretVerifier` takes it.

    Args:
        claims: What it says.
        secret: The secret, of a kind that such a server takes.
    """
    header = {"alg": _SHARED_SECRET_ALGORITHM, "typ": ACCESS_TOKEN_TYPE}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)  # of its length, which the verifier's own check is about
        key = jwk.OctKey.import_key(secret.reveal())
    return jws.serialize_compact(header, json.dumps(claims).encode(), key)


def _text(members: Mapping[str, Any]) -> str:
    return json.dumps(members, indent=2) + "\n"
