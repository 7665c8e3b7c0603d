"""The MCP SDK's two identity sinks.

`scope["user"]` binds legacy sessions to their owner and feeds FastMCP's `get_access_token()` and `auth=` checks;
`auth_context_var` binds modern request states. With only one of them set, the other era lets Bob use what Alice
opened, so both are set from one value, always with issuer, subject and client id.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, MutableMapping
from contextvars import Token
from functools import cached_property
from typing import Any

from fastmcp.server.auth import AccessToken
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from pydantic import PrivateAttr
from starlette.authentication import AuthCredentials

from mcpauthkit.access.auth_check import ROLES_CLAIM, UNKNOWN_CLIENT
from mcpauthkit.principal import Principal

PRINCIPAL_KEY = "mcpauthkit.principal"
"""The key of the ASGI scope under which a request carries its principal."""

VERIFIED_KEY = "mcpauthkit.verified"
"""The key of the ASGI scope under which a request carries what its caller was verified by, as the SDK's user."""

RECORDER_KEY = "mcpauthkit.recorder"
"""The key of the ASGI scope under which a request carries the recorder of its events."""

SIGN_IN_ISSUERS_KEY = "mcpauthkit.sign_in_issuers"
"""The key of the ASGI scope under which a request says at which issuers a browser can sign in."""

SinkToken = Token[AuthenticatedUser | None]


class PrincipalToken(AccessToken):
    """FastMCP's token with our principal inside."""

    _principal: Principal | None = PrivateAttr(default=None)

    @classmethod
    def of(cls, principal: Principal, token: str, resource: str) -> PrincipalToken:
        """The token of a verified caller.

        Args:
            principal: The caller.
            token: The credential itself.
            resource: What it was presented to (RFC 8707).
        """
        made = cls.model_validate(access_token_of(principal, token, resource).model_dump())
        made._principal = principal  # noqa: SLF001  # our own class
        return made

    def on_request(self, principal: Principal) -> PrincipalToken:
        """The same token with its principal as seen on one request."""
        seen = copy.copy(self)
        seen._principal = principal  # noqa: SLF001  # our own class
        return seen

    @property
    def principal(self) -> Principal | None:
        """Who it is."""
        return self._principal


class UserOnRequest(AuthenticatedUser):
    """The SDK's user, whose token has the principal as seen on one request.

    The token is made when somebody reads it: copying a model takes longer than all else that a known token costs.

    Args:
        fields: What the SDK's user has, without the token.
        token: The token of all requests.
        principal: The caller as seen on this one.
    """

    _token: PrincipalToken
    _principal: Principal

    def __init__(self, fields: Mapping[str, Any], token: PrincipalToken, principal: Principal) -> None:
        # Without the SDK's constructor, which sets the token.
        vars(self).update(fields, _token=token, _principal=principal)

    @cached_property
    def access_token(self) -> AccessToken:  # type: ignore[override]  # an attribute there
        """The token on this request."""
        return self._token.on_request(self._principal)


def access_token_of(principal: Principal, token: str, resource: str) -> AccessToken:
    """A principal in the words of the MCP SDK and FastMCP; see `SdkIdentity` for the arguments."""
    return AccessToken(
        token=token,
        client_id=principal.client_id or UNKNOWN_CLIENT,
        scopes=sorted(principal.scopes),
        expires_at=None if principal.expires_at is None else math.ceil(principal.expires_at),
        resource=resource,
        subject=principal.subject,
        # What the operator's claim map found. An issuer's own claim of that name does not get through.
        claims=principal.claims | {ROLES_CLAIM: sorted(principal.roles)},
    )


class SdkIdentity:
    """A principal in the shape the MCP SDK and FastMCP read.

    Built once per token, entered once per request.

    Args:
        principal: The verified caller.
        token: The credential itself; tools read it through FastMCP's `get_access_token()`.
        resource: The protected resource it was presented to (RFC 8707).
    """

    __slots__ = ("_credentials", "_token", "_user", "principal")

    def __init__(self, principal: Principal, token: str, resource: str) -> None:
        self.principal = principal
        self._token = PrincipalToken.of(principal, token, resource)
        self._user = {name: one for name, one in vars(AuthenticatedUser(self._token)).items() if name != "access_token"}
        self._credentials = AuthCredentials(self._token.scopes)

    def enter(
        self, scope: MutableMapping[str, Any], principal: Principal, *, in_anonymous_session: bool = False
    ) -> SinkToken:
        """Fill both sinks for one request; pass the result to `leave` afterwards.

        Args:
            scope: The request's ASGI scope.
            principal: The caller as seen on this request.
            in_anonymous_session: Whether the request continues a legacy session that began before its user signed in.
                The SDK knows that session as nobody's and would not find it for anybody else, so `scope["user"]`
                stays empty; who may continue it has been decided by then.
        """
        user = UserOnRequest(self._user, self._token, principal)
        scope[PRINCIPAL_KEY] = principal
        # Where `scope["user"]` has to stay empty, too.
        scope[VERIFIED_KEY] = user
        if not in_anonymous_session:
            scope["user"] = user
        scope["auth"] = self._credentials
        return auth_context_var.set(user)

    @staticmethod
    def leave(token: SinkToken) -> None:
        """Empty the context's sink again."""
        auth_context_var.reset(token)
