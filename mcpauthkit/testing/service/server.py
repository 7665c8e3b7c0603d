"""DevService: wires the endpoints, serves them and gives tests their switches."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.testing.conduct import Conduct, ServiceMisbehaviour
from mcpauthkit.testing.faults import Faults
from mcpauthkit.testing.loopback import LoopbackServer
from mcpauthkit.testing.people import OCTO_ALICE, OCTO_BOB, OCTO_ROBOT
from mcpauthkit.testing.requests import Instruments, RequestRecord
from mcpauthkit.testing.service.api import ServiceApi
from mcpauthkit.testing.service.authorize import AUTHORIZE_PATH, ConsentEndpoint
from mcpauthkit.testing.service.context import RedirectRules, ServiceContext, ServiceSettings
from mcpauthkit.testing.service.grants import AccountGrants
from mcpauthkit.testing.service.token import ServiceTokenEndpoints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.testing.faults import Endpoint
    from mcpauthkit.testing.people import DevAccount
    from mcpauthkit.testing.service.dialects import ErrorStyle

_TOKEN_PATH = "/login/oauth/access_token"  # noqa: S105  # a path
_REVOKE_PATH = "/login/oauth/revoke"
_API_PATH = "/api"
_ENDPOINTS: dict[str, Endpoint] = {
    AUTHORIZE_PATH: "authorize",
    _TOKEN_PATH: "token",
    _REVOKE_PATH: "revoke",
    f"{_API_PATH}/user": "user",
    f"{_API_PATH}/repos": "repos",
    f"{_API_PATH}/user/repos": "repos",
}


class DevService(LoopbackServer):
    """A small code forge on 127.0.0.1 with an OAuth-protected API, for tests, demos and development.

    A `LoopbackServer`, so a sync or async context manager. It knows one confidential client, asks for consent each
    time, verifies PKCE when a challenge was sent, and rotates refresh tokens. With its own credentials the client gets
    tokens of the service account `octo-robot`.

    Args:
        port: The port; 0 takes a free one.
        host: The address to bind; in a container, whose port is published, 0.0.0.0.
        name: Shown on the consent page.
        client_id: The client's id.
        client_secret: The client's secret; generated unless given.
        scopes: The scopes it knows; `/api/repos` needs `repo`.
        access_token_ttl_seconds: Lifetime of access tokens; None for tokens that neither expire nor refresh.
        users: The accounts.
        error_style: How it says no, and what else it does in its own way; see `ErrorStyle`.
        rotates_refresh_tokens: Whether each refresh token is good once; otherwise the first one lasts, and renewals
            bring none.
        clock: Time for lifetimes.
        entropy: Source of codes, tokens and the secret.

    Attributes:
        requests: What was asked of it: `service.requests.count("token", grant_type="refresh_token")`.
        faults: Errors and delays.

    Raises:
        OSError: The port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        host: str = "127.0.0.1",
        name: str = "DevForge",
        client_id: str = "devforge-client",
        client_secret: str | None = None,
        scopes: Sequence[str] = ("read:user", "repo"),
        access_token_ttl_seconds: int | None = 3600,
        users: Sequence[DevAccount] = (OCTO_ALICE, OCTO_BOB),
        error_style: ErrorStyle = "standard",
        rotates_refresh_tokens: bool = True,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
        super().__init__(port=port, host=host)
        self.requests = RequestRecord()
        self.faults = Faults()
        self._context = ServiceContext(
            settings=ServiceSettings(
                base_url=self.base_url,
                name=name,
                client_id=client_id,
                client_secret=client_secret or entropy.token(),
                scopes=tuple(scopes),
                access_token_ttl_seconds=access_token_ttl_seconds,
                error_style=error_style,
                rotates_refresh_tokens=rotates_refresh_tokens,
            ),
            accounts={account.login: account for account in users},
            service_account=OCTO_ROBOT,
            redirects=RedirectRules(),
            grants=AccountGrants(clock, entropy),
            conduct=Conduct(ServiceMisbehaviour()),
            clock=clock,
            entropy=entropy,
        )
        self.app = self._app()

    @property
    def client_id(self) -> str:
        """The client's id."""
        return self._context.settings.client_id

    @property
    def client_secret(self) -> str:
        """The client's secret."""
        return self._context.settings.client_secret

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes it knows."""
        return self._context.settings.scopes

    @property
    def authorize_url(self) -> str:
        """Where the browser goes for consent."""
        return self.base_url + AUTHORIZE_PATH

    @property
    def token_url(self) -> str:
        """Where codes and refresh tokens are exchanged."""
        return self.base_url + _TOKEN_PATH

    @property
    def revoke_url(self) -> str:
        """Where tokens are revoked (RFC 7009)."""
        return self.base_url + _REVOKE_PATH

    @property
    def api_url(self) -> str:
        """Base of the API: `/user` and `/repos`, also known as `/user/repos`, below it."""
        return self.base_url + _API_PATH

    def add_redirect_uri(self, redirect_uri: str) -> None:
        """Register a redirect address; without any, every http address on loopback is taken."""
        self._context.redirects.add(redirect_uri)

    def live_tokens(self, login: str | None = None) -> tuple[str, ...]:
        """The access tokens that are good right now, of one account or of all."""
        return self._context.grants.live_tokens(login)

    def expire_tokens(self, login: str | None = None) -> int:
        """Let access tokens expire now, refresh tokens stay good; gives how many."""
        return self._context.grants.expire(login)

    def revoke_grants(self, login: str | None = None) -> int:
        """Revoke grants with all their tokens, as users do in their settings; gives how many."""
        return self._context.grants.revoke_account(login)

    def misbehave(
        self,
        *,
        wrong_iss: bool | None = None,
        omit_iss: bool | None = None,
        wrong_state: bool | None = None,
        fewer_scopes: bool | None = None,
        refuse_revocation: bool | None = None,
    ) -> None:
        """Switch lies on or off; those not named stay as they are.

        Args:
            wrong_iss: The authorization response names another issuer (RFC 9207).
            omit_iss: The authorization response names no issuer, as most services do.
            wrong_state: The authorization response carries another `state`.
            fewer_scopes: Only the first of the requested scopes is granted.
            refuse_revocation: Tokens are not revoked; the endpoint says so.
        """
        switches = {
            "wrong_iss": wrong_iss,
            "omit_iss": omit_iss,
            "wrong_state": wrong_state,
            "fewer_scopes": fewer_scopes,
            "refuse_revocation": refuse_revocation,
        }
        self._context.conduct.change(switches)

    def behave(self) -> None:
        """Switch all misbehaviour and faults off."""
        self._context.conduct.reset()
        self.faults.clear()

    def stop(self) -> None:
        """Stop serving. Started again it comes back at the same address, with its memory."""
        self.faults.clear()
        super().stop()

    def _app(self) -> Starlette:
        consent = ConsentEndpoint(self._context)
        tokens = ServiceTokenEndpoints(self._context)
        api = ServiceApi(self._context)
        routes = [
            Route(AUTHORIZE_PATH, consent.show, methods=["GET"]),
            Route(AUTHORIZE_PATH, consent.decide, methods=["POST"]),
            Route(_TOKEN_PATH, tokens.exchange, methods=["POST"]),
            Route(_REVOKE_PATH, tokens.revoke, methods=["POST"]),
            Route(f"{_API_PATH}/user", api.user),
            Route(f"{_API_PATH}/repos", api.repos),
            # GitHub's address, so that code written for it runs here unchanged.
            Route(f"{_API_PATH}/user/repos", api.repos),
        ]
        instruments = Middleware(Instruments, endpoints=_ENDPOINTS, record=self.requests, faults=self.faults)
        return Starlette(routes=routes, middleware=[instruments])
