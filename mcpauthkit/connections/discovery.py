"""Services that describe themselves: RFC 8414 and OpenID Connect Discovery 1.0 instead of a row of ours."""

from __future__ import annotations

from dataclasses import replace

from mcpauthkit.connections.preset import AccountPaths, Revocation, ServicePreset, WhoAmI
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import RemoteMisbehaved
from mcpauthkit.fetch import CachedDocument, Fetch
from mcpauthkit.oauth.metadata import IssuerMetadata, discovery_requests, process_discovery
from mcpauthkit.oauth.token import ClientAuthentication

_USERINFO = AccountPaths(id="sub", label="preferred_username|email|name")
_HOUR_SECONDS, _DAY_SECONDS = 3600.0, 86_400.0


class Discovery:
    """Completes a preset with what an issuer says about itself, asked at first use and kept for an hour.

    Args:
        preset: What is known without asking; what it says goes before what the issuer says.
        issuer_url: The issuer identifier, byte for byte as it spells itself.
        fetch: The fetch port.
        client_authentication: How our client proves itself; by default whatever the issuer takes, Basic rather than
            a form.
        clock: Time.

    Raises:
        ConfigurationError: The identifier is not an https URL (http only on loopback).
    """

    def __init__(
        self,
        preset: ServicePreset,
        *,
        issuer_url: str,
        fetch: Fetch,
        client_authentication: ClientAuthentication | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._issuer_url = check_issuer_url(issuer_url)
        self._preset = preset
        self._fetch = fetch
        self._client_authentication = client_authentication
        self._found: CachedDocument[ServicePreset] = CachedDocument(
            self._load, clock=clock, max_age_seconds=_HOUR_SECONDS, max_stale_seconds=_DAY_SECONDS
        )

    async def __call__(self) -> ServicePreset:
        """The completed preset.

        Raises:
            RemoteUnavailable: The issuer cannot answer now.
            RemoteMisbehaved: What it says cannot be used.
        """
        return await self._found.get()

    async def _load(self) -> ServicePreset:
        for request in discovery_requests(self._issuer_url):
            metadata = process_discovery(self._issuer_url, await self._fetch(request), needs_keys=False)
            if metadata is not None:
                return self._completed(metadata)
        raise RemoteMisbehaved(
            hint=f"Open {discovery_requests(self._issuer_url)[0].url} in a browser; issuer_url must lead there.",
            reason="the issuer serves no metadata document",
        )

    def _completed(self, metadata: IssuerMetadata) -> ServicePreset:
        preset = self._preset
        if metadata.lacks_s256 and preset.pkce:
            raise RemoteMisbehaved(
                hint="If the service really cannot do PKCE with S256, pass pkce=False.",
                reason="the issuer's metadata lists PKCE methods without S256",
            )
        return replace(
            preset,
            authorize_url=preset.authorize_url or metadata.need("authorization_endpoint"),
            token_url=preset.token_url or metadata.need("token_endpoint"),
            issuer=metadata.issuer,
            sends_issuer=metadata.sends_iss,
            client_authentication=self._client_authentication or _offered(metadata.token_auth_methods),
            revocation=preset.revocation or _revocation(metadata.revocation_endpoint),
            whoami=preset.whoami or _whoami(metadata.userinfo_endpoint),
        )


def _offered(methods: tuple[str, ...]) -> ClientAuthentication:
    # RFC 8414 section 2: where nothing is listed, it is Basic.
    if "client_secret_post" in methods and "client_secret_basic" not in methods:
        return "client_secret_post"
    return "client_secret_basic"


def _revocation(endpoint: str | None) -> Revocation | None:
    return None if endpoint is None else Revocation(url=endpoint)


def _whoami(endpoint: str | None) -> WhoAmI | None:
    return None if endpoint is None else WhoAmI(url=endpoint, account=_USERINFO)
