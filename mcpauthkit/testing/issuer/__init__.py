"""DevIssuer: a small OpenID provider that is real where clients look."""

from mcpauthkit.testing.issuer.keys import SigningAlgorithm
from mcpauthkit.testing.issuer.server import DevIssuer

__all__ = ["DevIssuer", "SigningAlgorithm"]
