"""Who the caller is on stdio, where no token comes: the one who starts the process says so."""

from __future__ import annotations

from mcpauthkit.principal import Principal
from mcpauthkit.settings import StdioSettings


def stdio_identity(given: Principal | None = None) -> Principal | None:
    """The caller on stdio: who was given, else who the environment names, else nobody.

    Args:
        given: Who the application says it is.

    Raises:
        ConfigurationError: The environment names roles or scopes and no user, or has something that cannot be used.
    """
    if given is not None:
        return given
    settings = StdioSettings.from_environment()
    if settings.mcpauthkit_stdio_user is None:
        return None
    subject = settings.mcpauthkit_stdio_user
    claims = {
        "sub": subject,
        "tenant": settings.mcpauthkit_stdio_tenant,
        "agent_id": settings.mcpauthkit_stdio_agent,
        "email": settings.mcpauthkit_stdio_email,
    }
    return Principal(
        {name: value for name, value in claims.items() if value is not None},
        issuer=settings.mcpauthkit_stdio_issuer,
        subject=subject,
        client_id=settings.mcpauthkit_stdio_client,
        scopes=settings.stdio_scopes,
        roles=settings.stdio_roles,
        expires_at=None,
    )
