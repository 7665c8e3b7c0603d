"""Whose credentials the middleware accepts, put together from its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.port import Presented, TokenVerifier, Verified
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.web.browser_login import CALLBACK_PATH, BrowserLogin
from mcpauthkit.web.issuer_client import IssuerClient


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


def browser_login(
    issuers: Sequence[Issuer],
    *,
    base_url: str,
    key_ring: KeyRing,
    clock: Clock,
    client_id: str | None,
    client_secret: str | Secret | None,
) -> BrowserLogin | None:
    """Browser login at the issuers, or None where there is none to sign in at.

    Args:
        issuers: Where users are known.
        base_url: The public address of the application.
        key_ring: What seals the cookies.
        clock: Time.
        client_id: Our client at the first issuer.
        client_secret: Its secret.
    """
    if not issuers:
        return None
    redirect_uri = f"{base_url}{CALLBACK_PATH}"
    clients = [
        IssuerClient(issuers[0], redirect_uri=redirect_uri, client_id=client_id, client_secret=client_secret),
        *(IssuerClient(one, redirect_uri=redirect_uri) for one in issuers[1:]),
    ]
    return BrowserLogin(clients, base_url=base_url, key_ring=key_ring, clock=clock)
