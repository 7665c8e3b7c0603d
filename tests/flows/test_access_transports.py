"""On every transport, everybody sees exactly what they may use."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.exceptions import FastMCPError
from mcp.shared.exceptions import MCPError

from tests.access_stage import PEOPLE, SERVERS, SIZES, in_memory, listening, on_stdio
from tests.world import Era

ERAS: tuple[Era, ...] = ("legacy", "modern")
Connect = Callable[[str], AbstractAsyncContextManager[Client[Any]]]

_TOOLS = ("read_list", "edit", "wipe")
_NAMES = {
    "composed": {"hello", "math_own", *(f"{one}{tool}" for one in ("", "math_", "far_") for tool in _TOOLS)},
    "proxy": {"hello", *_TOOLS},
    "official": {"hello", *_TOOLS},
}
_SPACES = {"composed": ("", "math/", "far/"), "proxy": ("",), "official": ("",)}

_READS = {"read_list", "math_read_list", "far_read_list"}
SEEN = {
    "nobody": {"hello"},
    "guest": {"hello"},
    "rita": {"hello", *_READS},
    "ed": {"hello", *_READS, "edit", "math_edit"},
    "cora": {"hello", "math_read_list", "math_edit"},
    "ada": {"hello", "math_own", *_READS, "edit", "math_edit"},
}
"""The tools that each of the people is shown, where a server has them."""


@dataclass(frozen=True)
class Found:
    """What one person sees, and what they can use."""

    listed: set[str]
    usable: set[str]


async def tools_of(client: Client[Any], server: str) -> Found:
    usable = set()
    for name in _NAMES[server]:
        for arguments in SIZES if name.endswith("edit") else SIZES[:1]:
            if await succeeds(client.call_tool(name, arguments)):
                usable.add(name)
    return Found({one.name for one in await client.list_tools()}, usable)


async def resources_of(client: Client[Any], server: str) -> Found:
    uris = {f"notes://{space}{one}" for space in _SPACES[server] for one in ("plan", "draft")}
    usable = {one for one in uris if await succeeds(client.read_resource(one))}
    return Found({str(one.uri) for one in await client.list_resources()}, usable)


async def templates_of(client: Client[Any], server: str) -> Found:
    patterns = {f"{one.replace('//', f'//{space}')}" for space in _SPACES[server] for one in _TEMPLATES}
    usable = {one for one in patterns if await succeeds(client.read_resource(one.replace("{name}", "eve")))}
    return Found({one.uri_template for one in await client.list_resource_templates()}, usable)


async def prompts_of(client: Client[Any], server: str) -> Found:
    spaces = [one.replace("/", "_") for one in _SPACES[server]]
    names = {f"{space}{one}" for space in spaces for one in ("review", "rewrite")}
    usable = {one for one in names if await succeeds(client.get_prompt(one))}
    return Found({one.name for one in await client.list_prompts()}, usable)


_TEMPLATES = ("notes://by/{name}", "letters://{name}")
_KINDS = {"tools": tools_of, "resources": resources_of, "templates": templates_of, "prompts": prompts_of}


async def succeeds(use: Any) -> bool:
    try:
        await use
    except (FastMCPError, MCPError, httpx.HTTPError, OSError, RuntimeError):
        return False
    return True


async def check(server: str, connect: Connect, people: Iterable[str] = PEOPLE) -> None:
    """Everybody sees what they can use, and it is what the rules say."""
    for who in people:
        async with connect(who) as client:
            found = {kind: await look(client, server) for kind, look in _KINDS.items()}
        for kind, one in found.items():
            assert one.listed == one.usable, f"{who}: {kind}"
        assert found["tools"].listed == SEEN[who] & _NAMES[server], who
        if who == "ada":
            assert all(one.listed for one in found.values())


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("server", SERVERS)
async def test_in_memory_the_listed_is_the_usable(server: str, era: Era) -> None:
    mcp = SERVERS[server]()
    await check(server, lambda who: in_memory(mcp, who, era))


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("stateless_http", [False, True], ids=["stateful", "stateless"])
@pytest.mark.parametrize("server", SERVERS)
async def test_over_http_the_listed_is_the_usable(server: str, era: Era, *, stateless_http: bool) -> None:
    with listening(SERVERS[server](), stateless_http=stateless_http) as door:
        await check(server, lambda who: door.client(who, era))


@pytest.mark.parametrize("server", SERVERS)
async def test_over_sse_the_listed_is_the_usable(server: str) -> None:
    with listening(SERVERS[server](), sse=True) as door:
        await check(server, lambda who: door.client(who, "legacy"), [one for one in PEOPLE if one != "nobody"])


@pytest.mark.parametrize("who", PEOPLE)
async def test_on_stdio_the_listed_is_the_usable(who: str, tmp_path: Path) -> None:
    # Each of these is a process of its own, so they share the servers and the eras among them.
    server, era = _ON_STDIO[who]
    await check(server, lambda one: on_stdio(server, one, era, tmp_path), [who])


_ON_STDIO: dict[str, tuple[str, Era]] = {
    "nobody": ("composed", "legacy"),
    "guest": ("proxy", "modern"),
    "rita": ("official", "modern"),
    "ed": ("composed", "modern"),
    "cora": ("composed", "legacy"),
    "ada": ("official", "legacy"),
}
