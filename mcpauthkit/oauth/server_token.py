"""The token request as an authorization server reads it, and its answer (RFC 6749 sections 4.1.3, 5 and 6)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.secret import same_text
from mcpauthkit.errors import GrantRefused, OAuthFault, RemoteError, RemoteUnavailable
from mcpauthkit.oauth.authorization import code_challenge
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.server_scopes import ScopeRules
from mcpauthkit.oauth.token import TokenSet

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")
# The user has to come to the issuer again; for a client that is one thing, whatever the reason.
_SIGN_IN_AGAIN = frozenset(
    {"invalid_grant", "interaction_required", "login_required", "consent_required", "access_denied", "expired_token"}
)
_CLIENTS_OWN = frozenset({"invalid_scope", "invalid_target"})
_UNAVAILABLE = 503
_BAD_GATEWAY = 502


@dataclass(frozen=True, slots=True)
class CodeGrant:
    """What one of our codes stands for. Only texts: it is the code.

    Args:
        client: The digest of the client's id.
        redirect: The digest of the redirect URI.
        code_challenge: The client's PKCE challenge.
        scope: The scopes that were asked for.
        resource: The protected resource.
        upstream_code: The issuer's code.
        upstream_verifier: Our own PKCE verifier at the issuer.
    """

    client: str
    redirect: str
    code_challenge: str
    scope: str
    resource: str
    upstream_code: str = field(repr=False)
    upstream_verifier: str = field(repr=False)

    def check(self, parameters: Parameters, *, resource: str | None) -> None:
        """Check that a token request repeats what the authorization request said.

        Args:
            parameters: The token request.
            resource: The resource it names, or None.

        Raises:
            OAuthFault: It does not.
        """
        redirect_uri = parameters.get("redirect_uri")
        checks = (
            (self.client, digest(parameters.need("client_id"))),
            # OAuth 2.1 section 4.1.3 leaves it out: PKCE binds the code to its request. If it is there, it has to fit.
            (self.redirect, digest(redirect_uri) if redirect_uri else self.redirect),
            (self.code_challenge, _challenge_of(parameters.need("code_verifier"))),
        )
        # All compared before any is told: an answer that says which one failed helps whoever stole a code.
        if [mine for mine, theirs in checks if not same_text(mine, theirs)]:
            raise OAuthFault("invalid_grant", "The code does not belong to this request.")
        check_target(self.resource, resource)


@dataclass(frozen=True, slots=True)
class RefreshGrant:
    """What one of our refresh tokens stands for. Only texts: it is the refresh token.

    Args:
        client: The digest of the client's id.
        scope: The scopes that were asked for and granted: the bound of every refresh.
        asked: The scopes that were asked for, of which some may not have been granted.
        resource: The protected resource.
        signed_in_at: When the user signed in, in seconds since the epoch.
        upstream_token: The issuer's refresh token.
    """

    client: str
    scope: str
    asked: str
    resource: str
    signed_in_at: float
    upstream_token: str = field(repr=False)

    def narrowed(self, scopes: tuple[str, ...], rules: ScopeRules) -> tuple[str, ...]:
        """What to ask the issuer for when a client wants these; empty for all there is.

        Some clients repeat every scope they ever asked for (Codex 0.169 does), granted or not. That is no wish for
        more, and an issuer would refuse it.

        Args:
            scopes: What the client wants; empty for all it has.
            rules: What is offered today. This grant may be older than the configuration.

        Raises:
            OAuthFault: One of them was never asked for, none of them was granted, or nothing of the grant is left.
        """
        granted = self.scope.split()
        bound = tuple(one for one in granted if rules.allows(one))
        if not set(scopes) <= {*granted, *self.asked.split()}:
            raise OAuthFault("invalid_scope", "A refresh cannot widen the scope.")
        if granted and not bound:
            raise OAuthFault("invalid_grant", "What was granted is not offered here any more. Sign in again.")
        wanted = tuple(one for one in scopes if one in bound) if scopes else bound
        if scopes and not wanted:
            # An empty list would ask the issuer for everything.
            raise OAuthFault("invalid_scope", "None of these scopes was granted.")
        return () if set(wanted) == set(granted) else wanted


def digest(text: str) -> str:
    """A digest that stands for a client id or a redirect URI in what we seal, and in logs its beginning."""
    return sha256_hex("proxy", text)[:32]


def check_target(granted: str, asked: str | None) -> None:
    """Refuse a token for another resource than was asked for at first (RFC 8707 section 2.2).

    Raises:
        OAuthFault: It is another.
    """
    if asked is not None and asked != granted:
        raise OAuthFault("invalid_target", "resource differs from the authorization request.")


def token_answer(tokens: TokenSet, *, scopes: Iterable[str], refresh_token: str | None) -> dict[str, Any]:
    """What the client gets: never the ID token, which is for our own client at the issuer (section 5.1).

    Args:
        tokens: What the issuer gave.
        scopes: What was granted of what was asked for; what else the issuer put in is not told.
        refresh_token: The sealed one.
    """
    answer: dict[str, Any] = {
        "access_token": tokens.access_token.reveal(),
        "token_type": "Bearer" if tokens.token_type.lower() == "bearer" else tokens.token_type,
    }
    if tokens.expires_in is not None:
        answer["expires_in"] = int(tokens.expires_in)
    granted = " ".join(scopes)
    if granted:
        answer["scope"] = granted
    if refresh_token is not None:
        answer["refresh_token"] = refresh_token
    return answer


def fault_of(error: RemoteError) -> OAuthFault:
    """What a client is told when the issuer did not give us tokens; never the issuer's own words."""
    if isinstance(error, GrantRefused) and error.error in _SIGN_IN_AGAIN:
        return OAuthFault("invalid_grant", "The sign-in is over or was withdrawn.", reason=error.reason)
    if isinstance(error, GrantRefused) and error.error in _CLIENTS_OWN:
        return OAuthFault(error.error, "The sign-in service refused what was asked for.", reason=error.reason)
    if isinstance(error, RemoteUnavailable):
        return OAuthFault(
            "temporarily_unavailable",
            "The sign-in service cannot be reached at the moment.",
            status=_UNAVAILABLE,
            reason=error.reason,
        )
    return OAuthFault(
        "server_error",
        "The sign-in service and this server do not fit together. The operator finds why in the log.",
        status=_BAD_GATEWAY,
        hint=error.hint or "Check client_id, client_secret and client_authentication against the issuer.",
        reason=error.reason,
    )


def _challenge_of(verifier: str) -> str:
    # One that no client may send (RFC 7636 section 4.1) gets a challenge that no client can have sent.
    return code_challenge(verifier) if _VERIFIER.match(verifier) else ""
