"""The import path mcp-authkit documented: `from mcpauthkit.auth_middleware import JwtAuthMiddleware`."""

from mcpauthkit.principal import current_user
from mcpauthkit.web.middleware import JwtAuthMiddleware

__all__ = ["JwtAuthMiddleware", "current_user"]
