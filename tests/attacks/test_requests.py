"""Every request of the attack table: those around a good token in this process, those by path as bytes on a socket."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from http.client import HTTPResponse

import pytest

from mcpauthkit.testing import LoopbackServer
from tests.attacks.forge import Forge, forge
from tests.attacks.row import PathRow, RequestRow
from tests.attacks.rows_paths import PATHS
from tests.attacks.rows_requests import REQUESTS
from tests.attacks.stage import Stage, check, codes, protected, stage


@pytest.fixture(scope="module", name="here")
async def _here() -> AsyncIterator[Stage]:
    async with stage() as one:
        yield one


@pytest.mark.parametrize("row", REQUESTS, ids=lambda row: row.id)
async def test_a_request_gets_exactly_its_answer(here: Stage, row: RequestRow) -> None:
    token = here.forge.token()
    headers = [(name, value.replace(b"TOKEN", token)) for name, value in row.headers]
    target, body = row.target.replace("TOKEN", token.decode()), row.body.replace(b"TOKEN", token)
    with codes() as logged:
        response = await here.http.request(row.method, target, headers=headers, content=body)
    check(row.answer, response.status_code, response.headers, response.content, logged, method=row.method)
    assert token.decode() not in response.text + str(response.headers)


@pytest.fixture(scope="module", name="served")
def _served() -> Iterator[tuple[Forge, LoopbackServer]]:
    with forge() as one, LoopbackServer(protected(one.issuer.issuer_url, clock=one.clock)) as server:
        yield one, server


def exchange(server: LoopbackServer, method: bytes, target: bytes, headers: list[tuple[bytes, bytes]]) -> HTTPResponse:
    """Send these bytes, whatever they are, and read the answer."""
    lines = [method + b" " + target + b" HTTP/1.1", *(name + b": " + value for name, value in headers)]
    with closing(socket.create_connection(("127.0.0.1", server.port), timeout=10)) as wire:
        wire.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        response = HTTPResponse(wire, method=method.decode())
        response.begin()
        return response


@pytest.mark.parametrize("row", PATHS, ids=lambda row: row.id)
def test_a_request_line_gets_exactly_its_answer(served: tuple[Forge, LoopbackServer], row: PathRow) -> None:
    one, server = served
    headers = [(b"host", b"mcp.example.com"), *row.headers]
    if row.bearer:
        headers.append((b"authorization", b"Bearer " + one.token()))
    with codes() as logged, exchange(server, row.method, row.target, headers) as response:
        answer = {name.lower(): value for name, value in response.getheaders()}
        check(row.answer, response.status, answer, response.read(), logged, method=row.method.decode())
