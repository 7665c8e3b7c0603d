"""The page of connections with a service whose users type in a token: what they typed is never shown again."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, sign_in
from tests.web.connections_world import Visitor
from tests.wiki_world import GOOD, SEND, TYPED, Wiki, wiki_world

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

DAY = 86_400.0


@pytest.fixture
def wiki() -> Iterator[Wiki]:
    with wiki_world() as (one, _):
        yield one


@asynccontextmanager
async def connected(wiki: Wiki) -> AsyncIterator[Visitor]:
    """Alice, on the page of her connections, after filling in the form that its button leads to."""
    url = f"{wiki.here.base}/connections"
    async with BrowserRobot() as robot:
        alice = Visitor(robot, await sign_in(robot, await robot.open(url)))
        await alice.click("Connect Wiki")
        done = await alice.submit(SEND, **TYPED)
        assert "is connected" in done.title
        await alice.open(url)
        yield alice


async def test_a_form_service_is_connected_from_the_page_and_shows_nothing_of_what_was_typed(wiki: Wiki) -> None:
    async with connected(wiki) as alice:
        for words in ("alice@wiki", "Working.", "Ends", "no date is known"):
            assert words in alice.page.text
        for typed in (GOOD, "wiki.example.com", "first note"):
            assert typed not in alice.page.html.partition("</style>")[2]
    async with httpx.AsyncClient(headers={"authorization": f"Bearer {wiki.here.token()}"}) as http:
        answer = await http.get(f"{wiki.here.base}/connections/api")
    assert "alice@wiki" in answer.text
    assert GOOD not in answer.text


async def test_one_that_ends_within_days_says_so(wiki: Wiki) -> None:
    wiki.expires_at = time.time() + 2 * DAY
    async with connected(wiki) as alice:
        assert "Ends soon. Reconnect to keep it." in alice.page.text
        await alice.click("Reconnect Wiki")
        wiki.expires_at = time.time() + 90 * DAY
        await alice.submit(SEND, **TYPED)
        await alice.open(f"{wiki.here.base}/connections")
        assert "Working." in alice.page.text


async def test_disconnecting_says_that_the_service_cannot_be_told(wiki: Wiki) -> None:
    async with connected(wiki) as alice:
        await alice.click("Disconnect Wiki now")
        assert "Revoked at Wiki: not supported." in alice.page.text
    assert (await wiki.result())[0]
