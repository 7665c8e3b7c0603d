"""Injections that would inject nothing are refused before anybody is served: their functions would run unguarded."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import fastapi
import pytest
from fastapi import APIRouter, FastAPI
from fastmcp import Client, FastMCP
from fastmcp.dependencies import Depends
from mcp.server.mcpserver import MCPServer
from mcp.shared.exceptions import MCPError
from starlette.testclient import TestClient

from mcpauthkit.errors import ConfigurationError
from tests.providers.test_mistaken_arguments import by_form, by_hand

FORGE = by_hand(api_url="https://forge.example")
WIKI = by_form()


def helper(token: str = fastapi.Depends(FORGE.token())) -> str:
    """A dependency of the application's own."""
    return token


def tool(mcp: Any, value: Any) -> None:
    @mcp.tool()
    async def act(token: str = value) -> str:
        return token


def annotated_tool(mcp: Any, value: Any) -> None:
    async def act(token: str) -> str:
        return token

    act.__annotations__["token"] = Annotated[str, value]
    mcp.tool()(act)


def template(mcp: Any, value: Any) -> None:
    @mcp.resource("repos://mine/{kind}")
    async def act(kind: str, token: str = value) -> str:
        return kind + token


def prompt(mcp: Any, value: Any) -> None:
    @mcp.prompt()
    async def act(token: str = value) -> str:
        return token


def mounted_tool(mcp: FastMCP[Any], value: Any) -> None:
    inner = FastMCP("inner")
    tool(inner, value)
    mcp.mount(inner, namespace="inner")


def refused(provider: Any, app: FastAPI, mcp: Any, add: Callable[[], None], *, at_start: bool) -> ConfigurationError:
    """What is said when something is added before `register`, or after it."""
    if at_start:
        provider.register(app, mcp)
        add()
        with pytest.raises(ConfigurationError) as caught, TestClient(app):
            pass
    else:
        add()
        with pytest.raises(ConfigurationError) as caught:
            provider.register(app, mcp)
    assert "'act'" in caught.value.public
    return caught.value


when = pytest.mark.parametrize("at_start", [False, True], ids=["at register", "at the start"])
pytestmark = pytest.mark.filterwarnings("ignore::pydantic.json_schema.PydanticJsonSchemaWarning")


@when
@pytest.mark.parametrize("shape", [tool, template, prompt, mounted_tool])
@pytest.mark.parametrize(
    "value",
    [fastapi.Depends(FORGE.token()), fastapi.Security(FORGE.http()), fastapi.Depends(helper)],
    ids=["token", "client", "inside"],
)
def test_dependencies_of_fastapi_are_refused_in_fastmcp(shape: Any, value: Any, at_start: bool) -> None:
    provider, mcp = by_hand(), FastMCP("m")
    error = refused(provider, FastAPI(), mcp, lambda: shape(mcp, value), at_start=at_start)
    assert "fastmcp.dependencies" in error.hint


@when
@pytest.mark.parametrize("shape", [tool, annotated_tool, mounted_tool])
@pytest.mark.parametrize(
    ("value", "maker"),
    [
        (fastapi.Depends(FORGE.token), "token"),
        (Depends(FORGE.http), "http"),
        (Depends(WIKI.credentials), "credentials"),
    ],
)
def test_dependencies_that_were_not_called_are_refused_in_fastmcp(
    shape: Any, value: Any, maker: str, at_start: bool
) -> None:
    provider, mcp = by_form(), FastMCP("m")
    error = refused(provider, FastAPI(), mcp, lambda: shape(mcp, value), at_start=at_start)
    assert f"Depends(provider.{maker}())" in error.hint


async def test_what_cannot_be_seen_before_is_refused_when_it_is_called(caplog: pytest.LogCaptureFixture) -> None:
    mcp = FastMCP("m")
    template(mcp, Depends(FORGE.http))
    prompt(mcp, Depends(FORGE.token))
    by_hand().register(FastAPI(), mcp)
    async with Client(mcp) as client:
        for call in (client.read_resource("repos://mine/all"), client.get_prompt("act")):
            caplog.clear()
            with pytest.raises(MCPError) as caught:
                await call
            assert "operator" in str(caught.value)
            assert "with parentheses" in caplog.text


@when
@pytest.mark.parametrize("shape", [tool, annotated_tool, prompt])
@pytest.mark.parametrize("value", [fastapi.Depends(FORGE.token()), Depends(WIKI.credentials())], ids=["api", "mcp"])
def test_every_dependency_is_refused_in_an_mcpserver_which_knows_none(shape: Any, value: Any, at_start: bool) -> None:
    provider, mcp = by_hand(), MCPServer("m")
    error = refused(provider, FastAPI(), mcp, lambda: shape(mcp, value), at_start=at_start)
    assert "require_...()" in error.hint


def route(app: FastAPI, value: Any) -> None:
    @app.get("/repos")
    async def act(token: str = value) -> str:
        return token


def included_route(app: FastAPI, value: Any) -> None:
    router = APIRouter()
    route(router, value)  # type: ignore[arg-type]  # it has the same decorators
    app.include_router(router)


def bare_route(app: FastAPI, value: Any) -> None:
    @app.get("/repos", dependencies=[value])
    async def act() -> None:
        """Nothing to take."""


def route_of_a_router(app: FastAPI, value: Any) -> None:
    router = APIRouter(dependencies=[value])
    route(router, "")  # type: ignore[arg-type]  # it has the same decorators
    app.include_router(router)


def router_with_more(app: FastAPI, value: Any) -> None:
    router = APIRouter()
    route(router, "")  # type: ignore[arg-type]  # it has the same decorators
    app.include_router(router, dependencies=[value])


def socket(app: FastAPI, value: Any) -> None:
    @app.websocket("/repos")
    async def act(socket: fastapi.WebSocket, token: str = value) -> None:
        """Nothing to say."""


@when
@pytest.mark.parametrize("shape", [route, included_route, socket])
def test_dependencies_of_fastmcp_are_refused_in_routes(shape: Any, at_start: bool) -> None:
    app = FastAPI()
    error = refused(by_hand(), app, None, lambda: shape(app, Depends(FORGE.token())), at_start=at_start)
    assert "from fastapi import Depends" in error.hint


@when
@pytest.mark.parametrize("shape", [route, included_route, bare_route, route_of_a_router, router_with_more, socket])
def test_dependencies_that_were_not_called_are_refused_in_routes(shape: Any, at_start: bool) -> None:
    app = FastAPI()
    error = refused(by_hand(), app, None, lambda: shape(app, fastapi.Depends(FORGE.token)), at_start=at_start)
    assert "Depends(provider.token())" in error.hint


def test_what_is_where_it_belongs_is_served() -> None:
    app, mcp, provider = FastAPI(), FastMCP("m"), by_hand()
    tool(mcp, Depends(FORGE.token()))
    annotated_tool(FastMCP("other"), Depends(WIKI.credentials()))
    route(app, fastapi.Depends(helper))
    bare_route(FastAPI(), fastapi.Depends(FORGE.token()))
    both = Annotated[str, fastapi.Depends(FORGE.token()), Depends(FORGE.token())]

    async def act(token: str) -> str:
        return token

    act.__annotations__["token"] = both
    app.get("/both")(act)
    app.get("/helped")(helper)
    mcp.tool(act, name="both")
    provider.register(app, mcp)
    with TestClient(app) as client:
        assert client.get("/openapi.json").status_code == 200
