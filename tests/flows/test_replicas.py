"""Late and elsewhere: any step of a flow may meet another replica, or a server that was restarted meanwhile."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import httpx
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit import CredentialsProvider, Patience
from mcpauthkit.errors import ConnectionDeclined
from mcpauthkit.testing import BrowserRobot, approve, sign_in
from tests.flows.replicas import MCP, NAMES, Balancer, Replicas, replicas
from tests.flows.test_ladder import REPOS, eras, flavours, link_in, text_of
from tests.requirements.wire import URL_MODE, client, messages
from tests.web.proxy_world import proxy_world
from tests.world import RING, eventually

if TYPE_CHECKING:
    from tests.world import Answer, Era, Flavour, Human

# The call waits at the first, the browser signs in at the second, goes to the service from the third, and comes back to
# the second.
ELSEWHERE = {
    MCP: "A",
    "/connect/forge": "B",
    "/connect/login/callback": "C",
    "/connect/forge/start": "C",
    "/connect/forge/callback": "B",
}


@eras
@flavours
async def test_a_call_that_waits_at_one_replica_wakes_when_another_is_called_back(era: Era, flavour: Flavour) -> None:
    with replicas(flavour=flavour) as many:
        many.front.owners = dict(ELSEWHERE)
        async with many.here.client(era, human=many.here.person()) as mcp:
            is_error, text = await text_of(mcp, "list_repos")
        assert not is_error, text
        assert REPOS in text
        assert len(many.here.questions) == 1
        assert many.here.service.requests.count("token") == 1
        assert {path: set(many.front.who_served(path)) for path in ELSEWHERE} == {
            path: {name} for path, name in ELSEWHERE.items()
        }


@flavours
@pytest.mark.parametrize("tool", ["list_repos", "list_repos_sync"])
async def test_a_modern_call_needs_no_two_requests_at_one_replica(flavour: Flavour, tool: str) -> None:
    with replicas(flavour=flavour) as many:
        async with many.here.client(human=many.here.person()) as mcp:
            for _ in NAMES:
                is_error, text = await text_of(mcp, tool)
                assert not is_error, text
        assert len(many.here.questions) == 1
        assert set(many.front.who_served(MCP)) == set(NAMES)


@flavours
async def test_a_modern_call_goes_on_at_another_replica_and_asks_nobody_twice(flavour: Flavour) -> None:
    with replicas(flavour=flavour, patience=Patience(hold_seconds=0.2, rounds=5)) as many:
        raw = client(many.here, "modern", capabilities=URL_MODE)

        async def next_round(replica: str, before: dict[str, Any]) -> dict[str, Any]:
            many.front.owners = {MCP: replica}
            answers: dict[str, Any] = {}
            if before:
                answers = {"requestState": before["requestState"], "inputResponses": {"forge": {"action": "accept"}}}
            call = partial(raw.call, "list_repos", **answers)
            result: dict[str, Any] = messages(await anyio.to_thread.run_sync(call))[0]["result"]
            return result

        asked = await next_round("A", {})
        later = await next_round("B", asked)
        for name in "CA":
            assert "inputRequests" not in later
            later = await next_round(name, later)
        async with BrowserRobot() as robot:
            await many.here.visit(robot, asked["inputRequests"]["forge"]["params"]["url"])
        assert REPOS in str(await next_round("B", later))


@eras
@flavours
@pytest.mark.parametrize("where", ["in the client", "on the page"])
async def test_a_no_at_another_replica_ends_the_call(era: Era, flavour: Flavour, where: str) -> None:
    async def says_no(_url: str) -> Answer:
        return "decline"

    with replicas(flavour=flavour) as many:
        human: Human = says_no if where == "in the client" else many.here.person(do="decline")
        async with many.here.client(era, human=human) as mcp:
            is_error, text = await text_of(mcp, "list_repos")
            assert is_error
            assert text.endswith(str(ConnectionDeclined("DevForge")))
        assert len(many.here.questions) == 1


@eras
async def test_a_call_of_one_replica_waits_for_the_question_of_another(era: Era) -> None:
    asked, may_go = anyio.Event(), anyio.Event()
    with replicas(patience=Patience(hold_seconds=8, rounds=2, asking_seconds=20)) as many:

        async def waits(url: str) -> Answer:
            asked.set()
            await may_go.wait()
            return await many.here.person()(url)

        texts = []

        async def call(owner: str) -> None:
            many.front.owners = {MCP: owner}
            async with many.here.client(era, human=waits) as mcp:
                many.front.owners = {}
                texts.append(await text_of(mcp, "list_repos"))

        with anyio.fail_after(30):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(call, "A")
                await asked.wait()
                tasks.start_soon(call, "B")
                await eventually(many.here.is_holding)
                may_go.set()
        assert [is_error for is_error, _ in texts] == [False, False]
        assert len(many.here.questions) == 1


@eras
async def test_what_is_typed_into_a_form_of_one_replica_is_taken_by_another(era: Era) -> None:
    with replicas() as many:
        for one in many.built.values():
            add_wiki(many, one)

        async def types(url: str) -> Answer:
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(url), user="alice")
                await robot.submit(page, {"pat": "typed"}, button="Connect Wiki")
            return "accept"

        async with many.here.client(era, human=types) as mcp:
            assert await text_of(mcp, "read_wiki") == (False, "read with typed")
        assert len(many.here.questions) == 1
        assert len(set(many.front.who_served("/connect/wiki"))) > 1


def add_wiki(many: Replicas, one: Any) -> None:
    wiki = CredentialsProvider(
        name="wiki",
        variables={"pat": {"label": "Token", "type": "password"}},
        server_base_url=many.here.base,
        store=many.here.store,
        key_ring=RING,
    )

    @one.mcp.tool()
    @wiki.require_credentials()
    async def read_wiki() -> str:
        return f"read with {wiki.get_credentials()['pat']}"

    wiki.register(one.app, one.mcp)


@eras
@flavours
@pytest.mark.parametrize("moment", ["before the login", "before the service", "before the callback", "afterwards"])
async def test_the_call_after_a_restart_of_all_simply_works(era: Era, flavour: Flavour, moment: str) -> None:
    with replicas(flavour=flavour) as many:

        async def perhaps(now: str) -> None:
            if now == moment:
                await many.restart()

        async with many.here.client(era) as mcp:
            link = link_in((await text_of(mcp, "list_repos"))[1])
        await perhaps("before the login")
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(link), user="alice")
            await perhaps("before the service")
            page = await robot.click(page, "Connect")
            await perhaps("before the callback")
            page = await approve(robot, page, account="octo-alice")
            assert "is connected" in page.text
        await perhaps("afterwards")
        async with many.here.client(era) as mcp:
            is_error, text = await text_of(mcp, "list_repos")
        assert not is_error, text
        assert REPOS in text


@flavours
async def test_a_modern_call_goes_on_after_a_restart_of_all(flavour: Flavour) -> None:
    with replicas(flavour=flavour) as many:

        async def connects_and_restarts(url: str) -> Answer:
            async with BrowserRobot() as robot:
                await many.here.visit(robot, url)
            await many.restart()
            return "accept"

        async with many.here.client(human=connects_and_restarts) as mcp:
            is_error, text = await text_of(mcp, "list_repos")
        assert not is_error, text
        assert len(many.here.questions) == 1


async def test_a_connection_that_is_ended_at_one_replica_is_gone_at_all() -> None:
    with replicas() as many:
        async with many.here.client(human=many.here.person()) as mcp:
            await text_of(mcp, "list_repos")
        for name in NAMES:
            many.front.owners = {"/connections": name}
            async with BrowserRobot() as robot:
                page = await sign_in(robot, await robot.open(f"{many.here.base}/connections"), user="alice")
                assert "Connect another DevForge account" in page.text
        many.front.owners = {"/connections": "C"}
        token = {"authorization": f"Bearer {many.here.token()}"}
        async with httpx.AsyncClient(headers=token) as http:
            gone = await http.delete(f"{many.here.base}/connections/api/forge")
        assert gone.is_success
        async with many.here.client() as mcp:
            for _ in NAMES:
                assert (await text_of(mcp, "list_repos"))[0]


async def test_who_signs_out_at_one_replica_is_signed_out_at_all() -> None:
    with replicas() as many:
        many.front.owners = {"/connections": "A"}
        here = f"{many.here.base}/connections"
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(here), user="alice")
            async with httpx.AsyncClient(cookies=robot.cookies) as http:
                many.front.owners = {"/connections": "B"}
                assert (await http.get(here)).status_code == 200
                many.front.owners = {"/connections": "A"}
                await robot.click(page, "Sign out")
                for name in NAMES:
                    many.front.owners = {"/connections": name}
                    answer = await http.get(here)
                    assert answer.status_code in {302, 303}


async def test_a_legacy_session_lives_at_one_replica() -> None:
    """The SDK's sessions are in the memory of one process, and its own client does not begin a new one."""
    with replicas() as many:
        many.front.is_sticky = False
        many.front.owners = {MCP: "A"}
        async with many.here.client("legacy") as mcp:
            assert await text_of(mcp, "whoami") == (False, "alice")
            many.front.owners = {MCP: "B"}
            with pytest.raises(MCPError, match="Session not found"):
                await mcp.call_tool("whoami")
            many.front.owners = {MCP: "A"}
            assert await text_of(mcp, "whoami") == (False, "alice")


@flavours
async def test_legacy_clients_of_a_stateless_server_get_the_link_from_any_replica(flavour: Flavour) -> None:
    with replicas(flavour=flavour, stateless=True) as many:
        async with many.here.client("legacy") as mcp:
            is_error, text = await text_of(mcp, "list_repos")
            assert is_error
            async with BrowserRobot() as robot:
                await many.here.visit(robot, link_in(text))
            for _ in NAMES:
                assert not (await text_of(mcp, "list_repos"))[0]


async def test_a_login_through_the_proxy_needs_no_two_steps_at_one_replica() -> None:
    with proxy_world() as here:
        front = Balancer({name: here.build() for name in NAMES})
        await anyio.to_thread.run_sync(here.server.stop)
        here.server.app = front
        await anyio.to_thread.run_sync(here.server.start)
        tokens = await here.tokens(await here.registered(), resource=here.resource)
        assert (await here.call(tokens["access_token"])).json()["user"] == "alice"
        assert [path for _, path in front.served] == [
            *("/register", "/authorize", "/authorize/approve", "/oauth/callback", "/token"),
            MCP,
        ]
        assert [name for name, _ in front.served] == list("ABCABC")
