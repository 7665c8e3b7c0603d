"""From what a request presents to a judged credential: verifiers, audience and memory together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, TypeVar

from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.urls import path_of
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.token_cache import TokenCache
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.telemetry import Measure

T = TypeVar("T")

Make = Callable[[Principal, str, str], T]
"""Makes what is remembered of a good credential: from its principal, its text and the resource."""


def accepted_audiences(resource: str) -> frozenset[str]:
    """The audiences that mean a resource. A bare origin has two spellings: several clients send it with a slash."""
    return frozenset({resource} if path_of(resource) else {resource, f"{resource}/"})


class Judge(Generic[T]):
    """Judges credentials presented to resources.

    Args:
        chain: Who judges which.
        make: Makes the result.
        cache: What was judged lately.
    """

    def __init__(self, chain: VerifierChain, make: Make[T], cache: TokenCache[T]) -> None:
        self._chain = chain
        self._make = make
        self._cache = cache
        self._measure = Measure("verify")

    async def judge(self, presented: Presented, resource: str, accepted: frozenset[str]) -> T:
        """The result for a good credential.

        Args:
            presented: What a request presents.
            resource: What it is presented to.
            accepted: The audiences that mean it; a token for one MCP server is no good at its neighbour.

        Raises:
            MissingToken: Nothing is presented.
            InvalidToken: It is not good here.
            InvalidRequest: Too much is presented.
            IssuerUnavailable: It could not be judged.
            AuditUnavailable: It is good, which cannot be recorded.
        """
        verifier, text = self._chain.choose(presented)
        # The audience belongs to what was verified, so the resource belongs to what is remembered.
        known_as = f"{id(verifier)} {resource} {text}".encode("utf-8", "surrogatepass")
        result = self._cache.get(known_as)
        if result is None:
            with self._measure.begin(verifier=type(verifier).__name__):
                verified = await verifier.verify(text)
                if not verified.made_for_us:
                    audiences = accepted if verified.audiences is None else verified.audiences
                    setting = verified.audience_setting.replace("{resource}", resource)
                    check_audience(verified.principal, audiences, setting=setting)
            # Before it is remembered: a caller whom nobody could record is not let in by the next request either.
            actor, how = actor_of(verified.principal), type(verifier).__name__
            record(
                Event(event=EventName.TOKEN_VERIFIED, actor=actor, metadata={"resource": resource, "checked_by": how})
            )
            result = self._make(verified.principal, text, resource)
            self._cache.put(
                known_as,
                result,
                remember_seconds=verified.remember_seconds,
                is_current=verified.is_current,
                expires_at=verified.principal.expires_at,
            )
        return result
