"""What the service's endpoints share."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mcpauthkit.testing.wire import is_loopback_redirect, redirect_matches, secret_matches

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.testing.conduct import Conduct, ServiceMisbehaviour
    from mcpauthkit.testing.people import DevAccount
    from mcpauthkit.testing.service.dialects import ErrorStyle
    from mcpauthkit.testing.service.grants import AccountGrants
    from mcpauthkit.testing.wire import ClientCredentials


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the service was constructed with.

    Attributes:
        base_url: Its origin; also its `iss`.
        name: Shown on the consent page.
        client_id: The one client it knows.
        client_secret: That client's secret.
        scopes: The scopes it knows; others are ignored.
        access_token_ttl_seconds: Lifetime of access tokens; None for tokens that do not expire.
        error_style: How it says no.
        rotates_refresh_tokens: Whether each refresh token is good once, and the next one comes with its answer.
    """

    base_url: str
    name: str
    client_id: str
    client_secret: str = field(repr=False)
    scopes: tuple[str, ...]
    access_token_ttl_seconds: int | None
    error_style: ErrorStyle
    rotates_refresh_tokens: bool

    def is_client(self, credentials: ClientCredentials) -> bool:
        """True if these are the client's id and secret."""
        return credentials.client_id == self.client_id and secret_matches(credentials.client_secret, self.client_secret)


class RedirectRules:
    """Where the browser may be sent back to: what was registered, else any loopback address. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._registered: tuple[str, ...] = ()

    def add(self, redirect_uri: str) -> None:
        """Register an address; from then on only registered ones are taken."""
        with self._lock:
            self._registered = (*self._registered, redirect_uri)

    def allow(self, redirect_uri: str) -> bool:
        """True if the browser may be sent there."""
        with self._lock:
            registered = self._registered
        if registered:
            return redirect_matches(redirect_uri, registered)
        return is_loopback_redirect(redirect_uri)


@dataclass(frozen=True, slots=True)
class ServiceContext:
    """Settings, memory and ports of one service."""

    settings: ServiceSettings
    accounts: Mapping[str, DevAccount]
    service_account: DevAccount
    redirects: RedirectRules
    grants: AccountGrants
    conduct: Conduct[ServiceMisbehaviour]
    clock: Clock
    entropy: Entropy

    def account_of(self, login: str) -> DevAccount:
        """The account of this name; the service account is nobody's who could consent."""
        return self.service_account if login == self.service_account.login else self.accounts[login]
