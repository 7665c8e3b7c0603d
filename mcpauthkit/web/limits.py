"""How long and how much the middleware remembers and waits."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypedDict

from mcpauthkit.core.clock import Clock
from mcpauthkit.identity.token_cache import TokenCache


class LimitOptions(TypedDict, total=False):
    """The limits by name, as `JwtAuthMiddleware` takes them; see `Limits`."""

    leeway_seconds: float
    token_cache_size: int
    keys_max_age_seconds: float
    keys_max_stale_seconds: float
    cooldown_seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits of verification.

    Args:
        leeway_seconds: How far clocks may differ.
        token_cache_size: How many verified tokens are remembered; 0 verifies every time.
        keys_max_age_seconds: How long the issuers' keys are trusted without asking again; a withdrawn key stops being
            accepted within this time.
        keys_max_stale_seconds: How much longer they serve while the issuer is down.
        cooldown_seconds: The least time between two refetches for unknown key ids.
    """

    leeway_seconds: float = 60.0
    token_cache_size: int = 10_000
    keys_max_age_seconds: float = 600.0
    keys_max_stale_seconds: float = 3600.0
    cooldown_seconds: float = 30.0

    def token_cache(self, clock: Clock) -> TokenCache[Any]:
        """An empty memory of verified tokens within these limits.

        Args:
            clock: Time.
        """
        return TokenCache(clock=clock, max_entries=self.token_cache_size, leeway_seconds=self.leeway_seconds)
