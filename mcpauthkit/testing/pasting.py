"""Settings of well-known MCP clients, ready to paste."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClientSettings:
    """What to paste where.

    Attributes:
        client: The client's name.
        where: The file it goes into, or what to do with it.
        text: What to paste.
    """

    client: str
    where: str
    text: str


def client_settings(mcp_url: str, *, name: str) -> tuple[ClientSettings, ...]:
    """The settings for one server. None holds a secret: each client signs its user in by itself.

    Args:
        mcp_url: The MCP endpoint.
        name: What the server is called in the client.
    """
    return (
        ClientSettings("VS Code", ".vscode/mcp.json", _json({"servers": {name: {"type": "http", "url": mcp_url}}})),
        ClientSettings("Claude Code", "in a shell, then /mcp", f"claude mcp add --transport http {name} {mcp_url}"),
        ClientSettings("Cursor", ".cursor/mcp.json", _json({"mcpServers": {name: {"url": mcp_url}}})),
        ClientSettings(
            "MCP Inspector",
            "in a shell",
            f"npx @modelcontextprotocol/inspector --transport http --server-url {mcp_url}",
        ),
    )


def _json(value: object) -> str:
    return json.dumps(value, indent=2)
