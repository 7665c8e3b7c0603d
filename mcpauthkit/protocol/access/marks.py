"""Where the components of a FastMCP server come from: the namespace of each, and the servers mounted in it.

Theory of operation. A mounted server's tool `add` is called `math_add` outside, and so may a tool of the server's own
be. Rules about namespaces must tell them apart, and nothing in a component does. So each provider of a server gets one
transform of ours, behind its own, that writes the namespace into every component which passes. It stands in the part of
the metadata that FastMCP keeps to itself, and survives further renaming.

The namespace is the one that this server gave: what a mounted server mounts in turn belongs to it as well, so that a
rule about a namespace covers everything in it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeVar

from fastmcp import FastMCP
from fastmcp.prompts.base import Prompt
from fastmcp.resources.base import Resource
from fastmcp.resources.template import ResourceTemplate
from fastmcp.server.providers.aggregate import AggregateProvider
from fastmcp.server.providers.base import Provider
from fastmcp.server.transforms import (
    GetPromptNext,
    GetResourceNext,
    GetResourceTemplateNext,
    GetToolNext,
    Namespace,
    Transform,
)
from fastmcp.tools.base import Tool
from fastmcp.utilities.components import FastMCPComponent
from fastmcp.utilities.versions import VersionSpec

from mcpauthkit.errors import ConfigurationError

C = TypeVar("C", bound=FastMCPComponent)

_FASTMCP = "fastmcp"
# FastMCP sends nothing to clients that begins with an underscore here.
_MARK = "_mcpauthkit_namespace"


class Namespaces(NamedTuple):
    """The namespaces that names of a server's components may tell.

    Args:
        mounted: Those that the server gave.
        told: Those of servers behind a proxy, as the application says.
    """

    mounted: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


class NamespaceMark(Transform):
    """Writes into components which namespace they come from.

    Args:
        namespace: The namespace; empty for components that have none, and None where a proxy is all that is known.
    """

    def __init__(self, namespace: str | None) -> None:
        self.namespace = namespace

    def _marked(self, component: C) -> C:
        meta = component.meta or {}
        ours = {**(meta.get(_FASTMCP) or {}), _MARK: self.namespace}
        # `update=` would look at the model's settings for each of a thousand tools.
        marked = component.model_copy()
        vars(marked)["meta"] = {**meta, _FASTMCP: ours}
        marked.model_fields_set.add("meta")
        return marked

    def _marked_if_any(self, component: C | None) -> C | None:
        return None if component is None else self._marked(component)

    async def list_tools(self, tools: Sequence[Tool]) -> Sequence[Tool]:
        """Mark tools."""
        return [self._marked(one) for one in tools]

    async def get_tool(self, name: str, call_next: GetToolNext, *, version: VersionSpec | None = None) -> Tool | None:
        """Mark a tool."""
        return self._marked_if_any(await call_next(name, version=version))

    async def list_resources(self, resources: Sequence[Resource]) -> Sequence[Resource]:
        """Mark resources."""
        return [self._marked(one) for one in resources]

    async def get_resource(
        self, uri: str, call_next: GetResourceNext, *, version: VersionSpec | None = None
    ) -> Resource | None:
        """Mark a resource."""
        return self._marked_if_any(await call_next(uri, version=version))

    async def list_resource_templates(self, templates: Sequence[ResourceTemplate]) -> Sequence[ResourceTemplate]:
        """Mark templates."""
        return [self._marked(one) for one in templates]

    async def get_resource_template(
        self, uri: str, call_next: GetResourceTemplateNext, *, version: VersionSpec | None = None
    ) -> ResourceTemplate | None:
        """Mark a template."""
        return self._marked_if_any(await call_next(uri, version=version))

    async def list_prompts(self, prompts: Sequence[Prompt]) -> Sequence[Prompt]:
        """Mark prompts."""
        return [self._marked(one) for one in prompts]

    async def get_prompt(
        self, name: str, call_next: GetPromptNext, *, version: VersionSpec | None = None
    ) -> Prompt | None:
        """Mark a prompt."""
        return self._marked_if_any(await call_next(name, version=version))


@dataclass(frozen=True, slots=True)
class Mounted:
    """A server in this process that is mounted in another one.

    Args:
        server: The mounted server.
        namespace: The namespace that the outermost server gave; empty without one.
        transforms: What its components pass on their way out, innermost first.
    """

    server: FastMCP[Any]
    namespace: str
    transforms: tuple[Transform, ...]


def mark_providers(server: FastMCP[Any]) -> None:
    """Let every component say which namespace it comes from; to be repeated, as servers may be mounted later."""
    for provider in server.providers:
        _mark(provider)


def _mark(provider: Provider) -> None:
    namespace = _namespace_of(provider)
    if not namespace and isinstance(provider, AggregateProvider):
        for one in provider.providers:
            _mark(one)
        return
    last = provider.transforms[-1:]
    if not last or not isinstance(last[0], NamespaceMark):
        provider.add_transform(NamespaceMark(namespace or (None if _is_proxy(provider) else "")))


def _layers(provider: Provider) -> Iterator[Provider]:
    """A provider and those it wraps, outermost first."""
    layer: Any = provider
    while isinstance(layer, Provider):
        yield layer
        # There is no public way to what a namespace was put around.
        layer = getattr(layer, "_inner", None)


def _is_proxy(provider: Provider) -> bool:
    *_, inmost = _layers(provider)
    # By name: importing proxies loads FastMCP's client with its storage, which a server without any need not have.
    classes = {one.__name__ for object_ in (inmost, getattr(inmost, "server", None)) for one in type(object_).__mro__}
    return not classes.isdisjoint({"ProxyProvider", "FastMCPProxy"})


def _namespace_of(provider: Provider) -> str:
    for layer in _layers(provider):
        for transform in reversed(layer.transforms):
            if isinstance(transform, Namespace):
                return _prefix_of(transform)
    return ""


def _prefix_of(transform: Namespace) -> str:
    prefix = getattr(transform, "_prefix", None)
    if not isinstance(prefix, str):
        raise ConfigurationError(
            "This version of FastMCP keeps a namespace's name elsewhere, so rules about namespaces cannot be checked.",
            hint="Install a version of FastMCP that this version of mcpauthkit was tested with.",
        )
    return prefix


def namespaces_of(server: FastMCP[Any]) -> tuple[str, ...]:
    """The namespaces that a server gave to what is mounted in it."""
    return tuple(one for one in map(_namespace_of, server.providers) if one)


def mounted_in(server: FastMCP[Any]) -> Iterator[Mounted]:
    """The servers of this process that are mounted in a server, and those mounted in them, and so on."""
    yield from _mounted_below(server, "", (), frozenset({id(server)}))


def _mounted_below(
    server: FastMCP[Any], namespace: str, outside: tuple[Transform, ...], seen: frozenset[int]
) -> Iterator[Mounted]:
    for provider in _flat(server.providers):
        layers = list(_layers(provider))
        inner = getattr(layers[-1], "server", None)
        if not isinstance(inner, FastMCP) or id(inner) in seen:
            continue
        passed = tuple(one for layer in reversed(layers) for one in layer.transforms)
        below = Mounted(inner, namespace or _namespace_of(provider), (*passed, *server.transforms, *outside))
        yield below
        yield from _mounted_below(inner, below.namespace, below.transforms, seen | {id(inner)})


def _flat(providers: Sequence[Provider]) -> Iterator[Provider]:
    for one in providers:
        if isinstance(one, AggregateProvider) and not isinstance(one, FastMCP):
            yield from _flat(one.providers)
        else:
            yield one


def namespace_of(component: FastMCPComponent | None, name: str, uri: str, known: Namespaces) -> str:
    """The namespace of a component: what it was marked with, else what its name or address says.

    A transform may make a component anew and lose the mark, so that its name is all there is. It counts then: a rule
    that denies a namespace must not be got around by renaming. What comes through a proxy has the namespaces that the
    application told of, and no other: the server behind it chooses its names.

    Args:
        component: The component; None where none was found.
        name: Its name.
        uri: Its address, for resources and templates.
        known: Namespaces there are; several may fit, and then the longest does.
    """
    ours = (component.meta or {}).get(_FASTMCP) if component is not None else None
    marks = ours if isinstance(ours, dict) else {}
    if _MARK not in marks:
        return namespace_by_name(name, uri, (*known.mounted, *known.told))
    marked = marks[_MARK]
    return marked if isinstance(marked, str) else namespace_by_name(name, uri, known.told)


def namespace_by_name(name: str, uri: str, known: Collection[str]) -> str:
    """The longest of several namespaces that a name or an address begins with; empty where none does."""
    path = uri.partition("://")[2]
    fitting = [one for one in known if (path.startswith(f"{one}/") if uri else name.startswith(f"{one}_"))]
    return max(fitting, key=len, default="")
