"""Finding the row of a service by its name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TypeVar

from mcpauthkit.connections.key_service import KeyService
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.errors import ConfigurationError

T = TypeVar("T")


def preset_named(name: str) -> ServicePreset:
    """The row of an OAuth service, as it is or to be changed.

    A row is a value. Where a service has changed, or your installation differs, replace what does::

        from dataclasses import replace

        hubspot = replace(preset_named("hubspot"), token_url="https://api.hubapi.com/oauth/2026-09/token")
        OAuthProvider.from_preset(hubspot, client_id=..., client_secret=..., server_base_url=...)

    Args:
        name: Such as `github` or `jira-data-center`.

    Raises:
        ConfigurationError: There is none of that name; the hint names the nearest one, or all.
    """
    presets, key_services = _tables()
    asked = _text(name)
    if asked in presets:
        return presets[asked]
    found = "CredentialsProvider.from_preset has it, with keys that users make themselves." * (asked in key_services)
    raise ConfigurationError(
        f"There is no preset named {name!r}.", hint=found or _hint(asked, presets, otherwise="ServicePreset")
    )


def key_service_named(name: str) -> KeyService:
    """The row of a service whose users make a key themselves.

    Args:
        name: Such as `github` or `jira-cloud`.

    Raises:
        ConfigurationError: There is none of that name; the hint names the nearest one, or all.
    """
    presets, key_services = _tables()
    asked = _text(name)
    if asked in key_services:
        return key_services[asked]
    found = "OAuthProvider.from_preset has it: its users connect without a key." * (asked in presets)
    raise ConfigurationError(
        f"There is no service with keys named {name!r}.",
        hint=found or _hint(asked, key_services, otherwise="KeyService"),
    )


def _tables() -> tuple[Mapping[str, ServicePreset], Mapping[str, KeyService]]:
    # Sixty-six rows take a while, and an application that describes its services itself needs none.
    from mcpauthkit.connections.key_services import KEY_SERVICES  # noqa: PLC0415
    from mcpauthkit.connections.presets import PRESETS  # noqa: PLC0415

    return PRESETS, KEY_SERVICES


def _text(name: object) -> str:
    return name if isinstance(name, str) else ""


def _hint(name: str, rows: Mapping[str, T], *, otherwise: str) -> str:
    spelled = "-".join(name.casefold().replace("_", " ").split())
    nearest = difflib.get_close_matches(spelled, rows, n=1, cutoff=0.75)
    if nearest:
        return f"Perhaps {nearest[0]!r} is meant."
    return f"Use one of {', '.join(sorted(rows))}, or describe the service with {otherwise}."
