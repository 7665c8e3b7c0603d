"""From the claims of a verified token to a principal: every rule, and nothing but rules (RFC 7519, RFC 9068).

Each rule states when we proceed; anything else refuses, including NaN, booleans posing as numbers and absent claims.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcpauthkit.errors import ExpiredToken, InvalidToken, WrongAudience
from mcpauthkit.identity.claim_map import ClaimReader
from mcpauthkit.principal import Principal

_MAX_AUDIENCES = 64
# 9999-12-31: later instants break calendars and JSON readers elsewhere, and no token lives that long.
_LAST_SECOND = 253_402_300_799
_NUMBERS = frozenset({int, float})
_NOT_IN_DESCRIPTIONS = re.compile(r"[^\x20\x21\x23-\x5b\x5d-\x7e]")
_READ_AS_PARAMETERS = re.compile(r"(scope|error|error_description|resource_metadata)=", re.IGNORECASE)
_GENERIC_READER = ClaimReader()
_UNBOUND = {
    "hint": (
        "Switch sender-constrained tokens off for this client at the issuer: DPoP, or certificate-bound access tokens "
        '(at Keycloak "Require DPoP bound tokens" and "OAuth 2.0 Mutual TLS Certificate Bound Access Tokens").'
    ),
    "reason": "the token has the claim cnf",
}


def principal_from(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    now: float,
    leeway_seconds: float,
    reader: ClaimReader = _GENERIC_READER,
) -> Principal:
    """Check the claims that do not depend on who asks, and build the principal.

    The audience is checked per resource, since one application may hold several.

    Args:
        claims: Claims of a token whose signature is verified.
        issuer: The issuer whose key verified it; `iss` must be the same bytes.
        now: Wall time in seconds.
        leeway_seconds: How far clocks may differ.
        reader: Where the issuer puts scopes, roles, client and subject.

    Raises:
        ExpiredToken: `exp` has passed.
        InvalidToken: Any other rule is broken.
    """
    if claims.get("iss") != issuer:
        raise InvalidToken(reason="iss is not the issuer whose key signed")
    if "cnf" in claims:
        # RFC 9449 section 7.2, RFC 8705 section 3: good only with a proof of possession, which nobody here asks for.
        # Taken as a bearer token, it would work for whoever stole it.
        raise InvalidToken("The access token is bound to its sender, and this server takes bearer tokens.", **_UNBOUND)
    expires_at = _instant(claims, "exp")
    if expires_at is None:
        raise InvalidToken(reason="exp is missing", hint="Configure the issuer to put `exp` into access tokens.")
    if not now < expires_at + leeway_seconds:
        raise ExpiredToken(
            hint="If the issuer's clock runs behind, raise leeway_seconds.",
            reason=f"exp passed {now - expires_at:.0f} s ago",
        )
    latest = now + leeway_seconds
    not_before, issued_at = _instant(claims, "nbf"), _instant(claims, "iat")
    if not_before is not None and not not_before <= latest:
        raise _ahead("nbf", not_before - now)
    if issued_at is not None and not issued_at <= latest:
        raise _ahead("iat", issued_at - now)
    return Principal(
        claims,
        issuer=issuer,
        subject=reader.subject(claims),
        client_id=reader.client_id(claims),
        scopes=reader.scopes(claims),
        roles=reader.roles(claims),
        audience=_audience(claims),
        issued_at=issued_at,
        expires_at=expires_at,
    )


def check_audience(principal: Principal, accepted: frozenset[str], *, setting: str = "") -> None:
    """Whether the token was issued for us (RFC 7519 section 4.1.3, RFC 9068 section 4).

    Args:
        principal: The verified caller.
        accepted: The audiences that mean us.
        setting: What to change at the issuer so that its tokens name us, for the refusal's text.

    Raises:
        WrongAudience: None of its audiences is accepted.
    """
    if accepted.isdisjoint(principal.audience):
        raise WrongAudience(
            f"The access token was issued for another audience. {plain_text(setting)}" if setting else None,
            hint=setting
            or (
                "Check that resource_paths names the path of this server, in the router and in the middleware, and "
                "that server_base_url is the address clients use. If the issuer puts something else into `aud`, pass "
                "that as audience= to JwtAuthMiddleware."
            ),
            reason=f"aud {list(principal.audience)!r:.200}, accepted {sorted(accepted)!r:.200}",
        )


def plain_text(text: str) -> str:
    """A text as an error description may hold it: characters of RFC 6750 section 3, and nothing like a parameter.

    Clients search the whole challenge for the first `scope=`, descriptions included.
    """
    return _READ_AS_PARAMETERS.sub(r"\1 ", _NOT_IN_DESCRIPTIONS.sub("?", text))


def _instant(claims: Mapping[str, Any], name: str) -> float | None:
    value: Any = claims.get(name)
    # The type itself, because bool is an int in Python; NaN and infinity fail the comparison.
    if type(value) in _NUMBERS and 0 <= value <= _LAST_SECOND:
        return float(value)
    if value is None and name not in claims:
        return None
    raise InvalidToken(reason=f"{name} is not an instant")


def _ahead(name: str, seconds: float) -> InvalidToken:
    return InvalidToken(
        hint="If the issuer's clock runs ahead, raise leeway_seconds.", reason=f"{name} is {seconds:.0f} s ahead"
    )


def _audience(claims: Mapping[str, Any]) -> tuple[str, ...]:
    value = claims.get("aud", ())
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple) and len(value) <= _MAX_AUDIENCES and all(isinstance(one, str) for one in value):
        return tuple(value)
    raise InvalidToken(reason="aud is neither text nor a list of texts")
