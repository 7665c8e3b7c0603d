"""Whether an application is alive, and whether it can serve: what balancers and orchestrators ask.

Theory of operation. `/health` says that the process answers, and nothing else, because whoever asks restarts it on a
no: an issuer that is down is no reason for that. `/ready` says whether requests would be served: the keys of each
issuer are known, each store answers. It is open to everybody, so it is bounded, remembered for a second, and names
neither addresses nor reasons; those are in the log and in `readiness()`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import anyio
from fastapi import APIRouter, FastAPI
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuthKitError
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.stores.outage import check_reached
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.hub import Hub

_log = RequestLog("web")
HEALTH_PATH = "/health"
READY_PATH = "/ready"
_BOUND_SECONDS = 2.0
_REMEMBERED_SECONDS = 1.0
_METHODS = ["GET", "HEAD"]


@dataclass(frozen=True, slots=True)
class Part:
    """Something that an application needs to serve.

    Args:
        name: What it is, for everybody: `issuer keys`, `store`.
        subject: Which one, for operators: the issuer's address, the names of the providers.
        fault: What is wrong with it, for operators; empty if nothing is.
        hint: What to do about that.
    """

    name: str
    subject: str
    fault: str = ""
    hint: str = ""

    @property
    def is_ready(self) -> bool:
        """Whether it can be used."""
        return not self.fault


@dataclass(frozen=True, slots=True)
class Readiness:
    """What an application needs to serve, and whether it has it.

    Args:
        parts: Everything it needs.
    """

    parts: Sequence[Part]

    @property
    def is_ready(self) -> bool:
        """Whether all of it can be used."""
        return all(one.is_ready for one in self.parts)


async def readiness(app: FastAPI) -> Readiness:
    """Look at what an application needs: the keys of its issuers, and its stores.

    It takes two seconds at most; what has not answered then is not ready.

    Args:
        app: The application, started. What it needs is known from then on.
    """
    deployment = Deployment.of(app)
    checks = [*_issuers(deployment.issuers), *_stores(deployment)]
    parts: dict[int, Part] = {}

    async def look(place: int, part: Part, check: Callable[[], Awaitable[object]]) -> None:
        parts[place] = await _looked_at(part, check)

    async with anyio.create_task_group() as tasks:
        for place, (part, check) in enumerate(checks):
            tasks.start_soon(look, place, part, check)
    return Readiness([parts[place] for place in sorted(parts)])


def health_router(*, clock: Clock | None = None) -> APIRouter:
    """Serve `GET /health` and `GET /ready`; include it before mounting a server at `/`.

    Both need no token, so the start refuses an application that answers there itself, and a prefix. `/health` is 200
    while the process answers. `/ready` is 200, or 503 with the parts that are not ready, by kind; the log says which
    and why.

    Args:
        clock: Time.
    """
    ready = _Ready(clock or SystemClock())
    routes = [Route(HEALTH_PATH, _alive, methods=_METHODS), Route(READY_PATH, ready.answer, methods=_METHODS)]

    @asynccontextmanager
    async def opening(app: FastAPI) -> AsyncIterator[None]:
        with Hub.of(app).opening(routes):
            yield

    router = APIRouter(include_in_schema=False, lifespan=opening)
    for route in routes:
        router.add_route(route.path, route.endpoint, methods=_METHODS)
    return router


async def _alive(_: Request) -> Response:
    return _answer(200, {"status": "ok"})


class _Ready:
    """Answers probes: one look at a time however many ask, and no other within a second."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._turn = anyio.Lock()
        self._seen: Readiness | None = None
        self._seen_at = float("-inf")

    async def answer(self, request: Request) -> Response:
        async with self._turn:
            if self._clock.monotonic() - self._seen_at >= _REMEMBERED_SECONDS:
                found = await readiness(request.app)
                self._tell(found)
                self._seen, self._seen_at = found, self._clock.monotonic()
            found = self._seen or Readiness(())
        if found.is_ready:
            return _answer(200, {"status": "ready"})
        missing = sorted({one.name for one in found.parts if not one.is_ready})
        return _answer(503, {"status": "not ready", "not_ready": missing})

    def _tell(self, found: Readiness) -> None:
        """Log what has become unready, and that everything is ready again: not the same every second."""
        before = set() if self._seen is None else {one for one in self._seen.parts if not one.is_ready}
        for one in found.parts:
            if not one.is_ready and one not in before:
                _log.warning("not ready %r of %s fault=%r hint=%r", one.name, one.subject, one.fault, one.hint)
        if before and found.is_ready:
            _log.info("ready again")


def _answer(status: int, body: Mapping[str, Any]) -> Response:
    return JSONResponse(body, status, {"cache-control": "no-store"})


def _issuers(issuers: Sequence[Issuer]) -> list[tuple[Part, Callable[[], Awaitable[object]]]]:
    return [(Part("issuer keys", one.issuer_url), partial(_keys_known, one)) for one in issuers]


async def _keys_known(issuer: Issuer) -> None:
    # What may still serve is no reason to wait for an issuer that hangs: tokens are verified by it.
    if not issuer.keys.is_usable:
        await issuer.keys.get()


def _stores(deployment: Deployment) -> list[tuple[Part, Callable[[], Awaitable[object]]]]:
    return [
        (Part("store", ", ".join(parts)), partial(check_reached, store)) for store, parts in deployment.parts_by_store()
    ]


async def _looked_at(part: Part, check: Callable[[], Awaitable[object]]) -> Part:
    try:
        with anyio.fail_after(_BOUND_SECONDS):
            await check()
    except TimeoutError:
        return Part(part.name, part.subject, f"No answer within {_BOUND_SECONDS:g} seconds.")
    except AuthKitError as error:
        return Part(part.name, part.subject, error.reason or error.public, error.hint)
    return part
