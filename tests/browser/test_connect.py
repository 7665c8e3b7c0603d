"""Connecting an account in a real browser: there and back, the wrong person, a no, a link that is none."""

from __future__ import annotations

from tests.browser.visitor import Screen, Visitor, visiting
from tests.flows.test_ladder import link_in, text_of
from tests.world import World, world


async def link_of(here: World, sub: str = "alice") -> str:
    """The link that a client without URL mode shows its user."""
    async with here.client(sub=sub) as client:
        return link_in((await text_of(client, "list_repos"))[1])


async def is_connected(here: World, sub: str = "alice") -> bool:
    async with here.client(sub=sub) as client:
        return not (await text_of(client, "list_repos"))[0]


async def test_alice_connects_her_account(screen: Screen) -> None:
    with world() as here:
        async with visiting("connect", screen) as alice:
            await alice.open(await link_of(here))
            await alice.look("1-issuer", title="Sign in")
            await alice.sign_in()
            await alice.look("2-ask", title="Connect DevForge")
            await alice.press("Connect DevForge")
            await alice.look("3-service", title="Authorize access to DevForge")
            await alice.press("Allow")
            await alice.look("4-connected", title="DevForge is connected")
            await alice.page.reload()
            await alice.look("5-reloaded", title="DevForge is connected")
        assert await is_connected(here)


async def test_alice_connects_with_the_keyboard_alone(screen: Screen) -> None:
    with world() as here:
        async with visiting("keyboard", screen) as alice:
            await alice.open(await link_of(here))
            await alice.tab_to("Sign in")
            await alice.page.keyboard.press("Enter")
            await alice.page.wait_for_url("**/connect/forge**")
            assert (await alice.tab_to("Connect DevForge"))["height"] >= 44
            await alice.look("1-focus", title="Connect DevForge")
            await alice.page.keyboard.press("Enter")
            await alice.page.wait_for_url(f"{here.service.base_url}/**")
            await alice.tab_to("Allow")
            await alice.page.keyboard.press("Space")
            await alice.page.wait_for_url("**/connect/forge?**")
            await alice.look("2-connected", title="DevForge is connected")
        assert await is_connected(here)


async def test_bob_opens_alices_link_and_hands_the_browser_over(screen: Screen) -> None:
    with world() as here:
        async with visiting("wrong-user", screen) as person:
            await person.open(await link_of(here))
            await person.sign_in("bob")
            await person.look("1-refused", title="This link belongs to somebody else", status=403)
            await person.press("Sign in as somebody else")
            await person.look("2-issuer", title="Sign in")
            await person.sign_in("alice")
            await person.look("3-right", title="Connect DevForge")
            await person.press("Connect DevForge")
            await person.press("Allow")
            await person.look("4-connected", title="DevForge is connected")
        assert await is_connected(here, "alice")
        assert not await is_connected(here, "bob")


async def test_alice_says_not_now(screen: Screen) -> None:
    with world() as here:
        async with visiting("decline", screen) as alice:
            await _reach_the_question(alice, here)
            await alice.press("Not now")
            await alice.look("1-declined", title="DevForge was not connected")
        assert not await is_connected(here)


async def test_alice_says_no_at_the_service(screen: Screen) -> None:
    with world() as here:
        async with visiting("refuse", screen) as alice:
            await _reach_the_question(alice, here)
            await alice.press("Connect DevForge")
            await alice.press("Deny")
            await alice.look("1-refused", title="DevForge was not connected")
        assert not await is_connected(here)


async def test_half_a_link_says_what_to_do(screen: Screen) -> None:
    with world() as here:
        async with visiting("half-a-link", screen) as alice:
            await alice.open((await link_of(here))[:-4])
            await alice.sign_in()
            await alice.look("1-gone", title="This link does not work any more", status=410)


async def _reach_the_question(visitor: Visitor, here: World) -> None:
    await visitor.open(await link_of(here))
    await visitor.sign_in()
