"""DevService: a small code forge whose API needs the user's own OAuth token."""

from mcpauthkit.testing.service.dialects import ErrorStyle
from mcpauthkit.testing.service.server import DevService

__all__ = ["DevService", "ErrorStyle"]
