"""Tokens for tokens: token exchange (RFC 8693) and, in Entra's words, on-behalf-of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mcpauthkit.oauth.token_exchange import ACCESS_TOKEN_TYPE, JWT_TYPE
from mcpauthkit.testing.issuer.live_tokens import live_claims
from mcpauthkit.testing.wire import OAuthFailure

if TYPE_CHECKING:
    from mcpauthkit.testing.issuer.clients import Client
    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.issuer.tokens import TokenMint
    from mcpauthkit.testing.wire import Parameters

_TAKEN_TYPES = frozenset({ACCESS_TOKEN_TYPE, JWT_TYPE})


class Exchange:
    """Gives clients tokens of whom they were called by."""

    def __init__(self, context: IssuerContext, mint: TokenMint) -> None:
        self._context = context
        self._mint = mint

    def by_exchange(self, client: Client, parameters: Parameters) -> dict[str, Any]:
        """The answer to a token exchange.

        Raises:
            OAuthFailure: It is refused (RFC 8693 section 2.2.2).
        """
        if parameters.need("subject_token_type") not in _TAKEN_TYPES:
            raise OAuthFailure("invalid_request", "subject_token_type is none that is exchanged here")
        if (parameters.get("requested_token_type") or ACCESS_TOKEN_TYPE) not in _TAKEN_TYPES:
            raise OAuthFailure("invalid_request", "requested_token_type is none that is given here")
        claims = self._claims_of_caller(client, parameters.need("subject_token"), error="invalid_request")
        asked = [one for one in (parameters.get("audience"), *parameters.resources) if one]
        if not set(asked) <= set(client.targets):
            raise OAuthFailure("invalid_target", "this client may not ask for tokens for that service")
        answer = self._answer(client, claims, asked or list(client.targets[:1]), parameters.get("scope").split())
        return {**answer, "issued_token_type": ACCESS_TOKEN_TYPE}

    def by_assertion(self, client: Client, parameters: Parameters) -> dict[str, Any]:
        """The answer to on-behalf-of, where scopes name their service: `https://api.example/read`.

        Raises:
            OAuthFailure: It is refused, in Entra's words.
        """
        if parameters.need("requested_token_use") != "on_behalf_of":
            raise OAuthFailure("invalid_request", "requested_token_use has to be on_behalf_of")
        claims = self._claims_of_caller(client, parameters.need("assertion"), error="invalid_grant")
        scopes = parameters.need("scope").split()
        target = next((one for one in client.targets if scopes[0].startswith(f"{one}/")), None)
        if target is None:
            raise OAuthFailure("invalid_scope", "the scope names no service that this client may call")
        return self._answer(client, claims, [target], scopes)

    def _claims_of_caller(self, client: Client, token: str, *, error: str) -> dict[str, Any]:
        claims = live_claims(self._context, token)
        if claims is None:
            raise OAuthFailure(error, "the caller's token is not good")
        audience = claims.get("aud")
        presented_to = {audience} if isinstance(audience, str) else {*(audience or ())}
        # Whoever finds a token must not exchange it: it has to have been presented to this very client.
        if client.called_as and not presented_to & set(client.called_as):
            raise OAuthFailure(error, "the caller's token was meant for somebody else")
        if self._context.conduct.now().needs_interaction:
            raise OAuthFailure("interaction_required", "the user has to sign in again")
        return claims

    def _answer(self, client: Client, claims: dict[str, Any], audience: list[str], scopes: list[str]) -> dict[str, Any]:
        seconds = self._context.settings.access_token_ttl_seconds
        token = self._mint.access_token(
            sub=claims["sub"],
            client_id=client.client_id,
            scope=" ".join(scopes),
            audience=audience[0] if len(audience) == 1 else audience,
            expires_in=seconds,
            headers={},
            # Who acts for the user (section 4.1).
            claims={"act": {"sub": client.client_id}},
        )
        return {"access_token": token, "token_type": "Bearer", "expires_in": seconds, "scope": " ".join(scopes)}
