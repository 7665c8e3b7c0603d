"""The kit's own client at one issuer: sends browsers there to sign in, and learns who came back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpauthkit.core.secret import Secret, as_secret, same_text
from mcpauthkit.errors import ConfigurationError, GrantRefused, InvalidToken, RemoteMisbehaved
from mcpauthkit.fetch import CachedDocument
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.authorization import AuthorizationRequest, process_authorization_response
from mcpauthkit.oauth.registration import process_registration, registration_request
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response
from mcpauthkit.principal import Principal

_SCOPES = ("openid", "profile")
_OTHER_LOGIN = "The sign-in service's answer belongs to another sign-in."
_MONTH_SECONDS = 30 * 86_400.0


class IssuerClient:
    """Our client at an issuer.

    Args:
        issuer: The issuer.
        redirect_uri: Where browsers come back.
        client_id: Our client there; None to register one (RFC 7591).
        client_secret: Its secret, for a confidential client.

    Raises:
        ConfigurationError: A secret comes without a client.
    """

    def __init__(
        self,
        issuer: Issuer,
        *,
        redirect_uri: str,
        client_id: str | None = None,
        client_secret: str | Secret | None = None,
    ) -> None:
        self.issuer_url = issuer.issuer_url
        self._issuer = issuer
        self._redirect_uri = redirect_uri
        self._verifier = JwtVerifier(issuer, expects="id_token")
        self._configured = _configured_client(client_id, client_secret)
        self._registered: CachedDocument[OAuthClient] = CachedDocument(
            self._register, clock=issuer.clock, max_age_seconds=_MONTH_SECONDS
        )

    async def authorization(
        self, *, state: str, nonce: str, code_verifier: str, choose_account: bool
    ) -> tuple[AuthorizationRequest, dict[str, str]]:
        """The request to send a browser to the issuer with, and what `exchange` has to know of the client that sent it.

        Each replica that registers is a client of its own, and another one, or this one after a restart, may have to
        finish. So the latter holds the secret that an issuer may have given with the registration: seal it.

        Raises:
            RemoteError: The issuer cannot be reached, or offers us no way to be its client.
        """
        endpoint = (await self._issuer.metadata.get()).need("authorization_endpoint")
        client = self._configured or await self._registered.get()
        asked = AuthorizationRequest(
            endpoint=endpoint,
            client_id=client.client_id,
            redirect_uri=self._redirect_uri,
            state=state,
            code_verifier=code_verifier,
            scopes=_SCOPES,
            nonce=nonce,
            extra={"prompt": "login"} if choose_account else {},
        )
        kept = {"client_id": client.client_id}
        if client is not self._configured and client.client_secret is not None:
            kept |= {
                "client_secret": client.client_secret.reveal(),
                "client_authentication": client.authentication,
            }
        return asked, kept

    async def exchange(self, query: Mapping[str, str], pending: Mapping[str, Any]) -> Principal:
        """Who came back, from the issuer's answer.

        Args:
            query: Parameters of the redirect; `state` has been checked by then.
            pending: What was kept of the request: the client, `nonce` and `verifier`.

        Raises:
            InvalidToken: The ID token is not good, or from another sign-in.
            GrantRefused: The issuer or its user said no.
            RemoteError: The issuer cannot be reached or misbehaves.
            IssuerUnavailable: Its keys cannot be had.
        """
        metadata = await self._issuer.metadata.get()
        code = process_authorization_response(query, expected_issuer=metadata.issuer, iss_required=metadata.sends_iss)
        endpoint = metadata.need("token_endpoint")
        client = self._client_of(pending)
        request = code_request(
            endpoint,
            client,
            code=code,
            redirect_uri=self._redirect_uri,
            code_verifier=pending["verifier"],
        )
        try:
            tokens = process_token_response(await self._issuer.fetch(request))
        except GrantRefused as error:
            if error.error == "invalid_client" and self._configured is None:
                # The issuer has forgotten us: the next login registers again.
                await self._registered.refetch(self._registered.version)
            raise
        if tokens.id_token is None:
            raise RemoteMisbehaved(reason="token response without id_token")
        principal = (await self._verifier.verify(tokens.id_token.reveal())).principal
        # OpenID Connect Core 1.0 section 3.1.3.7: for us, from this login, not replayed from another.
        check_audience(principal, frozenset({client.client_id}))
        if principal.get("azp", client.client_id) != client.client_id:
            raise InvalidToken(_OTHER_LOGIN, reason="ID token azp is another client")
        if not same_text(str(principal.get("nonce")), str(pending["nonce"])):
            raise InvalidToken(_OTHER_LOGIN, reason="ID token nonce is not of this login")
        return principal

    def _client_of(self, pending: Mapping[str, Any]) -> OAuthClient:
        if self._configured is not None and self._configured.client_id == pending["client_id"]:
            return self._configured
        secret = pending.get("client_secret")
        return OAuthClient(
            pending["client_id"],
            None if secret is None else Secret(secret),
            pending.get("client_authentication", "none"),
        )

    async def _register(self) -> OAuthClient:
        metadata = await self._issuer.metadata.get()
        if metadata.registration_endpoint is None:
            raise RemoteMisbehaved(
                hint="Register a client at the issuer by hand and pass it as browser_client_id.",
                reason="the issuer offers no registration",
            )
        request = registration_request(
            metadata.registration_endpoint,
            name="MCP server sign-in",
            redirect_uris=[self._redirect_uri],
            scope=" ".join(_SCOPES),
        )
        return process_registration(await self._issuer.fetch(request))


def _configured_client(client_id: str | None, client_secret: str | Secret | None) -> OAuthClient | None:
    if client_id is None:
        if client_secret:
            raise ConfigurationError(
                "browser_client_secret was given without browser_client_id.", hint="Give both, or neither to register."
            )
        return None
    if client_secret is None:
        return OAuthClient(client_id)
    return OAuthClient(client_id, as_secret(client_secret), "client_secret_basic")
