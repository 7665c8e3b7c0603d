"""The authorization request and its response: RFC 6749 section 4.1, PKCE (RFC 7636), `iss` (RFC 9207)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.core.urls import with_query
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.messages import TRANSIENT_ERRORS, name_of_error

_OURS = frozenset(
    {
        "scope",
        "response_type",
        "client_id",
        "redirect_uri",
        "state",
        "code_challenge",
        "code_challenge_method",
        "nonce",
    }
)
_MAX_CODE_LENGTH = 4096


def code_challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2). There is no `plain` here."""
    return base64url_encode(hashlib.sha256(verifier.encode("ascii")).digest())


def check_extra_parameters(extra: Mapping[str, str], *, scope_parameter: str = "scope") -> None:
    """Check extra authorize parameters.

    Args:
        extra: The parameters.
        scope_parameter: What the scopes are sent as. Where that is another one, `scope` itself is free for what the
            service means by it.

    Raises:
        ConfigurationError: One of them would replace a parameter the flow's safety rests on.
    """
    taken = (_OURS - {"scope"} | {scope_parameter}) & extra.keys()
    if taken:
        raise ConfigurationError(
            f"extra_authorize_params may not set {', '.join(sorted(taken))}.",
            hint="The kit sets these itself.",
        )


@dataclass(frozen=True, slots=True)
class AuthorizationRequest:
    """What a browser is sent to an authorization server with.

    Args:
        endpoint: The authorization endpoint; a query it already has is kept.
        client_id: Our client there.
        redirect_uri: Where the browser comes back.
        state: An unguessable value, single use.
        code_verifier: The PKCE verifier; only its challenge is sent. Empty only for services that refuse PKCE.
        scopes: Scopes to ask for; none leaves the parameter out.
        scope_parameter: What they are sent as.
        scope_separator: What joins them; a space unless the service has its own habit.
        nonce: Bound into the ID token (OpenID Connect Core 1.0 section 3.1.2.1).
        extra: Further parameters.
    """

    endpoint: str
    client_id: str
    redirect_uri: str
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)
    scopes: Sequence[str] = ()
    scope_parameter: str = "scope"
    scope_separator: str = " "
    nonce: str | None = field(default=None, repr=False)
    extra: Mapping[str, str] = field(default_factory=dict)

    @property
    def url(self) -> str:
        """The URL to redirect to."""
        parameters = dict(self.extra)
        parameters |= {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
        }
        if self.code_verifier:
            parameters |= {"code_challenge": code_challenge(self.code_verifier), "code_challenge_method": "S256"}
        if self.scopes:
            parameters[self.scope_parameter] = self.scope_separator.join(self.scopes)
        if self.nonce is not None:
            parameters["nonce"] = self.nonce
        return with_query(self.endpoint, parameters)


def process_authorization_response(
    query: Mapping[str, str], *, expected_issuer: str | None, iss_required: bool = False
) -> str:
    """The code of an authorization response (RFC 6749 section 4.1.2).

    Args:
        query: Parameters of the redirect; `state` has been checked by then.
        expected_issuer: Who must have answered, when that is known.
        iss_required: Whether this server announces that it always names itself.

    Returns:
        The authorization code.

    Raises:
        RemoteUnavailable: The server cannot answer now.
        GrantRefused: The server answered with another error.
        RemoteMisbehaved: Another server answered, or there is no usable code.
    """
    # Plain string comparison on purpose (RFC 9207 section 2.4): tidying slashes or case here would let a
    # look-alike issuer pass. It comes before the error is believed: an attacker's server can send errors too.
    iss = query.get("iss")
    if expected_issuer is not None and (iss is not None or iss_required) and iss != expected_issuer:
        raise RemoteMisbehaved(
            "The answer came from another sign-in server than the one that was asked.",
            reason=f"authorization response iss {iss!r:.200}, expected {expected_issuer!r}",
        )
    error = query.get("error")
    if error in TRANSIENT_ERRORS:
        raise RemoteUnavailable(reason=f"authorization response error {error!r}")
    if error:
        name = name_of_error(error)
        raise GrantRefused(name, reason=f"authorization response error {name!r}")
    code = query.get("code", "")
    if not code or len(code) > _MAX_CODE_LENGTH:
        raise RemoteMisbehaved(reason="authorization response without a usable code")
    return code
