"""What goes into a development token, and the conditions under which there is one at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.core.secret import Secret
from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.settings import AppSettings, DeploymentSettings

DEFAULT_ISSUER: Final = "http://127.0.0.1/dev"
_HOUR: Final = 3600
_MOST_HOURS: Final = 24 * 366
_ID_BYTES: Final = 16


def refuse_production() -> None:
    """Go on only where nothing serves users.

    Raises:
        ConfigurationError: `MCPAUTHKIT_PRODUCTION` is set.
    """
    if DeploymentSettings.from_environment().mcpauthkit_production:
        raise ConfigurationError(
            "Tokens are not minted in production (MCPAUTHKIT_PRODUCTION is set).",
            hint="Let the issuer make them, or unset it on the machine you develop on.",
        )


def read_secret(secret: str | None, file: Path | None) -> Secret | None:
    """The secret to sign with, if it is to be one.

    Args:
        secret: The secret itself.
        file: A file that it stands in.

    Raises:
        ConfigurationError: Both are given, the file cannot be read, or no server would take the secret.
    """
    if secret is not None and file is not None:
        raise ConfigurationError("The secret comes from one place.", hint="Give --secret or --secret-file.")
    if file is not None:
        try:
            secret = file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(
                f"{file} cannot be read ({type(error).__name__}).", hint="Name a text file."
            ) from None
    if secret is None:
        return None
    # As the server would: one that is too short or printed in a manual signs nothing that is taken.
    SharedSecretVerifier(secret)
    return Secret(secret)


def audiences_of() -> tuple[str, ...]:
    """What the settings say the server is called in `aud`; empty where they are silent."""
    settings = AppSettings.from_environment()
    if settings.mcpauthkit_audience:
        return settings.mcpauthkit_audience
    base = settings.mcpauthkit_server_base_url
    return () if base is None else (f"{base}{settings.mcpauthkit_mcp_path}",)


def claims_for(
    *,
    sub: str,
    scopes: Sequence[str],
    roles: Sequence[str],
    client: str | None,
    audiences: Sequence[str],
    hours: float,
    issuer: str | None,
    has_issuer: bool,
) -> dict[str, Any]:
    """The claims of a development token.

    Args:
        sub: The subject.
        scopes: What it allows.
        roles: Its roles.
        client: The client.
        audiences: The servers it is for.
        hours: How long it lives; negative for one that has ended.
        issuer: Who it says has made it.
        has_issuer: Whether there is an issuer if none is given.

    Raises:
        ConfigurationError: A value cannot stand in a token, or the issuer is not on this machine.
    """
    if not sub.strip():
        raise ConfigurationError("The token has to be somebody's.", hint="Give --sub.")
    if not (math.isfinite(hours) and abs(hours) <= _MOST_HOURS):
        raise ConfigurationError(f"exp_hours={hours!r} is no life for a token.", hint="Give hours, a year at most.")
    now = int(SystemClock().wall())
    end = now + round(hours * _HOUR)
    told: dict[str, Any] = {
        "iss": _checked_issuer(issuer) if issuer is not None else DEFAULT_ISSUER if has_issuer else None,
        "sub": sub,
        "client_id": client,
        "aud": audiences[0] if len(audiences) == 1 else list(audiences),
        "scope": " ".join(check_scopes([word for one in scopes for word in one.split()])),
        "roles": list(roles),
        # One that has ended was made before it did.
        "iat": min(now, end),
        "exp": end,
        "jti": SystemEntropy().token(_ID_BYTES),
    }
    return {name: value for name, value in told.items() if value not in (None, "", [])}


def _checked_issuer(issuer: str) -> str:
    try:
        host = urlsplit(issuer).hostname
    except ValueError:
        host = None
    if not is_loopback_host(host):
        raise ConfigurationError(
            f"--issuer={issuer!r:.200} is not on this machine, and nobody makes tokens in another one's name.",
            hint=f"Name an address of this machine, such as {DEFAULT_ISSUER}.",
        )
    return issuer
