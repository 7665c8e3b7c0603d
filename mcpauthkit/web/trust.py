"""Whose credentials the middleware accepts, put together from its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.port import Presented, TokenVerifier, Verified
from mcpauthkit.identity.verifier import JwtVerifier


class _ForAudiences:
    """A verifier whose tokens may name other audiences than the resource's URL."""

    def __init__(self, inner: TokenVerifier, audiences: frozenset[str]) -> None:
        self._inner, self._audiences = inner, audiences

    def find(self, presented: Presented) -> str | None:
        return self._inner.find(presented)

    async def verify(self, token: str) -> Verified:
        return replace(await self._inner.verify(token), audiences=self._audiences)


def trusted_issuers(issuer_url: str | None, *, fetch: Fetch, clock: Clock, **ages: float) -> tuple[Issuer, ...]:
    return () if issuer_url is None else (Issuer(issuer_url, fetch=fetch, clock=clock, **ages),)


def chain_of(
    issuers: Sequence[Issuer],
    verifiers: Sequence[TokenVerifier],
    *,
    audience: str | Sequence[str] | None,
    leeway_seconds: float,
) -> VerifierChain:
    jwt: list[TokenVerifier] = [JwtVerifier(one, leeway_seconds=leeway_seconds) for one in issuers]
    audiences = _accepted_audiences(audience)
    if audiences is not None:
        jwt = [_ForAudiences(one, audiences) for one in jwt]
    return VerifierChain([*jwt, *verifiers])


def _accepted_audiences(audience: str | Sequence[str] | None) -> frozenset[str] | None:
    if audience is None:
        return None
    accepted = frozenset([audience] if isinstance(audience, str) else audience)
    if not accepted or not all(accepted):
        raise ConfigurationError(
            "audience is empty, which would refuse every token.",
            hint="Leave it out to accept tokens for the resource's own URL, or name what the issuer puts into aud.",
        )
    return accepted
