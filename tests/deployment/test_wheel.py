"""The wheel, in an environment that has nothing else, runs what the pages tell newcomers to paste."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit.testing import DevIssuer
from tests.docs.snippets import ROOT, snippets_on

ISSUER = "https://login.example.com/realms/staff"
_INSTALLING_SECONDS = 300.0
_STARTING_SECONDS = 60.0
_LOOK_AGAIN_SECONDS = 0.1
_SILENT_SECONDS = 10.0


def _run(*command: str | Path, cwd: Path, seconds: float) -> str:
    done = subprocess.run(  # noqa: S603  # programs by paths of ours
        [str(one) for one in command], cwd=cwd, capture_output=True, text=True, timeout=seconds, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment with the wheel in it, installed as a user does: without our pins."""
    folder = tmp_path_factory.mktemp("wheel")
    _run("uv", "build", "--quiet", "--wheel", "--out-dir", folder, ROOT, cwd=folder, seconds=_INSTALLING_SECONDS)
    [wheel] = folder.glob("mcpauthkit-*.whl")
    _run(sys.executable, "-m", "venv", folder / "venv", cwd=folder, seconds=_INSTALLING_SECONDS)
    programs = folder / "venv/bin"
    _run(programs / "pip", "install", "--quiet", wheel, "uvicorn", cwd=folder, seconds=_INSTALLING_SECONDS)
    return programs


@pytest.fixture
def port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    return number


@contextmanager
def served(programs: Path, code: str, folder: Path, port: int) -> Iterator[httpx.Client]:
    """The code as `server.py`, under uvicorn, with nothing of this checkout in sight."""
    (folder / "server.py").write_text(code, encoding="utf-8")
    command = [str(programs / "uvicorn"), "server:app", "--port", str(port), "--lifespan", "on", "--no-access-log"]
    with (
        (folder / "log").open("wb") as log,
        subprocess.Popen(command, cwd=folder, env={"PATH": str(programs)}, stdout=log, stderr=log) as server,  # noqa: S603  # ours
        httpx.Client(base_url=f"http://127.0.0.1:{port}") as http,
    ):
        try:
            _wait_for(http, server, folder / "log")
            yield http
        finally:
            server.terminate()
            server.wait(_SILENT_SECONDS)


def _wait_for(http: httpx.Client, server: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _STARTING_SECONDS
    while time.monotonic() < until:
        assert server.poll() is None, log.read_text(encoding="utf-8")
        try:
            http.get("/health")
        except httpx.TransportError:
            time.sleep(_LOOK_AGAIN_SECONDS)
        else:
            return
    pytest.fail(log.read_text(encoding="utf-8"))


def pasted(page: str, blocks: Sequence[int], replaced: Mapping[str, str]) -> str:
    snippets = snippets_on(page, "python")
    code = "\n".join(snippets[one].code for one in blocks)
    for before, after in replaced.items():
        assert before in code
        code = code.replace(before, after)
    return code


async def check_both_legs(url: str, token: str, base_url: str) -> None:
    """Alice is known, and her first call of the other tool leads her to the page where she connects GitHub."""
    async with Client(StreamableHttpTransport(url, auth=token)) as client:
        assert (await client.call_tool("whoami")).data == "alice"
        asked = await client.call_tool("list_repos", raise_on_error=False)
    assert asked.is_error
    assert f"{base_url}/connect/github?flow=" in str(asked.content)


async def test_the_readme_runs_as_pasted_with_only_the_issuer_replaced(
    installed: Path, tmp_path: Path, port: int
) -> None:
    with DevIssuer() as issuer:
        code = pasted("README.md", [0], {ISSUER: issuer.issuer_url})
        with served(installed, code, tmp_path, port) as http:
            token = issuer.token(sub="alice", audience="https://mcp.example.com/mcp", scope="openid profile")
            await check_both_legs(f"{http.base_url}/mcp", token, "https://mcp.example.com")


async def test_the_first_five_minutes_run_as_pasted(installed: Path, tmp_path: Path, port: int) -> None:
    with DevIssuer() as issuer:
        address = f"http://127.0.0.1:{port}"
        # Port 8000 may be taken on this machine.
        code = pasted("docs/start.md", [0, 1], {ISSUER: issuer.issuer_url, "http://127.0.0.1:8000": address})
        with served(installed, code, tmp_path, port) as http:
            refused = http.post("/mcp")
            assert refused.status_code == httpx.codes.UNAUTHORIZED
            [where] = (one for one in refused.headers["www-authenticate"].split('"') if one.startswith(address))
            assert http.get(where).json()["authorization_servers"] == [issuer.issuer_url]
            token = issuer.token(sub="alice", audience=f"{address}/mcp", scope="openid profile")
            await check_both_legs(f"{address}/mcp", token, address)


def test_the_doctor_finds_nothing_wrong_with_the_first_step(installed: Path, tmp_path: Path, port: int) -> None:
    with DevIssuer() as issuer:
        address = f"http://127.0.0.1:{port}"
        code = pasted("docs/start.md", [0], {ISSUER: issuer.issuer_url, "http://127.0.0.1:8000": address})
        with served(installed, code, tmp_path, port):
            command = (installed / "mcpauthkit", "doctor", "server:app", "--url", address)
            said = _run(*command, cwd=tmp_path, seconds=_STARTING_SECONDS)
    assert "Every reference client: comes to the sign-in page" in said


def test_the_command_answers_without_any_extra(installed: Path, tmp_path: Path) -> None:
    assert "doctor" in _run(installed / "mcpauthkit", "--help", cwd=tmp_path, seconds=_STARTING_SECONDS)


def test_importing_the_package_needs_no_extra_and_reads_nothing(installed: Path, tmp_path: Path) -> None:
    # Every public name is there; what an extra is needed for says so when it is used.
    code = "import mcpauthkit\nfor name in mcpauthkit.__all__: getattr(mcpauthkit, name)"
    assert not _run(installed / "python", "-W", "error", "-c", code, cwd=tmp_path, seconds=_STARTING_SECONDS)
