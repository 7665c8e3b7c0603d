"""The login of a real client, told of on the wire."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from mcpauthkit.testing import BrowserRobot, Page, RobotLogin
from quickstart.wire import Exchange, Wire


class ToldLogin(RobotLogin):
    """A login whose visit to the issuer's page is heard of like any other exchange.

    Args:
        mcp_url: The MCP endpoint.
        robot: The browser.
        user: Who signs in.
        wire: What listens to the client.
    """

    def __init__(self, mcp_url: str, *, robot: BrowserRobot, user: str, wire: Wire) -> None:
        super().__init__(
            mcp_url, robot=robot, user=user, client_name="Quickstart tour", httpx_client_factory=wire.client
        )
        self._wire = wire

    def signed_in(self, authorization_url: str, page: Page) -> None:
        """Tell of the page at which the issuer sent the browser back."""
        query = dict(parse_qsl(urlsplit(authorization_url).query))
        seen = page.history[-1]
        self._wire.note(Exchange(seen.method, authorization_url.partition("?")[0], seen.status, {}, query, {}))
