"""The fetch port: every exchange is bounded, whatever the other side does."""

from __future__ import annotations

import gzip
import time
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
import anyio.abc
import httpx
import pytest

from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse

OK = b"HTTP/1.1 200 OK\r\n"


@dataclass
class RawServer:
    """Says exactly these bytes, one chunk at a time, to everybody."""

    chunks: list[bytes]
    pause_seconds: float = 0.0
    port: int = 0
    heard: list[bytes] = field(default_factory=list)

    async def handle(self, stream: anyio.abc.SocketStream) -> None:
        async with stream:
            try:
                self.heard.append(await stream.receive())
                for chunk in self.chunks:
                    await stream.send(chunk)
                    await anyio.sleep(self.pause_seconds)
            except (anyio.BrokenResourceError, anyio.EndOfStream):
                return

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/document"


@asynccontextmanager
async def serving(*chunks: bytes, pause_seconds: float = 0.0) -> AsyncIterator[RawServer]:
    server = RawServer(list(chunks), pause_seconds)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        server.port = listener.extra(anyio.abc.SocketAttribute.local_port)  # noqa: S610  # not Django's
        tasks.start_soon(listener.serve, server.handle)
        yield server
        tasks.cancel_scope.cancel()


def reply(body: bytes, *headers: str, status: bytes = OK) -> bytes:
    lines = "".join(f"{header}\r\n" for header in (f"content-length: {len(body)}", "connection: close", *headers))
    return status + lines.encode() + b"\r\n" + body


async def get(url: str, **options: float) -> HttpResponse:
    fetch = HttpFetch(**options)  # type: ignore[arg-type]  # max_bytes is an int at every call
    try:
        return await fetch(HttpRequest("GET", url))
    finally:
        await fetch.aclose()


async def test_an_answer_comes_with_status_headers_and_body() -> None:
    async with serving(reply(b"{}", "Content-Type: application/json", status=b"HTTP/1.1 404 Nope\r\n")) as server:
        response = await get(server.url)
    assert (response.status, response.body) == (404, b"{}")
    assert response.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("encoding", "body"), [("gzip", gzip.compress(b"x" * 1000, mtime=0)), ("deflate", zlib.compress(b"x" * 1000))]
)
async def test_a_compressed_answer_is_read(encoding: str, body: bytes) -> None:
    async with serving(reply(body, f"content-encoding: {encoding}")) as server:
        assert (await get(server.url)).body == b"x" * 1000


async def test_compression_is_not_asked_for() -> None:
    async with serving(reply(b"{}")) as server:
        await get(server.url)
    assert b"accept-encoding: identity" in server.heard[0].lower()


@pytest.mark.parametrize(
    "answer",
    [
        reply(b"x" * 1001),
        OK + b"connection: close\r\n\r\n" + b"x" * 5000,
        reply(gzip.compress(b"x" * 1001), "content-encoding: gzip"),
        reply(gzip.compress(b"x" * 50_000_000), "content-encoding: gzip"),
        reply(b"not gzip", "content-encoding: gzip"),
        reply(b"x", "content-encoding: br"),
        reply(b"x", "content-encoding: gzip, gzip"),
        reply(b"", "location: /elsewhere", status=b"HTTP/1.1 302 Found\r\n"),
        reply(b"", "location: https://evil.example/", status=b"HTTP/1.1 308 Moved\r\n"),
        reply(b"", status=b"HTTP/1.1 304 Not Modified\r\n"),
    ],
    ids=[
        "one byte too many",
        "too long without a length",
        "one byte too many when unpacked",
        "a bomb",
        "broken gzip",
        "an encoding we do not read",
        "packed twice",
        "a redirect to itself",
        "a redirect elsewhere",
        "not modified",
    ],
)
async def test_more_than_we_read_is_misbehaviour(answer: bytes) -> None:
    async with serving(answer) as server:
        with pytest.raises(RemoteMisbehaved):
            await get(server.url, max_bytes=1000)
    assert len(server.heard) == 1


@pytest.mark.parametrize("body", [b"x" * 1000, gzip.compress(b"x" * 1000, mtime=0)])
async def test_exactly_as_much_as_we_read_is_fine(body: bytes) -> None:
    encoding = "identity" if body[:1] == b"x" else "gzip"
    async with serving(reply(body, f"content-encoding: {encoding}")) as server:
        assert len((await get(server.url, max_bytes=1000)).body) == 1000


