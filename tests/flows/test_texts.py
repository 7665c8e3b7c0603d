"""What people and models read when something is missing or failed: short, a name, a next step, and no secret."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from fastapi import Depends
from fastmcp import Context
from mcp.shared.exceptions import MCPError

from mcpauthkit import Patience
from mcpauthkit.testing import FakeClock
from tests.flows.canaries import secrets_of, traces_of
from tests.flows.test_ladder import text_of
from tests.flows.test_route_injection import get, serve
from tests.world import ERA_MODES, Answer, Era, World, world

NAME = "DevForge"
LONGEST = 400
TOOL = "list_repos"
# What somebody can do next, in the words that texts of ours use for it.
NEXT_STEP = re.compile(
    r"[Cc]all the tool again|Open (?:the page|connect_url)|repeat the request|[Tt]ry again|operator finds|Sign in"
)
JARGON = re.compile(
    r"\b[1-5]\d\d\b|HTTP|\bJSON\b|Traceback|Exception|Error\b|\b[A-Z][a-z]+[A-Z]\w*\(|[a-z]+_[a-z]+|\bstate=|\bcode=|mcpauthkit"
)


@dataclass
class Said:
    """What a caller was told.

    Args:
        texts: The texts.
        links: Links that came as values of their own.
    """

    texts: list[str] = field(default_factory=list)
    links: list[str] = field(default_factory=list)


Call = Callable[[World, Said], Awaitable[None]]
"""A call on one rung, by a user whose circumstances the outcome has prepared."""


async def _opens_only(_url: str) -> Answer:
    return "accept"


def on_a_client(era: Era, tool: str = TOOL, *, declares_url: bool = True) -> Call:
    async def call(here: World, said: Said) -> None:
        async with here.client(era, human=_opens_only if declares_url else None) as client:
            try:
                is_error, text = await text_of(client, tool)
            except MCPError as refused:
                asked = refused.error.data["elicitations"][0]
                said.texts += [refused.error.message, asked["message"]]
                said.links.append(asked["url"])
                return
            assert is_error
            said.texts.append(text)
        said.texts += here.questions
        said.links += here.links

    return call


async def in_the_background(here: World, said: Said) -> None:
    """What a worker is told, with nobody waiting who could be asked."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "is_background_task", True)
        await on_a_client("modern")(here, said)


async def on_a_route(here: World, said: Said) -> None:
    async def repos(http: httpx.AsyncClient = Depends(here.provider.http(scopes=["repo"]))) -> str:  # noqa: B008
        return (await http.get("/repos")).text

    if not any(getattr(one, "path", "") == "/repos" for one in here.app.router.routes):
        serve(here, "/repos", repos)
    body = (await get(here, "/repos")).json()
    said.texts.append(body["error_description"])
    said.links += [body["connect_url"]] if "connect_url" in body else []


RUNGS: dict[str, Call] = {
    "rounds": on_a_client("modern"),
    "blocking": on_a_client("legacy"),
    "url error": on_a_client("legacy", "list_repos_fast"),
    "plain link, modern": on_a_client("modern", declares_url=False),
    "plain link, legacy": on_a_client("legacy", declares_url=False),
    "failing fast, modern": on_a_client("modern", "list_repos_fast"),
    "background": in_the_background,
    "route": on_a_route,
}


def check(text: str, here: World, *, link: str = "") -> None:
    """Whether a text is fit to be read."""
    bare = text.replace(link, "") if link else text
    bare = re.sub(rf"{re.escape(here.base)}\S*", "", bare)
    assert len(bare) <= LONGEST, bare
    assert NAME in bare, bare
    assert NEXT_STEP.search(bare), bare
    readable = re.sub(r"\blist_repos(_fast)?\b|\badmin:everything\b|\bconnect_url\b", "", bare)
    assert not JARGON.search(readable), bare
    secrets = [value for values in secrets_of(here).values() for value in values]
    assert not any(traces_of(secret, bare) for secret in secrets), bare


async def connect(here: World) -> None:
    async with here.client(human=here.person()) as client:
        assert not (await text_of(client, TOOL))[0]
    here.questions.clear()
    here.links.clear()


