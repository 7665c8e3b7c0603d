from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_address

import httpx
import pytest

from mcpauthkit.testing import client_settings
from quickstart.playground import playground
from quickstart.settings import Settings
from tests.quickstart.conftest import start

# Ports of another range than the defaults, which a developer may be using right now.
_PORT = 18700


@contextmanager
def serving(*arguments: str, **env: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The running command and what it has printed so far."""
    with start(*arguments, env={"PORT": str(_PORT), **env}) as process:
        try:
            assert process.stdout is not None
            output = ""
            for line in process.stdout:
                output += line
                if line.startswith("Running."):
                    break
            else:
                assert process.stderr is not None
                pytest.fail(output + process.stderr.read())
            yield process, output
        finally:
            process.kill()


def address(output: str, name: str) -> str:
    found = re.search(rf"{name}\s+(http://127\.0\.0\.1:\d+\S*)", output)
    assert found is not None, output
    return found[1]


def test_serve_answers_prints_settings_and_ends_cleanly_on_ctrl_c() -> None:
    with serving("serve") as (process, output):
        mcp_url = address(output, "MCP server")
        refused = httpx.post(mcp_url, json={})
        metadata = httpx.get(mcp_url.replace("/mcp", "/.well-known/oauth-protected-resource/mcp")).json()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "Stopping." in rest
    assert "Traceback" not in errors
    assert refused.status_code == 401
    assert refused.headers["www-authenticate"].startswith("Bearer ")
    assert metadata == metadata | {"resource": mcp_url, "authorization_servers": [address(output, "Issuer")]}
    for one in client_settings(mcp_url, name="quickstart"):
        assert one.client in output
        assert one.text in "\n".join(line.removeprefix("    ") for line in output.splitlines())
    assert "alice and bob" in output


def test_ports_that_are_taken_are_replaced_by_free_ones_with_a_notice() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        port = other.getsockname()[1]
        with playground(Settings(port=port)) as running:
            assert running.settings.port != port
            assert f"Port {port} cannot be used" in running.notices[0]
            assert str(running.settings.port) in running.notices[0]
            assert httpx.post(running.settings.mcp_url, json={}).status_code == 401


def test_with_a_real_issuer_other_addresses_of_the_machine_can_be_listened_on() -> None:
    other = "127.0.0.2"  # an address of this machine alone, and yet not the default
    with closing(socket.create_server((other, 0))) as free:
        port = free.getsockname()[1]
    told = Settings(port=port, listen_host=ip_address(other), issuer_url="http://localhost/realms/away")
    with playground(told) as running:
        assert running.issuer is None
        assert running.service is not None
        assert httpx.post(f"http://{other}:{running.settings.port}/mcp", json={}).status_code == 401
        assert httpx.get(f"http://{other}:{running.service.port}/api/repos").status_code == 401
        with pytest.raises(httpx.ConnectError):
            httpx.post(f"http://127.0.0.1:{running.settings.port}/mcp", json={})


def test_with_a_real_service_the_plain_command_serves_and_says_why() -> None:
    with serving(GITHUB_CLIENT_ID="Iv1.abc", GITHUB_CLIENT_SECRET="canary-5b1f") as (_, output):
        assert "a person has" in output
        assert "https://api.github.com" in output
        assert address(output, "MCP server").replace("/mcp", "/connect/github/callback") in output
        assert "DevForge" not in output
        assert "canary-5b1f" not in output


def test_settings_to_paste_are_what_the_clients_read() -> None:
    by_client = {one.client: one.text for one in client_settings("http://127.0.0.1:8700/mcp", name="quickstart")}
    assert json.loads(by_client["VS Code"]) == {
        "servers": {"quickstart": {"type": "http", "url": "http://127.0.0.1:8700/mcp"}}
    }
    assert json.loads(by_client["Cursor"]) == {"mcpServers": {"quickstart": {"url": "http://127.0.0.1:8700/mcp"}}}
    assert by_client["Claude Code"] == "claude mcp add --transport http quickstart http://127.0.0.1:8700/mcp"
    assert by_client["MCP Inspector"].startswith("npx @modelcontextprotocol/inspector ")
