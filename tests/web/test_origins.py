"""Which web pages may call the MCP endpoint, and that CORS says the same."""

from __future__ import annotations

import pytest

from mcpauthkit.errors import ConfigurationError, ForbiddenOrigin
from mcpauthkit.web.origins import AllowedOrigins
from tests.web.door import BASE, PRE_FLIGHT, door

LISTED = "https://inspector.example.com"
REFUSED = [
    "https://evil.example",
    "null",
    "",
    "http://mcp.example.com",
    "https://mcp.example.com:8443",
    "https://mcp.example.com.evil.example",
    "https://mcp.example.com/",
    "https://MCP.example.com",
    "https://user@mcp.example.com",
    "http://localhost:6274",
    "http://127.0.0.1",
    "https://inspector.example.com.evil.example",
    "https://inspector.example.comx",
    f"{LISTED}, {BASE}",
]


async def test_a_page_of_our_own_or_of_the_list_may_call_and_a_program_without_an_origin_too() -> None:
    async with door(allowed_origins=[LISTED]) as here:
        token = here.token()
        assert (await here.get(token)).status_code == 200
        for origin in (BASE, LISTED):
            answer = await here.get(token, origin=origin)
            assert answer.status_code == 200
            assert answer.headers["access-control-allow-origin"] == origin


@pytest.mark.parametrize("origin", REFUSED)
async def test_any_other_page_is_403_without_a_challenge_even_with_a_good_token(origin: str) -> None:
    async with door(allowed_origins=[LISTED]) as here:
        for path in ("/mcp", "/mcp/", "/mcp/below"):
            answer = await here.get(here.token(), path, origin=origin)
            assert answer.status_code == 403
            assert answer.json()["error"] == "forbidden_origin"
            assert "www-authenticate" not in answer.headers
            assert "access-control-allow-origin" not in answer.headers


async def test_two_origins_are_none_of_ours() -> None:
    async with door(allowed_origins=[LISTED]) as here:
        headers = [("origin", BASE), ("origin", BASE), ("authorization", f"Bearer {here.token()}")]
        assert (await here.http.get("/mcp", headers=headers)).status_code == 403


async def test_the_preflight_of_an_allowed_page_is_answered_and_of_another_refused() -> None:
    async with door(allowed_origins=[LISTED]) as here:
        asked = {**PRE_FLIGHT, "origin": LISTED, "access-control-request-headers": "authorization,mcp-param-team"}
        answer = await here.http.options("/mcp", headers=asked)
        assert answer.status_code == 200
        assert answer.headers["access-control-allow-origin"] == LISTED
        assert "mcp-param-team" in answer.headers["access-control-allow-headers"]
        assert (await here.http.options("/mcp", headers=PRE_FLIGHT)).status_code == 403


async def test_a_page_can_read_why_it_was_refused() -> None:
    async with door(allowed_origins=[LISTED]) as here:
        answer = await here.get(origin=LISTED)
        assert answer.status_code == 401
        exposed = answer.headers["access-control-expose-headers"].split(", ")
        assert {"www-authenticate", "mcp-session-id", "x-request-id"} <= set(exposed)
        assert answer.headers["access-control-allow-origin"] == LISTED


async def test_other_routes_are_the_applications_own_business() -> None:
    async with door(open_paths=["/health"]) as here:
        assert (await here.get(path="/health", origin="https://anywhere.example")).status_code == 200
        assert (await here.get(here.token(), "/reports", origin="https://anywhere.example")).status_code == 200


@pytest.mark.parametrize("base", ["http://localhost:8000", "http://127.0.0.1:8000", "http://[::1]:8000"])
def test_in_development_every_page_of_this_machine_may_call(base: str) -> None:
    origins = AllowedOrigins(base)
    for origin in ("http://localhost:6274", "http://127.0.0.1", "https://localhost:1", "http://[::1]:9"):
        origins.check([(b"origin", origin.encode())])
    for origin in ("http://localhost.evil.example", "http://127.0.0.1.evil.example", "http://localhost:6274/x", "null"):
        with pytest.raises(ForbiddenOrigin):
            origins.check([(b"origin", origin.encode())])


def test_the_schemes_own_port_is_left_out_as_browsers_do() -> None:
    origins = AllowedOrigins("https://mcp.example.com:443/tools", ["https://A.example:443", "http://b.example:80/"])
    for origin in (b"https://mcp.example.com", b"https://a.example", b"http://b.example"):
        origins.check([(b"origin", origin)])


@pytest.mark.parametrize(
    "origins",
    [
        "https://a.example",
        ["*"],
        ["https://*.a.example"],
        ["a.example"],
        ["https://a.example/path"],
        ["https://a.example?x"],
        ["https://user@a.example"],
        ["null"],
        [""],
        ["https://a.example:99999"],
    ],
)
def test_what_is_no_origin_is_refused_when_the_server_starts(origins: str | list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        AllowedOrigins(BASE, origins)
    assert caught.value.hint