async def _missing(_here: World) -> None:
    """Nothing is connected."""


async def _revoked(here: World) -> None:
    await connect(here)
    here.service.revoke_grants()


async def _outage(here: World) -> None:
    await connect(here)
    here.service.expire_tokens()
    here.service.faults.respond("token", status=503, body="<h1>503 Service Unavailable</h1>")


async def _misbehaving(here: World) -> None:
    await connect(here)
    here.service.expire_tokens()
    here.service.faults.respond("token", status=200, body="<html>Traceback</html>")


async def _our_client_refused(here: World) -> None:
    await connect(here)
    here.service.expire_tokens()
    body = json.dumps({"error": "invalid_client", "error_description": "client_secret expired"})
    here.service.faults.respond("token", status=401, body=body)


IMPATIENT = Patience(hold_seconds=0.2, rounds=1, asking_seconds=5)


def _uses_the_token(mcp: Any, provider: Any) -> None:
    mcp.local_provider.remove_tool("list_repos_fast")

    @mcp.tool()
    @provider.require_token(scopes=["repo"], fail_fast=True)
    async def list_repos_fast() -> str:
        async with provider.client() as http:
            return str((await http.get("/repos")).text)


@pytest.mark.parametrize("rung", list(RUNGS))
@pytest.mark.parametrize(
    "prepare", [_missing, _revoked, _outage, _misbehaving, _our_client_refused], ids=lambda one: one.__name__.strip("_")
)
async def test_whatever_the_rung_the_text_names_the_service_and_the_next_step(
    rung: str, prepare: Callable[[World], Awaitable[None]]
) -> None:
    with world(patience=IMPATIENT, build=_uses_the_token) as here:
        await prepare(here)
        said = Said()
        await RUNGS[rung](here, said)
        assert said.texts
        for text in said.texts:
            check(text, here, link=said.links[0] if said.links else "")


async def _says(answer: Answer) -> Answer:
    return answer


Outcome = Callable[[World], Callable[[str], Awaitable[Answer]]]


def _breaking(here: World) -> Callable[[str], Awaitable[Answer]]:
    here.service.faults.respond("token", status=400, body='{"error": "invalid_grant", "error_description": "code=1"}')
    return here.person()


def _mixed_up(here: World) -> Callable[[str], Awaitable[Answer]]:
    here.service.misbehave(wrong_iss=True)
    return here.person()


OUTCOMES: dict[str, Outcome] = {
    "declined": lambda _here: lambda _url: _says("decline"),
    "cancelled": lambda _here: lambda _url: _says("cancel"),
    "declined on the page": lambda here: here.person(do="decline"),
    "refused": lambda here: here.person(do="deny"),
    "broken": _breaking,
    "answered by another server": _mixed_up,
    "partly granted": lambda here: here.person(),
}


def _wants_too_much(mcp: Any, provider: Any) -> None:
    @mcp.tool()
    @provider.require_token(scopes=["repo", "admin:everything"])
    async def admin() -> str:
        return "never"


@pytest.mark.parametrize("era", list(ERA_MODES))
@pytest.mark.parametrize("outcome", list(OUTCOMES))
async def test_whatever_the_outcome_the_text_names_the_service_and_the_next_step(era: Era, outcome: str) -> None:
    with world(build=_wants_too_much) as here:
        async with here.client(era, human=OUTCOMES[outcome](here)) as client:
            is_error, text = await text_of(client, "admin" if outcome == "partly granted" else TOOL)
        assert is_error
        check(text, here)
        check(here.questions[0], here)


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_link_whose_time_is_over_says_so_and_what_to_do(era: Era) -> None:
    clock = FakeClock()

    async def sleeps_over_it(_url: str) -> Answer:
        clock.advance(3600)
        return "accept"

    with world(patience=IMPATIENT, provider_options={"clock": clock}) as here:
        async with here.client(era, human=sleeps_over_it) as client:
            is_error, text = await text_of(client, TOOL)
        assert is_error
        assert "expired" in text
        check(text, here)
