"""What AuthKit puts together is healthy, also in the eyes of the inside view."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import AuthKit
from tests.doctor.healthy import RING, SCOPES, Parts, healthy

RULES = """\
name: callers
rules:
  - name: everybody
    effect: allow
    tools:
      names: [list_repos]
...
"""


def by_the_kit(parts: Parts, **options: Any) -> FastAPI:
    kit = AuthKit(
        server_base_url=parts.base_url,
        issuer_url=parts.issuer.issuer_url,
        scopes=SCOPES,
        store=parts.store,
        key_ring=RING,
        **options,
    )
    forge = kit.oauth(
        name="forge",
        client_id=parts.service.client_id,
        client_secret=parts.service.client_secret,
        authorize_url=parts.service.authorize_url,
        token_url=parts.service.token_url,
        api_url=parts.service.api_url,
    )
    mcp = FastMCP("healthy")

    @mcp.tool
    @forge.require_token(scopes=["repo"])
    async def list_repos() -> list[str]:
        """The caller's repositories."""
        return []

    app = kit.app(mcp)

    @app.get("/report")
    async def report() -> str:
        return "reached, although it comes after the server"

    return app


async def test_what_the_kit_puts_together_has_no_finding_and_hides_no_route() -> None:
    with healthy(build=by_the_kit) as world:
        assert await world.codes(token=world.token()) == []


async def test_what_the_kit_puts_together_with_policies_has_no_finding(folder: Path) -> None:
    path = folder / "callers.yaml"
    path.write_text(RULES, encoding="utf-8")
    path.chmod(0o600)
    with healthy(build=lambda parts: by_the_kit(parts, policies=path)) as world:
        assert await world.codes(token=world.token()) == []
