"""What the issuer signs: access tokens (RFC 9068) and ID tokens (OpenID Connect Core section 2)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcpauthkit.testing.issuer.context import IssuerContext
    from mcpauthkit.testing.issuer.encryption import TokenEncryption
    from mcpauthkit.testing.issuer.grants import Grant

_EXPIRED_SECONDS_AGO = 3600


class TokenMint:
    """Builds claims and signs them with the issuer's current key.

    Attributes:
        encryption: What access tokens are encrypted with once they are signed; None leaves them signed only.
    """

    def __init__(self, context: IssuerContext, encryption: TokenEncryption | None = None) -> None:
        self._context = context
        self.encryption = encryption

    def access_token(
        self,
        *,
        sub: str,
        client_id: str,
        scope: str,
        audience: str | Sequence[str],
        expires_in: float,
        headers: Mapping[str, Any],
        claims: Mapping[str, Any],
    ) -> str:
        """An access token; `claims` and `headers` (of the signed token) replace ours, and None removes one."""
        now = int(self._context.clock.wall())
        user = self._context.user_of(sub)
        members = {
            "iss": self._context.settings.issuer,
            "sub": sub,
            "aud": audience if isinstance(audience, str) else list(audience),
            "exp": int(now + expires_in),
            "iat": now,
            "nbf": now,
            "jti": self._context.entropy.token(16),
            "client_id": client_id,
            "scope": scope,
            **(user.profile() if user else {}),
            **claims,
        }
        signed = self._context.keys.sign({"typ": "at+jwt", **headers}, _payload(members))
        if self.encryption is None:
            return signed
        # As certified issuers do; RFC 7519 section 5.3 lets claims be repeated in the header.
        return self.encryption.encrypt(signed, {"cty": "at+jwt", "iss": members["iss"], "aud": members["aud"]})

    def granted_access_token(self, grant: Grant, scopes: Sequence[str], resources: Sequence[str]) -> str:
        """The access token of a grant, for the resources named."""
        conduct = self._context.conduct.now()
        settings = self._context.settings
        audience: str | Sequence[str] = resources[0] if len(resources) == 1 else list(resources)
        if not resources:
            audience = settings.audience or grant.client_id
        jti = self._context.entropy.token(16)
        self._context.grants.note_access(jti, grant)
        return self.access_token(
            sub=grant.sub,
            client_id=grant.client_id,
            scope=" ".join(scopes),
            audience="https://wrong-audience.example" if conduct.wrong_audience else audience,
            expires_in=-_EXPIRED_SECONDS_AGO if conduct.expired_access_tokens else settings.access_token_ttl_seconds,
            headers={},
            claims={"jti": jti},
        )

    def id_token(self, grant: Grant) -> str:
        """The ID token of a grant."""
        now = int(self._context.clock.wall())
        user = self._context.user_of(grant.sub)
        nonce = grant.nonce or None
        if self._context.conduct.now().wrong_nonce:
            nonce = self._context.entropy.token(16)
        members = {
            "iss": self._context.settings.issuer,
            "sub": grant.sub,
            "aud": grant.client_id,
            "exp": now + self._context.settings.access_token_ttl_seconds,
            "iat": now,
            "auth_time": grant.auth_time,
            "nonce": nonce,
            **(user.profile() if user else {}),
        }
        return self._context.keys.sign({"typ": "JWT"}, _payload(members))


def _payload(members: Mapping[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in members.items() if value is not None}).encode()
