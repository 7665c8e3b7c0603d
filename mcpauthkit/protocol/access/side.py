"""Requests beside lists and calls that tell of what a server offers: completions, subscriptions, background tasks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import mcp_types
from mcp.shared.exceptions import MCPError

from mcpauthkit.access.guard import SIGN_IN
from mcpauthkit.access.request import Action, Decision, Kind, Target
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.access.control import AccessControl
from mcpauthkit.protocol.access.tasks import StartedTasks

Find = Callable[[Kind, str], Awaitable[Target]]
"""Finds what a server offers under a name or an address; what is not there is a target all the same."""

# What a client says before it uses anything; lists are filtered, and calls decided, elsewhere.
_DECIDED_ELSEWHERE = frozenset(
    {
        *("initialize", "server/discover", "ping", "logging/setLevel", "resources/unsubscribe"),
        *("tools/list", "resources/list", "resources/templates/list", "prompts/list"),
        *("tools/call", "resources/read", "prompts/get"),
    }
)
_COMPLETE, _SUBSCRIBE, _LISTEN, _TASKS = "completion/complete", "resources/subscribe", "subscriptions/listen", "tasks/"


@dataclass(frozen=True, slots=True, kw_only=True)
class SideDoor:
    """Where such requests are decided, for one caller.

    Args:
        control: Decides and records.
        principal: Who asks.
        transport: How.
        require_auth: Whether everything needs a signed-in caller.
        tasks: The tasks that calls have turned into.
        find: Finds what it is about.
    """

    control: AccessControl
    principal: Principal | None
    transport: str
    require_auth: bool
    tasks: StartedTasks
    find: Find

    async def check(self, method: str, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Let a request pass that is allowed.

        Args:
            method: Its method.
            params: Its parameters.

        Returns:
            Its parameters, without what the caller may not hear of.

        Raises:
            MCPError: It is not allowed.
        """
        if method == _COMPLETE:
            await self._check_completion(params)
        elif method == _SUBSCRIBE:
            await self._check_address(params)
        elif method == _LISTEN:
            return await self._heard(params)
        elif method.startswith(_TASKS):
            await self._check_task(params)
        elif self.require_auth and self.principal is None and method not in _DECIDED_ELSEWHERE:
            raise refused(SIGN_IN)
        return params

    async def _check_completion(self, params: Mapping[str, Any]) -> None:
        """Suggestions for an argument tell of what there is, so they are for those who may use it."""
        reference = params.get("ref")
        reference = reference if isinstance(reference, Mapping) else {}
        match reference.get("type"), reference.get("name"), reference.get("uri"):
            case ("ref/prompt", str(name), _):
                await self._admit(await self.find(Kind.PROMPT, name), Action.GET)
            case ("ref/resource", _, str(uri)):
                await self._admit(await self.find(Kind.TEMPLATE, uri), Action.READ)
            case _:
                raise MCPError(mcp_types.INVALID_PARAMS, "The completion does not say what it is for.")

    async def _check_address(self, params: Mapping[str, Any]) -> None:
        uri = params.get("uri")
        if not isinstance(uri, str):
            raise MCPError(mcp_types.INVALID_PARAMS, "The subscription does not say what it is for.")
        await self._admit(await self.find(Kind.RESOURCE, uri), Action.READ)

    async def _heard(self, params: Mapping[str, Any]) -> Mapping[str, Any]:
        """Leave out addresses that the caller may not read; the server acknowledges what is left."""
        if self.require_auth and self.principal is None:
            raise refused(SIGN_IN)
        wanted = params.get("notifications")
        uris = wanted.get("resourceSubscriptions") if isinstance(wanted, Mapping) else None
        if not isinstance(wanted, Mapping) or not isinstance(uris, list):
            return params
        heard = [one for one in uris if isinstance(one, str) and await self._may_read(one)]
        return {**params, "notifications": {**wanted, "resourceSubscriptions": heard}}

    async def _may_read(self, uri: str) -> bool:
        target = await self.find(Kind.RESOURCE, uri)
        return (await self.control.decide(self.principal, self.transport, target, Action.READ)).allowed

    async def _check_task(self, params: Mapping[str, Any]) -> None:
        task_id = params.get("taskId")
        started = self.tasks.get(task_id) if isinstance(task_id, str) else None
        if started is not None:
            await self._admit(started.target, Action.CALL, started.arguments)
        elif self.principal is None:
            self._tell_unknown(Decision(allowed=False, reason="nobody is signed in", public=SIGN_IN))
        else:
            # Another replica started it, or it is none; the extension gives it only to whose it is.
            self._tell_unknown(Decision(allowed=True, reason="nothing is known here of this task"))

    def _tell_unknown(self, decision: Decision) -> None:
        target = Target(Kind.TOOL, "unknown task")
        told = self.control.told(decision, self.principal, target, Action.CALL, None)
        if not told.allowed:
            raise refused(told.public)

    async def _admit(self, target: Target, action: Action, arguments: Mapping[str, Any] | None = None) -> None:
        decision = await self.control.decide(self.principal, self.transport, target, action, arguments)
        if not decision.allowed:
            raise refused(decision.public)


def refused(text: str) -> MCPError:
    """A refusal as the protocol spells it; nothing else reaches older clients as what it is."""
    return MCPError(mcp_types.INTERNAL_ERROR, text)
