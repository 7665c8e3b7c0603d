"""The way of a decided call through mounted servers: to which of them it goes next, and by what name.

Theory of operation. What FastMCP finds for a mounted server's tool only hands the call on. It knows to whom and under
which name, and this is what tells a decided call from others: a tool of the outer server may come to a mounted one as
well, with a name that its caller chose. FastMCP keeps both to itself. Where a version keeps them elsewhere, no arrival
is taken for the decided one, and each is decided again.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from fastmcp import FastMCP
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.tools.base import Tool
from fastmcp.tools.tool_transform import TransformedTool
from fastmcp.utilities.components import FastMCPComponent

from mcpauthkit.access.request import Kind


class Hop(NamedTuple):
    """Where a decided call goes next.

    Args:
        server: The mounted server.
        kind: What is used.
        key: Its name or address there.
    """

    server: FastMCP[Any]
    kind: Kind
    key: str


async def next_hop(component: FastMCPComponent | None, uri: str = "") -> Hop | None:
    """Where a call of a component goes; None for one of the server's own.

    Args:
        component: What was found; None where nothing was.
        uri: The address that is read, for templates.
    """
    while isinstance(component, TransformedTool):
        component = component.parent_tool
    server = getattr(component, "_server", None)
    if not isinstance(server, FastMCP):
        return None
    if isinstance(component, ResourceTemplate):
        parameters = component.matches(uri)
        # Nothing is read by this: it names what would be.
        component = None if parameters is None else await component.create_resource(uri, parameters)
    if isinstance(component, Resource):
        return _hop(server, Kind.RESOURCE, getattr(component, "_original_uri", None))
    kind = Kind.TOOL if isinstance(component, Tool) else Kind.PROMPT
    return _hop(server, kind, getattr(component, "_original_name", None))


def _hop(server: FastMCP[Any], kind: Kind, key: object) -> Hop | None:
    return Hop(server, kind, key) if isinstance(key, str) else None
