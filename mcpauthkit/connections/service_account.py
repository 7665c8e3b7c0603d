"""A service that tools use as this application itself; no user connects anything."""

from __future__ import annotations

from dataclasses import dataclass

from mcpauthkit.connections.credential import Credential
from mcpauthkit.errors import GrantRefused


@dataclass(frozen=True, slots=True)
class ServiceAccount:
    """The grant of a service for which `without_user` is the only way.

    Args:
        service: Its name in store keys: lower-case letters, digits and hyphens.
        display_name: Its name for people.
    """

    service: str
    display_name: str

    async def renew(self, credential: Credential) -> Credential:
        """Nothing is ever connected here, so nothing is renewed.

        Raises:
            GrantRefused: Always.
        """
        raise GrantRefused("invalid_grant", reason=f"no user connects {self.service}, which got {credential.origin}")

    async def aclose(self) -> None:
        """Nothing is open."""
