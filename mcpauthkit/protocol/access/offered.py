"""What an MCPServer offers, as what is decided about."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.resources.templates import ResourceSecurityError

from mcpauthkit.access.guard import GuardLike
from mcpauthkit.access.request import Kind, Target
from mcpauthkit.protocol.access.marks import namespace_by_name
from mcpauthkit.protocol.require import guards_of

# There is no public way to functions and metadata of single components.
_KEPT = {
    Kind.TOOL: ("_tool_manager", "list_tools", "name"),
    Kind.RESOURCE: ("_resource_manager", "list_resources", "uri"),
    Kind.TEMPLATE: ("_resource_manager", "list_templates", "uri_template"),
    Kind.PROMPT: ("_prompt_manager", "list_prompts", "name"),
}
_ADDRESSES = {Kind.RESOURCE: "uri", Kind.TEMPLATE: "uriTemplate"}


class Offered:
    """The tools, resources, templates and prompts of a server.

    Args:
        server: The server.
        namespaces: Namespaces that names tell.
    """

    def __init__(self, server: MCPServer[Any], namespaces: Collection[str]) -> None:
        self._server = server
        self._namespaces = tuple(namespaces)

    def listed(self, kind: Kind, entry: Mapping[str, Any]) -> Target:
        """An entry of a list, as it goes to clients."""
        name, uri = str(entry.get("name", "")), str(entry.get(_ADDRESSES.get(kind, ""), ""))
        return self._target(kind, name, uri, entry.get("_meta"))

    def used(self, kind: Kind, name: str) -> Target:
        """What a use is about, by the name or the address that was sent; it need not exist."""
        found = self.found(kind, name)
        if kind in {Kind.TOOL, Kind.PROMPT}:
            return self._target(kind, name, "", getattr(found, "meta", None))
        return self._target(kind, getattr(found, "name", ""), name, getattr(found, "meta", None))

    def found(self, kind: Kind, name: str) -> Any:
        """What answers a use; None where nothing does."""
        found = self._kept(kind, name)
        if found is None and kind is Kind.RESOURCE:
            found = next((one for one in self._all(Kind.TEMPLATE) if _answers(one, name)), None)
        return found

    def received(self, tool: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """A call's arguments as the tool is going to get them: for lists and objects the SDK takes texts of JSON.

        What is judged has to be what runs, and a second reading of it changes nothing.
        """
        kept = self._kept(Kind.TOOL, tool)
        if kept is None:
            return arguments
        parsed: Mapping[str, Any] = kept.fn_metadata.pre_parse_json(dict(arguments))
        return parsed

    def guards(self, kind: Kind, targets: Sequence[Target]) -> list[tuple[GuardLike, ...]]:
        """The guards that `require` put on the functions of a list, for each of them."""
        attribute = _KEPT[kind][2]
        functions: dict[str, Any] = {}
        for one in self._all(kind):
            functions.setdefault(str(getattr(one, attribute)), getattr(one, "fn", None))
        listed = (functions.get(target.uri or target.name) for target in targets)
        return [guards_of(one) if callable(one) else () for one in listed]

    def _target(self, kind: Kind, name: str, uri: str, meta: object) -> Target:
        tags = meta.get("tags") if isinstance(meta, Mapping) else None
        return Target(
            kind,
            name,
            uri=uri,
            namespace=namespace_by_name(name, uri, self._namespaces),
            tags=frozenset(one for one in tags if isinstance(one, str)) if isinstance(tags, list) else frozenset(),
        )

    def _kept(self, kind: Kind, key: str) -> Any:
        attribute = _KEPT[kind][2]
        return next((one for one in self._all(kind) if str(getattr(one, attribute)) == key), None)

    def _all(self, kind: Kind) -> list[Any]:
        manager, method, _ = _KEPT[kind]
        listing = getattr(getattr(self._server, manager, None), method, None)
        return list(listing()) if listing is not None else []


def _answers(template: Any, uri: str) -> bool:
    try:
        return template.matches(uri) is not None
    except ResourceSecurityError:
        # The SDK refuses such an address, such as one with `..`; it is decided about and recorded before.
        return False
