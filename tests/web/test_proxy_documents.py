"""Metadata documents of clients: what strangers can make us fetch, and what they cannot push out."""

from __future__ import annotations

import json

import anyio
import pytest
from fastmcp.server.auth.ssrf import SSRFFetchResponse

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.protocol.client_documents import SafeClientDocuments, document_in
from mcpauthkit.testing import FakeClock
from mcpauthkit.web.proxy.documents import ClientDocuments, DocumentShelf
from tests.web.proxy_world import CALLBACK, Documents

HOST = "https://docs.example"
APP = f"{HOST}/app.json"


def document(url: str) -> bytes:
    return json.dumps({"client_id": url, "client_name": "App", "redirect_uris": [CALLBACK]}).encode()


def shelf(documents: ClientDocuments, clock: Clock | None = None) -> DocumentShelf:
    hosts = frozenset({"docs.example", "other.example"})
    return DocumentShelf(documents, known=KnownClients.bundled(), hosts=hosts, clock=clock or SystemClock())


async def test_a_shelf_keeps_a_hundred_documents_and_gives_up_the_one_longest_unread() -> None:
    clock = FakeClock()
    urls = [f"{HOST}/{number}" for number in range(101)]
    documents = Documents({url: document(url) for url in urls})
    here = shelf(documents, clock)
    for url in urls[:100]:
        clock.advance(3)
        await here.read(url)
    await here.read(urls[0])
    clock.advance(60)
    await here.read(urls[100])
    asked = len(documents.asked)
    await here.read(urls[0])
    assert len(documents.asked) == asked
    await here.read(urls[1])
    assert len(documents.asked) == asked + 1


async def test_strangers_cannot_make_us_knock_at_many_addresses_at_once() -> None:
    release, asked, refused = anyio.Event(), [], []

    class Slow:
        async def fetch(self, url: str) -> bytes:
            asked.append(url)
            await release.wait()
            return document(url)

    here = shelf(Slow())

    async def read(number: int) -> None:
        try:
            await here.read(f"{HOST}/{number}")
        except RemoteUnavailable:
            refused.append(number)
            release.set()

    async with anyio.create_task_group() as tasks:
        for number in range(9):
            tasks.start_soon(read, number)
    assert (len(asked), len(refused)) == (8, 1)


@pytest.mark.parametrize("junk", [None, b"{}", b"<html>not found</html>"], ids=repr)
async def test_addresses_of_nothing_push_no_good_document_out(junk: bytes | None) -> None:
    clock = FakeClock()
    documents = Documents({APP: document(APP)})
    here = shelf(documents, clock)
    await here.read(APP)
    for number in range(300):
        clock.advance(3)
        url = f"{HOST}/junk{number}"
        if junk is not None:
            documents.documents[url] = junk
        with pytest.raises(RemoteError):
            await here.read(url)
    documents.documents.clear()
    clock.advance(3600)
    # The host is down now, and the last good document serves.
    assert (await here.read(APP)).name == "App"


async def test_new_addresses_of_one_host_are_few_a_minute_and_nobody_else_waits_for_them() -> None:
    clock = FakeClock()
    there = "https://other.example/app.json"
    documents = Documents({APP: document(APP), there: document(there)})
    here = shelf(documents, clock)
    await here.read(APP)
    clock.advance(3601)
    for number in range(40):
        with pytest.raises(RemoteUnavailable):
            await here.read(f"{HOST}/junk{number}")
    assert len(documents.asked) == 1 + 30
    assert (await here.read(there)).name == "App"
    # What was good before is fetched again in spite of them.
    asked = len(documents.asked)
    assert (await here.read(APP)).name == "App"
    assert documents.asked[asked:] == [APP]
    clock.advance(61)
    documents.documents[f"{HOST}/new"] = document(f"{HOST}/new")
    assert (await here.read(f"{HOST}/new")).name == "App"


async def test_a_document_that_was_withdrawn_stops_serving_and_may_come_back() -> None:
    clock = FakeClock()
    documents = Documents({APP: document(APP)})
    here = shelf(documents, clock)
    await here.read(APP)
    documents.documents[APP] = b"{}"
    clock.advance(3601)
    for _ in range(2):
        with pytest.raises(RemoteMisbehaved):
            await here.read(APP)
    assert len(documents.asked) == 2
    documents.documents[APP] = document(APP)
    clock.advance(61)
    assert (await here.read(APP)).name == "App"


async def test_a_host_without_an_address_may_have_one_again_soon() -> None:
    with pytest.raises(RemoteUnavailable):
        await SafeClientDocuments().fetch("https://does-not-exist.invalid/client.json")


@pytest.mark.parametrize("media_type", ["application/json", "Application/JSON; charset=utf-8", "application/cimd+json"])
def test_a_document_is_json_and_says_so(media_type: str) -> None:
    assert document_in(SSRFFetchResponse(b"{}", 200, {"content-type": media_type})) == b"{}"


@pytest.mark.parametrize(
    ("status", "media_type"),
    [
        (404, "application/json"),
        (410, "application/json"),
        (200, "text/html"),
        (200, "text/plain"),
        (200, ""),
        (200, None),
    ],
)
def test_an_answer_without_a_document_is_definite(status: int, media_type: str | None) -> None:
    headers = {} if media_type is None else {"content-type": media_type}
    with pytest.raises(RemoteMisbehaved):
        document_in(SSRFFetchResponse(b"{}", status, headers))


async def test_a_document_of_a_host_that_is_not_listed_is_not_read() -> None:
    with pytest.raises(RemoteMisbehaved):
        await shelf(Documents({})).read("https://evil.example/client.json")
