"""What docs/services.md says of services: its code runs, and its tables are the code's."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

import mcpauthkit
from mcpauthkit import OAuthProvider
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer, approve, sign_in
from tests.docs.leg_one import service_addresses, substituted
from tests.docs.pages import execute
from tests.docs.snippets import snippets_on, text_of

PAGE = "docs/services.md"
URL = "https://mcp.example.com"
_LINK = re.compile(r"https?://\S+/connect/github\S*")


def rows_below(header: str) -> dict[str, list[str]]:
    """The cells of a table by the name in backticks that stands first."""
    lines = text_of(PAGE).partition(f"\n{header}\n")[2].split("\n\n")[0].splitlines()[1:]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return {row[0].strip("`"): row[1:] for row in cells}


def test_the_whole_page_runs_as_pasted() -> None:
    names: dict[str, Any] = {}
    for snippet in snippets_on(PAGE, "python"):
        execute(snippet.code, names)
    assert names["hubspot"].name == "hubspot"
    assert {"jira", "wiki", "grafana", "graph", "reporting", "forge", "described"} <= set(names)


async def test_the_tool_on_the_page_gets_its_callers_account() -> None:
    server = LoopbackServer()
    with DevIssuer() as issuer, DevService() as service:
        first = snippets_on(PAGE, "python")[0].code
        replaced = {
            f'"{URL}"': repr(server.base_url),
            '"https://login.example.com/realms/staff"': repr(issuer.issuer_url),
            'kit.oauth("github"': "kit.oauth(HERE",
            '"your-client-id"': repr(service.client_id),
            '"your-client-secret"': repr(service.client_secret),
        }
        here = replace(PRESETS["github"], **service_addresses(service))
        server.app = execute(substituted(first, replaced), {"HERE": here})["app"]
        with server:
            token = issuer.token(sub="alice", audience=f"{server.base_url}/mcp")
            async with Client(StreamableHttpTransport(f"{server.base_url}/mcp", auth=token)) as client:
                asked = str((await client.call_tool("list_repos", raise_on_error=False)).content)
                [link] = _LINK.findall(asked.replace("\\n", " "))
                async with BrowserRobot() as robot:
                    page = await robot.click(await sign_in(robot, await robot.open(link), user="alice"), "Connect")
                    assert "is connected" in (await approve(robot, page, account="octo-alice")).text
                assert "hello-world" in str((await client.call_tool("list_repos")).content)


def ends(preset: ServicePreset) -> str:
    """What disconnecting ends at the service, in the table's words."""
    told = preset.revocation
    if told is None:
        return "no"
    if told.style == "github":
        return "the grant"
    return "its refresh token" if told.token == "refresh_token" else "its access token"


def test_every_preset_has_its_row_and_the_row_is_the_codes() -> None:
    rows = rows_below("| preset | redirect URI | asked for always | disconnecting ends there | mind |")
    assert set(rows) == set(PRESETS)
    for name, (path, always, ended, mind) in rows.items():
        preset = PRESETS[name]
        assert always == (" ".join(f"`{one}`" for one in preset.always_scopes) or "none"), name
        assert ended == ends(preset), name
        # A variable without a value has to be given.
        assert all(one in mind for one, value in preset.variables.items() if not value), name
        assert ("No scopes" in mind or "no scopes" in mind or "requires" in mind) == (not preset.scopes.in_words), name
        assert path == f"`/connect/{name}/callback`"


@pytest.mark.parametrize("name", PRESETS)
def test_the_redirect_uri_of_a_row_is_the_one_that_is_checked(name: str) -> None:
    path = rows_below("| preset | redirect URI | asked for always | disconnecting ends there | mind |")[name][0].strip(
        "`"
    )
    given = {
        one: "https://own.example.com" if one == "base_url" else "acme"
        for one, v in PRESETS[name].variables.items()
        if not v
    }
    made = OAuthProvider.from_preset(
        name, client_id="id", client_secret="secret", server_base_url=URL, variables=given, redirect_uri=URL + path
    )
    assert made.name == name


def test_every_service_with_keys_has_its_row_with_what_users_type() -> None:
    rows = rows_below("| preset | asks | mind |")
    assert set(rows) == set(KEY_SERVICES)
    for name, (asks, mind) in rows.items():
        assert re.findall(r"`(\w+)`", asks) == [one.name for one in KEY_SERVICES[name].fields], name
        assert ("end of the token is known" in mind) == bool(KEY_SERVICES[name].expires), name


def test_every_way_that_asks_nobody_has_its_row() -> None:
    assert set(rows_below("| way | what happens | mind |")) == {"TokenExchange", "OnBehalfOf", "ClientCredentials"}
    assert all(hasattr(mcpauthkit, name) for name in ("TokenExchange", "OnBehalfOf", "ClientCredentials"))
