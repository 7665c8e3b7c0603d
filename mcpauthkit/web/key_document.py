"""Our public encryption keys, where issuers and token producers look for them (RFC 7517 section 5)."""

from __future__ import annotations

import json

from starlette.types import Scope, Send

from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.oauth.server_metadata import JWKS_PATH

_METHODS = frozenset({"GET", "HEAD"})
_HEADERS = [
    (b"content-type", b"application/jwk-set+json"),
    (b"cache-control", b"public, max-age=300"),
    # Public keys are for everybody, pages in a browser included.
    (b"access-control-allow-origin", b"*"),
]


class KeyDocument:
    """Serves the public halves of our decryption keys.

    Args:
        keys: The keys.
    """

    def __init__(self, keys: DecryptionKeys) -> None:
        self._body = json.dumps(keys.public_jwks()).encode()
        self._headers = [*_HEADERS, (b"content-length", str(len(self._body)).encode("ascii"))]

    def serves(self, scope: Scope, path: str) -> bool:
        """Whether a request is for the document; other methods go the way of every other request."""
        return path == JWKS_PATH and scope["type"] == "http" and scope["method"] in _METHODS

    async def send(self, scope: Scope, send: Send) -> None:
        """Answer with the document."""
        await send({"type": "http.response.start", "status": 200, "headers": list(self._headers)})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else self._body})
