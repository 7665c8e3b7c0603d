"""What the MCP endpoint answers to who has no token, or not a good one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.outside.asking import OK, Answer, ask, ask_all
from mcpauthkit.doctor.outside.challenge import Challenge
from mcpauthkit.oauth.messages import HttpRequest

LEGACY, MODERN = "2025-11-25", "2026-07-28"
PAGE = "http://localhost:6274"
"""Where the pages of MCP Inspector come from."""
NOBODY = "https://doctor.invalid"
"""An origin that nobody can have (RFC 2606)."""
NOT_ASKED = "not asked"
"""Why there is no answer where asking would have told others."""

_MEDIA = {"accept": "application/json, text/event-stream", "content-type": "application/json"}
_NAME = {"name": "mcpauthkit-doctor", "version": "1"}
_BAD_TOKEN = "made-up-by-mcpauthkit-doctor"  # noqa: S105  # it opens nothing
_UNAUTHORIZED, _FORBIDDEN = 401, 403


@dataclass(frozen=True, slots=True)
class Door:
    """Answers of the MCP endpoint.

    Args:
        first: To `initialize` without a token; where that is public, to a call of a tool nobody has.
        modern: To `server/discover` without a token.
        bad_token: To a made-up token.
        from_nowhere: To a page of an origin that nobody can have.
        from_page: To a page that may call, if any may.
        preflight: To that page's preflight.
    """

    first: Answer
    modern: Answer
    bad_token: Answer
    from_nowhere: Answer
    from_page: Answer
    preflight: Answer

    @property
    def challenge(self) -> Challenge:
        """The challenge of the first answer."""
        return challenge_of(self.first)

    @property
    def asks_for_token(self) -> bool:
        """Whether clients have a reason to look for the login."""
        return self.first.status in {_UNAUTHORIZED, _FORBIDDEN}


def challenge_of(answer: Answer) -> Challenge:
    """The challenge in an answer.

    Args:
        answer: The answer.
    """
    return Challenge(answer.headers.get("www-authenticate", ""))


async def door_of(examination: Examination) -> Door:
    """Knock; only once, however many checks want to know.

    Args:
        examination: The examination.
    """
    return await examination.once("door", partial(_knock, examination))


async def _knock(examination: Examination) -> Door:
    url = examination.resource_url
    if not is_trustworthy_url(url):
        # Whatever is sent there, others read.
        return Door(*[Answer("POST", url, failure=NOT_ASKED)] * 6)
    page = {"origin": _page_of(examination)}
    preflight = {**page, "access-control-request-method": "POST", "access-control-request-headers": "authorization"}
    answers = await ask_all(
        examination,
        [
            initialize(url),
            discover(url),
            initialize(url, {"authorization": f"Bearer {_BAD_TOKEN}"}),
            initialize(url, {"origin": NOBODY}),
            initialize(url, page),
            HttpRequest("OPTIONS", url, headers=preflight),
        ],
    )
    first = answers[0]
    if first.status == OK:
        # With public tools a session may begin without a token, and a call of any other tool may not.
        call = await ask(examination, _call(url))
        first = call if call.status == _UNAUTHORIZED else first
    return Door(first, *answers[1:])


def _page_of(examination: Examination) -> str:
    allowed = examination.facts.guard.get("allowed_origins") or (PAGE,)
    return str(next(iter(allowed)))


def initialize(url: str, headers: Mapping[str, str] | None = None) -> HttpRequest:
    """The first request of protocol 2025-11-25.

    Args:
        url: The MCP server.
        headers: More header fields.
    """
    parameters = {"protocolVersion": LEGACY, "capabilities": {}, "clientInfo": _NAME}
    return message(url, "initialize", parameters, headers)


def discover(url: str, headers: Mapping[str, str] | None = None) -> HttpRequest:
    """The first request of protocol 2026-07-28.

    Args:
        url: The MCP server.
        headers: More header fields.
    """
    about = {"protocolVersion": MODERN, "clientInfo": _NAME, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in about.items()}
    more = {"mcp-protocol-version": MODERN, "mcp-method": "server/discover", **(headers or {})}
    return message(url, "server/discover", {"_meta": meta}, more)


def message(
    url: str, method: str, parameters: Mapping[str, Any] | None = None, headers: Mapping[str, str] | None = None
) -> HttpRequest:
    """One JSON-RPC request.

    Args:
        url: The MCP server.
        method: Its method.
        parameters: Its parameters.
        headers: More header fields.
    """
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method}
    if parameters is not None:
        body["params"] = parameters
    return HttpRequest("POST", url, headers={**_MEDIA, **(headers or {})}, json=body)


def _call(url: str) -> HttpRequest:
    return message(url, "tools/call", {"name": _NAME["name"], "arguments": {}})
