"""Injection into FastMCP's tools, resources and prompts, by FastMCP's own `Depends`.

FastMCP resolves dependencies before the body runs and turns what they raise into "Failed to resolve dependency", its
own errors excepted. So refusals leave here as such errors, and a question, which a body would return, is raised and
becomes a result again in our FastMCP middleware.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar

import mcp_types
from fastmcp.dependencies import Depends
from fastmcp.exceptions import FastMCPError

from mcpauthkit.errors import AuthKitError, ConfigurationError
from mcpauthkit.principal import Principal
from mcpauthkit.protocol.call import CallRefused, current_call, fastmcp_hook_active
from mcpauthkit.protocol.in_request import in_request
from mcpauthkit.protocol.wrapper import Hold, Obtain, edge, public_text

called_as: ContextVar[str] = ContextVar("mcpauthkit_called_as", default="This call")
"""What the user is told the credential is for; set by our FastMCP middleware."""


class QuestionRaised(FastMCPError):
    """Asks our FastMCP middleware to end this round with a question.

    Args:
        question: The result that carries it.
    """

    def __init__(self, question: mcp_types.InputRequiredResult) -> None:
        super().__init__("The user has to be asked first.", log_level=logging.INFO)
        self.question = question


def CurrentUser() -> Principal:  # noqa: N802  # in line with FastMCP's CurrentContext() and its siblings
    """The caller, as the default of a parameter of a FastMCP tool, resource or prompt.

    Write `user: Principal = CurrentUser()`. `Depends(get_user)` gives the same inside a request; this one also works in
    background tasks, and a call without a user is told so even on a server that `register(app, mcp)` does not know.
    """
    return Depends(_user_of_call)


async def _user_of_call() -> Principal:
    call = current_call((), {})
    with edge(call):
        return call.principal(None)


@asynccontextmanager
async def injected(obtain: Obtain, hold: Hold, *, service: str) -> AsyncIterator[None]:
    """Run the rest of a FastMCP call, its other dependencies and its body, with a credential.

    Args:
        obtain: Finds the credential.
        hold: Makes it available to the body.
        service: The service's name for people.

    Raises:
        FastMCPError: The call ends here, with a question, error -32042 or a text.
    """
    call = current_call((), {})
    with in_request(call.scope, call), edge(call, service):
        if not (fastmcp_hook_active.get() or call.in_background):
            raise ConfigurationError(
                "A credential is injected here, and this server cannot ask the user for it.",
                hint="Call register(app, mcp) with this FastMCP server, or with the one it is mounted in.",
            )
        need, found = await obtain(call, {})
        if isinstance(found, mcp_types.InputRequiredResult):
            raise QuestionRaised(found)
        with hold(need, found):
            yield


def refusal_of_dependency(error: Exception) -> CallRefused | None:
    """What FastMCP should have said when a dependency, such as `Depends(get_user)`, raised one of our errors.

    A tool that turns our error into one of its own does so without the step in between, and keeps its text.
    """
    failed = error.__cause__
    reason = failed.__cause__ if isinstance(failed, RuntimeError) else None
    return CallRefused(public_text(reason)) if isinstance(reason, AuthKitError) else None
