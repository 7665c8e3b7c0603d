"""Services whose pages no browser could sign in to stop the application from starting."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit import CredentialsProvider, JwtAuthMiddleware, OAuthProvider
from tests.asgi import lifespan
from tests.web.door import BASE
from tests.web.test_coverage import outcome


def wiki(base: str) -> Any:
    return CredentialsProvider(name="wiki", server_base_url=base, variables={"pat": {"label": "Token"}})


def forge(base: str) -> Any:
    return OAuthProvider.from_preset("github", client_id="id", client_secret="s", server_base_url=base)


def guarded() -> FastAPI:
    app = FastAPI()
    app.add_middleware(JwtAuthMiddleware, issuer_url="https://i.example", server_base_url=BASE)
    return app


@pytest.mark.parametrize("base", ["https://other.example", f"{BASE}:8443", f"{BASE}/api", "http://127.0.0.1:8000"])
@pytest.mark.parametrize("provider", [wiki, forge])
async def test_two_addresses_of_one_application_are_both_named(provider: Any, base: str) -> None:
    app = guarded()
    wiki(BASE).register(app) if provider is forge else forge(BASE).register(app)
    provider(base).register(app)
    kind, message = await outcome(app)
    assert kind == "lifespan.startup.failed"
    assert repr(base) in message
    assert repr(BASE) in message
    assert "server_base_url" in message


async def test_one_address_may_be_spelled_in_two_ways() -> None:
    app = guarded()
    wiki(f"{BASE}/").register(app)
    async with lifespan(app):
        """It has started."""


async def test_services_of_a_mounted_application_are_told_where_to_go() -> None:
    app, inner = guarded(), FastAPI()
    wiki(BASE).register(inner)
    app.mount("/inner", inner)
    kind, message = await outcome(app)
    assert kind == "lifespan.startup.failed"
    assert "/inner" in message
    assert "register(app, mcp)" in message


async def test_applications_with_a_door_of_their_own_may_be_mounted() -> None:
    app, inner, plain = guarded(), guarded(), FastAPI()
    wiki(BASE).register(inner)
    app.mount("/inner", inner)
    app.mount("/plain", plain)
    async with lifespan(app):
        """It has started."""
