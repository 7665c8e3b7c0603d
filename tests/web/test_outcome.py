"""What the last page of connecting says: whose account it is, whose place it took, and what was not allowed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from mcpauthkit.testing import Page, approve
from tests.flows.test_ladder import link_in, text_of
from tests.web.connections_world import ConnectionsWorld, Visitor, connections_world


@pytest.fixture(scope="module")
def here() -> Iterator[ConnectionsWorld]:
    with connections_world() as world:
        yield world


async def allowed(visitor: Visitor, button: str, account: str) -> tuple[Page, Page]:
    """The page before the service, and the last one."""
    await visitor.open(visitor.page.url)
    before = await visitor.submit(button)
    return before, await approve(visitor.robot, await visitor.click("Connect"), account=account)


async def test_it_says_whose_account_was_connected_and_what_gave_way(here: ConnectionsWorld) -> None:
    async with here.browser("bob") as alice:
        before, done = await allowed(alice, "Connect DevForge", "octo-alice")
        assert "Another account would take its place" not in before.text
        assert "The account is octo-alice." in done.text
        assert "place of" not in done.text
        await alice.open(here.page)
        before, done = await allowed(alice, "Reconnect DevForge", "octo-bob")
        assert "It is connected as octo-alice now. Another account would take its place." in before.text
        assert "The account is octo-bob. It has taken the place of octo-alice" in done.text
        await alice.open(here.page)
        _, done = await allowed(alice, "Reconnect DevForge", "octo-bob")
        assert "place of" not in done.text
    assert here.service.live_tokens("octo-alice") == ()


async def test_it_says_what_was_not_allowed(here: ConnectionsWorld) -> None:
    @here.mcp.tool()
    @here.forge.require_token(scopes=["read:user", "admin:everything"])
    async def administer() -> str:
        """Needs what nobody gets."""
        return "never"

    async with here.browser() as alice, here.client("modern") as client:
        is_error, text = await text_of(client, "administer")
        assert is_error
        await alice.open(link_in(text))
        done = await approve(alice.robot, await alice.click("Connect"))
        assert done.title == "DevForge is connected"
        assert "Without admin:everything: that was not allowed." in done.text
        assert "read:user:" not in done.text
        is_error, text = await text_of(client, "administer")
        assert is_error
        assert "This needs more of your DevForge account than you have allowed: admin:everything." in text
