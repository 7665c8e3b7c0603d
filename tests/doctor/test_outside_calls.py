"""What a caller with a token meets: broken in one thing at a time, and named."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.doctor.healthy import Asgi, Flavour, healthy
from tests.doctor.rewriting import answering, changing_answers, changing_requests, has_token, is_mcp


async def test_an_expired_token_is_named_with_the_servers_own_words() -> None:
    with healthy(served=True) as world:
        report = await world.report(app=None, token=world.token(expires_in=-600))
        assert [one.code for one in report.findings] == ["token-refused"]
        assert "expired" in report.findings[0].evidence


async def test_a_token_for_another_server_is_named() -> None:
    with healthy(served=True) as world:
        token = world.token(audience="https://other.example/mcp")
        assert await world.codes(app=None, token=token) == ["token-refused"]


async def test_a_scope_that_no_client_is_told_to_ask_for_is_named() -> None:
    with healthy(served=True, middleware={"require_scopes": ("mcp:admin",), "scopes": ("openid",)}) as world:
        codes = await world.codes(app=None, token=world.token())
        assert "token-lacks-scope" in codes


async def test_a_gateway_that_loses_sessions_is_named() -> None:
    def forget(headers: dict[str, str]) -> None:
        if "mcp-session-id" in headers:
            headers["mcp-session-id"] = "of-another-worker"

    with healthy(served=True, around=changing_requests(forget)) as world:
        assert await world.codes(app=None, token=world.token()) == ["session-lost"]


async def test_a_handshake_of_sessions_that_fails_is_named() -> None:
    def gateway(app: Asgi) -> Asgi:
        failing = answering("/mcp", 500)(app)

        async def at(scope: Any, receive: Any, send: Any) -> None:
            is_good = scope["type"] == "http" and is_mcp(scope) and has_token(scope) and b"eyJ" in _token(scope)
            await (failing if is_good else app)(scope, receive, send)

        return at

    with healthy(served=True, around=gateway) as world:
        assert await world.codes(app=None, token=world.token()) == ["mcp-2025-fails"]


async def test_a_handshake_without_sessions_that_fails_is_named() -> None:
    def is_modern(scope: Any) -> bool:
        return has_token(scope) and (b"mcp-method", b"server/discover") in scope["headers"]

    def gateway(app: Asgi) -> Asgi:
        failing = answering("/mcp", 500)(app)

        async def at(scope: Any, receive: Any, send: Any) -> None:
            await (failing if scope["type"] == "http" and is_modern(scope) else app)(scope, receive, send)

        return at

    with healthy(served=True, around=gateway) as world:
        assert await world.codes(app=None, token=world.token()) == ["mcp-2026-fails"]


async def test_a_session_that_the_doctor_opens_is_closed_again() -> None:
    methods: list[str] = []

    def gateway(app: Asgi) -> Asgi:
        async def at(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and is_mcp(scope) and has_token(scope):
                methods.append(scope["method"])
            await app(scope, receive, send)

        return at

    with healthy(served=True, around=gateway) as world:
        assert await world.codes(app=None, token=world.token()) == []
    assert "DELETE" in methods


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_server_without_sessions_is_healthy(flavour: Flavour) -> None:
    gateway = changing_answers(lambda headers: headers.pop("mcp-session-id", None))
    with healthy(flavour=flavour, served=True, around=gateway) as world:
        assert await world.codes(app=None, token=world.token()) == []


async def test_the_token_is_in_no_report() -> None:
    with healthy(served=True) as world:
        token = world.token(expires_in=-600)
        report = await world.report(token=token)
        assert token not in json.dumps(report.as_json())


def _token(scope: Any) -> bytes:
    return next((bytes(value) for name, value in scope["headers"] if name == b"authorization"), b"")
