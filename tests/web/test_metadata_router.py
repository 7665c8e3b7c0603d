"""The documents by which clients find the login."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import oauth_meta_router
from mcpauthkit.errors import ConfigurationError
from tests.web.door import BASE

ROOT = "/.well-known/oauth-protected-resource"
ISSUER = "https://issuer.example"


def client(**options: Any) -> httpx.AsyncClient:
    app = FastAPI()
    app.include_router(oauth_meta_router(**{"server_base_url": BASE, "issuer_url": ISSUER, **options}))
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://inner.example:8000")


async def document(path: str, **options: Any) -> Any:
    async with client(**options) as http:
        response = await http.get(path)
        assert response.status_code == 200
        return response.json()


@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/mcp"])
async def test_both_forms_serve_the_document_of_the_only_server(path: str) -> None:
    # The Host header has no say in it (J8b).
    assert await document(path, scopes=("openid", "mcp:tools"), resource_name="Tools") == {
        "resource": f"{BASE}/mcp",
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["openid", "mcp:tools"],
        "resource_name": "Tools",
    }


async def test_each_server_has_its_own_document_and_the_root_form_is_the_first_ones() -> None:
    paths = ("/a/mcp", "/b/mcp")
    for path in paths:
        assert (await document(ROOT + path, resource_paths=paths))["resource"] == BASE + path
    assert (await document(ROOT, resource_paths=paths))["resource"] == f"{BASE}/a/mcp"


async def test_a_server_at_the_origin_has_one_form() -> None:
    assert (await document(ROOT, resource_paths=("",)))["resource"] == BASE


@pytest.mark.parametrize(
    "issuer", [ISSUER, f"{ISSUER}/", "https://ISSUER.example/Realms/x", "https://issuer.example/realms/x/"]
)
async def test_the_issuer_is_served_byte_for_byte(issuer: str) -> None:
    assert (await document(ROOT, issuer_url=issuer))["authorization_servers"] == [issuer]


@pytest.mark.parametrize("path", [f"{ROOT}/other", f"{ROOT}/mcp/x", f"{ROOT}/MCP", f"{ROOT}/a"])
async def test_there_is_no_document_for_a_path_that_is_no_server(path: str) -> None:
    # A1: the same resource was served for any path.
    async with client() as http:
        assert (await http.get(path)).status_code == 404


async def test_any_origin_may_read_the_document_and_caches_may_keep_it() -> None:
    async with client() as http:
        response = await http.get(ROOT, headers={"origin": "https://client.example"})
    assert response.headers["access-control-allow-origin"] == "*"
    assert response.headers["cache-control"] == "public, max-age=300"
    assert response.headers["content-type"] == "application/json"


async def test_a_preflight_is_answered() -> None:
    # Browser clients send MCP-Protocol-Version with it.
    headers = {
        "origin": "https://client.example",
        "access-control-request-method": "GET",
        "access-control-request-headers": "mcp-protocol-version",
    }
    async with client() as http:
        response = await http.options(f"{ROOT}/mcp", headers=headers)
    assert response.is_success
    assert response.headers["access-control-allow-origin"] == "*"
    assert "GET" in response.headers["access-control-allow-methods"]
    assert response.headers["access-control-allow-headers"] == "*"


async def test_nothing_is_written_there() -> None:
    async with client() as http:
        assert (await http.post(ROOT)).status_code == 405


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": ""},
        {"client_secret": "secret"},
        {"extra_authorize_params": {"audience": "x"}},
        {"key_ring": None},
        {"issuer_url": "http://issuer.example"},
        {"server_base_url": "http://mcp.example.com"},
        {"resource_paths": "/mcp"},
        {"scopes": "openid"},
    ],
    ids=str,
)
def test_what_cannot_be_served_is_refused_at_construction(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        oauth_meta_router(**{"server_base_url": BASE, "issuer_url": ISSUER, **options})
    assert caught.value.hint
