"""The settings by which an application meets the development servers, as environment variables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcpauthkit.settings.services import client_variable, secret_variable, stand_in_variable

if TYPE_CHECKING:
    from mcpauthkit.testing.issuer.server import DevIssuer
    from mcpauthkit.testing.service.server import DevService

BASE_SCOPES = ("openid", "mcp:tools")
"""What clients are asked to ask for at the development issuer."""


def variables_for(
    *, base_url: str, mcp_path: str, issuer: DevIssuer, service: DevService, stands_in_for: str
) -> dict[str, str]:
    """The variables by name; among them are the secret of a development service and nothing else that is one.

    Args:
        base_url: The application's address.
        mcp_path: Where its MCP server is.
        issuer: Who signs its users' tokens.
        service: What its tools call.
        stands_in_for: The name of the service that the application knows.
    """
    return {
        "MCPAUTHKIT_SERVER_BASE_URL": base_url,
        "MCPAUTHKIT_MCP_PATH": mcp_path,
        "MCPAUTHKIT_ISSUER_URL": issuer.issuer_url,
        "MCPAUTHKIT_SCOPES": " ".join(BASE_SCOPES),
        # A developer's shell or `.env` may be set up for more than this.
        "MCPAUTHKIT_PRODUCTION": "false",
        client_variable(stands_in_for): service.client_id,
        secret_variable(stands_in_for): service.client_secret,
        stand_in_variable(stands_in_for): service.base_url,
    }
