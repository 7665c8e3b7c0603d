"""The story of one protocol era, from an unknown client to the user's repositories."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import Any, Literal

import anyio
import mcp_types
from fastmcp import Client
from fastmcp.client.client import CallToolResult
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.exceptions import ToolError
from mcp.shared.exceptions import MCPError

from mcpauthkit.testing import BrowserRobot
from quickstart.browser_story import BrowserStory, Era, Stage
from quickstart.login_story import LoginStory, login_milestones
from quickstart.narrator import StepFailed, expect
from quickstart.robot_login import ToldLogin
from quickstart.wire import Wire, without_secrets

_CALL_SECONDS = 30.0
# A client that may choose takes the newer protocol, so `auto` is the modern era here; the whoami step makes sure.
_MODES: dict[Era, Literal["legacy", "auto"]] = {"legacy": "legacy", "modern": "auto"}
_VERSIONS: dict[Era, str] = {"legacy": "2025-11-25", "modern": "2026-07-28"}
_TITLES: dict[Era, str] = {
    "legacy": "Protocol 2025-11-25: sessions, and questions while a call waits",
    "modern": "Protocol 2026-07-28: no sessions; a call ends with a question, to be repeated",
}
_ASKED_BY: dict[Era, str] = {
    "legacy": "elicitation/create, mode url, while tools/call waits",
    "modern": "tools/call -> input required: elicitation, mode url",
}


class EraStory:
    """Alice, Bob and a client, in one era.

    Args:
        stage: What the story is told with.
    """

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._narrator = stage.narrator
        self._wire = Wire()
        self._alice, self._bob = BrowserRobot(), BrowserRobot()
        self._browsers = BrowserStory(stage, alice=self._alice, bob=self._bob)
        self._questions = 0
        self._notices: list[str] = []
        self._asked = anyio.Event()
        self._link = ""

    async def tell(self) -> None:
        """From the first refusal to the replay that stores nothing.

        Raises:
            StepFailed: Something did not go as it should.
        """
        self._narrator.chapter(_TITLES[self._stage.era])
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._alice)
            await stack.enter_async_context(self._bob)
            client = await self._log_in(stack)
            await self._whoami(client)
            await self._list_repos(client)
            await self._list_repos_again(client)
            await self._browsers.replay()

    async def _log_in(self, stack: AsyncExitStack) -> Client[Any]:
        url = self._stage.settings.mcp_url
        login = ToldLogin(url, robot=self._alice, user="alice", wire=self._wire)
        client: Client[Any] = Client(
            StreamableHttpTransport(url, auth=login, httpx_client_factory=self._wire.client),
            mode=_MODES[self._stage.era],
            elicitation_handler=self._answer,
            message_handler=self._hear,
            timeout=_CALL_SECONDS,
        )
        story = LoginStory(self._narrator, login_milestones(self._stage.settings))
        self._wire.listener = story.hear
        story.begin()
        try:
            await stack.enter_async_context(client)
        except Exception as error:  # noqa: BLE001  # whatever it is, the story tells at which step it came
            story.end(without_secrets(f"{error}"))
        story.end()
        return client

    async def _whoami(self, client: Client[Any]) -> None:
        with self._narrator.step("The tool whoami: the server knows who is calling."):
            user = (await self._call(client, "whoami")).data
            expect(user["subject"] == "alice", "alice", str(user))
            version, expected = self._wire.calls_of("tools/call")[-1].version, _VERSIONS[self._stage.era]
            expect(version == expected, f"protocol {expected}", f"protocol {version}")
            self._narrator.wire(
                f"MCP-Protocol-Version: {version}", f"tools/call whoami: {user['name']}, subject {user['subject']}"
            )

    async def _list_repos(self, client: Client[Any]) -> None:
        self._narrator.begin("The tool list_repos: it needs Alice's DevForge account, so she is asked.")
        ended = await self._call_while_people_click(client)
        with self._narrator.step("The call that asked has its answer: Alice's repositories."):
            if isinstance(ended, StepFailed):
                raise ended
            self._narrator.wire(*self._how_it_ended(), f"result: {', '.join(ended.data)}")
            mine = all(name.startswith("octo-alice/") for name in ended.data)
            expect(ended.data and mine, "repositories of octo-alice", str(ended.data))
            expect(self._questions == 1, "one question to Alice", f"{self._questions} questions")

    async def _call_while_people_click(self, client: Client[Any]) -> CallToolResult | StepFailed:
        """The call, and beside it the browsers: a client says `accept` when the page is open, not when it is done.

        Returns:
            How the call ended.

        Raises:
            StepFailed: Nobody was asked, or the browsers could not go on.
        """
        clicked: list[StepFailed] = []

        async def click() -> None:
            await self._asked.wait()
            try:
                await self._browsers.bob_tries(self._link)
                await self._browsers.alice_connects(self._link)
            except StepFailed as failure:
                clicked.append(failure)
                tasks.cancel_scope.cancel()  # nobody waits for a call that cannot be answered any more

        ended: CallToolResult | StepFailed = StepFailed("an answer to the call", "none")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(click)
            try:
                ended = await self._call(client, "list_repos")
            except StepFailed as failure:
                ended = failure
            if not self._asked.is_set():
                tasks.cancel_scope.cancel()
        if clicked:  # first, because it is the cause of the other
            raise clicked[0]
        if not self._asked.is_set():
            raise StepFailed("a question with a link", ended.came if isinstance(ended, StepFailed) else "a result")
        return ended

    def _how_it_ended(self) -> tuple[str, ...]:
        calls = len(self._wire.calls_of("tools/call")) - 1  # whoami was the first
        if self._stage.era == "legacy":
            expect(calls == 1, "one call, held while Alice connected", f"{calls} calls")
            notice = "notifications/elicitation/complete"
            expect(notice in self._notices, f"a notification {notice}", f"{self._notices or 'none'}")
            return "one tools/call, held while Alice connected", notice
        expect(calls == 2, "two calls: one that asked, one that was answered", f"{calls} calls")  # noqa: PLR2004
        return ("tools/call, repeated once by the client with Alice's answer",)

    async def _list_repos_again(self, client: Client[Any]) -> None:
        with self._narrator.step("The next call asks nothing: the connection is kept, for Alice only."):
            result = await self._call(client, "list_repos")
            expect(result.data, "repositories", str(result.data))
            expect(self._questions == 1, "no further question", f"{self._questions - 1} more")
            self._narrator.wire(f"tools/call list_repos: {len(result.data)} repositories, no question")

    async def _call(self, client: Client[Any], tool: str) -> CallToolResult:
        try:
            return await client.call_tool(tool)
        except (ToolError, MCPError) as error:
            raise StepFailed(f"a result of {tool}", without_secrets(str(error))) from error

    async def _answer(self, message: str, _type: Any, params: Any, _context: Any) -> ElicitResult[Any]:
        """Alice's client got a question: it shows the link, and she opens it."""
        self._questions += 1
        self._link = getattr(params, "url", "")
        if not self._link:
            return ElicitResult(action="cancel")
        if not self._asked.is_set():
            self._tell_question(message, self._link)
            self._asked.set()
        return ElicitResult(action="accept")

    def _tell_question(self, message: str, link: str) -> None:
        self._narrator.wire(
            _ASKED_BY[self._stage.era], f'"{message}"', f"the page: {without_secrets(link)} (no user in it)"
        )
        self._narrator.done()

    async def _hear(self, message: Any) -> None:
        if isinstance(message, mcp_types.ElicitCompleteNotification):
            self._notices.append(message.method)
