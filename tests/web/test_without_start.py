"""A server without a lifespan, or an application around ours that keeps it: the checks are made all the same."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.routing import Mount

from mcpauthkit import JwtAuthMiddleware, MemoryStore
from tests.web.shop import BASE, SECRET, Shop, start

METADATA = "/.well-known/oauth-protected-resource/mcp"
FAULTY = Shop(store=MemoryStore(), middleware={"production": True})


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    # A `.env` file would be read where the tests run.
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "2")
    return monkeypatch


async def get(app: Any, path: str) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        return await http.get(path)


def errors_of(caplog: pytest.LogCaptureFixture) -> str:
    return "\n".join(one.getMessage() for one in caplog.records if one.levelno >= logging.ERROR)


@pytest.mark.parametrize("path", ["/mcp", METADATA, "/connections"])
@pytest.mark.parametrize("prefix", ["", "/inner"], ids=["no lifespan", "mounted"])
async def test_what_must_not_run_answers_nothing_and_the_log_says_why(
    path: str, prefix: str, caplog: pytest.LogCaptureFixture
) -> None:
    app: Any = FAULTY.build()
    if prefix:
        app = Starlette(routes=[Mount(prefix, app)])
        assert await start(app) == ""
    for _ in range(2):
        caplog.clear()
        answer = await get(app, prefix + path)
        assert answer.status_code == 503
        assert answer.headers["content-type"].startswith("text/plain")
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-request-id"]
        assert [word for word in ("MCPAUTHKIT", "github", "REDIS", SECRET) if word in answer.text] == []
        told = errors_of(caplog)
        assert [word for word in ("the github provider", "TOKEN_STORAGE_MODE=redis") if word not in told] == []


async def test_a_server_that_goes_on_after_a_start_that_failed_serves_nothing() -> None:
    app = FAULTY.build()
    assert "does not run in production" in await start(app)
    assert (await get(app, "/mcp")).status_code == 503


async def test_an_mcp_server_at_a_path_of_no_resource_is_found_too(caplog: pytest.LogCaptureFixture) -> None:
    app = Shop(middleware={"resource_paths": ["/other"]}).build()
    assert (await get(app, "/mcp")).status_code == 503
    assert "/mcp" in errors_of(caplog)
    assert "resource_paths" in errors_of(caplog)


async def test_it_serves_as_soon_as_it_is_mended(environment: pytest.MonkeyPatch) -> None:
    app = FAULTY.build()
    assert (await get(app, "/mcp")).status_code == 503
    environment.setenv("MCPAUTHKIT_REPLICAS", "1")
    assert (await get(app, "/mcp")).status_code == 401


async def test_what_may_run_is_looked_at_once(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    app = Shop(middleware={"production": True}).build()
    assert (await get(app, "/mcp")).status_code == 401
    environment.setenv("MCPAUTHKIT_REPLICAS", "nonsense")
    assert (await get(app, "/mcp")).status_code == 401
    assert errors_of(caplog) == ""


async def test_elsewhere_it_is_warned_of_once_and_served(caplog: pytest.LogCaptureFixture) -> None:
    app = Shop(store=MemoryStore()).build()
    for _ in range(2):
        assert (await get(app, "/mcp")).status_code == 401
    warned = "\n".join(one.getMessage() for one in caplog.records if one.levelno == logging.WARNING)
    assert [warned.count(word) for word in ("REDIS_URL", "without a start")] == [1, 1]


@pytest.mark.parametrize(
    ("extensions", "types"),
    [
        ({}, ["websocket.close"]),
        (
            {"websocket.http.response": {}},
            ["websocket.http.response.start", "websocket.http.response.body"],
        ),
    ],
    ids=["closed", "answered"],
)
async def test_websockets_are_refused_as_well(extensions: dict[str, Any], types: list[str]) -> None:
    sent: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async def inner(*_: Any) -> None:
        raise AssertionError("it was let through")

    guarded = JwtAuthMiddleware(
        inner, issuer_url="https://issuer.example", server_base_url="http://127.0.0.1:8000", production=True
    )
    scope = {"type": "websocket", "path": "/mcp", "headers": [], "extensions": extensions}
    await guarded(scope, receive, send)
    assert [one["type"] for one in sent] == types
