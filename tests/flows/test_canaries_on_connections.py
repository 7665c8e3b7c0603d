"""Secrets of connections are on no page, in no JSON, in no result of the tools that manage them, and in no log."""

from __future__ import annotations

import pytest

from mcpauthkit import MemoryStore
from tests.flows.canaries import ECHO, FLOW_PLACES, Watch, WatchedRobot, leaks, secrets_of, watching
from tests.flows.test_ladder import eras
from tests.web.connections_world import ConnectionsWorld, Visitor, connections_world
from tests.world import Era

ALLOWED = {"echo": {"variables"}, "flow": FLOW_PLACES}
TOOLS = ("list_connections", "connect_service", "disconnect_service")


async def _by_tools(here: ConnectionsWorld, watch: Watch, era: Era) -> None:
    """List, connect and disconnect, with a service that revokes and with one that cannot."""
    async with here.client(era, human=here.person()) as client:
        for status in (200, 500):
            await watch.call(client, "connect_service", service="forge")
            await watch.call(client, "use_forge")
            await watch.call(client, "list_connections")
            if status != 200:
                here.service.faults.respond("revoke", status=status, body=ECHO)
            assert "disconnected" in await watch.call(client, "disconnect_service", service="forge")
            here.service.faults.clear()
        for tool in TOOLS[1:]:
            await watch.call(client, tool, service="nowhere")
        await watch.call(client, "connect_service", service="forge", account="work")
        here.service.revoke_grants()
        await watch.call(client, "use_forge")
        await watch.call(client, "list_connections")
    async with here.client(era) as client:
        await watch.call(client, "connect_service", service="wiki")


async def _by_pages(here: ConnectionsWorld, watch: Watch, visitor: Visitor) -> None:
    """The same on the page, with a service that answers oddly."""
    for body in ("", ECHO):
        await visitor.open(here.page)
        await visitor.connect("Connect DevForge")
        if body:
            here.service.faults.respond("revoke", status=500, body=body)
        page = await visitor.click("Disconnect DevForge now")
        watch.pages.append(page.html)
        here.service.faults.clear()
    await visitor.open(f"{here.page}?at=unknown&flow=unknown")
    await visitor.open(here.page)
    await visitor.connect("Connect Wiki")
    await visitor.click("Disconnect Wiki now")


async def _by_api(here: ConnectionsWorld, watch: Watch, visitor: Visitor) -> None:
    """The same as JSON, and what administrators can do."""
    async with here.api() as http:
        for service in ("forge", "wiki", "nowhere"):
            answers = [await http.post(f"/connections/api/{service}", json={"account": "home"})]
            answers += [await http.delete(f"/connections/api/{service}"), await http.get("/connections/api")]
            watch.results += [f"{one.text} {dict(one.headers)}" for one in answers]
        for body in ("", ECHO):
            await visitor.open(here.page)
            await visitor.connect("Connect DevForge")
            watch.results.append((await http.get("/connections/api")).text)
            if body:
                here.service.faults.respond("revoke", status=500, body=body)
            watch.results.append((await http.post("/admin/revoke/alice")).text)
            here.service.faults.clear()


@eras
async def test_managing_connections_lets_nothing_secret_out(era: Era, monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    with watching(monkeypatch) as watch, connections_world(store=store) as here:
        here.mcp.add_middleware(watch.catching)
        live: set[str] = set()
        async with WatchedRobot(watch, here.server.base_url) as robot:
            visitor = Visitor(robot, await robot.open(here.page))
            visitor.page = await robot.submit(visitor.page, {"username": "alice"}, button="Sign in")
            await _by_tools(here, watch, era)
            await _by_pages(here, watch, visitor)
            await _by_api(here, watch, visitor)
            await visitor.open(here.page)
            await visitor.connect("Connect DevForge")
            live |= set(here.service.live_tokens())
            found = secrets_of(here, robot)
        revoked = here.service.requests.all("revoke")
        found |= {"live": live, "revoked": {value for one in revoked for value in one.form.get("token", ())}}
        found |= {"echo": {ECHO}, "flow": watch.flow_ids()}
        # Nothing was renewed here.
        found = {kind: values for kind, values in found.items() if kind != "refresh_token"}
        assert {kind for kind, values in found.items() if not values} == set()
        assert {"/connections", "/connections/api", "/connections/disconnect"} <= watch.paths
        assert "revoked" in " ".join(watch.results)
        assert leaks(found, await watch.places(store), allowed=ALLOWED) == set()
