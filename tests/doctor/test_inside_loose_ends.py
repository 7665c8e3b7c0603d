"""What is right in one part of an application and not told to another: exactly that is named."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from mcpauthkit import JwtAuthMiddleware, oauth_meta_router
from tests.doctor.healthy import Parts, assemble, healthy

PAGE = "https://chat.example"


def with_cors(parts: Parts, pages: list[str]) -> FastAPI:
    app = assemble(parts)
    exposed = ["www-authenticate", "mcp-session-id"]
    app.add_middleware(
        CORSMiddleware, allow_origins=pages, allow_methods=["*"], allow_headers=["*"], expose_headers=exposed
    )
    return app


@pytest.mark.parametrize(
    ("pages", "allowed", "expected"),
    [
        ([PAGE], (), ["cors-origin-not-allowed"]),
        ([PAGE], (PAGE,), []),
        (["*"], (), []),
        (["http://localhost:3000"], (), []),
    ],
    ids=["not allowed", "allowed", "any page", "development"],
)
async def test_pages_that_cors_lets_in_and_the_door_does_not_are_named(
    pages: list[str], allowed: tuple[str, ...], expected: list[str]
) -> None:
    with healthy(build=lambda parts: with_cors(parts, pages), middleware={"allowed_origins": allowed}) as world:
        assert await world.codes() == expected


def mounted_with_the_path_in_the_mount(parts: Parts) -> FastAPI:
    provider = parts.new_provider()
    mcp = parts.new_mcp(provider)
    mcp_app: Any = mcp.http_app(path="/")
    app = FastAPI(lifespan=mcp_app.lifespan)

    @app.get("/health")
    async def health() -> dict[str, str]:
        return {"status": "ok"}

    app.include_router(oauth_meta_router(**parts.router_options))
    app.add_middleware(JwtAuthMiddleware, **parts.middleware_options)
    provider.register(app, mcp)
    app.mount("/mcp", mcp_app)
    return app


@pytest.mark.parametrize("has_token", [False, True], ids=["without a token", "with one"])
async def test_a_server_that_answers_with_a_slash_behind_its_path_only_is_named(*, has_token: bool) -> None:
    with healthy(build=mounted_with_the_path_in_the_mount) as world:
        report = await world.report(token=world.token() if has_token else None)
    assert [one.code for one in report.findings] == ["mcp-redirects"]
    assert '"/mcp"' in report.findings[0].fix
