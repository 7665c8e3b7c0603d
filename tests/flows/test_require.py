"""`@require(...)` over real HTTP: on tools, resources and prompts, of both servers, in both eras."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from typing import Any

import httpx2
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit import OAuthProvider, get_user
from mcpauthkit.guards import (
    AccessRequest,
    Guard,
    HasAllRoles,
    HasAllScopes,
    HasRole,
    HasScope,
    RequireAuth,
    RequireClientId,
    require,
)
from tests.flows.test_ladder import eras, text_of
from tests.world import Era, World, world

seen: list[AccessRequest] = []


class FromOffice(Guard):
    """Seed 001's custom guard, by the address of the request."""

    async def check(self, request: AccessRequest) -> bool:
        seen.append(request)
        return request.principal is not None and request.principal.user_agent == "office"

    def describe_denial(self, request: AccessRequest) -> str:
        agent = request.principal.user_agent if request.principal is not None else None
        return f"Client {'with another agent' if agent else 'without agent'} is not in the office"


class Broken(Guard):
    def check(self, request: AccessRequest) -> bool:
        raise ConnectionError(f"ldap://admin:hunter2@{request.target.name}")


def build(mcp: Any, provider: OAuthProvider) -> None:
    _build_tools(mcp, provider)
    _build_the_rest(mcp)


def _build_tools(mcp: Any, provider: OAuthProvider) -> None:
    @mcp.tool()
    @require(HasRole("admin", "manager"))
    async def manage_team() -> str:
        """Seed 001's tool."""
        return f"managed by {get_user().subject}"

    @mcp.tool()
    @require(HasAllRoles("admin", "analyst", "ops"))
    def approve_budget(amount: int, note: str = "none") -> str:
        """A synchronous one."""
        return f"{amount} {note}"

    @mcp.tool()
    @require(HasScope("read", "write"))
    def get_data() -> str:
        return "data"

    @mcp.tool()
    @require(RequireAuth(), RequireClientId("cron-service"), HasAllScopes("a", "b"))
    def run_migration() -> str:
        return "migrated"

    @mcp.tool()
    @require(FromOffice())
    def in_office(amount: int = 3) -> str:
        return "in"

    @mcp.tool()
    @require(Broken())
    def broken() -> str:
        return "never"

    @mcp.tool()
    @require(HasRole("admin"))
    @provider.require_token(scopes=["repo"])
    async def admin_repos() -> str:
        return "never without asking"


def _build_the_rest(mcp: Any) -> None:
    @mcp.resource("reports://all")
    @require(HasRole("admin"))
    def all_reports() -> str:
        return "reports"

    @mcp.resource("reports://one/{name}")
    @require(HasRole("admin"))
    async def one_report(name: str) -> str:
        return f"report {name}"

    @mcp.prompt()
    @require(HasRole("admin"))
    def summary() -> str:
        return "Summarise."


