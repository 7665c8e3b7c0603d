"""The authorization-code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.grant import Attempt
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.authorization import (
    AuthorizationRequest,
    check_extra_parameters,
    process_authorization_response,
)
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response, refresh_request


@dataclass(frozen=True, slots=True)
class OAuthService:
    """A service that speaks OAuth 2.

    Args:
        service: Its name in links and store keys.
        display_name: Its name for people.
        authorize_url: Its authorization endpoint.
        token_url: Its token endpoint.
        client: Our client there.
        issuer: The `iss` it is expected to send (RFC 9207), when it is known to send one.
        scope_separator: What joins scopes in requests.
        extra_authorize_params: Further parameters of the authorization request.
    """

    service: str
    display_name: str
    authorize_url: str
    token_url: str
    client: OAuthClient
    issuer: str | None = None
    scope_separator: str = " "
    extra_authorize_params: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("authorize_url", "token_url"):
            if not is_trustworthy_url(getattr(self, name)):
                raise ConfigurationError(
                    f"{name}={getattr(self, name)!r} is not an https URL.",
                    hint="Use https; plain http is for loopback only.",
                )
        check_extra_parameters(self.extra_authorize_params)


class AuthorizationCodeGrant:
    """Obtains and renews credentials of one OAuth service.

    Args:
        service: The service.
        fetch: The fetch port.
        clock: Time.
        entropy: Source of states and verifiers.
    """

    def __init__(
        self,
        service: OAuthService,
        *,
        fetch: Fetch,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._service = service
        self._fetch = fetch
        self._clock = clock or SystemClock()
        self._entropy = entropy or SystemEntropy()

    @property
    def service(self) -> str:
        """The service's name in links and store keys."""
        return self._service.service

    @property
    def display_name(self) -> str:
        """The service's name for people."""
        return self._service.display_name

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        """Prepare a visit of the browser to the service."""
        state, verifier = self._entropy.token(), self._entropy.token()
        request = AuthorizationRequest(
            endpoint=self._service.authorize_url,
            client_id=self._service.client.client_id,
            redirect_uri=redirect_uri,
            state=state,
            code_verifier=verifier,
            scopes=scopes,
            scope_separator=self._service.scope_separator,
            extra=self._service.extra_authorize_params,
        )
        return Attempt(request.url, state, {"code_verifier": verifier})

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        """Check the redirect's parameters and exchange the code."""
        code = process_authorization_response(query, expected_issuer=self._service.issuer)
        request = code_request(
            self._service.token_url,
            self._service.client,
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=str(private["code_verifier"]),
        )
        asked_at = self._clock.wall()
        tokens = process_token_response(await self._fetch(request))
        return Credential.from_tokens(tokens, asked=scopes, now=asked_at)

    async def renew(self, credential: Credential) -> Credential:
        """Exchange the refresh token; a service that sends no new one leaves the old one in force."""
        assert credential.refresh_token is not None
        request = refresh_request(self._service.token_url, self._service.client, refresh_token=credential.refresh_token)
        asked_at = self._clock.wall()
        tokens = process_token_response(await self._fetch(request))
        return Credential.from_tokens(tokens, asked=credential.scopes, now=asked_at).following(credential)

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()
