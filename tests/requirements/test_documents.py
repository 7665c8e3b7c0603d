"""RFC 9728 over HTTP: the protected-resource document, its two forms, and the challenge that leads to it."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import oauth_meta_router
from mcpauthkit.errors import ConfigurationError
from tests.world import World, world

BASE = "https://mcp.example.com"
ISSUER = "https://login.example.com/realms/staff/"
WELL_KNOWN = "/.well-known/oauth-protected-resource"


def application(**options: object) -> httpx.AsyncClient:
    app = FastAPI()
    settings = {"server_base_url": BASE, "issuer_url": ISSUER, **options}
    app.include_router(oauth_meta_router(**settings))  # type: ignore[arg-type]  # options of the router
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)


async def test_the_document_is_json_with_status_200_and_names_resource_and_issuer() -> None:
    async with application(scopes=["openid"]) as http:
        answer = await http.get(f"{WELL_KNOWN}/mcp")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.json() == {
        "resource": f"{BASE}/mcp",
        "authorization_servers": [ISSUER],
        "bearer_methods_supported": ["header"],
        "scopes_supported": ["openid"],
    }


async def test_members_without_a_value_are_left_out() -> None:
    async with application() as http:
        assert set((await http.get(f"{WELL_KNOWN}/mcp")).json()) == {
            "resource",
            "authorization_servers",
            "bearer_methods_supported",
        }


async def test_each_server_of_an_application_has_the_document_of_its_own_address() -> None:
    async with application(resource_paths=["/a/mcp", "/b/mcp"]) as http:
        for path in ("/a/mcp", "/b/mcp"):
            assert (await http.get(WELL_KNOWN + path)).json()["resource"] == BASE + path
        # The root form serves the first, and an address that is none of them has no document.
        assert (await http.get(WELL_KNOWN)).json()["resource"] == f"{BASE}/a/mcp"
        assert (await http.get(f"{WELL_KNOWN}/c/mcp")).status_code == 404
        assert (await http.get(f"{WELL_KNOWN}/a")).status_code == 404


async def test_a_server_at_the_origin_has_the_root_form_only() -> None:
    async with application(resource_paths=[""]) as http:
        assert (await http.get(WELL_KNOWN)).json()["resource"] == BASE


@pytest.mark.parametrize("path", ["mcp", "/mcp?x=1", "/mcp#part", "//mcp"])
def test_a_resource_with_a_query_or_fragment_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="resource_paths"):
        oauth_meta_router(server_base_url=BASE, issuer_url=ISSUER, resource_paths=[path])


@pytest.fixture(name="here", scope="module")
def _here() -> object:
    with world() as one:
        yield one


@pytest.mark.parametrize("token", [None, "junk", "expired"])
def test_the_challenge_leads_to_a_document_that_anybody_may_read(here: World, token: str | None) -> None:
    text = here.token(expires_in=-3600) if token == "expired" else token
    headers = {} if text is None else {"authorization": f"Bearer {text}"}
    challenge = httpx.post(here.resource, headers=headers).headers["www-authenticate"]
    [address] = re.findall(r'resource_metadata="([^"]+)"', challenge)
    assert urlsplit(address).path == f"{WELL_KNOWN}/mcp"
    answer = httpx.get(address, headers={"origin": "https://inspector.example"})
    assert answer.json()["resource"] == here.resource
    assert answer.json()["authorization_servers"] == [here.issuer.issuer_url]
    assert answer.headers["access-control-allow-origin"] == "*"


def test_the_issuer_the_document_names_has_metadata_of_that_very_name(here: World) -> None:
    [issuer] = httpx.get(f"{here.base}{WELL_KNOWN}/mcp").json()["authorization_servers"]
    metadata = httpx.get(issuer.rstrip("/") + "/.well-known/openid-configuration").json()
    assert metadata["issuer"] == issuer
