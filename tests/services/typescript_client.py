"""The official TypeScript SDK's clients, versions 1 and 2, run by Node.js with a robot for their browser."""

from __future__ import annotations

import json
import shutil
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio
from anyio.abc import Process
from anyio.streams.text import TextReceiveStream

from mcpauthkit.testing import BrowserRobot
from tests.services.clients import Login
from tests.services.people import authorize
from tests.world import Era

if TYPE_CHECKING:
    from anyio.abc import ByteReceiveStream

_HERE = Path(__file__).parent / "typescript"
_SECONDS = 60.0


class TypeScriptError(AssertionError):
    """The client gave up; the message is its own."""


@dataclass(frozen=True)
class TypeScriptClient:
    """One version of the SDK.

    Args:
        major: 1 is `@modelcontextprotocol/sdk`, 2 is `@modelcontextprotocol/client`.
        era: Version 2 speaks both; version 1 only the older.
    """

    major: Literal[1, 2] = 1
    era: Era = "legacy"

    async def call(self, login: Login, *tools: str) -> Mapping[str, Any]:
        """Log in from nothing, call the tools in turn, give the last one's result.

        Raises:
            TypeScriptError: The client could not log in or call, or a tool failed.
        """
        told = {
            "major": self.major,
            "modern": self.era == "modern",
            "url": login.url,
            "tools": list(tools),
            "clientId": login.client_id,
            "metadataUrl": login.metadata_url,
        }
        node = shutil.which("node")
        if node is None:
            raise TypeScriptError("there is no Node.js; `scripts/services install` installs it")
        with anyio.fail_after(_SECONDS):
            async with await anyio.open_process([node, "client.mjs", json.dumps(told)], cwd=_HERE) as process:
                try:
                    return (await _results(process, login))[-1]
                finally:
                    if process.returncode is None:
                        process.kill()


async def _results(process: Process, login: Login) -> list[Mapping[str, Any]]:
    assert process.stdout is not None
    results: list[Mapping[str, Any]] = []
    async for line in _lines(process.stdout):
        said: dict[str, Any] = json.loads(line)
        match said:
            case {"authorize": str(url), "redirectUrl": str(own)}:
                login.visited.append(url)
                way_back = await authorize(url, user=login.user, back_to=own)
                async with BrowserRobot() as robot:
                    await robot.open(way_back)
            case {"isError": False, "result": dict(result)}:
                results.append(result)
            case _:
                raise TypeScriptError(line)
    assert process.stderr is not None
    complaints = "".join([text async for text in TextReceiveStream(process.stderr)])
    if await process.wait() != 0:
        raise TypeScriptError(complaints)
    return results


async def _lines(stream: ByteReceiveStream) -> AsyncIterator[str]:
    rest = ""
    async for text in TextReceiveStream(stream):
        *whole, rest = (rest + text).split("\n")
        for line in whole:
            yield line
