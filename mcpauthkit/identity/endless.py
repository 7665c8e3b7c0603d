"""Principals of credentials that need not have an end of their own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.claim_map import GENERIC_CLAIMS, ClaimMap, ClaimReader
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.principal import Principal

_STAND_IN_END = 253_402_300_799
_GENERIC_READER = ClaimReader()


def endless_principal_from(
    claims: Mapping[str, Any],
    *,
    issuer: str,
    now: float,
    leeway_seconds: float,
    reader: ClaimReader = _GENERIC_READER,
) -> Principal:
    """As `principal_from`, every rule of it, but without `exp` the credential has no end.

    Raises:
        ExpiredToken: There is an `exp`, and it has passed.
        InvalidToken: Any other rule is broken.
    """
    if "exp" in claims:
        return principal_from(claims, issuer=issuer, now=now, leeway_seconds=leeway_seconds, reader=reader)
    stand_in = {**claims, "exp": _STAND_IN_END}
    bounded = principal_from(stand_in, issuer=issuer, now=now, leeway_seconds=leeway_seconds, reader=reader)
    return Principal(
        claims,
        issuer=bounded.issuer,
        subject=bounded.subject,
        client_id=bounded.client_id,
        scopes=bounded.scopes,
        roles=bounded.roles,
        audience=bounded.audience,
        issued_at=bounded.issued_at,
        expires_at=None,
    )


def check_issuer_name(issuer: object, verifier: str) -> str:
    """The name under which a verifier's principals are known, as configured.

    Raises:
        ConfigurationError: It is empty or no plain text.
    """
    if not isinstance(issuer, str) or not issuer.strip() or not issuer.isprintable():
        raise ConfigurationError(
            f"issuer={issuer!r} of {verifier} is no name.",
            hint="Users are known by (issuer, subject): give these a name that no other verifier uses.",
        )
    return issuer


def claim_reader(claims: ClaimMap | None, base: ClaimMap = GENERIC_CLAIMS) -> ClaimReader:
    """What reads a verifier's claims: the configured map, and what it leaves out from the verifier's own."""
    return ClaimReader(base if claims is None else claims.over(base))
