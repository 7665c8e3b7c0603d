"""What the pages about clients say: what to paste is what the quickstart prints, and addresses are the catalogue's."""

from __future__ import annotations

import json
import re
import webbrowser
from types import SimpleNamespace
from typing import Any

import pytest

from mcpauthkit.oauth.known_clients import KnownClients
from mcpauthkit.testing import DevIssuer, LoopbackServer, client_settings
from tests.docs.leg_one import substituted
from tests.docs.pages import execute
from tests.docs.snippets import ROOT, snippets_on, text_of

URL = "https://mcp.example.com/mcp"
PAGES = {
    "VS Code": "docs/clients/vscode.md",
    "Claude Code": "docs/clients/claude-code.md",
    "Cursor": "docs/clients/cursor.md",
    "MCP Inspector": "docs/clients/inspector.md",
}
SDK = "docs/clients/sdk.md"
CATALOGUE = {
    "Visual Studio Code": "docs/clients/vscode.md",
    "Claude Code": "docs/clients/claude-code.md",
    "Claude": "docs/clients/claude.md",
    "Codex": SDK,
    "Cursor": "docs/clients/cursor.md",
    "MCP Inspector": "docs/clients/inspector.md",
    "mcp-remote": SDK,
    "opencode": "docs/clients/opencode.md",
}
_PORT = re.compile(r"(http://(?:localhost|127\.0\.0\.1)):(?:PORT|\d+)/")
# One of two loopback spellings is enough on a page.
_LOOPBACK = re.compile(r"http://(?:localhost|127\.0\.0\.1)/")


@pytest.mark.parametrize("settings", client_settings(URL, name="quickstart"), ids=lambda one: one.client)
def test_what_to_paste_is_what_the_quickstart_prints(settings: Any) -> None:
    page = PAGES[settings.client]
    wanted = settings.text.replace("quickstart", "reports")
    blocks = [one.code.strip() for one in snippets_on(page, "json", "sh")]
    if wanted.startswith("{"):
        assert json.loads(wanted) in [json.loads(one) for one in blocks]
        assert f"`{settings.where}`" in text_of(page)
    else:
        assert wanted in blocks


@pytest.mark.parametrize("name", CATALOGUE)
def test_addresses_of_a_client_are_those_of_the_catalogue(name: str) -> None:
    path = ROOT / "mcpauthkit/oauth/known_clients.json"
    [row] = [one for one in json.loads(path.read_text(encoding="utf-8"))["clients"] if one["name"] == name]
    text = _PORT.sub(r"\1/", text_of(CATALOGUE[name]))
    for uri in row["redirect_uris"]:
        assert any(f"`{one}`" in text for one in {uri, *(_LOOPBACK.sub(two, uri) for two in _both(uri))}), uri
    if row["document"] is not None:
        assert f"`{row['document']['client_id']}`" in text
    assert ("not seen" in text) or row["confirmed"]


def _both(uri: str) -> list[str]:
    return ["http://localhost/", "http://127.0.0.1/"] if _LOOPBACK.match(uri) else []


def test_every_client_of_the_catalogue_with_a_page_is_known_to_the_proxy() -> None:
    assert KnownClients.bundled().document_hosts >= {"claude.ai", "vscode.dev", "chatgpt.com"}


async def test_the_client_on_the_page_calls_a_tool_and_shows_the_link(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", opened.append)
    [snippet] = snippets_on(SDK, "python")
    [served] = [one.code for one in snippets_on("docs/migrating/hand-written.md", "python") if "whoami" in one.code]
    server = LoopbackServer()
    with DevIssuer() as issuer:
        addresses = {'"https://mcp.example.com"': repr(server.base_url)}
        addresses['"https://login.example.com/realms/staff"'] = repr(issuer.issuer_url)
        server.app = execute(substituted(served, addresses), {})["app"]
        with server:
            resource = f"{server.base_url}/mcp"
            token = issuer.token(audience=resource)
            code = substituted(snippet.code, {f'"{URL}"': repr(resource), 'auth="oauth"': f"auth={token!r}"})
            names = execute(code, {})
            await names["main"]()
    assert capsys.readouterr().out == "alice\n"
    answer = await names["ask"]("Connect GitHub", None, SimpleNamespace(url="https://mcp.example.com/connect/x"), None)
    assert (answer.action, opened) == ("accept", ["https://mcp.example.com/connect/x"])