async def test_one_byte_at_a_time_does_not_stretch_the_total_time() -> None:
    # Every read succeeds quickly, so a limit per read would never strike.
    started = time.monotonic()
    async with serving(OK + b"content-length: 1000\r\n\r\n", *[b"x"] * 1000, pause_seconds=0.02) as server:
        with pytest.raises(RemoteUnavailable):
            await get(server.url, timeout_seconds=0.1)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(
    "chunks", [[], [b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nabc"], [b"nonsense\r\n\r\n"], [b"\x00" * 50]]
)
async def test_no_proper_answer_is_unavailability(chunks: list[bytes]) -> None:
    async with serving(*chunks) as server:
        with pytest.raises(RemoteUnavailable):
            await get(server.url, timeout_seconds=0.5)


async def test_a_server_that_never_answers_is_unavailable_in_time() -> None:
    async with serving(b"", pause_seconds=60) as server:
        with pytest.raises(RemoteUnavailable):
            await get(server.url, timeout_seconds=0.05)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/x", "http://[/x", "https://", "ftp://127.0.0.1/x", "https://a\x00b/"]
)
async def test_an_address_that_cannot_be_reached_is_unavailable(url: str) -> None:
    with pytest.raises(RemoteUnavailable):
        await get(url, timeout_seconds=1)


async def test_forms_and_json_are_sent() -> None:
    async with serving(reply(b"{}")) as server:
        fetch = HttpFetch()
        await fetch(HttpRequest("POST", server.url, form={"a": "1 2", "b": "&"}))
        await fetch(HttpRequest("POST", server.url, headers={"accept": "x/y"}, json={"a": 1}))
        await fetch.aclose()
    assert server.heard[0].endswith(b"a=1+2&b=%26")
    assert b"accept: x/y" in server.heard[1].lower()
    assert server.heard[1].endswith(b'{"a":1}')


async def test_cookies_of_one_exchange_are_not_sent_with_the_next() -> None:
    # One client serves everybody: a session cookie set while Alice's code is exchanged must not travel with Bob's.
    async with serving(reply(b"{}", "set-cookie: session=alice; Path=/")) as server:
        fetch = HttpFetch()
        await fetch(HttpRequest("GET", server.url))
        await fetch(HttpRequest("GET", server.url))
        await fetch.aclose()
    assert len(server.heard) == 2
    assert b"cookie" not in server.heard[1].lower()


async def test_a_client_of_yours_is_used_never_redirects_and_stays_open() -> None:
    async with (
        serving(reply(b"", "location: /x", status=b"HTTP/1.1 301 Moved\r\n")) as server,
        httpx.AsyncClient(follow_redirects=True, headers={"x-mine": "1"}) as mine,
    ):
        fetch = HttpFetch(mine)
        with pytest.raises(RemoteMisbehaved):
            await fetch(HttpRequest("GET", server.url))
        await fetch.aclose()
        assert not mine.is_closed
    assert b"x-mine: 1" in server.heard[0].lower()


async def test_a_closed_port_works_again_when_it_is_needed_again() -> None:
    async with serving(reply(b"{}")) as server:
        fetch = HttpFetch()
        await fetch.aclose()
        await fetch(HttpRequest("GET", server.url))
        await fetch.aclose()
        assert (await fetch(HttpRequest("GET", server.url))).status == 200
        await fetch.aclose()


async def test_cancellation_passes_through() -> None:
    async with serving(b"", pause_seconds=60) as server:
        fetch = HttpFetch()
        with anyio.move_on_after(0.05) as scope:
            await fetch(HttpRequest("GET", server.url))
        await fetch.aclose()
    assert scope.cancelled_caught


async def test_a_mocked_transport_is_as_good_as_a_real_one_and_as_bounded() -> None:
    # What users of respx and httpx.MockTransport hand over has been read already.
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"path": request.url.path})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as mine:
        response = await HttpFetch(mine)(HttpRequest("GET", "https://issuer.example/x"))
        assert response.json_object("answer") == {"path": "/x"}
        with pytest.raises(RemoteMisbehaved):
            await HttpFetch(mine, max_bytes=5)(HttpRequest("GET", "https://issuer.example/x"))
