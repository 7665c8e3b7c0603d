"""`mcpauthkit dev`: an issuer and a service beside a server of one's own."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit.testing import DevClient
from tests.cli.commands import run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# A busy machine takes its time to import two web frameworks.
SECONDS = 60
SERVER = """
from fastmcp import FastMCP
from mcpauthkit import AuthKit, get_user

def create_app():
    kit = AuthKit.from_settings()
    github = kit.oauth("github")
    mcp = FastMCP("mine")

    @mcp.tool
    def whoami() -> dict[str, object]:
        return {"subject": get_user().subject, "roles": sorted(get_user().roles)}

    @mcp.tool
    @github.require_token(scopes=["repo"])
    async def list_repos() -> list[str]:
        async with github.client() as http:
            return [repo["name"] for repo in (await http.get("/user/repos")).json()]

    return kit.app(mcp)
"""
COMMAND = "from mcpauthkit.cli.main import main; main()"


@dataclass
class Started:
    """A run of the command."""

    process: subprocess.Popen[str]
    said: dict[str, Any]

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        self.process.send_signal(how)
        return self.process.wait(SECONDS)


@contextmanager
def started(folder: Path, *words: str, **variables: str) -> Iterator[Started]:
    """The command, once it has said what there is; whatever happens, it and its server end."""
    environment = {**os.environ, **variables}
    with (
        (folder / "errors.txt").open("a") as errors,
        subprocess.Popen(  # noqa: S603  # our own interpreter and our own program
            [sys.executable, "-c", COMMAND, "dev", "--json", *words],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            # So that it ends together with its server, if it hangs.
            start_new_session=True,
        ) as process,
    ):
        watchdog = threading.Timer(SECONDS, os.killpg, [process.pid, signal.SIGKILL])
        watchdog.start()
        try:
            assert process.stdout is not None
            lines: list[str] = []
            for line in process.stdout:
                lines.append(line)
                if line == "}\n":
                    break
            assert lines, (folder / "errors.txt").read_text()
            yield Started(process, json.loads("".join(lines)))
        finally:
            watchdog.cancel()
            if process.poll() is None:
                process.terminate()
                process.wait(SECONDS)


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def wait_until_it_serves(url: str) -> None:
    with httpx.Client(transport=httpx.HTTPTransport(retries=3)) as http:
        for _ in range(SECONDS * 10):
            try:
                if http.get(f"{url}/ready").status_code == 200:
                    return
            except httpx.TransportError:
                threading.Event().wait(0.1)
    raise AssertionError(f"nothing serves at {url}")


def wait_for_line(file: Path, part: str, *, times: int = 1) -> str:
    for _ in range(SECONDS * 10):
        found = [line for line in file.read_text().splitlines() if part in line]
        if len(found) >= times:
            return found[-1]
        threading.Event().wait(0.1)
    raise AssertionError(file.read_text())


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health").status_code == 200
    except httpx.TransportError:
        return False


def token_for(dev: Started, client_id: str, secret: str) -> str:
    answer = httpx.post(dev.said["token_url"], json={"client_id": client_id, "client_secret": secret})
    return str(answer.raise_for_status().json()["access_token"])


FREE = ("--issuer-port", "0", "--service-port", "0")


async def test_both_legs_of_a_server_of_ones_own_and_the_way_it_ends(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    port = str(free_port())
    with started(tmp_path, "server:create_app", "--factory", "--port", port, *FREE) as dev:
        base = f"http://127.0.0.1:{port}"
        assert dev.said["mcp_url"] == f"{base}/mcp"
        wait_until_it_serves(base)
        async with DevClient(dev.said["mcp_url"], token=dev.said["tokens"]["alice"]) as alice:
            assert (await alice.call("whoami")).data == {"subject": "alice", "roles": []}
            assert (await alice.call("list_repos")).data == ["hello-world", "notes", "dotfiles"]
        token = token_for(dev, "agent-admin", "admin-secret")
        async with DevClient(dev.said["mcp_url"], token=token) as agent:
            assert (await agent.call("whoami")).data == {"subject": "agent-admin", "roles": ["admin", "finance"]}
        assert dev.stop() == 0
        assert not answers(base)


async def test_tokens_outlive_a_restart(tmp_path: Path) -> None:
    (tmp_path / "server.py").write_text(SERVER)
    ports = ["--port", str(free_port()), "--issuer-port", str(free_port()), "--service-port", str(free_port())]
    with started(tmp_path, *ports) as first:
        token = first.said["tokens"]["alice"]
        assert first.stop(signal.SIGINT) == 0
    with started(tmp_path, "server:create_app", "--factory", *ports) as again:
        wait_until_it_serves(again.said["mcp_url"].removesuffix("/mcp"))
        assert again.said["environment"] == first.said["environment"]
        async with DevClient(again.said["mcp_url"], token=token) as alice:
            assert (await alice.call("whoami")).data == {"subject": "alice", "roles": []}


async def test_connections_outlive_a_restart_of_the_server_alone(tmp_path: Path) -> None:
    server = tmp_path / "server.py"
    server.write_text(SERVER)
    port = str(free_port())
    with started(tmp_path, "server:create_app", "--factory", "--reload", "--port", port, *FREE) as dev:
        base, token = f"http://127.0.0.1:{port}", dev.said["tokens"]["alice"]
        wait_until_it_serves(base)
        async with DevClient(dev.said["mcp_url"], token=token) as alice:
            assert (await alice.call("list_repos")).data == ["hello-world", "notes", "dotfiles"]
            assert len(alice.asked) == 1
        server.write_text(f"{SERVER}\n# changed\n")
        wait_for_line(tmp_path / "errors.txt", "Application startup complete", times=2)
        async with DevClient(dev.said["mcp_url"], token=token) as alice:
            assert (await alice.call("list_repos")).data == ["hello-world", "notes", "dotfiles"]
            assert alice.asked == []
    # The addresses of its pages hold links, codes and states.
    assert "?" not in (tmp_path / "errors.txt").read_text()


def test_it_ends_when_the_server_of_ones_own_does(tmp_path: Path) -> None:
    with started(tmp_path, "no_such_module:app", "--port", str(free_port()), *FREE) as dev:
        assert dev.process.wait(SECONDS) == 1
    assert "no_such_module" in (tmp_path / "errors.txt").read_text()


def test_a_server_that_trusts_another_issuer_is_told_of(tmp_path: Path) -> None:
    own = 'AuthKit(server_base_url="http://127.0.0.1:8000", issuer_url="https://login.example.com/realms/staff")'
    (tmp_path / "server.py").write_text(SERVER.replace("AuthKit.from_settings()", own))
    port = str(free_port())
    with started(tmp_path, "server:create_app", "--factory", "--port", port, *FREE) as dev:
        said = wait_for_line(tmp_path / "errors.txt", "does not take the settings")
        assert "https://login.example.com/realms/staff" in said
        assert dev.said["issuer_url"] in said
        assert "AuthKit.from_settings()" in (tmp_path / "errors.txt").read_text()


def test_a_server_that_is_put_together_wrongly_ends_it(tmp_path: Path) -> None:
    wrong = "    app = kit.app(mcp)\n    app.add_middleware(FastMCP, no_such_option=1)\n    return app"
    (tmp_path / "server.py").write_text(SERVER.replace("    return kit.app(mcp)", wrong))
    with started(tmp_path, "server:create_app", "--factory", "--port", str(free_port()), *FREE) as dev:
        assert dev.process.wait(SECONDS) == 1


def test_what_it_writes_is_for_its_owner_alone_and_for_no_repository(tmp_path: Path) -> None:
    with started(tmp_path, *FREE, "--service", "gitlab", TOKEN_STORAGE_MODE="redis", REDIS_URL="redis://h") as dev:
        folder = tmp_path / ".mcpauthkit"
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert (folder / ".gitignore").read_text().endswith("\n*\n")
        secret_ones = [one for one in folder.iterdir() if one.name != ".gitignore"]
        assert {stat.S_IMODE(one.stat().st_mode) for one in secret_ones} == {0o600}
        variables = dev.said["environment"]
        written = (folder / "dev.env").read_text().splitlines()
        assert [line.partition("=")[0] for line in written] == list(variables)
        # Who keeps a store already goes on with it.
        assert "TOKEN_STORAGE_MODE" not in variables
        assert variables["GITLAB_STAND_IN_URL"] == dev.said["service_url"]
        assert variables["MCPAUTHKIT_ISSUER_URL"] == dev.said["issuer_url"]
        assert {one["client"] for one in dev.said["client_settings"]} >= {"VS Code", "Claude Code"}


def test_the_other_ports_and_clients_are_as_asked_for(tmp_path: Path) -> None:
    port = free_port()
    with started(
        tmp_path, "--url", "http://localhost:3000", "--path", "/api/mcp", "--issuer-port", str(port),
        "--service-port", "0", "--client", "me:mine:a, b", "--client", "you:yours",
    ) as dev:  # fmt: skip
        assert dev.said["issuer_url"] == f"http://127.0.0.1:{port}"
        assert dev.said["mcp_url"] == "http://localhost:3000/api/mcp"
        assert dev.said["clients"] == ["me", "you"]
        assert token_for(dev, "you", "yours")


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--url", "https://mcp.example.com"], "localhost"),
        (["--url", "http://192.0.2.1:8000"], "https"),
        (["--path", "mcp"], "--path /mcp"),
        (["--service", "Git Hub"], "--service github"),
        (["--client", "only-an-id"], "ID:SECRET"),
        (["--client", ":s3cretpw"], "ID:SECRET"),
    ],
)
def test_mistakes_end_it_before_anything_listens(
    words: list[str], named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run("dev", *words, *FREE) == 2
    said = capsys.readouterr()
    assert named in said.err
    assert "s3cretpw" not in said.err
    assert list(tmp_path.iterdir()) == []


def test_in_production_there_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCPAUTHKIT_PRODUCTION", "1")
    assert run("dev", *FREE) == 2
    assert "MCPAUTHKIT_PRODUCTION" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken_is_named_with_the_option_for_another(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        folder = ("--folder", str(tmp_path / "dev"))
        assert run("dev", "--issuer-port", port, "--service-port", 0, *folder) == 2
        assert "--issuer-port" in capsys.readouterr().err
        assert run("dev", "--issuer-port", 0, "--service-port", port, *folder) == 2
        assert "--service-port" in capsys.readouterr().err


def test_a_folder_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("")
    assert run("dev", *FREE, "--folder", tmp_path / "file") == 2
    assert "--folder" in capsys.readouterr().err


def test_people_read_what_to_copy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.stderr", sys.__stderr__)  # a server that is started needs a real one
    port = str(free_port())
    assert run("dev", "no_such_module:app", "--factory", "--port", port, *FREE) == 1
    lines = capfd.readouterr().out.splitlines()
    assert f"  Your server  http://127.0.0.1:{port}/mcp" in lines
    assert "  export MCPAUTHKIT_SCOPES='openid mcp:tools'" in lines
    assert f"    claude mcp add --transport http dev http://127.0.0.1:{port}/mcp" in lines
    tokens = [line for line in lines if line.startswith("    eyJ")]
    assert len(tokens) == 2
    assert any(line.startswith("    mcpauthkit token mint --sub carol --key ") for line in lines)
    assert any(line.startswith("    curl -X POST http://127.0.0.1:") for line in lines)


def test_help_says_what_it_is_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("dev", "--help") == 0
    assert "MODULE:APP" in capsys.readouterr().out
