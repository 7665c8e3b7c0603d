"""The import path mcp-authkit documented: `from mcpauthkit.auth_routes import oauth_meta_router`."""

from mcpauthkit.web.metadata_router import oauth_meta_router

__all__ = ["oauth_meta_router"]
