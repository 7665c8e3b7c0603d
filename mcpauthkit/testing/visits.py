"""What people do with a connect link in their browsers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal

from mcpauthkit.testing.robot import approve, sign_in
from mcpauthkit.testing.service.authorize import CONSENT_FORM_ID

if TYPE_CHECKING:
    from mcpauthkit.testing.page import Page
    from mcpauthkit.testing.robot import BrowserRobot

_REFUSED = 400

Reply = Literal["accept", "decline", "cancel"]
"""What somebody lets their client answer the server that asked."""

WhenAsked = Literal["connect", "wait", "decline", "cancel"] | Callable[[str], Awaitable[Reply]]
"""What somebody does when their client asks them to open a link.

They go through with it, say that they will and do nothing more, decline, close the question, or do what a function of
the link does.
"""


async def open_link(robot: BrowserRobot, link: str, *, user: str = "alice") -> Page:
    """Open a connect link and sign in where that is needed; gives the page that says what is to be connected.

    Args:
        robot: The browser.
        link: The link.
        user: Who sits in front of it.

    Raises:
        RobotError: Nothing answers, or there is no such user.
    """
    return await sign_in(robot, await robot.open(link), user=user)


async def connect(
    robot: BrowserRobot, link: str, *, user: str = "alice", account: str = "", typed: dict[str, str] | None = None
) -> Page:
    """Open a connect link and go through with it; gives the page at which that ends, such as a refusal.

    Args:
        robot: The browser.
        link: The link.
        user: Who sits in front of it.
        account: Their account at `DevService`; `octo-` and their name unless given.
        typed: What they type, where the service is connected by a form.

    Raises:
        RobotError: The pages are not those of connecting something.
    """
    page = await open_link(robot, link, user=user)
    if page.status >= _REFUSED:
        return page
    if typed:
        return await robot.submit(page, typed, button="Connect")
    page = await robot.click(page, "Connect")
    if page.form(CONSENT_FORM_ID) is None:
        return page
    return await approve(robot, page, account=account or f"octo-{user}")
