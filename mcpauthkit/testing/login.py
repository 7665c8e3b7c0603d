"""FastMCP's own OAuth login, with a scripted browser in place of the window it would open."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import anyio
from fastmcp.client.auth import OAuth

from mcpauthkit.testing.robot import RobotError, sign_in

if TYPE_CHECKING:
    from mcp.shared.auth import AuthorizationCodeResult

    from mcpauthkit.testing.page import Page
    from mcpauthkit.testing.robot import BrowserRobot

_BROWSER_SECONDS = 15.0
_RETRY_SECONDS = 0.02


class RobotLogin(OAuth):
    """The login of a real client; only the eyes and the mouse are scripted.

    It finds the issuer by the 401, registers, signs in at `DevIssuer` with PKCE, and renews its token later.

    Args:
        mcp_url: The MCP endpoint.
        robot: The browser.
        user: Who signs in.
        client_name: What the client calls itself.
        **options: Further arguments of FastMCP's `OAuth`.
    """

    def __init__(
        self,
        mcp_url: str,
        *,
        robot: BrowserRobot,
        user: str = "alice",
        client_name: str = "mcpauthkit tests",
        **options: Any,
    ) -> None:
        with warnings.catch_warnings():
            # A test is over soon enough for tokens in memory.
            warnings.filterwarnings("ignore", message="Using in-memory token storage")
            super().__init__(mcp_url, client_name=client_name, callback_timeout=_BROWSER_SECONDS, **options)
        self._robot = robot
        self._user = user
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
        self.signed_in(authorization_url, page)

    def signed_in(self, authorization_url: str, page: Page) -> None:
        """Take note of a login that is done; for subclasses.

        Args:
            authorization_url: The address that the client opened.
            page: Where the browser stands now.
        """

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
