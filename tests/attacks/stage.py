"""The server under attack, and the comparison of what it answers with what it should."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from starlette.responses import JSONResponse
from starlette.types import Receive, Scope, Send

from mcpauthkit import JwtAuthMiddleware, current_user
from tests.attacks.forge import Forge, forge
from tests.attacks.row import Answer
from tests.web.door import BASE, PRM, SCOPES

_PARAMETER = re.compile(r'(\w+)="([^"]*)"')
_CODE = re.compile(r"\bcode=(\w+)")


async def behind(scope: Scope, receive: Receive, send: Send) -> None:
    """The application behind the door: answers every path and method, and tells whom it saw."""
    if scope["type"] == "lifespan":
        for step in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{step}.complete"})
        return
    user = current_user.get()
    seen: dict[str, Any] = {"reached": True, "user": None}
    if user is not None:
        seen |= {"user": user.subject, "roles": sorted(user.roles), "scopes": sorted(user.scopes)}
    await JSONResponse(seen)(scope, receive, send)


def protected(issuer_url: str, **options: Any) -> JwtAuthMiddleware:
    """The application with its door."""
    settings = {"server_base_url": BASE, "scopes": SCOPES, "open_paths": ("/health",), **options}
    return JwtAuthMiddleware(behind, issuer_url=issuer_url, **settings)


@dataclass(frozen=True, slots=True)
class Stage:
    """A forge, and the server as clients reach it in this process."""

    forge: Forge
    http: httpx.AsyncClient


@asynccontextmanager
async def stage(**options: Any) -> AsyncIterator[Stage]:
    """A server that trusts the forge's issuer, with these options of the middleware."""
    with forge() as one:
        async with httpx.AsyncClient() as upstream:
            app = protected(one.issuer.issuer_url, clock=one.clock, http_client=upstream, **options)
            async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
                yield Stage(one, http)


class _Codes(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.found += _CODE.findall(record.getMessage())


@contextmanager
def codes() -> Iterator[list[str]]:
    """The `code` of every line that the kit logs meanwhile."""
    logger, handler = logging.getLogger("mcpauthkit"), _Codes()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield handler.found
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


def check(
    answer: Answer, status: int, headers: Mapping[str, str], body: bytes, logged: list[str], *, method: str = "GET"
) -> None:
    """Compare an answer with the expected one, in everything a client or an operator can see."""
    assert status == answer.status
    assert logged == ([] if answer.code is None else [answer.code])
    check_challenge(answer, headers.get("www-authenticate"))
    assert ("retry-after" in headers) == (answer.status == 503)
    if method == "HEAD":
        assert body == b""
    elif answer.reached:
        seen = json.loads(body)
        assert seen["user"] == answer.user
        assert {name: seen.get(name) for name in answer.says} == answer.says
    elif answer.error is not None:
        assert headers["cache-control"] == "no-store"
        assert set(json.loads(body)) == {"error", "error_description"}
        assert json.loads(body)["error"] == answer.error
    else:
        assert b"reached" not in body


def check_challenge(answer: Answer, challenge: str | None) -> None:
    """Bearer alone, with the same scope and document in every one, and an error only where there is one."""
    if answer.challenge is None:
        assert challenge is None
        return
    assert challenge is not None
    assert challenge.startswith("Bearer ")
    parameters = _PARAMETER.findall(challenge)
    told = dict(parameters)
    assert len(told) == len(parameters)
    expected = {"scope": " ".join(SCOPES), "resource_metadata": PRM}
    if answer.challenge:
        expected["error"] = answer.challenge
        assert told.pop("error_description")
    assert told == expected
