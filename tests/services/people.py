"""People in front of a browser who do what any page asks of them, whoever's page it is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from mcpauthkit.testing import BrowserRobot, RobotError
from mcpauthkit.testing.issuer.authorize import LOGIN_FORM_ID

if TYPE_CHECKING:
    from mcpauthkit.testing import Page, StopAt

_KEYCLOAK_LOGIN = "kc-form-login"
# Keycloak's "Restart login" is a button with a script, and the robot runs none.
_RESTART = re.compile(r"""id="reset-login"[^>]*onclick="location\.href='([^']+)'""")
_MAX_PAGES = 8


@dataclass(frozen=True)
class Answer:
    """What a person types, and the button they press."""

    button: str
    values: Mapping[str, str] = field(default_factory=dict)


def answer_to(page: Page, user: str) -> Answer | None:
    """What somebody does who wants to get on; None on a page that asks nothing."""
    if page.form(LOGIN_FORM_ID) is not None:
        return Answer("Sign in", {"username": user})
    # Keycloak's realm file gives everybody their name for a password.
    if page.form(_KEYCLOAK_LOGIN) is not None:
        return Answer("Sign In", {"username": user, "password": user})
    names = {button.name for form in page.forms for button in form.buttons}
    if {"accept", "cancel"} <= names:
        return Answer("Yes")
    return None


async def get_on(robot: BrowserRobot, page: Page, *, user: str, stop_at: StopAt | None = None) -> Page:
    """Answer page after page.

    Raises:
        RobotError: The pages do not come to an end.
    """
    for _ in range(_MAX_PAGES):
        following = await _next(robot, page, user, stop_at)
        if following is None:
            return page
        page = following
    raise RobotError(f"the pages ask on and on, the last is {page.url} {page.title!r}")


async def _next(robot: BrowserRobot, page: Page, user: str, stop_at: StopAt | None) -> Page | None:
    restart = _restart_of(page)
    if restart is not None:
        return await robot.open(restart, stop_at=stop_at)
    # The kit's own page for a client that signs in through the authorization proxy has links.
    if {"Continue", "Cancel"} <= {link.text for link in page.links}:
        return await robot.click(page, "Continue", stop_at=stop_at)
    answer = answer_to(page, user)
    if answer is None:
        return None
    return await robot.submit(page, answer.values, button=answer.button, stop_at=stop_at)


def _restart_of(page: Page) -> str | None:
    """The way out of a page that asks for the password of whoever is signed in, which is not the one who sits here."""
    form = page.form(_KEYCLOAK_LOGIN)
    found = _RESTART.search(page.html)
    if form is None or found is None or any(entry.name == "username" for entry in form.fields):
        return None
    return urljoin(page.url, unescape(found[1]))


async def authorize(url: str, *, user: str, back_to: str) -> str:
    """Go through an authorization with a new browser; gives the address the client is called back at.

    Raises:
        RobotError: The browser was not sent back.
    """
    async with BrowserRobot() as robot:
        page = await get_on(robot, await robot.open(url, stop_at=back_to), user=user, stop_at=back_to)
    if not page.url.startswith(back_to):
        raise RobotError(f"{page.url} says {page.status} {page.title!r} instead of sending back: {page.text[:300]}")
    return page.url
