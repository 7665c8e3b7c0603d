"""The verifier of API keys in a header of their own."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.endless import check_issuer_name
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.request_headers import check_header_name, only_header
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.principal import Principal

_log = RequestLog("identity")

KeyOwner = str | Sequence[str] | Mapping[str, Any]
"""Whose a key is: a client id, a list of roles, or a mapping with `client_id`, `roles` and `scopes`."""

_HASH = re.compile(r"sha256:([0-9a-fA-F]{64})")
_MEMBERS = frozenset({"client_id", "roles", "scopes"})
_MAX_KEY_LENGTH = 512
_MAX_CLIENT_ID_LENGTH = 255
_SHORTEST_GOOD_KEY = 16
_REFUSED = "The API key is not valid here."


@dataclass(frozen=True, slots=True)
class _Owner:
    client_id: str
    roles: tuple[str, ...]
    scopes: tuple[str, ...]


class ApiKeyVerifier:
    """Verifies API keys. Only their SHA-256 digests are kept, and only those need to be configured.

    Several keys may belong to one client: to change a key, give the new one beside the old one, and take the old one
    out when nobody uses it any more.

    Args:
        keys: Key to owner. A key is the text itself, or `sha256:` and the 64 hexadecimal digits of its digest
            (`printf %s "$KEY" | sha256sum`). An owner is a client id; or a mapping with `client_id`, and if wanted
            `roles` and `scopes`, both lists; or only a list of roles, and then the client id is made from the key.
        header: The header that carries the key.
        issuer: Under which name the clients are known.

    Raises:
        ConfigurationError: There is no key, or one of them or its owner cannot be used. The message tells keys by their
            position, because it may end up in a log.
    """

    def __init__(
        self,
        keys: Mapping[str, KeyOwner],
        *,
        header: str = "x-api-key",
        issuer: str = "api-keys",
    ) -> None:
        if not keys:
            raise ConfigurationError("There are no API keys.", hint='Give {"key": "client-id"}.')
        self._header = check_header_name(header, "header")
        self._issuer = check_issuer_name(issuer, "ApiKeyVerifier")
        self._owners: dict[bytes, _Owner] = {}
        short = 0
        for position, (key, owner) in enumerate(keys.items(), start=1):
            digest, is_short = _digest_of(key, position)
            if digest in self._owners:
                raise ConfigurationError(
                    f"API key {position} stands there twice, as text and as digest.", hint="Take one of them out."
                )
            self._owners[digest] = _owner(owner, digest, position)
            short += is_short
        if short:
            _log.warning(
                "%s API keys are shorter than %s characters and can be guessed; "
                "make them with `python -c 'import secrets; print(secrets.token_urlsafe(32))'`",
                short,
                _SHORTEST_GOOD_KEY,
            )

    def __repr__(self) -> str:
        return f"ApiKeyVerifier(header={self._header!r}, issuer={self._issuer!r}, keys={len(self._owners)})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """The value of the header; see `TokenVerifier.find`.

        Raises:
            InvalidRequest: The header came twice.
        """
        return only_header(presented, self._header)

    async def verify(self, token: str) -> Verified:
        """Look one key up; see `TokenVerifier.verify`."""
        if not _is_usable(token):
            raise InvalidToken(_REFUSED, reason="API key empty, too long or not visible ASCII")
        digest = hashlib.sha256(token.encode("ascii")).digest()
        # By digest: how long it takes tells something of the digest and nothing of the key.
        owner = self._owners.get(digest)
        if owner is None:
            raise InvalidToken(_REFUSED, reason=f"unknown API key in the header {self._header}")
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "sub": owner.client_id,
            "client_id": owner.client_id,
            "roles": list(owner.roles),
            "scope": " ".join(owner.scopes),
        }
        principal = Principal(
            claims,
            issuer=self._issuer,
            subject=owner.client_id,
            client_id=owner.client_id,
            scopes=frozenset(owner.scopes),
            roles=frozenset(owner.roles),
            expires_at=None,
        )
        return Verified(principal, made_for_us=True, remember_seconds=0)


def _is_usable(key: object) -> bool:
    return (
        isinstance(key, str)
        and 0 < len(key) <= _MAX_KEY_LENGTH
        and key.isascii()
        and key.isprintable()
        and key.strip(" ") == key
    )


def _digest_of(key: object, position: int) -> tuple[bytes, bool]:
    if not isinstance(key, str) or not _is_usable(key):
        raise ConfigurationError(
            f"API key {position} is empty, longer than {_MAX_KEY_LENGTH} characters or not visible ASCII.",
            hint="No header can carry it unchanged; make another.",
        )
    ready = _HASH.fullmatch(key)
    if ready is not None:
        return bytes.fromhex(ready[1]), False
    if key.lower().startswith("sha256:"):
        raise ConfigurationError(
            f"API key {position} looks like a digest and is none.",
            hint='Write "sha256:" and 64 hexadecimal digits: `printf %s "$KEY" | sha256sum`.',
        )
    return hashlib.sha256(key.encode("ascii")).digest(), len(key) < _SHORTEST_GOOD_KEY


def _owner(owner: object, digest: bytes, position: int) -> _Owner:
    # Not the digest itself: subjects are seen by tools, and a short key could be found from it.
    members: Mapping[str, Any] = {"client_id": f"api-key-{sha256_hex('api-key', digest.hex())[:16]}"}
    if isinstance(owner, str):
        members = {"client_id": owner}
    elif isinstance(owner, Mapping):
        members = {**members, **owner}
    elif isinstance(owner, Sequence):
        members = {**members, "roles": owner}
    else:
        members = {}
    client_id = members.get("client_id")
    if (
        not isinstance(client_id, str)
        or not 0 < len(client_id) <= _MAX_CLIENT_ID_LENGTH
        or not client_id.isprintable()
        or not members.keys() <= _MEMBERS
    ):
        raise ConfigurationError(
            f"The owner of API key {position} cannot be used.",
            hint='Write "client-id", ["role"], or {"client_id": "client-id", "roles": ["role"], "scopes": ["scope"]}.',
        )
    return _Owner(client_id, _roles(members.get("roles", ()), position), check_scopes(members.get("scopes", ())))


def _roles(roles: object, position: int) -> tuple[str, ...]:
    if (
        isinstance(roles, str)
        or not isinstance(roles, Sequence)
        or not all(isinstance(one, str) and one for one in roles)
    ):
        raise ConfigurationError(f"The roles of API key {position} are no list of names.", hint='Write ["admin"].')
    return tuple(dict.fromkeys(roles))
