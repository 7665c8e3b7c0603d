"""A store that can say what is wrong with it is asked when the application starts, before its first user finds out."""

from __future__ import annotations

import logging

import pytest
from fastapi import FastAPI

from mcpauthkit import KeyRing, MemoryStore, OAuthProvider
from mcpauthkit.errors import AuthKitError, ConfigurationError, StoreUnavailable
from tests.asgi import lifespan


class Choosy(MemoryStore):
    """A memory store that says something of itself."""

    fault: AuthKitError | None = None
    asked = 0

    async def check_access(self) -> None:
        self.asked += 1
        if self.fault is not None:
            raise self.fault


@pytest.mark.parametrize(
    "fault",
    [None, ConfigurationError("A wrong password.", hint="Mend it."), StoreUnavailable("It is away.", hint="Wait.")],
    ids=str,
)
async def test_what_is_wrong_with_a_store_is_logged_and_the_application_starts(
    fault: AuthKitError | None, caplog: pytest.LogCaptureFixture
) -> None:
    store, app = Choosy(), FastAPI()
    store.fault = fault
    ring = KeyRing({"a": "first-key-of-at-least-32-bytes-length"}, minting="a")
    for service in ("github", "gitlab"):
        OAuthProvider.from_preset(
            service, client_id="kit", server_base_url="https://mcp.example.com", store=store, key_ring=ring
        ).register(app, None)
    async with lifespan(app):
        assert store.asked == 1
    told = [one.getMessage() for one in caplog.records if one.levelno == logging.ERROR]
    assert len(told) == (0 if fault is None else 1)
    assert all(fault is not None and fault.public in one and fault.hint in one for one in told)
