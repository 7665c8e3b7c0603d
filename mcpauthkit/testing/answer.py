"""What a client was answered, in one shape whatever the protocol, the library and the way of saying no."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mcp_types import ErrorData

_LINK = re.compile(r"https?://[^\s\"'<>]+/connect/[^\s\"'<>?]+\?flow=[A-Za-z0-9_~.-]*[A-Za-z0-9_~-]")
_OK = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer to one request of a `DevClient`.

    Attributes:
        data: What a tool returned, as JSON has it; its text where it returned a text; None where something went wrong.
        text: All the text of the answer, that of a refusal too.
        is_error: Whether something went wrong, on whatever level.
        link: The connect link, if the user has to connect first; else empty.
        status: The HTTP status; 401, 403 or 503 where the server refused the request before MCP saw it.
        code: The JSON-RPC error code; -32042 for a link that is an error; 0 without.
        challenge: The `WWW-Authenticate` field of a refusal.
    """

    data: Any = None
    text: str = ""
    is_error: bool = False
    link: str = ""
    status: int = _OK
    code: int = 0
    challenge: str = ""


def answer_of(content: Any, structured: Any, *, is_error: bool, asked: str) -> Answer:
    """The answer that a tool's result is.

    Args:
        content: Its blocks.
        structured: Its structured content, if it has any.
        is_error: What it says of itself.
        asked: The link that the user was asked to open meanwhile, if any.
    """
    text = "\n".join(getattr(block, "text", "") for block in content)
    if is_error:
        return Answer(text=text, is_error=True, link=link_in(text) or asked)
    # Results that are no objects travel in an object of one member (MCP, structured content).
    is_wrapped = isinstance(structured, dict) and set(structured) == {"result"}
    data = text if structured is None else structured["result"] if is_wrapped else structured
    return Answer(data=data, text=text)


def answer_of_error(error: ErrorData, *, status: int, challenge: str) -> Answer:
    """The answer that a protocol error is.

    Args:
        error: The error.
        status: The HTTP status it came with.
        challenge: The challenge it came with.
    """
    elicitations = error.data.get("elicitations", ()) if isinstance(error.data, dict) else ()
    links = [one["url"] for one in elicitations if isinstance(one, dict) and isinstance(one.get("url"), str)]
    link = links[0] if links else link_in(error.message)
    return Answer(text=error.message, is_error=True, link=link, status=status, code=error.code, challenge=challenge)


def link_in(text: str) -> str:
    """The connect link in a text, without the punctuation around it; empty if there is none."""
    found = _LINK.search(text)
    return "" if found is None else found.group()
