"""FastMCP's own OAuth login, with a scripted browser in place of the window it would open."""

from __future__ import annotations

import warnings
from urllib.parse import parse_qsl, urlsplit

import anyio
from fastmcp.client.auth import OAuth
from mcp.shared.auth import AuthorizationCodeResult

from mcpauthkit.testing import BrowserRobot, RobotError, sign_in
from quickstart.wire import Exchange, Wire

_BROWSER_SECONDS = 15.0
_RETRY_SECONDS = 0.02


class RobotLogin(OAuth):
    """The login of a real client; only the eyes and the mouse are scripted.

    Args:
        mcp_url: The MCP endpoint.
        robot: The browser.
        user: Who signs in.
        wire: What listens to the client.
    """

    def __init__(self, mcp_url: str, *, robot: BrowserRobot, user: str, wire: Wire) -> None:
        with warnings.catch_warnings():
            # A tour is over soon enough for tokens in memory.
            warnings.filterwarnings("ignore", message="Using in-memory token storage")
            super().__init__(
                mcp_url,
                client_name="Quickstart tour",
                httpx_client_factory=wire.client,
                callback_timeout=_BROWSER_SECONDS,
            )
        self._robot = robot
        self._user = user
        self._wire = wire
        self._way_back = ""

    async def redirect_handler(self, authorization_url: str) -> None:
        """Open the issuer's page and sign in there, up to the redirect back to the client.

        Raises:
            RobotError: The issuer did not send the browser back.
        """
        own = f"http://localhost:{self.redirect_port}/callback"
        page = await self._robot.open(authorization_url, stop_at=own)
        page = await sign_in(self._robot, page, user=self._user, stop_at=own)
        if not page.url.startswith(own):
            raise RobotError(f"the issuer's page says {page.status} {page.title!r} instead of sending the browser back")
        self._way_back = page.url
        query = dict(parse_qsl(urlsplit(authorization_url).query))
        seen = page.history[-1]
        self._wire.note(Exchange(seen.method, authorization_url.partition("?")[0], seen.status, {}, query, {}))

    async def callback_handler(self) -> AuthorizationCodeResult:
        """Listen as FastMCP does, and let the browser follow the redirect meanwhile."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._follow_redirect)
            result = await super().callback_handler()
        return result  # noqa: RET504  # inside the block, type checkers see a way out without a value

    async def _follow_redirect(self) -> None:
        # The client begins to listen a moment after it was told to; a person is slower than that.
        with anyio.move_on_after(_BROWSER_SECONDS):
            while True:
                try:
                    await self._robot.open(self._way_back)
                except RobotError:
                    await anyio.sleep(_RETRY_SECONDS)
                else:
                    return
