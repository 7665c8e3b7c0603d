"""Which protected resource a request is for."""

from __future__ import annotations

import pytest

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.scopes import check_scopes
from mcpauthkit.web.resources import ProtectedResources

BASE = "https://m.example"


def path_of(resources: ProtectedResources, path: str) -> str | None:
    found = resources.for_path(path)
    return None if found is None else found.path


def test_a_resource_is_named_by_its_url_without_a_trailing_slash() -> None:
    (only,) = ProtectedResources(f"{BASE}/", ("/mcp/",)).all
    assert only.url == f"{BASE}/mcp"
    assert only.metadata_url == f"{BASE}/.well-known/oauth-protected-resource/mcp"
    assert only.accepted == {f"{BASE}/mcp"}


def test_a_base_url_with_a_path_keeps_it() -> None:
    (only,) = ProtectedResources(f"{BASE}/tools", ("/mcp",)).all
    assert only.url == f"{BASE}/tools/mcp"
    assert only.metadata_url == f"{BASE}/.well-known/oauth-protected-resource/tools/mcp"


def test_a_bare_origin_has_two_spellings() -> None:
    # facts/clients.md: Python 1.30, mcp-remote, Claude Code and opencode send it with a slash.
    (only,) = ProtectedResources(BASE, ("",)).all
    assert only.url == BASE
    assert only.accepted == {BASE, f"{BASE}/"}
    assert ProtectedResources(BASE, ("/",)).all[0].accepted == only.accepted


def test_the_longest_path_wins_and_segments_are_whole() -> None:
    resources = ProtectedResources(BASE, ("/a", "/a/mcp", "/b"))
    assert path_of(resources, "/a/mcp") == "/a/mcp"
    assert path_of(resources, "/a/mcp/x") == "/a/mcp"
    assert path_of(resources, "/a/mcpx") == "/a"
    assert path_of(resources, "/a") == "/a"
    assert path_of(resources, "/b/") == "/b"
    assert path_of(resources, "/bx") is None
    assert path_of(resources, "/A") is None
    assert path_of(resources, "/") is None


def test_a_resource_at_the_origin_takes_every_path() -> None:
    assert path_of(ProtectedResources(BASE, ("",)), "/anything") == ""


@pytest.mark.parametrize("paths", ["/mcp", (), ("mcp",), ("/mcp?x",), ("/mcp#x",), ("//mcp",), ("/a//b",)])
def test_paths_that_are_no_paths_are_refused(paths: tuple[str, ...]) -> None:
    with pytest.raises(ConfigurationError):
        ProtectedResources(BASE, paths)


@pytest.mark.parametrize("base", ["http://m.example", "m.example", "https://m.example?x"])
def test_a_base_that_clients_could_not_trust_is_refused(base: str) -> None:
    with pytest.raises(ConfigurationError):
        ProtectedResources(base)


@pytest.mark.parametrize("scopes", ["openid", "a b", ("a b",), ("",)])
def test_scopes_in_one_text_are_refused(scopes: tuple[str, ...]) -> None:
    # P1e in another place: the letters of one text would become scopes.
    with pytest.raises(ConfigurationError):
        check_scopes(scopes)
