"""The grant port: the ways of obtaining a credential from a service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

from mcpauthkit.connections.credential import Account, Credential, Origin
from mcpauthkit.core.secret import Secret


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

    async def renew(self, credential: Credential) -> Credential:
        """A new credential for an old one, without the user; asked only for credentials with a refresh token.

        Raises:
            GrantRefused: With `invalid_grant`, the grant is gone and the user has to be asked again. Other errors
                refuse this server itself, so the record stays.
            RemoteUnavailable: The service cannot answer now; the old record stays.
            RemoteMisbehaved: The answer is unusable; the old record stays.
        """
        ...

    async def aclose(self) -> None:
        """Close what the grant opened."""
        ...


@runtime_checkable
class RedirectGrant(Grant, Protocol):
    """A grant for which the browser visits the service."""

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        """Prepare a visit of the browser to the service.

        Raises:
            RemoteError: Where the browser has to go cannot be found out now.
        """
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


@runtime_checkable
class Revocable(Protocol):
    """What a grant can do besides, when its service can be told that a credential is over."""

    async def revoke(self, credential: Credential) -> bool:
        """Tell the service that a credential is over, with everything that came of the same consent if it can do that.

        Returns:
            True when the service confirmed, False when it has no way to do it.

        Raises:
            RemoteError: It did not confirm.
        """
        ...


@runtime_checkable
class Identifying(Protocol):
    """What a grant can do besides, when its service says whose account a credential belongs to."""

    async def identify(self, credential: Credential) -> Account | None:
        """The account, or None when the service does not say. A failure is None as well: only a label is lost."""
        ...


@runtime_checkable
class Examining(Protocol):
    """What a grant can do besides, when its service says whether it takes a credential at all."""

    async def is_taken(self, credential: Credential) -> bool | None:
        """Whether the service takes it for anything; None when that cannot be found out, now or ever."""
        ...


class UserlessGrant(Protocol):
    """A way to a credential that asks nobody: a service account, or the caller's own sign-in exchanged."""

    @property
    def origin(self) -> Origin:
        """`exchange` for the caller's own rights, `service-account` for this application's."""
        ...

    async def obtain(self, scopes: Sequence[str], *, caller_token: Secret | None) -> Credential:
        """A credential for the caller or for the service account.

        Args:
            scopes: What it has to permit.
            caller_token: The verified access token of the call, for grants that exchange it. It is sent to the
                authorization server only, and kept nowhere.

        Raises:
            GrantRefused: It is not to be had this way; the next way is tried, in the end the user is asked.
            RemoteUnavailable: The service cannot answer now.
            RemoteMisbehaved: The answer is unusable.
        """
        ...

    async def aclose(self) -> None:
        """Close what the grant opened."""
        ...
