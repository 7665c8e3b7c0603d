"""Forgetting what is held, also as applications write it that name the user: `invalidate_token(sub)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from mcpauthkit import CredentialsProvider, OAuthProvider, get_user
from mcpauthkit.errors import ConfigurationError
from tests.flows.test_ladder import eras, text_of
from tests.wiki_world import wiki_world
from tests.world import Era, Human, World, world


@contextmanager
def forgetting_a_token() -> Iterator[tuple[World, Human]]:
    def build(mcp: Any, forge: OAuthProvider) -> None:
        _add(mcp, forge.require_token(scopes=["repo"]), forge.invalidate_token)

    with world(build=build) as here:
        yield here, here.person()


@contextmanager
def forgetting_what_was_typed() -> Iterator[tuple[World, Human]]:
    def build(mcp: Any, wiki: CredentialsProvider) -> None:
        _add(mcp, wiki.require_credentials(), wiki.invalidate_credentials)

    with wiki_world(build=build) as (wiki, _):
        yield wiki.here, wiki.person()


def _add(mcp: Any, guard: Callable[..., Any], invalidate: Callable[..., Any]) -> None:
    @mcp.tool()
    @guard
    async def look() -> str:
        return "held"

    @mcp.tool()
    @guard
    async def forget(sub: str) -> str:
        try:
            await invalidate(get_user().subject if sub == "mine" else sub)
        except ConfigurationError as error:
            return f"{error.public} {error.hint}"
        return "forgotten"


kinds = pytest.mark.parametrize(
    "kind", [forgetting_a_token, forgetting_what_was_typed], ids=lambda one: str(one.__name__)
)


@eras
@kinds
async def test_the_callers_own_subject_may_be_named(era: Era, kind: Any) -> None:
    with kind() as (here, human):
        async with here.client(era, human=human) as client:
            assert await text_of(client, "forget", sub="mine") == (False, "forgotten")
            assert await text_of(client, "look") == (False, "held")
    assert len(here.questions) == 2


@eras
@kinds
@pytest.mark.parametrize("sub", ["bob", "Alice", ""])
async def test_somebody_elses_is_refused_with_the_way_of_administrators_and_nothing_is_forgotten(
    era: Era, kind: Any, sub: str
) -> None:
    with kind() as (here, human):
        async with here.client(era, human=human) as client:
            is_error, text = await text_of(client, "forget", sub=sub)
            assert not is_error
            assert "Connections(app).revoke_user(" in text
            assert await text_of(client, "look") == (False, "held")
    assert len(here.questions) == 1
