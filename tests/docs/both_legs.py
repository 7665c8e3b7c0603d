"""A page's application with one tool that tells the caller and one that acts in their name, taken through both legs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit.services import ServicePreset, preset_named
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer, approve, sign_in
from tests.docs.running import addresses, run_block
from tests.docs.snippets import Snippet


def github_at(service: DevService) -> ServicePreset:
    """The preset of GitHub, with the addresses of a service that is served here."""
    return replace(
        preset_named("github"),
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        api_url=service.api_url,
        issuer=service.base_url,
        revocation=None,
        whoami=None,
    )


async def both_legs(snippets: list[Snippet]) -> None:
    """Run the code as pasted, serve its `app`, and call `whoami` and `list_repos` as Alice, who connects on the way."""
    server = LoopbackServer()
    with DevIssuer() as issuer, DevService() as service:
        names: dict[str, Any] = {"HERE": github_at(service)}
        replaced = {
            **addresses(issuer, server),
            '"your-client-id"': repr(service.client_id),
            '"your-client-secret"': repr(service.client_secret),
            '"github", client_id': "HERE, client_id",
        }
        for snippet in snippets:
            run_block(snippet, names, replaced)
        server.app = names["app"]
        with server:
            await _as_alice(server, issuer)


async def _as_alice(server: LoopbackServer, issuer: DevIssuer) -> None:
    token = issuer.token(sub="alice", audience=f"{server.base_url}/mcp", scope="openid profile")
    async with Client(StreamableHttpTransport(f"{server.base_url}/mcp", auth=token)) as client:
        assert (await client.call_tool("whoami")).data == "alice"
        asked = await client.call_tool("list_repos", raise_on_error=False)
        link = next(word for word in str(asked.content).split() if "/connect/github" in word)
        async with BrowserRobot() as robot:
            page = await robot.click(await sign_in(robot, await robot.open(link), user="alice"), "Connect")
            assert "is connected" in (await approve(robot, page, account="octo-alice")).text
        assert "hello-world" in str((await client.call_tool("list_repos")).content)
