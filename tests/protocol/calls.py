"""Calls as values, for the parts that need no server around them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import anyio
import mcp_types

from mcpauthkit import Principal
from mcpauthkit.protocol.call import Call

MODERN, LEGACY = "2026-07-28", "2025-11-25"


class Refused(Exception):
    """What a call ends with, in these tests."""


class AskedByError(Exception):
    """The same for error -32042."""


@dataclass
class FakeSession:
    """As much of the SDK's session as the kit uses."""

    client_capabilities: mcp_types.ClientCapabilities | None = None
    can_send_request: bool = True
    told: list[tuple[str, Any]] = field(default_factory=list)
    trouble: Exception | None = None
    hangs: bool = False
    answer: Any = None

    async def send_elicit_complete(self, elicitation_id: str, related_request_id: Any = None) -> None:
        if self.hangs:
            await anyio.sleep_forever()
        if self.trouble is not None:
            raise self.trouble
        self.told.append((elicitation_id, related_request_id))

    async def send_request(self, *_args: Any, **_options: Any) -> Any:
        if self.trouble is not None:
            raise self.trouble
        if self.answer is None:
            await anyio.sleep_forever()
        return self.answer


def capabilities(*, form: bool = False, url: bool = False) -> mcp_types.ClientCapabilities:
    return mcp_types.ClientCapabilities(
        elicitation=mcp_types.ElicitationCapability(
            form=mcp_types.FormElicitationCapability() if form else None,
            url=mcp_types.UrlElicitationCapability() if url else None,
        )
    )


def a_call(session: FakeSession | None = None, **changes: Any) -> Call:
    values: dict[str, Any] = {
        "session": session or FakeSession(capabilities(url=True)),
        "protocol_version": MODERN,
        "request_id": 1,
        "scope": None,
        "input_responses": None,
        "request_state": None,
        "in_background": False,
        "can_raise_url_error": True,
        "refuse": Refused,
        "url_error": lambda _elicitation: AskedByError(),
        **changes,
    }
    return Call(**values)


def a_session(**changes: Any) -> Any:
    """A session for annotations that want the SDK's own."""
    return cast("Any", FakeSession(**changes))


def someone(subject: str) -> Principal:
    return Principal({"sub": subject}, issuer="https://i.example", subject=subject, expires_at=0.0)
