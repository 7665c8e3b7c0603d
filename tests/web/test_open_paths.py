"""Which requests need no token."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import LoopbackServer
from mcpauthkit.web.open_paths import OpenPaths
from tests.web.door import served

PATHS = OpenPaths(("/health", "/docs/", "/a/b"), ["/mcp", "/api/mcp"])


@pytest.mark.parametrize(
    "path",
    [
        "/health",
        "/health/",
        "/health/live",
        "/docs",
        "/docs/x/y",
        "/a/b",
        "/a/b/c",
        "/.well-known/oauth-protected-resource",
        "/.well-known/oauth-protected-resource/mcp",
    ],
)
def test_an_open_path_is_open_with_everything_below_it(path: str) -> None:
    assert PATHS.is_open(path)
    assert PATHS.is_open(path, path.encode())


@pytest.mark.parametrize(
    "path",
    [
        # K6a-n: prefixes and tricks
        "/healthX/admin",
        "/healthz",
        "/Health",
        "/a",
        "/a/bc",
        "/mcp",
        "/",
        "",
        "health",
        "//health",
        "/health//mcp",
        "/health/../mcp",
        "/health/./x",
        "/health/..",
        "/health;/../mcp",
        "/health/;x",
        "/health/..;/mcp",
        "/health\\..\\mcp",
        "/health/%2e%2e/mcp",
        "/health/%252e",
        "/health/\x00",
        "/.well-known/../mcp",
        "/.well-known/oauth-protected-resource/../../mcp",
        "/.well-known",
        "/.well-known/oauth-protected-resourceX",
        "/.well-known/openid-configuration",
    ],
)
def test_a_path_that_only_looks_open_is_not(path: str) -> None:
    assert not PATHS.is_open(path)


@pytest.mark.parametrize(
    "raw", [b"/health/..%2fmcp", b"/health/%2Fmcp", b"/health%2fmcp", b"/health/%5cmcp", b"/health/%2e%2e/mcp"]
)
def test_an_encoded_separator_closes_a_path_that_looks_open_when_decoded(raw: bytes) -> None:
    assert not PATHS.is_open("/health/mcp", raw)


@given(st.text(alphabet="/.%;\\hm2ef", max_size=12))
def test_whatever_follows_an_open_path_is_plain_or_closed(tail: str) -> None:
    path = f"/health/{tail}"
    if PATHS.is_open(path):
        assert not any(trick in path for trick in ("//", ";", "\\", "%"))
        assert not {".", ".."} & set(path.split("/"))


@pytest.mark.parametrize("path", ["", "/", "//", "health", "*", "https://a.example/health"])
def test_a_path_that_would_open_everything_or_nothing_is_refused_at_construction(path: str) -> None:
    with pytest.raises(ConfigurationError):
        OpenPaths((path,))


def test_one_text_instead_of_a_list_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        OpenPaths("/health")


@pytest.fixture(scope="module", name="server")
def _server() -> Iterator[LoopbackServer]:
    with served(open_paths=("/health",)) as (_, server):
        yield server


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/health", 200),
        (b"/health/live", 200),
        (b"/%68ealth", 200),
        (b"/healthX/admin", 401),
        (b"/health/../mcp", 401),
        (b"/health/%2e%2e/mcp", 401),
        (b"/health/..%2fmcp", 401),
        (b"/health%2f..%2fmcp", 401),
        (b"/health/%252e%252e/mcp", 401),
        (b"/health/..;/mcp", 401),
        (b"/health;x/../mcp", 401),
        (b"/health//mcp", 401),
        (b"//health", 401),
        (b"//mcp", 401),
        (b"/%6dcp", 401),
        (b"/MCP", 401),
        (b"/mcp/", 401),
        (b"/mcp?x=/health", 401),
    ],
)
def test_no_spelling_on_the_wire_slips_through(server: LoopbackServer, target: bytes, status: int) -> None:
    # K6a-n as raw bytes: httpx would tidy the path first.
    url = httpx.URL(server.base_url).copy_with(raw_path=target)
    with httpx.Client() as http:
        assert http.get(url).status_code == status


@pytest.mark.parametrize("path", ["", "/mcp", "/api/mcp"])
def test_the_documents_of_our_resources_can_be_read_and_nothing_else_there(path: str) -> None:
    document = f"/.well-known/oauth-protected-resource{path}"
    assert all(PATHS.is_open(document, document.encode(), method) for method in ("GET", "HEAD", "OPTIONS"))
    # A server that takes every path would run a tool there.
    assert not PATHS.is_open(document, document.encode(), "POST")
    for other in (f"{document}/x", f"{document}x", f"{document}/", f"{document}/../mcp"):
        assert not PATHS.is_open(other, other.encode())


@pytest.mark.parametrize("path", ["/api", "/api/mcp", "/api/mcp/"])
def test_what_covers_an_mcp_server_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        OpenPaths((path,), ["/api/mcp"])
    assert caught.value.hint


def test_what_is_below_or_beside_one_may_be_open() -> None:
    paths = OpenPaths(("/api/mcp/health", "/api/mcp-docs"), ["/api/mcp"])
    assert paths.is_open("/api/mcp/health")
    assert paths.is_open("/api/mcp-docs")
    assert not paths.is_open("/api/mcp")
