"""Which requests need no token."""

from __future__ import annotations

from collections.abc import Iterable

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.metadata import PROTECTED_RESOURCE

_ROOT_FORM = f"/.well-known/{PROTECTED_RESOURCE}"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class OpenPaths:
    """Paths that are served without a token, with everything below them.

    Whole segments are compared, so `/health` opens `/health/live` and not `/healthz`. A path that could mean
    another one to a router or proxy behind us is never open.

    Args:
        paths: Absolute paths, for instance `/health`. A trailing slash does not matter.
        resource_paths: Where the protected resources are. Their metadata documents can be read by everybody.

    Raises:
        ConfigurationError: A path is not absolute, is `/`, which would open everything, or has a resource below it.
    """

    def __init__(self, paths: Iterable[str] = (), resource_paths: Iterable[str] = ()) -> None:
        if isinstance(paths, str):
            raise ConfigurationError(f"open_paths={paths!r} is one text.", hint=f"Write [{paths!r}].")
        trees = []
        for path in paths:
            if not path.startswith("/") or not path.strip("/"):
                raise ConfigurationError(
                    f"open_paths holds {path!r}.",
                    hint="Give absolute paths of what may be public; `/` would switch authentication off.",
                )
            trees.append(path.rstrip("/"))
        self._exact = frozenset(trees)
        self._below = tuple(f"{tree}/" for tree in sorted(self._exact))
        self._documents = frozenset({_ROOT_FORM, *(_ROOT_FORM + path for path in resource_paths)})
        for path in resource_paths:
            if path in self._exact or path.startswith(self._below):
                raise ConfigurationError(
                    f"open_paths covers the MCP server at {path or '/'}, which would need no token then.",
                    hint="Open narrower paths; for single tools without a token there is public_tools=.",
                )

    def is_open(self, path: str, raw_path: bytes = b"", method: str = "GET") -> bool:
        """Whether a decoded request path needs no token.

        Args:
            path: The decoded path.
            raw_path: The path as it came, if the server gives it, to see encoded slashes.
            method: The request's method; the metadata documents are open for reading only.
        """
        if path in self._documents:
            return method in _READING
        if path not in self._exact and not path.startswith(self._below):
            return False
        return not _is_ambiguous(path, raw_path)


def _is_ambiguous(path: str, raw_path: bytes) -> bool:
    # `/health/..%2fmcp` is one path to us and may be `/mcp` to whoever normalises it later.
    if "//" in path or "\\" in path or ";" in path or not path.isprintable():
        return True
    if any(segment in {".", ".."} for segment in path.split("/")):
        return True
    # A percent sign left after decoding is a second layer of encoding. A replacement character was no UTF-8: a lenient
    # reader takes `..%c0%af` for `../`.
    if "%" in path or "\ufffd" in path:
        return True
    lowered = raw_path.lower()
    return b"%2f" in lowered or b"%5c" in lowered or b"%2e" in lowered
