"""Two services of one application over one store: nothing of one is of any use at the other."""

from __future__ import annotations

import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, MemoryStore, OAuthProvider
from mcpauthkit.connections.ledger import Ledger
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, sign_in
from mcpauthkit.testing.page import read_page
from tests.asgi import lifespan
from tests.connections.small_world import RING, HandGrant, principal

BASE = "https://mcp.example.test"
LOGIN = f"{BASE}/connect/login/callback"


class Services:
    """Two providers that share a store, as `create_stores()` of the superseded system suggested."""

    def __init__(self, issuer: DevIssuer) -> None:
        clock, store = FakeClock(), MemoryStore()
        self.app = FastAPI()
        self.app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
        self.forge, self.wiki = (HandGrant(clock, service=name, display_name=name) for name in ("forge", "wiki"))
        for grant in (self.forge, self.wiki):
            OAuthProvider(grant, server_base_url=BASE, store=store, key_ring=RING).register(self.app)
        sealed = SealedStore(store, RING)
        self.ledger, self.vault = Ledger(sealed, namespace="mcpauthkit"), Vault(sealed, namespace="mcpauthkit")
        self.alice = principal("alice", issuer=issuer.issuer_url)

    async def flow(self, service: str) -> Flow:
        return await self.ledger.open(self.alice, service, ["repo"], purpose="tool")

    @asynccontextmanager
    async def browser(self) -> AsyncIterator[httpx.AsyncClient]:
        """Alice's, signed in."""
        async with (
            lifespan(self.app),
            httpx.AsyncClient(transport=httpx.ASGITransport(self.app), base_url=BASE) as http,
        ):
            start = await http.get("/connect/forge", params={"flow": "none"})
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(start.headers["location"]), user="alice", stop_at=LOGIN)
            await http.get(page.url)
            yield http


async def left_for_the_service(http: httpx.AsyncClient, flow: Flow) -> httpx.Response:
    """The button on the flow's page, pressed."""
    page = await http.get(f"/connect/{flow.service}", params={"flow": flow.flow_id})
    found = read_page(url=str(page.url), status=page.status_code, headers=page.headers, html=page.text, history=())
    return await http.get(next(link.href for link in found.links if "/start?" in link.href))


async def test_a_link_of_one_service_is_no_link_of_the_other() -> None:
    with DevIssuer() as issuer:
        here = Services(issuer)
        flow = await here.flow("forge")
        async with here.browser() as http:
            for path in ("/connect/wiki", "/connect/wiki/start"):
                assert (await http.get(path, params={"flow": flow.flow_id})).status_code == 410
            declined = await http.post("/connect/wiki/decline", data={"flow": flow.flow_id})
            assert declined.status_code == 410
            assert (await http.get("/connect/forge", params={"flow": flow.flow_id})).status_code == 200
    still = await here.ledger.get(flow.flow_id)
    assert still is not None
    assert still.is_pending


async def test_a_state_of_one_service_is_not_redeemed_at_the_others_callback() -> None:
    # A1, "namespaces keep providers apart": A's state was redeemed at B's callback, and A's code sent to B.
    with DevIssuer() as issuer:
        here = Services(issuer)
        flow = await here.flow("forge")
        async with here.browser() as http:
            assert (await left_for_the_service(http, flow)).status_code == 303
            answer = await http.get("/connect/wiki/callback", params={"state": "state-1", "code": "forge-code"})
            assert answer.status_code == 410
            # Spent: a state that turned up in the wrong place is not believed in the right one.
            again = await http.get("/connect/forge/callback", params={"state": "state-1", "code": "forge-code"})
            assert again.status_code == 400
    assert here.wiki.completions == here.forge.completions == []
    assert await here.vault.get(here.alice, "wiki") is None


async def test_each_service_connects_by_itself() -> None:
    with DevIssuer() as issuer:
        here = Services(issuer)
        flow = await here.flow("forge")
        async with here.browser() as http:
            await left_for_the_service(http, flow)
            done = await http.get("/connect/forge/callback", params={"state": "state-1", "code": "c"})
            assert done.status_code == 303
            assert "code" not in done.headers["location"]
    assert await here.vault.get(here.alice, "forge") is not None
    assert await here.vault.get(here.alice, "wiki") is None


async def is_pending(here: Services, flow: Flow) -> bool:
    found = await here.ledger.get(flow.flow_id)
    return found is not None and found.is_pending


async def test_a_form_that_another_site_sends_says_no_for_nobody() -> None:
    # M2: a cross-site POST with the link was accepted. A browser leaves the Lax cookie out of it.
    with DevIssuer() as issuer:
        here = Services(issuer)
        flow = await here.flow("forge")
        async with here.browser() as http:
            assert {one.get_nonstandard_attr("SameSite") for one in http.cookies.jar} == {"lax"}
            http.cookies.clear()
            answer = await http.post(f"/connect/forge/decline?flow={flow.flow_id}")
    # Not by redirect: a page's policy stops that of a form to the issuer.
    assert answer.status_code == 401
    assert f"{BASE}/connect/forge?flow={flow.flow_id}" in answer.text
    assert await is_pending(here, flow)


@pytest.mark.parametrize("signed_in", [True, False])
async def test_a_form_of_any_size_is_read_to_a_bound(*, signed_in: bool) -> None:
    # M6: as much as somebody likes to send was taken, and kept.
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        for _ in range(1000):
            read += 100_000
            yield b"x" * 100_000

    with DevIssuer() as issuer:
        here = Services(issuer)
        flow = await here.flow("forge")
        async with here.browser() as http:
            if not signed_in:
                http.cookies.clear()
            answer = await http.post(
                "/connect/forge/decline",
                content=endless(),
                headers={"content-type": "application/x-www-form-urlencoded"},
            )
            assert answer.status_code == (410 if signed_in else 401)
    assert read <= 1_000_000
    assert await is_pending(here, flow)


async def test_an_odd_form_is_an_unknown_link() -> None:
    bodies = (b"", b"flow", b"flow=%ff%00", b"flow=a&flow=b", b"\xff" * 40, b"flow=%ed%a0%80", b"a=1&" * 500)
    kinds = ("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "text/plain")
    with DevIssuer() as issuer:
        here = Services(issuer)
        async with here.browser() as http:
            for body, kind in itertools.product(bodies, kinds):
                answer = await http.post("/connect/forge/decline", content=body, headers={"content-type": kind})
                assert answer.status_code == 410
