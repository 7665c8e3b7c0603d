"""The protected resources of one application: which one a request is for, and its identifier (RFC 9728)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.judge import accepted_audiences
from mcpauthkit.oauth.metadata import resource_metadata_url

DEFAULT_RESOURCE_PATHS = ("/mcp",)


@dataclass(frozen=True, slots=True)
class ProtectedResource:
    """One MCP server in the application.

    Args:
        path: Its path below the base URL, without a trailing slash; empty for the base URL itself.
        url: Its identifier: what users enter in their client and what tokens carry as audience.
        metadata_url: Where its metadata document is.
        accepted: The audiences a token for it may carry. A bare origin has two spellings, because several clients
            send it with a slash.
    """

    path: str
    url: str
    metadata_url: str
    accepted: frozenset[str]


class ProtectedResources:
    """All protected resources below one public base URL.

    Args:
        server_base_url: The public address of the application, for instance `https://mcp.example.com`.
        paths: The path of each MCP server as clients reach it.

    Raises:
        ConfigurationError: The base URL is not https (http only on loopback), or a path is unusable.
    """

    def __init__(self, server_base_url: str, paths: Sequence[str] = DEFAULT_RESOURCE_PATHS) -> None:
        self.base_url = check_base_url(server_base_url, "server_base_url")
        if isinstance(paths, str) or not paths:
            raise ConfigurationError(
                f"resource_paths={paths!r} is not a list of paths.", hint='For one server at /mcp, pass ("/mcp",).'
            )
        self.all = tuple(self._resource(path) for path in paths)
        # The longest path first, so that /a/mcp is not taken for /a.
        self._by_length = sorted(self.all, key=lambda one: len(one.path), reverse=True)

    @property
    def elsewhere(self) -> ProtectedResource:
        """What paths count for that belong to no resource: the only one, or the base URL where there are several."""
        return self.all[0] if len(self.all) == 1 else self._resource("")

    def for_path(self, path: str) -> ProtectedResource | None:
        """The resource a request path belongs to, or None for the application's other routes."""
        for resource in self._by_length:
            if path == resource.path or path.startswith(f"{resource.path}/"):
                return resource
        return None

    def _resource(self, path: str) -> ProtectedResource:
        if path and (not path.startswith("/") or "?" in path or "#" in path or "//" in path):
            raise ConfigurationError(
                f"resource_paths holds {path!r}.", hint='Give absolute paths as clients see them, such as "/mcp".'
            )
        bare = path.rstrip("/")
        # Without a trailing slash: most clients refuse a resource that differs from what the user entered.
        url = f"{self.base_url}{bare}"
        return ProtectedResource(bare, url, resource_metadata_url(url), accepted_audiences(url))
