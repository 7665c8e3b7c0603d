"""The ID token of a browser login: every check of OpenID Connect Core 1.0 section 3.1.3.7 that can fail."""

from __future__ import annotations

import json
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI
from joserfc import jwk, jws

from mcpauthkit import JwtAuthMiddleware
from tests.asgi import lifespan
from tests.flows.test_guards import provider

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BASE = "https://mcp.example.test"
ISSUER = "https://issuer.example.test"
KEY = jwk.ECKey.generate_key("P-256", {"kid": "k1"})
METADATA = {
    "issuer": ISSUER,
    "jwks_uri": f"{ISSUER}/jwks",
    "authorization_endpoint": f"{ISSUER}/authorize",
    "token_endpoint": f"{ISSUER}/token",
}


class HandIssuer:
    """An issuer whose answers a test decides."""

    def __init__(self, **changes: Any) -> None:
        self.metadata: dict[str, Any] = METADATA
        self.changes = changes
        self.nonce = ""

    def __call__(self, request: httpx.Request) -> httpx.Response:
        match request.url.path:
            case "/jwks":
                return httpx.Response(200, json={"keys": [KEY.as_dict(private=False)]})
            case "/token":
                return httpx.Response(200, json=self._tokens())
            case _:
                return httpx.Response(200, json=self.metadata)

    def _tokens(self) -> dict[str, Any]:
        if self.changes.get("absent"):
            return {"access_token": "at"}
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": "alice", "aud": "pages", "exp": now + 60, "iat": now, "nonce": self.nonce}
        claims |= self.changes
        header = {"alg": "ES256", "kid": "k1"}
        return {"access_token": "at", "id_token": jws.serialize_compact(header, json.dumps(claims), KEY)}


@asynccontextmanager
async def browser(issuer: HandIssuer) -> AsyncIterator[httpx.AsyncClient]:
    app = FastAPI()
    async with httpx.AsyncClient(transport=httpx.MockTransport(issuer)) as upstream:
        app.add_middleware(
            JwtAuthMiddleware,
            issuer_url=ISSUER,
            server_base_url=BASE,
            browser_client_id="pages",
            http_client=upstream,
        )
        provider().register(app)
        async with lifespan(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
            yield http


async def login(issuer: HandIssuer) -> tuple[int, bool]:
    """The status of the way back, and whether there is a session then."""
    async with browser(issuer) as http:
        sent = httpx.URL((await http.get("/connect/forge?flow=x")).headers["location"]).params
        issuer.nonce = sent["nonce"]
        answer = await http.get("/connect/login/callback", params={"state": sent["state"], "code": "c"})
        return answer.status_code, "__Host-mcpauthkit-session" in http.cookies


@pytest.mark.parametrize("changes", [{}, {"azp": "pages"}, {"aud": ["pages", "other"], "azp": "pages"}])
async def test_a_good_id_token_signs_in(changes: dict[str, Any]) -> None:
    assert await login(HandIssuer(**changes)) == (303, True)


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"absent": True}, 502),
        ({"aud": "another-client"}, 400),
        ({"azp": "another-client"}, 400),
        ({"nonce": "of another login"}, 400),
        ({"nonce": None}, 400),
        ({"iss": "https://other.example.test"}, 400),
        ({"exp": 1}, 400),
        ({"sub": ""}, 400),
    ],
    ids=str,
)
async def test_any_other_signs_nobody_in(changes: dict[str, Any], status: int) -> None:
    assert await login(HandIssuer(**changes)) == (status, False)


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint"])
async def test_an_issuer_without_endpoints_signs_nobody_in(missing: str) -> None:
    issuer = HandIssuer()
    issuer.metadata = {name: value for name, value in METADATA.items() if name != missing}
    async with browser(issuer) as http:
        first = await http.get("/connect/forge?flow=x")
        if missing == "authorization_endpoint":
            assert first.status_code == 502
            return
        state = httpx.URL(first.headers["location"]).params["state"]
        answer = await http.get("/connect/login/callback", params={"state": state, "code": "c"})
        assert answer.status_code == 502
