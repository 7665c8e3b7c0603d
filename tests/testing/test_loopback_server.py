from __future__ import annotations

import logging
import socket
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse, StreamingResponse
from starlette.routing import Route

from mcpauthkit.testing import LoopbackServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


async def hello(_: Request) -> PlainTextResponse:
    return PlainTextResponse("hello")


async def crash(_: Request) -> PlainTextResponse:
    raise ZeroDivisionError


async def stream(_: Request) -> StreamingResponse:
    async def events() -> AsyncIterator[str]:
        yield "data: first\n\n"
        await anyio.sleep_forever()

    return StreamingResponse(events(), media_type="text/event-stream")


def app() -> Starlette:
    return Starlette(routes=[Route("/", hello), Route("/crash", crash), Route("/stream", stream)])


def test_the_address_is_known_before_the_start_and_the_app_may_come_later(http: httpx.Client) -> None:
    server = LoopbackServer(port=0)
    assert server.base_url == f"http://127.0.0.1:{server.port}"
    server.app = app()
    with server:
        assert http.get(server.base_url).text == "hello"


async def test_it_is_an_async_context_manager_too() -> None:
    async with LoopbackServer(app()) as server, httpx.AsyncClient() as http:
        assert (await http.get(server.base_url)).text == "hello"


def test_nothing_listens_before_the_start_and_after_the_stop(http: httpx.Client) -> None:
    server = LoopbackServer(app())
    with pytest.raises(httpx.ConnectError):
        http.get(server.base_url)
    with server:
        pass
    with pytest.raises(httpx.ConnectError):
        http.get(server.base_url)


def test_a_stopped_server_comes_back_on_its_port(http: httpx.Client) -> None:
    server = LoopbackServer(app())
    port = server.port
    for _ in range(2):
        with server:
            assert http.get(server.base_url).text == "hello"
    assert server.port == port


def test_a_port_that_is_taken_is_refused_at_construction() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(OSError, match="in use"):
        LoopbackServer(app(), port=taken.getsockname()[1])


def test_a_server_that_was_never_started_leaks_no_socket() -> None:
    server = LoopbackServer(app())
    port = server.port
    del server  # warnings are errors: an open socket would fail the run
    LoopbackServer(port=port).stop()


def test_starting_twice_is_refused() -> None:
    with LoopbackServer(app()) as server, pytest.raises(RuntimeError, match="already running"):
        server.start()


def test_starting_without_an_app_is_refused() -> None:
    server = LoopbackServer()
    with pytest.raises(RuntimeError, match="app"):
        server.start()
    server.stop()


def test_the_lifespan_of_the_app_runs() -> None:
    events: list[str] = []

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        events.append("up")
        yield
        events.append("down")

    with LoopbackServer(Starlette(lifespan=lifespan)):
        assert events == ["up"]
    assert events == ["up", "down"]


def test_a_failing_start_up_is_reported_with_its_reason() -> None:
    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        if not databases:
            raise ValueError("no database")
        yield

    databases: list[str] = []
    server = LoopbackServer(Starlette(lifespan=lifespan))
    with pytest.raises(RuntimeError, match="no database"):
        server.start()
    server.stop()


def test_an_app_without_lifespan_support_is_served(http: httpx.Client) -> None:
    async def plain(scope: Scope, receive: Receive, send: Send) -> None:
        assert scope["type"] == "http"
        await PlainTextResponse("plain")(scope, receive, send)

    with LoopbackServer(plain) as server:
        assert http.get(server.base_url).text == "plain"


def test_it_stops_while_a_client_holds_a_stream_open(http: httpx.Client) -> None:
    server = LoopbackServer(app())
    server.start()
    with http.stream("GET", f"{server.base_url}/stream") as response:
        lines = response.iter_lines()
        assert next(lines) == "data: first"
        server.stop()
        with pytest.raises(httpx.RemoteProtocolError):
            list(lines)


def test_crashes_of_the_app_are_logged_and_narration_is_not(
    http: httpx.Client, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A uvicorn that somebody else started in this process with its own configuration switches these off.
    for name in ("uvicorn", "uvicorn.error"):
        monkeypatch.setattr(logging.getLogger(name), "propagate", True)
        monkeypatch.setattr(logging.getLogger(name), "level", logging.INFO)
    with caplog.at_level(logging.INFO), LoopbackServer(app()) as server:
        assert http.get(f"{server.base_url}/crash").status_code == 500
        logging.getLogger("uvicorn.error").info("a host program's own line")
    told = [record for record in caplog.records if record.name.startswith("uvicorn")]
    # How often does not matter: loggers that other tests have given handlers of their own tell twice.
    assert {record.getMessage() for record in told if not record.exc_info} == {"a host program's own line"}
    assert {type(record.exc_info[1]) for record in told if record.exc_info} == {ZeroDivisionError}
