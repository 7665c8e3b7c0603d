"""Reading access tokens of our own that somebody brings back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcpauthkit.testing.issuer.context import IssuerContext


def live_claims(context: IssuerContext, token: str) -> dict[str, Any] | None:
    """The claims of an access token that is good right now, or None."""
    payload = context.keys.verify(token)
    if payload is None:
        return None
    claims: dict[str, Any] = json.loads(payload)
    is_live = (
        claims.get("iss") == context.settings.issuer
        and isinstance(claims.get("sub"), str)
        # ID tokens are signed by the same keys and must not open anything.
        and isinstance(claims.get("jti"), str)
        and _is_after(claims.get("exp"), context.clock.wall())
        and context.grants.access_is_live(claims["jti"])
    )
    return claims if is_live else None


def _is_after(moment: object, now: float) -> bool:
    return isinstance(moment, int | float) and moment > now
