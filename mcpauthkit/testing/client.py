"""A real MCP client, with somebody in front of it.

Each request has one `Answer`, and a refusal is an answer too, so that a test reads from top to bottom.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self

from mcp.shared.exceptions import MCPError

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing.answer import Answer, answer_of, answer_of_error
from mcpauthkit.testing.client_session import Endpoint, session_of
from mcpauthkit.testing.client_wire import ClientWire
from mcpauthkit.testing.login import RobotLogin
from mcpauthkit.testing.profiles import ClientProfile
from mcpauthkit.testing.robot import BrowserRobot
from mcpauthkit.testing.visits import connect, open_link

if TYPE_CHECKING:
    from types import TracebackType

    from mcpauthkit.testing.client_session import Library, Session
    from mcpauthkit.testing.page import Page
    from mcpauthkit.testing.visits import Reply, WhenAsked


class DevClient:
    """An MCP client in front of which somebody sits, with a browser of their own; an async context manager.

    `DevWorld.client(...)` makes one that fits its issuer and its service.

    Args:
        mcp_url: The MCP endpoint.
        token: The bearer token it sends; empty for none. It may be changed at any time.
        user: Who sits in front of it, by their name at `DevIssuer`.
        account: Their account at `DevService`; `octo-` and their name unless given.
        profile: The kind of client it is, or the name of that.
        library: Whose client it is.
        when_asked: What they do when their client asks them to open a link.
        signs_in: Whether the client gets its token itself, as clients do: by discovery, registration and a login in the
            browser. `token` is left out then.

    Raises:
        ConfigurationError: There is no such profile; or, as the block is entered, the profile is for a server without
            sessions, and this one keeps them.

    Attributes:
        token: The bearer token of the moment.
        asked: The links that they were asked to open, in order.
        browser: Their browser.
        user: Who they are.
    """

    def __init__(
        self,
        mcp_url: str,
        *,
        token: str = "",
        user: str = "alice",
        account: str = "",
        profile: ClientProfile | str = "url-modern",
        library: Library = "fastmcp",
        when_asked: WhenAsked = "connect",
        signs_in: bool = False,
    ) -> None:
        self.token = token
        self.user = user
        self.asked: list[str] = []
        self.browser = BrowserRobot()
        self._account = account
        self._when_asked: WhenAsked = when_asked
        self._library: Library = library
        kind = ClientProfile.named(profile) if isinstance(profile, str) else profile
        self._endpoint = Endpoint(
            url=mcp_url,
            wire=ClientWire(mcp_url, token=lambda: self.token, forms_only=kind.elicitation == "form"),
            profile=kind,
            ask=self._is_asked,
            login=RobotLogin(mcp_url, robot=self.browser, user=user) if signs_in else None,
        )
        self._opened = AsyncExitStack()
        self._session: Session | None = None

    async def __aenter__(self) -> Self:
        # Here and not with the first request: what a session starts has to end in the task that began it. A client that
        # is refused now tries again with its first request, and then tells of it.
        await self._refused_at_the_door()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session = None
        await self._opened.aclose()
        await self.browser.__aexit__(kind, error, trace)

    async def call(self, tool: str, /, **arguments: Any) -> Answer:
        """Call a tool.

        Args:
            tool: Its name.
            **arguments: Its arguments.
        """
        refused = await self._refused_at_the_door()
        if refused is not None or self._session is None:
            return refused or Answer(is_error=True)
        already = len(self.asked)
        try:
            result = await self._session.call_tool(tool, arguments)
        except MCPError as error:
            return self._refusal(error)
        asked = "".join(self.asked[already:][-1:])
        return answer_of(result.content, result.structured_content, is_error=result.is_error, asked=asked)

    async def tools(self) -> Answer:
        """List the tools that this caller sees: `data` holds their names, sorted."""
        refused = await self._refused_at_the_door()
        if refused is not None or self._session is None:
            return refused or Answer(is_error=True)
        try:
            return Answer(data=sorted(await self._session.list_tools()))
        except MCPError as error:
            return self._refusal(error)

    async def open(self, link: str) -> Page:
        """Open a connect link in this user's browser; gives the page that says what is to be connected.

        Raises:
            RobotError: Nothing answers.
        """
        return await open_link(self.browser, link, user=self.user)

    async def connect(self, link: str, **typed: str) -> Page:
        """Open a connect link in this user's browser and go through with it; gives the page at which that ends.

        Args:
            link: The link.
            **typed: What they type, where the service is connected by a form.

        Raises:
            RobotError: The pages are not those of connecting something.
        """
        return await connect(self.browser, link, user=self.user, account=self._account, typed=typed)

    async def _is_asked(self, link: str) -> Reply:
        self.asked.append(link)
        match self._when_asked:
            case "connect":
                await self.connect(link)
                return "accept"
            case "wait":
                return "accept"
            case "decline" | "cancel" as reply:
                return reply
            case act:
                return await act(link)

    async def _refused_at_the_door(self) -> Answer | None:
        """Begin the session unless it has begun; gives the answer where that is refused."""
        if self._session is not None:
            return None
        async with AsyncExitStack() as opening:
            try:
                self._session = await opening.enter_async_context(session_of(self._library, self._endpoint))
            except MCPError as error:
                return self._refusal(error)
            self._opened = opening.pop_all()
        if self._endpoint.profile.era == "stateless" and self._endpoint.wire.has_session:
            self._session = None
            await self._opened.aclose()
            raise ConfigurationError(
                f"The profile {self._endpoint.profile.name} is for a server without sessions, and this one keeps them.",
                hint="Serve the application with the profile's `server_options`.",
            )
        return None

    def _refusal(self, error: MCPError) -> Answer:
        http = self._endpoint.wire.refusal
        status, challenge = (200, "") if http is None else (http.status, http.challenge)
        return answer_of_error(error.error, status=status, challenge=challenge)
