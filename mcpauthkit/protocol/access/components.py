"""Components of a FastMCP server as what is decided about, and which of them a call would reach."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.providers.addressing import parse_hashed_backend_name
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec, version_sort_key

from mcpauthkit.access.guard import Guard, GuardLike
from mcpauthkit.access.request import Kind, Target
from mcpauthkit.protocol.access.marks import Namespaces, namespace_of
from mcpauthkit.protocol.require import guards_of

C = TypeVar("C", bound=FastMCPComponent)


def target_of(component: FastMCPComponent, known: Namespaces) -> Target:
    """A component as what is decided about.

    Args:
        component: A tool, resource, template or prompt.
        known: Namespaces there are, for components that do not say theirs.
    """
    kind, uri = _kind_of(component)
    namespace = namespace_of(component, component.name, uri, known)
    return Target(kind, component.name, uri, namespace, frozenset(component.tags))


def _kind_of(component: FastMCPComponent) -> tuple[Kind, str]:
    match component:
        case Tool():
            return Kind.TOOL, ""
        case Resource():
            return Kind.RESOURCE, str(component.uri)
        case ResourceTemplate():
            return Kind.TEMPLATE, component.uri_template
        case _:
            return Kind.PROMPT, ""


def read_target(uri: str, component: Resource | ResourceTemplate | None, known: Namespaces) -> Target:
    """What a read is decided about: the address that is read, whether a resource or a template answers.

    Args:
        uri: The address.
        component: What answers; None where nothing was found.
        known: Namespaces there are.
    """
    name = "" if component is None else component.name
    tags = frozenset[str]() if component is None else frozenset(component.tags)
    return Target(Kind.RESOURCE, name, uri=uri, namespace=namespace_of(component, name, uri, known), tags=tags)


def named_target(kind: Kind, name: str, component: Tool | Prompt | None, known: Namespaces) -> Target:
    """What a call is decided about; a name that nothing goes by is decided about all the same."""
    if component is not None:
        return target_of(component, known)
    return Target(kind, name, namespace=namespace_of(None, name, "", known))


async def find_tool(server: FastMCP[Any], name: str, version: VersionSpec | None) -> Tool | None:
    """The tool that a call reaches: by the name in the list, or by the one that FastMCP's apps call it by."""
    tool = await server.get_tool(name, version)
    hashed = parse_hashed_backend_name(name) if tool is None else None
    return tool if hashed is None else await server.get_tool_by_hash(*hashed)


async def find_readable(
    server: FastMCP[Any], uri: str, version: VersionSpec | None
) -> Resource | ResourceTemplate | None:
    """What answers a read: a resource of this address, else a template that fits it."""
    return await server.get_resource(uri, version) or await server.get_resource_template(uri, version)


def requested_version(meta: Mapping[str, Any] | None) -> VersionSpec | None:
    """The version that a call asks for in its `_meta`; None for the newest.

    The version that runs is the one that is judged: an older one may have other tags.
    """
    asked = (meta or {}).get("fastmcp")
    version = asked.get("version") if isinstance(asked, dict) else None
    if isinstance(version, str):
        return VersionSpec(eq=version)
    if not isinstance(version, dict):
        return None
    bounds = {name: version.get(name) for name in ("gte", "lt", "eq")}
    return VersionSpec(**bounds) if all(one is None or isinstance(one, str) for one in bounds.values()) else None


def key_of(component: FastMCPComponent) -> str:
    """What clients tell a component from others by; its versions share it."""
    kind, uri = _kind_of(component)
    return uri if kind in {Kind.RESOURCE, Kind.TEMPLATE} else component.name


def shown_of(components: Sequence[C], allowed: Iterable[bool]) -> list[C]:
    """What a list shows: what is allowed, unless the version that a plain call reaches is not.

    FastMCP lists the newest version that is left, and a call without a version reaches the newest there is. If that one
    is hidden, showing an older one would name a tool that cannot be called by that name.
    """
    newest: dict[str, tuple[FastMCPComponent, bool]] = {}
    passed = list(zip(components, map(key_of, components), allowed, strict=True))
    for component, key, is_allowed in passed:
        known = newest.get(key)
        if known is None or version_sort_key(component) > version_sort_key(known[0]):
            newest[key] = component, is_allowed
    return [one for one, key, is_allowed in passed if is_allowed and newest[key][1]]


def guards_on(component: FastMCPComponent, transport: str) -> tuple[GuardLike, ...]:
    """The guards of ours on a component of this process: those of `require`, and on stdio those of `auth=`.

    FastMCP asks no `auth=` check on stdio, because it knows no caller there.
    """
    function = getattr(component, "fn", None)
    required = guards_of(function) if callable(function) else ()
    return (*required, *(auth_guards(component) if transport == "stdio" else ()))


def auth_guards(component: FastMCPComponent) -> tuple[Guard, ...]:
    """The guards of ours that a component has in `auth=`."""
    given = getattr(component, "auth", None)
    checks = given if isinstance(given, list) else [given]
    return tuple(one for one in checks if isinstance(one, Guard))
