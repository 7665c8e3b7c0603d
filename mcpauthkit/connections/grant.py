"""The grant port: one way of obtaining a credential from a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from mcpauthkit.connections.credential import Credential


@dataclass(frozen=True, slots=True)
class Attempt:
    """What a grant prepared for one visit of the browser to the service.

    Args:
        url: Where the browser is sent.
        state: What it must bring back; single use.
        private: What we need again to finish; kept sealed, never sent.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    private: Mapping[str, Any] = field(repr=False)


class Grant(Protocol):
    """How one service gives credentials. Ours inherit one suite of contract tests."""

    @property
    def service(self) -> str:
        """The service's name in links and store keys: lower-case letters, digits and hyphens."""
        ...

    @property
    def display_name(self) -> str:
        """The service's name for people."""
        ...

    def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        """Prepare a visit of the browser to the service."""
        ...

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        """Turn what the browser brought back into a credential.

        Raises:
            GrantRefused: The service or its user said no.
            RemoteUnavailable: The service cannot answer now; another visit may succeed.
            RemoteMisbehaved: The answer is unusable.
        """
        ...

    async def renew(self, credential: Credential) -> Credential:
        """A new credential for an old one, without the user.

        Raises:
            GrantRefused: The grant is gone; the user has to be asked again.
            RemoteUnavailable: The service cannot answer now; the old record stays.
            RemoteMisbehaved: The answer is unusable; the old record stays.
        """
        ...

    async def aclose(self) -> None:
        """Close what the grant opened."""
        ...
