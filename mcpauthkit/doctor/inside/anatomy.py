"""What an application is made of: layers, routes, MCP servers and services, read without asking it anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from starlette.routing import BaseRoute

from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.protocol.access.control import ChangeablePolicies
from mcpauthkit.protocol.connected_service import ConnectedService
from mcpauthkit.web.coverage import mcp_endpoints
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.hub import hub_of
from mcpauthkit.web.middleware import JwtAuthMiddleware
from mcpauthkit.web.shadows import takes

_OURS = JwtAuthMiddleware.__module__.partition(".")[0]


@dataclass(frozen=True, slots=True)
class Layer:
    """One ASGI middleware of an application.

    Args:
        kind: Its class.
        options: What it was told.
    """

    kind: type[Any]
    options: Mapping[str, Any]

    @property
    def is_door(self) -> bool:
        """Whether it is `JwtAuthMiddleware`."""
        return self.kind is JwtAuthMiddleware

    def is_called(self, name: str) -> bool:
        """Whether it, or what it is made from, has this name; so nothing has to be imported to know it."""
        return any(base.__name__ == name for base in self.kind.__mro__)


def layers_of(examination: Examination) -> Sequence[Layer]:
    """The middleware of the application, the outermost first."""
    added = getattr(examination.facts.app, "user_middleware", ())
    return [Layer(one.cls, one.kwargs) for one in added]


def routes_of(examination: Examination) -> Sequence[BaseRoute]:
    """The routes of the application, in the order in which they are tried."""
    return list(getattr(examination.facts.app, "routes", ()))


def endpoints_of(examination: Examination) -> Sequence[tuple[str, Any]]:
    """Where something speaks MCP in the application, and what."""
    return list(mcp_endpoints(routes_of(examination)))


def servers_of(examination: Examination) -> Sequence[FastMCP[Any] | MCPServer[Any]]:
    """The MCP servers of the application, as far as they can be seen: those that are mounted or registered."""
    app = examination.facts.app
    mounted = (getattr(getattr(one, "app", None), "state", None) for one in routes_of(examination))
    found = [*Deployment.of(app).servers, *(getattr(state, "fastmcp_server", None) for state in mounted)]
    return list({id(one): one for one in found if one is not None}.values())


def policies_of(examination: Examination) -> Sequence[Policies]:
    """The policies that decide in the application, each once."""
    rules = (one for server in servers_of(examination) for one in server.middleware)
    found = (one.policies for one in rules if isinstance(one, ChangeablePolicies))
    return list({id(one): one for one in found if one is not None}.values())


def services_of(examination: Examination) -> Sequence[ConnectedService]:
    """The services that users connect."""
    hub = hub_of(examination.facts.app)
    return [] if hub is None else list(hub.services.values())


def is_ours(route: BaseRoute, path: str) -> bool:
    """Whether a route, or the router it stands for, answers a path with something of the kit."""
    inner = getattr(getattr(route, "original_router", None), "routes", None)
    if inner is not None:
        return any(is_ours(one, path) for one in inner if takes(one, path))
    endpoint = getattr(route, "endpoint", None)
    return str(getattr(endpoint, "__module__", "")).partition(".")[0] == _OURS
