"""What the issuer's endpoints share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.testing.conduct import Conduct, IssuerMisbehaviour
    from mcpauthkit.testing.issuer.clients import ClientRegistry
    from mcpauthkit.testing.issuer.grants import Grants
    from mcpauthkit.testing.issuer.keys import SigningKeys
    from mcpauthkit.testing.people import DevUser


@dataclass(frozen=True, slots=True)
class IssuerSettings:
    """What the issuer was constructed with.

    Attributes:
        issuer: The issuer identifier, byte for byte.
        path: Its path, `""` or `/realms/dev`.
        scopes: The scopes it knows; others are ignored.
        access_token_ttl_seconds: Lifetime of access and ID tokens.
        audience: `aud` of access tokens requested without a resource; None for the client's id.
        dynamic_registration: Whether `/register` works and is announced.
        client_metadata_documents: Whether a client id may be a document's address.
    """

    issuer: str
    path: str
    scopes: tuple[str, ...]
    access_token_ttl_seconds: int
    audience: str | None
    dynamic_registration: bool
    client_metadata_documents: bool


@dataclass(frozen=True, slots=True)
class IssuerContext:
    """Settings, memory and ports of one issuer."""

    settings: IssuerSettings
    users: Mapping[str, DevUser]
    keys: SigningKeys
    clients: ClientRegistry
    grants: Grants
    conduct: Conduct[IssuerMisbehaviour]
    clock: Clock
    entropy: Entropy

    def user_of(self, sub: str) -> DevUser | None:
        """The user with this subject."""
        return next((user for user in self.users.values() if user.subject == sub), None)
