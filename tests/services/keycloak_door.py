"""One route behind `JwtAuthMiddleware` that trusts the Keycloak, called in process, by a clock that tests move."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, get_user
from mcpauthkit.testing import FakeClock, OAuthClient
from tests.services.keycloak import KNOWN_CLIENT_ID, Keycloak
from tests.services.people import authorize

CALLBACK = "http://127.0.0.1:9/callback"


def known_client(keycloak: Keycloak) -> OAuthClient:
    """The scripted client under the name of the one Keycloak knows."""
    endpoints = f"{keycloak.issuer_url}/protocol/openid-connect"
    return OAuthClient(
        authorize_url=f"{endpoints}/auth",
        token_url=f"{endpoints}/token",
        client_id=KNOWN_CLIENT_ID,
        redirect_uri=CALLBACK,
    )


async def token_of(keycloak: Keycloak, **options: str) -> str:
    """An access token; options as for `tokens_of`."""
    return str((await tokens_of(keycloak, **options))["access_token"])


async def tokens_of(keycloak: Keycloak, *, user: str = "alice", scope: str = "openid mcp:tools") -> Mapping[str, Any]:
    """What Keycloak's token endpoint gives, by the login page and the code flow of the client it knows."""
    client = known_client(keycloak)
    back = await authorize(client.authorization_url(scope=scope), user=user, back_to=CALLBACK)
    answer = await client.exchange(httpx.URL(back).params["code"])
    answer.raise_for_status()
    tokens: dict[str, Any] = answer.json()
    return tokens


@dataclass
class KeycloakDoor:
    """The application as a caller reaches it.

    Attributes:
        clock: The kit's clock, which starts at the present: Keycloak's tokens live in real time.
        key_fetches: Answers to the kit's requests for Keycloak's keys.
    """

    http: httpx.AsyncClient
    clock: FakeClock
    key_fetches: list[int] = field(default_factory=list)

    async def get(self, token: str) -> httpx.Response:
        return await self.http.get("/mcp", headers={"authorization": f"Bearer {token}"})


@asynccontextmanager
async def keycloak_door(keycloak: Keycloak, server_url: str, **options: Any) -> AsyncIterator[KeycloakDoor]:
    """Every token is verified anew: what is remembered of tokens is not what these tests are about."""
    app = FastAPI()

    @app.get("/mcp")
    def whoami() -> dict[str, Any]:
        return {"name": get_user().preferred_username, "roles": list(get_user().roles)}

    fetches: list[int] = []

    async def note(response: httpx.Response) -> None:  # httpx awaits its hooks
        if response.url.path.endswith("/certs"):
            fetches.append(response.status_code)

    clock = FakeClock(time.time())
    async with httpx.AsyncClient(event_hooks={"response": [note]}, trust_env=False) as upstream:
        app.add_middleware(
            JwtAuthMiddleware,
            **{
                "issuer_url": keycloak.issuer_url,
                "profile": "keycloak",
                "server_base_url": server_url,
                "clock": clock,
                "http_client": upstream,
                "token_cache_size": 0,
                **options,
            },
        )
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=server_url) as http:
            yield KeycloakDoor(http, clock, fetches)
