"""Caches must not give one caller's list to another."""

from __future__ import annotations

from collections.abc import MutableMapping
from dataclasses import replace
from typing import Any

from fastmcp import FastMCP
from mcp.server.caching import CacheHint
from mcp.server.mcpserver import MCPServer

from mcpauthkit.core.log import RequestLog

_log = RequestLog("access")

# Neither server has a public way to what it was told about caches; both keep the SDK's own server here.
_SDK_SERVERS = ("_mcp_server", "_lowlevel_server")


def keep_private(server: FastMCP[Any] | MCPServer[Any]) -> None:
    """Let a server call everything private that it says may be cached, whatever it was told before.

    What it lists and reads depends on who asks. `cacheScope: public` would let a shared cache hand it to others.
    """
    found = (getattr(server, name, None) for name in _SDK_SERVERS)
    hints = next((getattr(one, "cache_hints", None) for one in found if one is not None), None)
    if not isinstance(hints, MutableMapping):
        return
    public = [method for method, hint in hints.items() if isinstance(hint, CacheHint) and hint.scope == "public"]
    for method in public:
        hints[method] = replace(hints[method], scope="private")
    if public:
        _log.warning("cache_scope=public taken for private: what is shown depends on who asks server=%s", server.name)
