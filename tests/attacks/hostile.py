"""An issuer that answers whatever it is told to."""

from __future__ import annotations

import json
from typing import Any

from starlette.types import Receive, Scope, Send

from mcpauthkit.testing import LoopbackServer
from tests.attacks.row import Document
from tests.identity.bench import key_for, published

_NOT_THERE = Document(b"", 404)
OPENID = "/.well-known/openid-configuration"
RFC_8414 = "/.well-known/oauth-authorization-server"


def good_metadata(**changes: Any) -> Document:
    """The metadata of an issuer, with changes; None removes a member."""
    members = {"issuer": "ISSUER", "jwks_uri": "ISSUER/jwks", **changes}
    return Document(json.dumps({name: value for name, value in members.items() if value is not None}).encode())


def good_keys(*before: Any, after: tuple[Any, ...] = (), **changes: Any) -> Document:
    """A key set with the token's key, with other entries around it and changes to it."""
    entry = published(key_for("EdDSA"), kid="ed", **changes)
    return Document(json.dumps({"keys": [*before, entry, *after]}).encode())


class HostileIssuer(LoopbackServer):
    """Serves documents by path, and remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.app = self._serve
        self.asked: list[str] = []
        self._documents: dict[str, Document] = {}

    def tell(self, metadata: Document | None, keys: Document | None, openid: Document | None) -> None:
        """Answer these from now on; None for the usual ones."""
        self.asked.clear()
        self._documents = {
            OPENID: openid or metadata or good_metadata(),
            RFC_8414: metadata or good_metadata(),
            "/jwks": keys or good_keys(),
            # Where redirects and tricks lead: good documents, so that following one shows.
            "/moved": good_keys(),
            "/moved-metadata": good_metadata(),
        }

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            for step in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{step}.complete"})
            return
        self.asked.append(scope["path"])
        document = self._documents.get(scope["path"], _NOT_THERE)
        here = self.base_url.encode()
        headers = [(name, value.replace(b"ISSUER", here)) for name, value in document.headers]
        await send({"type": "http.response.start", "status": document.status, "headers": headers})
        await send({"type": "http.response.body", "body": document.body.replace(b"ISSUER", here)})
