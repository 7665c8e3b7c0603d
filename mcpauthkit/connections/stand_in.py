"""A development service in the place of a real one."""

from __future__ import annotations

from dataclasses import replace

from mcpauthkit.connections.preset import ServicePreset


def played_by(preset: ServicePreset, base_url: str) -> ServicePreset:
    """The row of a service that `DevService` plays: its addresses, and nothing that would still reach the real one.

    Args:
        preset: The row.
        base_url: Where the development service is, without a trailing slash.
    """
    return replace(
        preset,
        authorize_url=f"{base_url}/login/oauth/authorize",
        token_url=f"{base_url}/login/oauth/access_token",
        api_url=f"{base_url}/api",
        issuer=base_url,
        revocation=None,
        whoami=None,
    )
