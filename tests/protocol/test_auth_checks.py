"""Guards as FastMCP's `auth=` checks: whose principal they judge, what they see, and what fails closed."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import pytest
from fastmcp import Client, FastMCP
from fastmcp.exceptions import ToolError
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.auth import AccessToken, AuthContext
from fastmcp.server.middleware import AuthMiddleware
from fastmcp.tools.base import Tool
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.shared.exceptions import MCPError

from mcpauthkit import Principal
from mcpauthkit.access.auth_check import request_of
from mcpauthkit.guards import AccessRequest, Guard, HasAllScopes, HasRole, HasScope, RequireAuth, RequireClientId
from mcpauthkit.testing import FakeClock
from mcpauthkit.verifiers import PrincipalToken
from tests.access.callers import someone
from tests.flows.test_ladder import eras, text_of
from tests.protocol.room import said
from tests.world import Era, World, world

RESOURCE = "https://mcp.example/mcp"


def act(name: str = "x") -> str:
    """What is guarded."""
    return name


def token_of(principal: Principal) -> PrincipalToken:
    return PrincipalToken.of(principal, "the token", RESOURCE)


def stranger(**changes: Any) -> AccessToken:
    """A token that some other verifier made, or that FastMCP restored for a background task."""
    values: dict[str, Any] = {
        "token": "t",
        "client_id": "web",
        "scopes": ["read"],
        "subject": "alice",
        "claims": {"iss": "https://issuer.example", "roles": ["admin"]},
        **changes,
    }
    return AccessToken(**values)


COMPONENTS = {
    "tool": (Tool.from_function(act, tags={"b", "a"}), ("tool", "act", "", "call")),
    "resource": (Resource.from_function(act, uri="notes://all"), ("resource", "act", "notes://all", "read")),
    "template": (
        ResourceTemplate.from_function(act, uri_template="notes://{name}"),
        ("template", "act", "notes://{name}", "read"),
    ),
    "prompt": (Prompt.from_function(act), ("prompt", "act", "", "get")),
}


@pytest.mark.parametrize("kind", COMPONENTS)
def test_a_check_decides_whether_a_component_may_be_used(kind: str) -> None:
    component, expected = COMPONENTS[kind]
    request = request_of(AuthContext(token=token_of(someone()), component=component), FakeClock(wall=0.0))
    assert (request.target.kind, request.target.name, request.target.uri, request.action) == expected
    assert request.target.tags == ({"a", "b"} if kind == "tool" else frozenset())
    assert (request.arguments, request.caller.transport) == (None, "")
    assert request.caller.now.timestamp() == 0
    assert request.principal is not None
    assert request.principal.subject == "alice"


async def passes(guard: Guard, token: AccessToken | None) -> bool:
    return await guard(AuthContext(token=token, component=COMPONENTS["tool"][0]))


async def test_a_token_of_ours_is_judged_by_its_principal() -> None:
    token = token_of(someone(roles=["admin"], scopes=["read"], client_id="cron"))
    for guard in (RequireAuth(), HasRole("admin"), HasScope("read"), RequireClientId("cron")):
        assert await passes(guard, token)
        assert not await passes(guard, None)
    assert not await passes(HasRole("root"), token)


async def test_a_principal_as_seen_on_a_request_travels_with_its_token_and_with_no_other() -> None:
    first = token_of(someone())
    second = first.on_request(someone().on_request("192.0.2.7", "office"))
    assert second.principal is not None
    assert first.principal is not None
    assert (first.principal.ip_address, second.principal.ip_address) == (None, "192.0.2.7")
    assert second == first
    assert "192.0.2.7" not in repr(second)


async def test_somebody_elses_token_is_judged_by_its_fields() -> None:
    assert await passes(HasScope("read"), stranger())
    assert await passes(RequireClientId("web"), stranger())
    # Where an issuer keeps roles, only a verifier's claim map knows; users may choose what is in a claim of that name.
    assert not await passes(HasRole("admin"), stranger())


@pytest.mark.parametrize(
    "changes",
    [{"subject": None}, {"subject": ""}, {"subject": "a\nb"}, {"claims": {}}, {"claims": {"iss": 7}}],
    ids=str,
)
async def test_a_token_that_does_not_say_who_vouches_for_whom_is_nobodys(changes: dict[str, Any]) -> None:
    assert not await passes(RequireAuth(), stranger(**changes))
    assert not await passes(HasScope("read"), stranger(**changes))


async def test_no_client_is_no_client_of_that_name() -> None:
    # The SDK's token has to name one, and then says "unknown".
    assert not await passes(RequireClientId("unknown"), stranger(client_id="unknown"))
    restored = AccessToken.model_validate(token_of(someone()).model_dump())
    assert not await passes(RequireClientId("unknown"), restored)


class ByAddress(Guard):
    """With one argument, so that its class can be taken for a check."""

    def __init__(self, addresses: Any) -> None:
        self.addresses = addresses

    def check(self, request: AccessRequest) -> bool:
        return request.principal is not None and request.principal.ip_address in self.addresses


class Broken(Guard):
    async def check(self, _request: AccessRequest) -> bool:
        raise OSError


@contextmanager
def presenting(token: AccessToken | None) -> Iterator[None]:
    reset = auth_context_var.set(None if token is None else AuthenticatedUser(token))
    try:
        yield
    finally:
        auth_context_var.reset(reset)


async def usable(mcp: FastMCP[Any], principal: Principal | None) -> tuple[set[str], set[str]]:
    """The tools somebody sees, and those that run."""
    with presenting(None if principal is None else token_of(principal)):
        async with Client(mcp) as client:
            listed = {one.name for one in await client.list_tools()}
            called = {name for name in ("one", "two", "three") if not (await said(client, name))[0]}
    return listed, called


async def test_lists_and_calls_agree_also_for_lists_of_guards_and_mounted_servers() -> None:
    inner, outer = FastMCP("inner"), FastMCP("outer")
    inner.tool(name="one", auth=HasRole("admin") | HasScope("write"))(act)
    inner.tool(name="two", auth=[RequireAuth(), HasAllScopes("read", "write")])(act)
    outer.tool(name="three", auth=~HasRole("contractor"))(act)
    outer.mount(inner)
    for principal, expected in (
        (None, set()),
        (someone(), {"three"}),
        (someone(roles=["admin", "contractor"]), {"one"}),
        (someone(scopes=["write"]), {"one", "three"}),
        (someone(scopes=["write", "read"]), {"one", "two", "three"}),
    ):
        assert await usable(outer, principal) == (expected, expected)


async def test_a_check_that_fails_hides_and_refuses() -> None:
    mcp = FastMCP("one")
    mcp.tool(name="one", auth=Broken())(act)
    mcp.tool(name="two", auth=~Broken())(act)
    mcp.tool(name="three", auth=Broken() | HasRole("admin"))(act)
    assert await usable(mcp, someone(roles=["viewer"])) == (set(), set())
    assert await usable(mcp, someone(roles=["admin"])) == ({"three"}, {"three"})


@pytest.mark.parametrize("mistaken", [RequireAuth, HasRole, ByAddress])
async def test_a_class_in_place_of_a_guard_opens_nothing(mistaken: Any) -> None:
    # FastMCP calls it with the check's context and takes any object for a yes, were it not for our own `__bool__`.
    mcp = FastMCP("one")
    mcp.tool(name="one", auth=mistaken)(act)
    with presenting(token_of(someone(roles=["admin"]))):
        async with Client(mcp) as client:
            with pytest.raises((ToolError, MCPError)):
                await client.call_tool("one")


async def test_guards_stand_in_fastmcps_own_middleware_too() -> None:
    mcp = FastMCP("one", middleware=[AuthMiddleware(auth=HasRole("admin"))])
    mcp.tool(name="one")(act)
    assert await usable(mcp, someone()) == (set(), set())
    assert await usable(mcp, someone(roles=["admin"])) == ({"one"}, {"one"})


class Presented(httpx2.Auth):
    def __init__(self, token: str, agent: str) -> None:
        self.token, self.agent = token, agent

    def auth_flow(self, request: httpx2.Request) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["authorization"] = f"Bearer {self.token}"
        request.headers["user-agent"] = self.agent
        yield request


class FromOffice(Guard):
    def check(self, request: AccessRequest) -> bool:
        seen = request.principal
        return seen is not None and seen.user_agent == "office" and seen.extra.get("plan") == "gold"


def build(mcp: Any, _provider: Any) -> None:
    mcp.tool(name="by_role", auth=HasRole("admin"))(act)
    mcp.tool(name="by_agent", auth=FromOffice())(act)


def enrich(principal: Principal, _connection: Any) -> None:
    principal.extra["plan"] = "gold"


@pytest.fixture(scope="module", name="here")
def _here() -> Iterator[World]:
    with world(build=build, middleware_options={"on_authenticate": enrich}) as here:
        yield here


@eras
async def test_in_a_session_each_request_is_judged_by_what_came_with_it(here: World, era: Era) -> None:
    # Roles, client, address and what the application added are those of this request, whoever opened the session.
    me: Any = Presented(here.token(roles=["admin"]), "home")
    seen = []
    async with here.client(era, token=me) as client:
        for roles, agent in ((["admin"], "home"), (["viewer"], "office"), (["admin"], "office")):
            me.token, me.agent = here.token(roles=roles), agent
            listed = {one.name for one in await client.list_tools()} & {"by_role", "by_agent"}
            called = {name for name in ("by_role", "by_agent") if not (await text_of(client, name))[0]}
            assert called == listed
            seen.append(listed)
    assert seen == [{"by_role"}, {"by_agent"}, {"by_role", "by_agent"}]
