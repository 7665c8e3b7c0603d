"""The proxy's documents, what it opens, and what it refuses at the start."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, RegisteredClient, oauth_meta_router
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, DevIssuer, LoopbackServer, sign_in
from mcpauthkit.web.hub import Hub
from tests.asgi import lifespan
from tests.web.proxy_world import CALLBACK, HOSTED, RING, UPSTREAM, proxy_world

BASE = "https://mcp.example"
ISSUER = "https://issuer.example"
AS = "/.well-known/oauth-authorization-server"
OIDC = "/.well-known/openid-configuration"


def proxy_app(**options: Any) -> FastAPI:
    app = FastAPI()
    settings = {"server_base_url": BASE, "issuer_url": ISSUER, "client_id": UPSTREAM, "key_ring": RING, **options}
    app.include_router(oauth_meta_router(**settings))
    return app


def calls(app: FastAPI, base: str = BASE) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base)


async def test_both_documents_are_alike_and_say_what_clients_insist_on() -> None:
    app = proxy_app(scopes=("openid", "mcp:tools", "offline_access"), resource_name="Tools")
    async with calls(app) as http:
        document = (await http.get(AS)).json()
        assert (await http.get(OIDC)).json() == document
        prm = (await http.get("/.well-known/oauth-protected-resource/mcp")).json()
        assert (await http.get("/.well-known/jwks.json")).json() == {"keys": []}
    assert document == {
        "issuer": BASE,
        "authorization_endpoint": f"{BASE}/authorize",
        "token_endpoint": f"{BASE}/token",
        "registration_endpoint": f"{BASE}/register",
        "revocation_endpoint": f"{BASE}/revoke",
        "jwks_uri": f"{BASE}/.well-known/jwks.json",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": ["authorization_code", "refresh_token"],
        "code_challenge_methods_supported": ["S256"],
        "token_endpoint_auth_methods_supported": ["none"],
        "revocation_endpoint_auth_methods_supported": ["none"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "authorization_response_iss_parameter_supported": True,
        "client_id_metadata_document_supported": True,
        "protected_resources": [f"{BASE}/mcp"],
        "scopes_supported": ["openid", "mcp:tools", "offline_access"],
    }
    assert prm["authorization_servers"] == [BASE]
    # Inspector and Claude Code ask for whatever stands here.
    assert prm["scopes_supported"] == ["openid", "mcp:tools"]


async def test_a_base_url_with_a_path_has_its_documents_at_both_places() -> None:
    async with calls(proxy_app(server_base_url=f"{BASE}/tools")) as http:
        for path in (AS, OIDC, f"{AS}/tools", f"{OIDC}/tools"):
            assert (await http.get(path)).json()["issuer"] == f"{BASE}/tools"


async def test_clients_in_browsers_may_call_the_endpoints_and_no_script_may_read_the_pages() -> None:
    with proxy_world() as here:
        asks = {"origin": "https://inspector.example", "access-control-request-method": "POST"}
        async with httpx.AsyncClient(base_url=here.base) as http:
            for path in ("/token", "/register", "/revoke", AS, OIDC):
                preflight = await http.options(path, headers=asks)
                assert preflight.is_success
                assert preflight.headers["access-control-allow-origin"] == "*"
            refused = await http.post("/token", headers={"origin": "https://inspector.example"})
            assert refused.status_code == 400
            assert refused.headers["access-control-allow-origin"] == "*"
            for path in ("/authorize", "/authorize/approve", "/authorize/decline", "/oauth/callback"):
                page = await http.get(path, headers={"origin": "https://inspector.example"})
                assert page.status_code == 400
                assert "access-control-allow-origin" not in page.headers


async def test_only_the_proxys_own_paths_are_open() -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient(base_url=here.base) as http:
            for path in ("/mcp", "/token/x", "/authorize/x", "/register/", "/oauth", "//token", f"{AS}/x"):
                assert (await http.get(path)).status_code == 401


async def test_over_https_every_cookie_is_bound_to_the_host_and_hidden_from_scripts() -> None:
    with DevIssuer(algorithm="ES256") as issuer:
        issuer.add_client(UPSTREAM, None, [f"{BASE}/oauth/callback"])
        app = proxy_app(issuer_url=issuer.issuer_url)
        app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
        async with lifespan(app), calls(app) as http:
            client_id = (await http.post("/register", json={"redirect_uris": [HOSTED]})).json()["client_id"]
            query = {"client_id": client_id, "redirect_uri": HOSTED, "response_type": "code"}
            query |= {"code_challenge": "x" * 43, "code_challenge_method": "S256"}
            page = await http.get("/authorize", params=query)
            start = page.text.index(f"{BASE}/authorize/approve")
            leave = await http.get(page.text[start : page.text.index('"', start)])
            async with BrowserRobot() as robot:
                back = await sign_in(robot, await robot.open(leave.headers["location"]), stop_at=BASE)
            done = await http.get(back.url)
        assert done.headers["location"].startswith(f"{HOSTED}?code=")
        cookies = [one for answer in (page, leave, done) for one in answer.headers.get_list("set-cookie")]
        assert len(cookies) == 4
        for cookie in cookies:
            attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
            assert cookie.startswith("__Host-mcpauthkit-proxy-")
            assert {"httponly", "secure", "path=/", "samesite=lax"} <= attributes


@pytest.mark.parametrize(
    "options",
    [
        {"client_id": ""},
        {"client_secret": ""},
        {"client_authentication": "client_secret_post"},
        {"client_secret": "x", "client_authentication": "none"},
        {"client_secret": "x", "client_authentication": "private_key_jwt"},
        {"extra_authorize_params": {"redirect_uri": "https://evil.example/"}},
        {"extra_authorize_params": {"state": "x"}},
        {"profile": "unheard-of"},
        {"clients": [RegisteredClient("a", [HOSTED]), RegisteredClient("a", [CALLBACK])]},
        {"client_document_hosts": "claude.ai"},
        {"client_document_hosts": ["https://claude.ai"]},
        {"client_document_hosts": ["Claude.ai"]},
        {"allowed_scopes": "mcp:write"},
        {"refresh_idle_seconds": 0},
        {"refresh_idle_seconds": True},
        {"refresh_lifetime_seconds": float("nan")},
        {"refresh_lifetime_seconds": float("inf")},
        {"issuer_url": BASE},
        {"issuer_url": f"{BASE}/"},
        {"unheard_of": True},
    ],
    ids=",".join,
)
def test_what_cannot_work_is_refused_at_construction_with_the_fix(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        proxy_app(**options)
    assert caught.value.hint


def test_a_proxy_without_a_key_ring_warns_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, logger="mcpauthkit")
    proxy_app(key_ring=None)
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "key_ring" in caplog.text


@pytest.mark.parametrize("others", [({},), ({"client_id": "other", "key_ring": RING},)])
def test_a_proxy_beside_another_router_is_refused_at_the_start(others: tuple[dict[str, Any], ...]) -> None:
    app = proxy_app()
    for one in others:
        app.include_router(oauth_meta_router(server_base_url=BASE, issuer_url=ISSUER, **one))
    server = LoopbackServer(app)
    with pytest.raises(RuntimeError, match="oauth_meta_router"):
        server.start()
    server.stop()


async def test_an_application_may_start_again_and_opens_nothing_in_between() -> None:
    app = proxy_app()
    for _ in range(2):
        async with lifespan(app):
            assert "/token" in Hub.of(app).paths
        assert "/token" not in Hub.of(app).paths


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("path", ["/token", "/register", "/revoke"])
async def test_another_method_is_refused_in_a_way_that_browsers_show_to_clients(method: str, path: str) -> None:
    async with calls(proxy_app()) as http:
        answer = await http.request(method, path)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST, OPTIONS")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"


async def test_a_fault_of_ours_is_told_to_clients_without_its_cause(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(SystemClock):
        def wall(self) -> float:
            raise OSError("canary")

    async with calls(proxy_app(clock=Broken())) as http:
        answer = await http.post("/register", json={"redirect_uris": [CALLBACK]})
    assert (answer.status_code, answer.json()["error"]) == (500, "server_error")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert answer.headers["cache-control"] == "no-store"
    assert "canary" not in answer.text
    assert "authorization proxy failed" in caplog.text
