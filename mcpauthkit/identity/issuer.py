"""One configured issuer: its metadata and its keys, each one cached document."""

from __future__ import annotations

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.fetch import CachedDocument, Fetch
from mcpauthkit.identity.key_set import KeySet, parse_key_set
from mcpauthkit.identity.token_rules import TokenRules
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.metadata import IssuerMetadata, discovery_requests, process_discovery

_HTTP_OK = 200


class Issuer:
    """Metadata and keys of one issuer, fetched lazily.

    Args:
        issuer_url: The issuer identifier, byte for byte as it spells itself.
        fetch: The fetch port.
        clock: Time.
        rules: What its tokens have to be beside genuine.
        keys_max_age_seconds: How long a key set is trusted without asking again; a withdrawn key stops being
            accepted within this time.
        keys_max_stale_seconds: How much longer it serves while the issuer cannot be reached.
        cooldown_seconds: The least time between two refetches for unknown key ids.

    Raises:
        ConfigurationError: The identifier is not an https URL (http only on loopback).
    """

    def __init__(
        self,
        issuer_url: str,
        *,
        fetch: Fetch,
        clock: Clock | None = None,
        rules: TokenRules | None = None,
        keys_max_age_seconds: float = 600.0,
        keys_max_stale_seconds: float = 3600.0,
        cooldown_seconds: float = 30.0,
    ) -> None:
        self.issuer_url = check_issuer_url(issuer_url)
        self.clock = clock or SystemClock()
        self.fetch = fetch
        self.rules = rules or TokenRules()
        self.metadata: CachedDocument[IssuerMetadata] = CachedDocument(
            self._load_metadata, clock=self.clock, max_age_seconds=3600.0, max_stale_seconds=86_400.0
        )
        self.keys: CachedDocument[KeySet] = CachedDocument(
            self._load_keys,
            clock=self.clock,
            max_age_seconds=keys_max_age_seconds,
            max_stale_seconds=keys_max_stale_seconds,
            cooldown_seconds=cooldown_seconds,
        )

    async def _load_metadata(self) -> IssuerMetadata:
        for request in discovery_requests(self.issuer_url):
            metadata = process_discovery(self.issuer_url, await self.fetch(request))
            if metadata is not None:
                return metadata
        raise RemoteMisbehaved(
            hint=f"Open {discovery_requests(self.issuer_url)[0].url} in a browser; issuer_url must lead there.",
            reason="the issuer serves no metadata document",
        )

    async def _load_keys(self) -> KeySet:
        metadata = await self.metadata.get()
        response = await self.fetch(HttpRequest("GET", metadata.jwks_uri, headers={"accept": "application/json"}))
        if response.status != _HTTP_OK and not response.is_transient_failure:
            raise RemoteMisbehaved(reason=f"key set: HTTP {response.status}")
        keys = parse_key_set(response.json_object("key set"))
        if not len(keys):
            # Keeping the last good set beats refusing everybody because of one empty answer.
            raise RemoteMisbehaved(reason="the key set holds no usable key")
        return keys
