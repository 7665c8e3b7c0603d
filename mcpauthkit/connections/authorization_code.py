"""The authorization-code grant with PKCE (RFC 6749 section 4.1, RFC 7636, RFC 9700 section 2.1), driven by a preset."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.grant import Attempt
from mcpauthkit.connections.preset import Revocation, ServicePreset
from mcpauthkit.connections.variables import resolved, with_client_id
from mcpauthkit.connections.whose import Whose
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import GrantRefused, RemoteError
from mcpauthkit.fetch import Fetch
from mcpauthkit.oauth.authorization import (
    AuthorizationRequest,
    check_extra_parameters,
    process_authorization_response,
)
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.revocation import (
    bearer_request,
    deletion_request,
    process_revocation_response,
    revocation_request,
)
from mcpauthkit.oauth.token import OAuthClient, TokenSet, code_request, process_token_response, refresh_request

_log = RequestLog("connections")
_REDIRECT_URI = "redirect_uri"
_NOBODYS_CODE = "mcpauthkit-doctor-asks-whether-this-client-is-known"

Discover = Callable[[], Awaitable[ServicePreset]]
"""Finds out at first use what a preset leaves open; raises a `RemoteError`."""


class AuthorizationCodeGrant:
    """Obtains, renews and revokes credentials of one OAuth service.

    Args:
        preset: The service, with its variables in place.
        client: Our client there.
        fetch: The fetch port.
        discover: Finds out the addresses of a service that describes itself; the preset then holds the rest.
        clock: Time.
        entropy: Source of states and verifiers.

    Raises:
        ConfigurationError: An address is missing or no https URL, or a parameter would replace one of ours.
    """

    def __init__(
        self,
        preset: ServicePreset,
        client: OAuthClient,
        *,
        fetch: Fetch,
        discover: Discover | None = None,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        check_extra_parameters(preset.authorize_params, scope_parameter=preset.scope_parameter)
        self._preset = resolved(preset) if discover is None else preset
        self._client = client
        self._fetch = fetch
        self._discover = discover
        self._clock = clock or SystemClock()
        self._entropy = entropy or SystemEntropy()

    @property
    def service(self) -> str:
        """The service's name in links and store keys."""
        return self._preset.name

    @property
    def display_name(self) -> str:
        """The service's name for people."""
        return self._preset.display_name

    @property
    def preset(self) -> ServicePreset:
        """The service as it was described to us; what is discovered is not in it."""
        return self._preset

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        """Prepare a visit of the browser to the service.

        Raises:
            RemoteError: The service's own description of itself cannot be had.
        """
        preset, client = await self._now()
        state, verifier = self._entropy.token(), self._entropy.token()
        request = AuthorizationRequest(
            endpoint=preset.authorize_url,
            client_id=client.client_id,
            redirect_uri=redirect_uri,
            state=state,
            code_verifier=verifier if preset.pkce else "",
            scopes=_asked(preset, scopes),
            scope_parameter=preset.scope_parameter,
            scope_separator=preset.scope_separator,
            extra=preset.authorize_params,
        )
        return Attempt(request.url, state, {"code_verifier": verifier} if preset.pkce else {})

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        """Check the redirect's parameters and exchange the code.

        Raises:
            GrantRefused: The service or its user said no.
            RemoteUnavailable: The service cannot answer now.
            RemoteMisbehaved: The answer is unusable, or another server's.
        """
        preset, _ = await self._now()
        code = process_authorization_response(query, expected_issuer=preset.issuer, iss_required=preset.sends_issuer)
        asked_at = self._clock.wall()
        tokens = await self._exchange(
            code, redirect_uri=redirect_uri, code_verifier=str(private.get("code_verifier", ""))
        )
        made = Credential.from_tokens(tokens, asked=_asked(preset, scopes), now=asked_at)
        if not preset.refresh_with_redirect_uri:
            return made
        # Kept with what it brought: our own address may have changed by the time of a renewal.
        return replace(made, details={**made.details, _REDIRECT_URI: redirect_uri})

    async def renew(self, credential: Credential) -> Credential:
        """Exchange the refresh token; a service that sends no new one leaves the old one in force.

        Raises:
            GrantRefused: The grant is gone if `is_gone` says so; else our client or request is refused.
            RemoteUnavailable: The service cannot answer now.
            RemoteMisbehaved: The answer is unusable.
        """
        assert credential.refresh_token is not None
        preset, client = await self._now()
        request = refresh_request(
            preset.refresh_url or preset.token_url,
            client,
            refresh_token=credential.refresh_token,
            redirect_uri=credential.details.get(_REDIRECT_URI, "") if preset.refresh_with_redirect_uri else "",
            body=preset.body,
        )
        asked_at = self._clock.wall()
        tokens = process_token_response(await self._fetch(request), preset.tokens)
        return Credential.from_tokens(tokens, asked=credential.scopes, now=asked_at).following(credential)

    async def revoke(self, credential: Credential) -> bool:
        """Tell the service that a credential is over.

        Returns:
            True when the service confirmed, False when it has no way to be told.

        Raises:
            RemoteError: It did not confirm.
        """
        preset, client = await self._now()
        if preset.revocation is None:
            return False
        if preset.revocation.token == "access_token" and credential.refresh_token is not None:  # noqa: S105  # its name
            credential, is_over = await self._with_live_token(credential)
            if is_over:
                return True
        request = _revocation(preset, preset.revocation, client, credential)
        process_revocation_response(await self._fetch(request), ok_flag=preset.tokens.ok_flag)
        return True

    async def _with_live_token(self, credential: Credential) -> tuple[Credential, bool]:
        """The credential with an access token that lives, and whether the grant is over already.

        Services confirm the revocation of a token they do not know any more (RFC 7009 section 2.2), and the grant would
        live on in the refresh token.
        """
        if credential.expires_at is not None and credential.is_fresh(self._clock.wall()):
            return credential, False
        try:
            return await self.renew(credential), False
        except GrantRefused as error:
            if not error.is_gone:
                raise
        # Where nobody says when the access token ends, it may have outlived the refresh token.
        return credential, credential.expires_at is not None

    async def identify(self, credential: Credential) -> Account | None:
        """Whose account it is, from what came with the token, else by asking; None when that cannot be found out."""
        told = credential.account
        try:
            told = await Whose(*await self._now(), fetch=self._fetch).account(credential)
        except RemoteError as error:
            _log.warning("account unknown service=%s %s", self.service, error.for_log())
        return told if told != Account() else None

    async def is_taken(self, credential: Credential) -> bool | None:
        """Whether the service takes it, by asking whose it is; None where it cannot be asked or does not say."""
        try:
            return await Whose(*await self._now(), fetch=self._fetch).is_taken(credential)
        except RemoteError as error:
            _log.warning("token not examined service=%s %s", self.service, error.for_log())
            return None

    async def check_client(self, *, redirect_uri: str) -> None:
        """Try whether the service knows our client, by a code that it never gave; nothing changes there.

        A service that checks the client first refuses the code alone of one that it knows.

        Args:
            redirect_uri: Where browsers would come back.

        Raises:
            GrantRefused: It refuses something else than the code.
            RemoteUnavailable: The service cannot answer now.
            RemoteMisbehaved: The answer does not say which of the two is refused.
        """
        try:
            verifier = self._entropy.token() if self._preset.pkce else ""
            await self._exchange(_NOBODYS_CODE, redirect_uri=redirect_uri, code_verifier=verifier)
        except GrantRefused as error:
            if not error.is_gone:
                raise

    async def aclose(self) -> None:
        """Close the fetch port's own client."""
        await self._fetch.aclose()

    async def _exchange(self, code: str, *, redirect_uri: str, code_verifier: str) -> TokenSet:
        preset, client = await self._now()
        request = code_request(
            preset.token_url,
            client,
            code=code,
            redirect_uri=redirect_uri,
            code_verifier=code_verifier,
            body=preset.body,
        )
        return process_token_response(await self._fetch(request), preset.tokens)

    async def _now(self) -> tuple[ServicePreset, OAuthClient]:
        if self._discover is None:
            return self._preset, self._client
        preset = await self._discover()
        if self._client.client_secret is None:
            return preset, self._client
        return preset, replace(self._client, authentication=preset.client_authentication)


def _asked(preset: ServicePreset, scopes: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys([*scopes, *preset.always_scopes]))


def _revocation(
    preset: ServicePreset, revocation: Revocation, client: OAuthClient, credential: Credential
) -> HttpRequest:
    url = with_client_id(revocation.url, client.client_id)
    match revocation.style:
        case "github":
            return deletion_request(url, client, token=credential.access_token)
        case "bearer":
            return bearer_request(url, token=credential.access_token)
        case "rfc7009":
            kind, token = revocation.token, credential.refresh_token
            if kind == "access_token" or token is None:
                kind, token = "access_token", credential.access_token
            return revocation_request(url, client, token=token, kind=kind, body=preset.body)
