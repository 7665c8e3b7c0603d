"""The page of connections in a real browser: connect, name a second account, ask for more, disconnect, leave."""

from __future__ import annotations

from tests.browser.visitor import Screen, Visitor, visiting
from tests.web.connections_world import ConnectionsWorld, connections_world

_TITLE = "Your connections"


async def connect(visitor: Visitor, here: ConnectionsWorld, button: str, account: str) -> None:
    """From the button that leads to the service, back to the page."""
    await visitor.press(button)
    await visitor.press("Connect DevForge")
    await visitor.page.locator(f"input[name=account][value={account}]").check()
    await visitor.press("Allow")
    await visitor.page.get_by_role("heading", name="DevForge is connected").wait_for()
    await visitor.open(here.page)


async def test_alice_connects_two_accounts_and_disconnects_one(screen: Screen) -> None:
    with connections_world() as here:
        async with visiting("connections", screen) as alice:
            await alice.open(here.page)
            await alice.sign_in()
            await alice.look("1-nothing", title=_TITLE)
            await alice.page.get_by_role("checkbox", name="read:user").uncheck()
            await connect(alice, here, "Connect DevForge", "octo-alice")
            await alice.look("2-one", title=_TITLE)
            await alice.unfold("Connect another DevForge account")
            await alice.page.get_by_label("A name for it").fill("work")
            await alice.look("3-another", title=_TITLE)
            await connect(alice, here, "Connect another DevForge account", "octo-bob")
            await alice.look("4-two", title=_TITLE)
            await alice.unfold("Disconnect DevForge (work)")
            await alice.look("5-sure", title=_TITLE)
            await alice.press("Disconnect DevForge (work) now")
            await alice.look("6-disconnected", title=_TITLE)
            await alice.press("Sign out")
            await alice.look("7-signed-out", title="You are signed out")
        assert [one.account.label for one in await here.connections.of(here.principal("alice"))] == ["octo-alice"]


async def test_a_button_pressed_after_the_session_ended_leads_to_signing_in(screen: Screen) -> None:
    with connections_world() as here:
        async with visiting("connections-late", screen) as alice:
            await alice.open(here.page)
            await alice.sign_in()
            await alice.page.context.clear_cookies()
            await alice.press("Connect DevForge")
            await alice.look("1-late", title="You are not signed in any more", status=401)
            await alice.press("Sign in")
            await alice.sign_in()
            await alice.look("2-again", title=_TITLE)
