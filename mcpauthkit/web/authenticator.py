"""From what a request presents to an identity: verifiers, audience and memory together."""

from __future__ import annotations

from mcpauthkit.core.clock import Clock
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.token_cache import TokenCache
from mcpauthkit.protocol.sinks import SdkIdentity
from mcpauthkit.web.limits import Limits
from mcpauthkit.web.resources import ProtectedResource, ProtectedResources


class Authenticator:
    """Finds out who is calling a resource.

    Args:
        chain: Who judges.
        resources: What is called.
        clock: Time.
        limits: How many verdicts are remembered, and how long past its `exp` a token still counts.
    """

    def __init__(
        self,
        chain: VerifierChain,
        resources: ProtectedResources,
        *,
        clock: Clock,
        limits: Limits,
    ) -> None:
        self._chain = chain
        self._elsewhere = resources.elsewhere
        self._cache: TokenCache[SdkIdentity] = TokenCache(
            clock=clock, max_entries=limits.token_cache_size, leeway_seconds=limits.leeway_seconds
        )

    async def identify(self, presented: Presented, resource: ProtectedResource | None) -> SdkIdentity:
        """Who presents this, to that resource or to the application's other routes.

        Raises:
            MissingToken: It presents nothing.
            InvalidToken: What it presents is not good here.
            InvalidRequest: It presents too much.
            IssuerUnavailable: It could not be judged.
        """
        verifier, text = self._chain.choose(presented)
        called = resource or self._elsewhere
        url = called.url
        # The audience belongs to what was verified, so the resource belongs to what is remembered.
        known_as = f"{id(verifier)} {url} {text}".encode()
        identity = self._cache.get(known_as)
        if identity is None:
            verified = await verifier.verify(text)
            _check_audience(verified, called)
            identity = SdkIdentity(verified.principal, text, url)
            self._cache.put(
                known_as,
                identity,
                remember_seconds=verified.remember_seconds,
                is_current=verified.is_current,
                expires_at=verified.principal.expires_at,
            )
        return identity


def _check_audience(verified: Verified, called: ProtectedResource) -> None:
    """A token for one MCP server is no good at its neighbour."""
    if not verified.made_for_us:
        accepted = called.accepted if verified.audiences is None else verified.audiences
        setting = verified.audience_setting.replace("{resource}", called.url)
        check_audience(verified.principal, accepted, setting=setting)
