"""One server process of several: `python -m tests.services.replica`, told everything by its environment.

Its two services are one forge under two ways of connecting: by OAuth, and by a form that takes one of its tokens.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import uvicorn
from fastapi import FastAPI
from fastmcp import FastMCP
from pydantic_settings import BaseSettings, SettingsConfigDict

from mcpauthkit import (
    Account,
    Checked,
    CredentialsProvider,
    JwtAuthMiddleware,
    OAuthProvider,
    Patience,
    Storage,
    get_user,
    oauth_meta_router,
    request_state_security,
)
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.errors import CredentialsRejected

SCOPES = ("openid", "mcp:tools")
HEALTH = "/health"
_REFUSED = 401


class ReplicaSettings(BaseSettings):
    """What a replica is told.

    Attributes:
        name: What its tools call it.
        port: Where it listens on 127.0.0.1.
        public_url: Where clients and browsers find all replicas.
        issuer_url: The issuer of leg 1.
        service_url: The forge.
        service_client_id: Our client there.
        service_client_secret: Its secret.
        has_sessions: Whether legacy sessions live in this process.
        proxy_client_id: Our client at the issuer, where users sign in through us.
        hold_seconds: How long a call is held.
        clock_ahead_seconds: How far the providers' clock is ahead, so that tokens have ended.
    """

    model_config = SettingsConfigDict(env_prefix="REPLICA_", frozen=True)

    name: str
    port: int
    public_url: str
    issuer_url: str
    service_url: str
    service_client_id: str
    service_client_secret: str
    has_sessions: bool = False
    proxy_client_id: str = ""
    hold_seconds: float = 20.0
    clock_ahead_seconds: float = 0.0


class _AheadClock(SystemClock):
    """The machine's clock, put forward."""

    def __init__(self, seconds: float) -> None:
        self._ahead = seconds

    def wall(self) -> float:
        return super().wall() + self._ahead


def serve(environment: Mapping[str, str], log: Path) -> None:
    """Be a replica, in a process that was made for it.

    Args:
        environment: What is set besides what is.
        log: Where its words go.
    """
    with log.open("ab", buffering=0) as words:
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
            os.dup2(words.fileno(), stream.fileno())
    os.environ.update(environment)
    main()


def main() -> None:
    """Serve until the process is ended."""
    settings = ReplicaSettings.model_validate({})
    uvicorn.run(build_app(settings), host="127.0.0.1", port=settings.port, timeout_graceful_shutdown=1)


def build_app(settings: ReplicaSettings) -> FastAPI:
    """The application, as every replica builds it; where its state is kept, and what seals it, only the kit reads."""
    key_ring = Storage.from_environment().key_ring
    mcp = FastMCP("replicas", request_state_security=request_state_security(key_ring, audience="replicas"))
    mcp_app = mcp.http_app(path="/mcp", stateless_http=not settings.has_sessions)
    app = FastAPI(lifespan=mcp_app.lifespan)
    common: dict[str, Any] = {"server_base_url": settings.public_url, "issuer_url": settings.issuer_url}
    proxy: dict[str, Any] = {"client_id": settings.proxy_client_id, "key_ring": key_ring}
    app.include_router(oauth_meta_router(**common, scopes=SCOPES, **(proxy if settings.proxy_client_id else {})))
    app.add_middleware(JwtAuthMiddleware, **common, scopes=SCOPES, open_paths=(HEALTH,))
    options = {
        "server_base_url": settings.public_url,
        "patience": Patience(hold_seconds=settings.hold_seconds, rounds=2, asking_seconds=5),
        "clock": _AheadClock(settings.clock_ahead_seconds),
    }
    _add_forge(app, mcp, settings, options)
    _add_wiki(app, mcp, settings, options)

    @app.get(HEALTH)
    async def health() -> dict[str, str]:
        return {"name": settings.name}

    app.mount("/", mcp_app)
    return app


def _add_forge(app: FastAPI, mcp: FastMCP, settings: ReplicaSettings, options: Mapping[str, Any]) -> None:
    service = settings.service_url
    provider = OAuthProvider.from_standard_oauth2(
        name="forge",
        client_id=settings.service_client_id,
        client_secret=settings.service_client_secret,
        authorize_url=f"{service}/login/oauth/authorize",
        token_url=f"{service}/login/oauth/access_token",
        revocation_url=f"{service}/login/oauth/revoke",
        api_url=f"{service}/api",
        issuer=service,
        **options,
    )

    @mcp.tool
    @provider.require_token(scopes=["repo"])
    async def forge() -> dict[str, str]:
        """Whose account the forge sees."""
        async with provider.client() as http:
            answer = await http.get("/user")
            answer.raise_for_status()
        return _told(answer, settings)

    provider.register(app, mcp)


def _add_wiki(app: FastAPI, mcp: FastMCP, settings: ReplicaSettings, options: Mapping[str, Any]) -> None:
    http = httpx.AsyncClient(base_url=settings.service_url, trust_env=False)

    async def ask(token: str) -> httpx.Response:
        return await http.get("/api/user", headers={"authorization": f"Bearer {token}"})

    async def try_at_service(values: Mapping[str, str]) -> Checked:
        answer = await ask(values["token"])
        if answer.status_code == _REFUSED:
            raise CredentialsRejected("The wiki does not know this token.", field="token")
        login = str(answer.json()["login"])
        return Checked(account=Account(id=login, label=login))

    provider = CredentialsProvider(
        name="wiki",
        variables={"token": {"label": "Token", "type": "password"}},
        validate=try_at_service,
        **options,
    )

    @mcp.tool
    @provider.require_credentials()
    async def wiki() -> dict[str, str]:
        """Whose account the wiki sees."""
        answer = await ask(provider.get_credentials()["token"])
        answer.raise_for_status()
        return _told(answer, settings)

    provider.register(app, mcp)


def _told(answer: httpx.Response, settings: ReplicaSettings) -> dict[str, str]:
    return {"subject": get_user().subject, "account": str(answer.json()["login"]), "replica": settings.name}


if __name__ == "__main__":
    main()
