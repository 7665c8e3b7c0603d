"""The caller's own token: the one that was verified, and no other that came along."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Request
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.dependencies import get_http_request

from mcpauthkit import JwtAuthMiddleware
from mcpauthkit.protocol.caller_token import caller_token
from mcpauthkit.protocol.fastmcp_auth import fastmcp_token_verifier
from mcpauthkit.testing import DevIssuer, LoopbackServer
from mcpauthkit.verifiers import ApiKeyVerifier, CustomVerifier, TrustedHeaderVerifier
from tests.web.door import BASE

KEY = "api-key-of-at-least-32-characters-length"


@pytest.fixture(scope="module", name="issuer")
def _issuer() -> Any:
    with DevIssuer(algorithm="ES256") as issuer:
        yield issuer


@pytest.fixture(name="http")
async def _http(issuer: DevIssuer) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    upstream = httpx.AsyncClient()

    @app.get("/{path:path}")
    async def told(path: str, request: Request) -> dict[str, str | None]:
        del path
        token = caller_token(request.scope)
        return {"token": None if token is None else token.reveal(), "shown": repr(token)}

    app.add_middleware(
        JwtAuthMiddleware,
        issuer_url=issuer.issuer_url,
        server_base_url=BASE,
        http_client=upstream,
        open_paths=("/open",),
        verifiers=[
            TrustedHeaderVerifier({"x-user-id": "sub"}, peers=["127.0.0.1"]),
            ApiKeyVerifier({KEY: "cron"}),
            CustomVerifier(lambda token: {"sub": "carol"} if token == "opaque" else None, issuer="urn:custom"),
        ],
    )
    async with upstream, httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        yield http


async def told(http: httpx.AsyncClient, path: str = "/route", **headers: str) -> dict[str, str | None]:
    answer = await http.get(path, headers={name.replace("_", "-"): value for name, value in headers.items()})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER  "])
async def test_the_token_that_was_verified_is_given_out_and_does_not_print_itself(
    http: httpx.AsyncClient, issuer: DevIssuer, scheme: str
) -> None:
    token = issuer.token(audience=f"{BASE}/mcp")
    seen = await told(http, "/mcp", authorization=f"{scheme} {token}")
    assert seen == {"token": token, "shown": "Secret(***)"}


async def test_a_token_beside_an_api_key_was_judged_by_nobody_and_is_not_given_out(http: httpx.AsyncClient) -> None:
    seen = await told(http, x_api_key=KEY, authorization="Basic bm9ib2R5")
    assert seen["token"] is None
    seen = await told(http, x_api_key=KEY, authorization="Bearer somebody-elses-opaque-token")
    assert seen["token"] is None


async def test_an_api_key_is_no_token_to_show_to_others(http: httpx.AsyncClient) -> None:
    assert (await told(http, x_api_key=KEY))["token"] is None


async def test_a_token_beside_the_headers_of_a_proxy_is_not_given_out(http: httpx.AsyncClient) -> None:
    seen = await told(http, x_user_id="ceo", authorization="Bearer somebody-elses-opaque-token")
    assert seen["token"] is None


async def test_on_an_open_path_nobody_verified_anything(http: httpx.AsyncClient, issuer: DevIssuer) -> None:
    token = issuer.token(audience=f"{BASE}/mcp")
    assert (await told(http, "/open", authorization=f"Bearer {token}"))["token"] is None


def test_where_there_is_no_request_there_is_no_token() -> None:
    assert caller_token(None) is None
    assert caller_token({}) is None
    assert caller_token({"headers": [(b"authorization", b"Bearer made-up")], "user": object()}) is None


async def test_behind_fastmcps_own_auth_it_is_the_token_that_our_verifier_took(issuer: DevIssuer) -> None:
    server = LoopbackServer()
    resource = f"{server.base_url}/mcp"
    auth = fastmcp_token_verifier(resource=resource, issuers=[issuer.issuer_url])
    mcp: FastMCP[Any] = FastMCP("tokens", auth=auth)

    @mcp.tool
    def mine() -> bool:
        """Whether the caller's token is known."""
        token = caller_token(get_http_request().scope)
        return token is not None and get_http_request().headers["authorization"].endswith(token.reveal())

    server.app = mcp.http_app(path="/mcp")
    transport = StreamableHttpTransport(resource, auth=issuer.token(audience=resource))
    with server:
        async with Client(transport) as client:
            assert (await client.call_tool("mine")).data is True
