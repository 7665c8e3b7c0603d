"""Parts of the proxy that a whole login reaches only on a bad day."""

from __future__ import annotations

import json
from typing import Any

import anyio
import httpx
import pytest

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable, SealError
from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.testing import BrowserRobot
from mcpauthkit.web.proxy.documents import ClientDocuments, DocumentShelf
from mcpauthkit.web.proxy.seals import ProxySeals, Ticket
from tests.web.proxy_world import CALLBACK, RING, Documents, proxy_world

HOST = "https://docs.example"


def shelf(documents: ClientDocuments) -> DocumentShelf:
    known = KnownClients.bundled()
    return DocumentShelf(documents, known=known, hosts=frozenset({"docs.example"}), clock=SystemClock())


async def test_a_shelf_keeps_a_hundred_documents_and_gives_up_the_one_longest_unread() -> None:
    documents = Documents({f"{HOST}/{number}": b"{}" for number in range(101)})
    here = shelf(documents)
    for number in range(100):
        await here.read(f"{HOST}/{number}")
    await here.read(f"{HOST}/0")
    await here.read(f"{HOST}/100")
    asked = len(documents.asked)
    await here.read(f"{HOST}/0")
    assert len(documents.asked) == asked
    await here.read(f"{HOST}/1")
    assert len(documents.asked) == asked + 1


async def test_strangers_cannot_make_us_knock_at_many_addresses_at_once() -> None:
    release, asked, refused = anyio.Event(), [], []

    class Slow:
        async def fetch(self, url: str) -> bytes:
            asked.append(url)
            await release.wait()
            return b"{}"

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


async def test_a_document_of_a_host_that_is_not_listed_is_not_read() -> None:
    with pytest.raises(RemoteMisbehaved):
        await shelf(Documents({})).read("https://evil.example/client.json")


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("code", {"client": "c"}),
        ("refresh", {"client": "c", "scope": "", "asked": "", "resource": "", "upstream_token": "t"}),
        ("refresh", {"unheard": "of"}),
        ("client", {}),
        ("ticket", {"asked": {"client": "c"}, "browser": "b", "is_trusted": True}),
        (
            "ticket",
            {
                "asked": {"client": "c"},
                "nonce": "n",
                "name": "",
                "vouched_by": "",
                "is_trusted": True,
                "may_remember": True,
            },
        ),
    ],
)
def test_a_value_that_another_version_sealed_does_not_open(kind: str, content: dict[str, Any]) -> None:
    clock = SystemClock()
    seals = ProxySeals(RING, base_url="b", upstream="u", clock=clock, entropy=SystemEntropy(), refresh_idle_seconds=60)
    seal: Any = {"code": seals.codes, "refresh": seals.refreshes, "client": seals.clients, "ticket": seals.tickets}[
        kind
    ]
    context = "b" if kind == "client" else "b|u"
    sealed = Sealer(RING, f"proxy-{kind}").seal(content, context=context, expires_at=clock.wall() + 60)
    with pytest.raises(SealError):
        seal.open(sealed)


def test_no_sealed_value_opens_as_another_kind_or_in_another_place() -> None:
    def seals(base: str, upstream: str) -> ProxySeals:
        clock, entropy = SystemClock(), SystemEntropy()
        return ProxySeals(RING, base_url=base, upstream=upstream, clock=clock, entropy=entropy, refresh_idle_seconds=60)

    asked = {"client": "c", "redirect_uri": CALLBACK, "state": "", "code_challenge": "x", "scope": "", "resource": ""}
    ticket = Ticket(asked, "n", "App", "", is_trusted=False, may_remember=False)
    sealed = seals("a", "b").tickets.close(ticket)
    assert seals("a", "b").tickets.open(sealed) == ticket
    for other in (seals("a", "c").tickets, seals("x", "b").tickets, seals("a", "b").codes, seals("a", "b").refreshes):
        with pytest.raises(SealError):
            other.open(sealed)


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
async def test_an_issuer_without_an_endpoint_is_reported_at_the_step_that_needs_it(missing: str) -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            document = (await http.get(f"{here.issuer.issuer_url}/.well-known/openid-configuration")).json()
        del document[missing]
        here.issuer.faults.respond("discovery", status=200, body=json.dumps(document))
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client)
        if missing == "authorization_endpoint":
            assert page.query["error"] == "server_error"
            return
        answer = await client.exchange(page.query["code"])
        assert answer.status_code == (502 if missing == "token_endpoint" else 200)
        if missing == "revocation_endpoint":
            token = answer.json()["refresh_token"]
            assert (await client.post(f"{here.base}/revoke", token=token)).status_code == 200
            assert here.issuer.requests.count("revoke") == 0