@pytest.fixture(scope="module", params=["fastmcp", "mcpserver"], name="here")
def _here(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(flavour=request.param, build=build) as here:
        yield here


CASES = [
    ({"roles": ["viewer"]}, "manage_team", {}, "Requires any of roles [admin, manager], but client has [viewer]"),
    ({"roles": ["manager"]}, "manage_team", {}, None),
    (
        {"roles": ["admin"]},
        "approve_budget",
        {"amount": 1},
        "Requires all roles [admin, analyst, ops], client has [admin], missing [analyst, ops]",
    ),
    ({"roles": ["admin", "analyst", "ops"]}, "approve_budget", {"amount": 1}, None),
    ({"scope": ""}, "get_data", {}, "Requires any of scopes [read, write], but client has [(none)]"),
    ({"scope": "write"}, "get_data", {}, None),
    (
        {"scope": "b c"},
        "run_migration",
        {},
        "Requires any of clients [cron-service], but client is [web]",
    ),
    (
        {"scope": "b c", "client_id": "cron-service"},
        "run_migration",
        {},
        "Requires all scopes [a, b], client has [b, c], missing [a]",
    ),
    ({"scope": "a b", "client_id": "cron-service"}, "run_migration", {}, None),
    (
        {},
        "broken",
        {},
        "Whether you may do this could not be checked, so it was not done. Try again in a moment.",
    ),
    # Nobody is asked to connect for what they may not do.
    ({"roles": ["viewer"]}, "admin_repos", {}, "Requires any of roles [admin], but client has [viewer]"),
]


@eras
@pytest.mark.parametrize(("claims", "tool", "arguments", "denial"), CASES)
async def test_a_tool_runs_for_those_who_may_and_tells_the_others_why(
    here: World, era: Era, claims: dict[str, Any], tool: str, arguments: dict[str, Any], denial: str | None
) -> None:
    token = here.token(**{"client_id": "web", **claims})
    async with here.client(era, token=token) as client:
        is_error, text = await text_of(client, tool, **arguments)
    assert is_error == (denial is not None)
    if denial is not None:
        # MCPServer puts words of its own in front of whatever a tool raises.
        assert text.removeprefix(f"Error executing tool {tool}: ") == denial


@eras
async def test_resources_templates_and_prompts_are_guarded_alike(here: World, era: Era) -> None:
    async with here.client(era, token=here.token(roles=["admin"])) as client:
        assert "reports" in str(await client.read_resource("reports://all"))
        assert "report x" in str(await client.read_resource("reports://one/x"))
        assert "Summarise." in str(await client.get_prompt("summary"))
    async with here.client(era, token=here.token(roles=["viewer"])) as client:
        for use in (
            lambda: client.read_resource("reports://all"),
            lambda: client.read_resource("reports://one/x"),
            lambda: client.get_prompt("summary"),
        ):
            with pytest.raises(MCPError) as refused:
                await use()
            assert "Requires any of roles [admin], but client has [viewer]" in str(refused.value)


async def test_a_guard_leaves_the_schema_of_its_function_as_it_is(here: World) -> None:
    async with here.client(token=here.token()) as client:
        tools = {one.name: one for one in await client.list_tools()}
    schema = tools["approve_budget"].input_schema
    assert set(schema["properties"]) == {"amount", "note"}
    assert schema["required"] == ["amount"]
    assert tools["approve_budget"].description == "A synchronous one."


class Presented(httpx2.Auth):
    """Who a client says it is, which may change from one request to the next."""

    def __init__(self, token: str, agent: str) -> None:
        self.token, self.agent = token, agent

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["authorization"] = f"Bearer {self.token}"
        request.headers["user-agent"] = self.agent
        yield request


@eras
async def test_a_guard_judges_each_request_of_a_session_by_its_own_caller(here: World, era: Era) -> None:
    # A legacy session goes on in the context of its first request; roles and agent have to be those of the last.
    me: Any = Presented(here.token(roles=["admin"]), "home")
    answers = []
    async with here.client(era, token=me) as client:
        for roles, agent in ((["admin"], "home"), (["viewer"], "office"), (["manager"], "home")):
            me.token, me.agent = here.token(roles=roles), agent
            answers.append([(await text_of(client, tool))[0] for tool in ("manage_team", "in_office")])
    assert answers == [[False, True], [True, False], [False, True]]


async def test_a_guard_sees_what_is_asked_and_by_whom(here: World) -> None:
    seen.clear()
    async with here.client(token=here.token("carol", roles=["x"])) as client:
        _, text = await text_of(client, "in_office", amount=7)
    assert text.endswith("Client with another agent is not in the office")
    (request,) = seen
    assert request.principal is not None
    assert (request.principal.subject, request.principal.ip_address) == ("carol", "127.0.0.1")
    assert (request.target.kind, request.target.name, request.action) == ("tool", "in_office", "call")
    assert request.arguments == {"amount": 7}
    assert request.caller.transport == "http"
