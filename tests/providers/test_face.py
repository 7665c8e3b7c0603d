"""The face tool authors see: what `client()` takes, and where it goes."""

from __future__ import annotations

import httpx
import pytest

from tests.protocol.room import Room, said


async def test_a_client_takes_whole_addresses_and_the_callers_options() -> None:
    here = Room()
    await here.hold()

    @here.mcp.tool()
    @here.forge.require_token()
    async def tool() -> str:
        seen = httpx.MockTransport(lambda request: httpx.Response(200, text=request.headers["authorization"]))
        async with here.forge.client(transport=seen, timeout=3) as http:
            return (await http.get("https://api.example/x")).text

    async with here.client("modern") as client:
        assert await said(client, "tool") == (False, "Bearer token-of-alice")


@pytest.mark.parametrize("auth", [("user", "password"), None], ids=["other", "none"])
async def test_a_client_with_another_auth_is_refused(auth: tuple[str, str] | None) -> None:
    here = Room()
    await here.hold()

    @here.mcp.tool()
    @here.forge.require_token()
    async def tool() -> str:
        here.forge.client(auth=auth)
        return "never"

    async with here.client("modern") as client:
        is_error, text = await said(client, "tool")
    assert is_error
    assert "auth" in text
