"""The README's code runs as pasted."""

from __future__ import annotations

import inspect
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

import mcpauthkit.verifiers
from mcpauthkit import ClaimMap, JwtAuthMiddleware, ProxyOptions, TrustedIssuer, oauth_meta_router
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.identity.profiles import profile_named
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer, approve, sign_in
from mcpauthkit.verifiers import TrustedHeaderVerifier, fastmcp_token_verifier

ROOT = Path(__file__).resolve().parents[2]


def python_blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)


def addresses(service: DevService) -> dict[str, Any]:
    """What stands in the row of a service that is served here."""
    return {
        "authorize_url": service.authorize_url,
        "token_url": service.token_url,
        "api_url": service.api_url,
        "issuer": service.base_url,
        "revocation": None,
        "whoami": None,
    }


async def test_the_application_on_one_screen_serves_both_legs() -> None:
    server = LoopbackServer()
    with DevIssuer() as issuer, DevService() as service:
        code = "\n".join(python_blocks("README.md")[:2])
        replaced = {
            '"https://mcp.example.com"': repr(server.base_url),
            '"https://login.example.com/realms/staff"': repr(issuer.issuer_url),
            '"your-client-id"': repr(service.client_id),
            '"your-client-secret"': repr(service.client_secret),
            '"github", client_id': "HERE, client_id",
        }
        for before, after in replaced.items():
            assert before in code
            code = code.replace(before, after)
        names: dict[str, Any] = {"HERE": replace(PRESETS["github"], **addresses(service))}
        exec(compile(code, "README.md", "exec"), names)  # noqa: S102  # our own page
        server.app = names["app"]
        with server:
            token = issuer.token(sub="alice", audience=f"{server.base_url}/mcp", scope="openid profile")
            transport = StreamableHttpTransport(f"{server.base_url}/mcp", auth=token)
            async with Client(transport) as client:
                assert (await client.call_tool("whoami")).data == "alice"
                asked = await client.call_tool("list_repos", raise_on_error=False)
                link = next(word for word in str(asked.content).split() if "/connect/github" in word)
                async with BrowserRobot() as robot:
                    page = await robot.click(await sign_in(robot, await robot.open(link), user="alice"), "Connect")
                    assert "is connected" in (await approve(robot, page, account="octo-alice")).text
                assert "hello-world" in str((await client.call_tool("list_repos")).content)
                assert "/connect/wiki" in str(await client.call_tool("wiki_address", raise_on_error=False))
                assert "GitHub" in str((await client.call_tool("list_connections")).content)


def test_the_testing_snippet_mints_a_token() -> None:
    names: dict[str, Any] = {}
    exec(compile(python_blocks("README.md")[4], "README.md", "exec"), names)  # noqa: S102  # our own page
    assert names["token"].count(".") == 2


def test_links_between_our_pages_lead_somewhere() -> None:
    for page in ("README.md", "CHANGELOG.md", *(f"docs/{one.name}" for one in (ROOT / "docs").glob("*.md"))):
        for target in re.findall(r"\]\(([^)#]+)\)", (ROOT / page).read_text(encoding="utf-8")):
            assert target.startswith("https://") or (ROOT / page).parent.joinpath(target).exists(), target


def test_the_table_of_leg_one_names_arguments_and_things_that_exist() -> None:
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    section = page.partition("## Leg 1 for your issuer and your callers")[2].partition("\n## ")[0]
    arguments = set(inspect.signature(JwtAuthMiddleware).parameters)
    others = {
        *inspect.signature(TrustedIssuer).parameters,
        *inspect.signature(oauth_meta_router).parameters,
        *ProxyOptions.__annotations__,
        *inspect.signature(ClaimMap).parameters,
        *inspect.signature(TrustedHeaderVerifier).parameters,
        *inspect.signature(fastmcp_token_verifier).parameters,
        "auth",
    }
    named = set(re.findall(r"\b([a-z_]+)=(?!=)", section))
    assert named - others <= arguments
    assert all(hasattr(mcpauthkit.verifiers, name) for name in re.findall(r"\b\w+Verifier\b", section))
    assert {"issuers", "verifiers", "decryption_keys", "tool_scopes", "public_tools"} <= named
    profiles = re.search(r'`profile="(\w+)"`; also (.*?)\. It knows', section)
    assert profiles is not None
    for name in (profiles[1], *re.findall(r"`(\w+)`", profiles[2])):
        assert profile_named(name).name == name
