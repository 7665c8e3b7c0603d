"""A record that somebody spoilt in the store: its user is asked once more, and nobody else notices."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest

from tests.flows.test_ladder import eras, text_of
from tests.stores.content import content_of
from tests.wiki_world import TYPED, Wiki, wiki_world
from tests.world import Era, Human

PLAINTEXT = '{"access_token": "planted", "token_type": "bearer"}'
DAMAGES: dict[str, Callable[[str, str], str]] = {
    "copied from somebody else": lambda _hers, his: his,
    "flipped": lambda hers, _his: hers[:-9] + ("A" if hers[-9] != "A" else "B") + hers[-8:],
    "cut off": lambda hers, _his: hers[: len(hers) // 2],
    "plaintext": lambda _hers, _his: PLAINTEXT,
    "nothing": lambda _hers, _his: "",
}
TOOLS = {"forge": "account", "wiki": "read_wiki"}
damages = pytest.mark.parametrize("damage", DAMAGES)
services = pytest.mark.parametrize("service", TOOLS)


def add_account_tool(wiki: Wiki) -> None:
    forge = wiki.here.provider

    @wiki.here.mcp.tool()
    @forge.require_token(scopes=["repo"])
    async def account() -> str:
        """Whose account the forge sees."""
        async with forge.client() as http:
            return str((await http.get("/user")).json()["login"])


def person(wiki: Wiki, service: str, sub: str) -> Human:
    """Somebody whose account is called after them."""
    if service == "forge":
        return wiki.here.person(sub)
    return wiki.person({**TYPED, "base_url": f"https://octo-{sub}.example.com"}, sub=sub)


async def is_served(client: Any, service: str, sub: str) -> None:
    is_error, text = await text_of(client, TOOLS[service])
    assert not is_error, text
    assert f"octo-{sub}" in text


def refusals(caplog: pytest.LogCaptureFixture) -> list[logging.LogRecord]:
    return [one for one in caplog.records if one.name == "mcpauthkit.audit" and one.levelno >= logging.WARNING]


@eras
@services
@damages
async def test_a_credential_that_was_spoilt_is_asked_for_once_and_reported_once(
    era: Era, service: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    with wiki_world() as (wiki, _):
        here = wiki.here
        add_account_tool(wiki)
        async with (
            here.client(era, human=person(wiki, service, "alice")) as alice,
            here.client(era, sub="bob", human=person(wiki, service, "bob")) as bob,
        ):
            await is_served(alice, service, "alice")
            (hers,) = [key for key in await content_of(here.store) if f":credential:{service}:" in key]
            await is_served(bob, service, "bob")
            before = await content_of(here.store)
            (his,) = [key for key in before if f":credential:{service}:" in key and key != hers]
            await here.store.put(hers, DAMAGES[damage](before[hers], before[his]), ttl_seconds=None)

            assert len(here.questions) == 2
            for _ in range(2):
                await is_served(bob, service, "bob")
                await is_served(alice, service, "alice")
            assert len(here.questions) == 3
        [reported] = refusals(caplog)
        assert hers in reported.getMessage()
        assert (await content_of(here.store))[his] == before[his]


@eras
@services
async def test_where_everything_that_is_kept_was_spoilt_each_user_is_asked_once(
    era: Era, service: str, caplog: pytest.LogCaptureFixture
) -> None:
    with wiki_world() as (wiki, _):
        here = wiki.here
        add_account_tool(wiki)
        async with (
            here.client(era, human=person(wiki, service, "alice")) as alice,
            here.client(era, sub="bob", human=person(wiki, service, "bob")) as bob,
        ):
            for client, sub in ((alice, "alice"), (bob, "bob")):
                await is_served(client, service, sub)
            for key in await content_of(here.store):
                await here.store.put(key, PLAINTEXT, ttl_seconds=None)
            for _ in range(2):
                for client, sub in ((alice, "alice"), (bob, "bob")):
                    await is_served(client, service, sub)
            assert len(here.questions) == 4
        keys = [one.getMessage() for one in refusals(caplog)]
        assert len(set(keys)) == len(keys)
