"""Running a page's Python as pasted, with only the addresses of other people's servers replaced."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import httpx
from starlette.applications import Starlette

from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.docs.snippets import Snippet

ISSUERS: Final = ("https://login.example.com/realms/staff", "https://login.example.com")
"""How the pages spell an issuer that stands for the reader's own, longest first."""
PUBLIC_URLS: Final = ("https://mcp.example.com", "http://127.0.0.1:8000")
_INITIALIZE: Final = {"jsonrpc": "2.0", "id": 1, "method": "ping"}


def run_block(snippet: Snippet, names: dict[str, Any], replaced: Mapping[str, str]) -> None:
    """Execute a block; errors carry the page and its line."""
    code = snippet.code
    for before, after in replaced.items():
        code = code.replace(before, after)
    # The lines above keep the numbers of the page in tracebacks.
    exec(compile("\n" * snippet.line + code, snippet.page, "exec"), names)  # noqa: S102  # our own page


def serve_if_it_is_an_application(names: Mapping[str, Any], server: LoopbackServer) -> None:
    """What a page calls `app` starts, and nobody uses its MCP endpoint without a token.

    Raises:
        AssertionError: It answers something else.
    """
    app = names.get("app")
    if not isinstance(app, Starlette):
        return
    server.app = app
    with server, httpx.Client(base_url=server.base_url) as http:
        assert http.post("/mcp", json=_INITIALIZE).status_code == httpx.codes.UNAUTHORIZED


def addresses(issuer: DevIssuer, server: LoopbackServer) -> dict[str, str]:
    """Which addresses stand in the place of those on the pages."""
    return {
        **{f'"{url}"': repr(issuer.issuer_url) for url in ISSUERS},
        **{f'"{url}"': repr(server.base_url) for url in PUBLIC_URLS},
    }
