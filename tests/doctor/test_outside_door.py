"""A healthy world behind a gateway that spoils one thing at the MCP endpoint: exactly that is named."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpauthkit.doctor.doctor import examine
from mcpauthkit.testing import LoopbackServer
from tests.doctor.healthy import Asgi, healthy
from tests.doctor.rewriting import (
    Headers,
    answering,
    changing_answers,
    changing_document,
    changing_requests,
    has_token,
    is_from_page,
    is_mcp,
)
from tests.services.documents import make_authority, metadata_document

METADATA = "/.well-known/oauth-protected-resource"
CHALLENGE = "www-authenticate"


def of_challenge(pattern: str, put: str) -> Callable[[Asgi], Asgi]:
    def change(headers: Headers) -> None:
        if CHALLENGE in headers:
            headers[CHALLENGE] = re.sub(pattern, put, headers[CHALLENGE])

    return changing_answers(change)


def without(name: str) -> Callable[[Headers], object]:
    return lambda headers: headers.pop(name, None)


def anybody(headers: Headers) -> None:
    if "origin" in headers:
        headers["origin"] = "http://localhost:6274"


def vary_scope(headers: Headers) -> None:
    headers[CHALLENGE] = headers[CHALLENGE].replace("openid mcp:tools", "mcp:tools")


def host_in_document(document: dict[str, object], headers: Headers) -> None:
    host = headers.get("x-forwarded-host")
    if host is not None:
        document["resource"] = f"https://{host}/mcp"


GATEWAYS: dict[str, Callable[[Asgi], Asgi]] = {
    "mcp-redirects": answering("/mcp", 307, location="https://www.example.com/mcp"),
    "host-refused": answering("/mcp", 421, "Invalid Host header"),
    "mcp-not-found": answering("/mcp", 404, '{"detail":"Not Found"}'),
    "mcp-server-error": answering("/mcp", 502, "Bad gateway"),
    "mcp-without-token": answering("/mcp", 200, '{"jsonrpc":"2.0","id":1,"result":{}}'),
    "first-answer-403": answering("/mcp", 403, "Forbidden"),
    "first-answer-not-401": answering("/mcp", 405, "Method Not Allowed"),
    "challenge-missing": changing_answers(without(CHALLENGE)),
    "challenge-lower-case": of_challenge("^Bearer", "bearer"),
    "challenge-not-first": of_challenge("^Bearer", 'Basic realm="gateway", Bearer'),
    "challenge-without-metadata": of_challenge(r', resource_metadata="[^"]*"', ""),
    "challenge-points-elsewhere": of_challenge(r'resource_metadata="http://[^/]*', 'resource_metadata="http://backend'),
    "challenge-points-nowhere": of_challenge(r'(resource_metadata="[^"]*)"', r'\1/nowhere"'),
    "challenge-misread": of_challenge("Bearer ", 'Bearer error_description="send scope=all", '),
    "challenge-scope-varies": changing_answers(vary_scope, when=lambda scope: is_mcp(scope) and has_token(scope)),
    "bad-token-not-401": changing_answers(without(CHALLENGE), when=has_token, status=403),
    "authorization-header-lost": changing_requests(without("authorization")),
    "origin-not-checked": changing_requests(anybody, when=is_mcp),
    "challenge-hidden-from-pages": changing_answers(
        without("access-control-expose-headers"), when=lambda scope: is_mcp(scope) and is_from_page(scope)
    ),
    "url-from-request": changing_document(f"{METADATA}/mcp", host_in_document),
}


@pytest.mark.parametrize("code", GATEWAYS)
async def test_what_a_gateway_spoils_is_named_and_nothing_else(code: str) -> None:
    with healthy(served=True, around=GATEWAYS[code]) as world:
        assert await world.codes(app=None) == [code]


async def test_a_gateway_that_answers_preflights_with_a_demand_for_a_token_is_named() -> None:
    def gateway(app: Asgi) -> Asgi:
        refusing = answering("/mcp", 401, www_authenticate="Bearer")(app)

        async def at(scope: dict[str, object], receive: object, send: object) -> None:
            await (refusing if scope.get("method") == "OPTIONS" else app)(scope, receive, send)

        return at

    with healthy(served=True, around=gateway) as world:
        assert await world.codes(app=None) == ["preflight-needs-token"]


async def test_a_gateway_that_vouches_for_every_token_is_named() -> None:
    def gateway(app: Asgi) -> Asgi:
        serving = answering("/mcp", 200, '{"jsonrpc":"2.0","id":1,"result":{}}')(app)

        async def at(scope: dict[str, object], receive: object, send: object) -> None:
            await (serving if scope["type"] == "http" and has_token(scope) else app)(scope, receive, send)

        return at

    with healthy(served=True, around=gateway) as world:
        assert await world.codes(app=None) == ["bad-token-served"]


async def test_a_challenge_that_points_to_what_is_no_address_is_named() -> None:
    around = of_challenge(r'resource_metadata="[^"]*"', 'resource_metadata="http://[mcp"')
    with healthy(served=True, around=around) as world:
        assert await world.codes(app=None) == ["challenge-points-elsewhere"]


async def test_nothing_is_asked_over_plain_http_of_another_machine() -> None:
    report = await examine(url="http://mcp.doctor.invalid/mcp", token="a-token-that-must-not-travel")
    assert [one.code for one in report.findings] == ["url-plain-http"]
    assert "not asked" in report.findings[0].evidence


async def test_a_server_that_is_not_there_is_named_and_nothing_beside_it() -> None:
    stopped = LoopbackServer()
    url = f"{stopped.base_url}/mcp"
    stopped.stop()
    report = await examine(url=url)
    assert [one.code for one in report.findings] == ["url-unreachable"]
    assert {one.code for one in report.journeys} == {"url-unreachable"}


async def test_a_certificate_that_nobody_vouches_for_is_named(tmp_path: Path) -> None:
    with metadata_document(make_authority(tmp_path)) as document:
        report = await examine(url=document.url)
    assert [one.code for one in report.findings] == ["tls-untrusted"]


async def test_a_server_with_public_tools_is_healthy() -> None:
    with healthy(middleware={"public_tools": ("weather",)}) as world:
        assert await world.codes(levels={"error", "warning"}) == []
