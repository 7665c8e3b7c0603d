"""What the image, the compose file and the chart start, started: from the built wheel, in an environment of its own."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport

from mcpauthkit.testing import DevIssuer
from tests.cli.commands import run as run_command
from tests.deployment.image import Image, build
from tests.deployment.processes import answer_of, free_port, running
from tests.deployment.programs import NEEDED, ROOT, environment_of, merged, render, run
from tests.deployment.test_compose import SERVICES
from tests.services.redis_servers import RedisServer

BASE_URL = "https://mcp.example.com"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(tmp_path_factory.mktemp("image"))


@pytest.fixture
def words(tmp_path: Path) -> Path:
    return tmp_path / "words.txt"


def command_of(image: Image, port: int) -> list[str]:
    command = image.words(image.stage.last("CMD").words)
    assert command[command.index("--port") + 1] == image.stage.last("EXPOSE").text
    command[command.index("--port") + 1] = str(port)
    command[command.index("--host") + 1] = "127.0.0.1"
    return command


def subject_at(url: str, token: str) -> Any:
    """Who an MCP client is for the server."""

    async def asked() -> Any:
        transport = StreamableHttpTransport(url, headers={"authorization": f"Bearer {token}"})
        async with Client(transport) as client:
            return (await client.call_tool("whoami")).data["subject"]

    return anyio.run(asked)


def alive(image: Image, url: str) -> int:
    """The exit code of what HEALTHCHECK runs, for another port."""
    assert json.loads(image.stage.last("HEALTHCHECK").text.removeprefix("CMD")) == ["python", "-m", "server.alive"]
    done = run(image.folder / "app/venv/bin/python", image.folder / "app/server/alive.py", url)
    return done.returncode


def test_the_image_serves_when_its_issuer_comes_and_ends_when_asked(image: Image, words: Path) -> None:
    port, issuer = free_port(), DevIssuer()
    base_url = f"http://127.0.0.1:{port}"
    told = {
        "MCPAUTHKIT_PRODUCTION": "0",
        "MCPAUTHKIT_SERVER_BASE_URL": base_url,
        "MCPAUTHKIT_ISSUER_URL": issuer.issuer_url,
    }
    with running(image, command_of(image, port), told, words) as process:
        assert answer_of(process, f"{base_url}/health", words).json() == {"status": "ok"}
        assert alive(image, f"{base_url}/health") == 0
        away = httpx.get(f"{base_url}/ready")
        assert (away.status_code, away.json()["not_ready"]) == (503, ["issuer keys"])
        with issuer:
            answer_of(process, f"{base_url}/ready", words)
            assert httpx.post(f"{base_url}/mcp", json={}).status_code == 401
            token = issuer.token(sub="alice", audience=f"{base_url}/mcp")
            assert subject_at(f"{base_url}/mcp", token) == "alice"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) in {0, -signal.SIGTERM}
    assert alive(image, f"{base_url}/health") == 1
    told_of = words.read_text(encoding="utf-8")
    assert "Traceback" not in told_of
    assert token not in told_of
    assert '"GET /health' not in told_of  # no access log
    assert "HTTP Request" not in told_of  # nor one of what the server asks


def test_in_production_it_does_not_start_on_memory(image: Image, words: Path) -> None:
    port = free_port()
    told = {"MCPAUTHKIT_SERVER_BASE_URL": BASE_URL, "MCPAUTHKIT_ISSUER_URL": "https://login.example.com"}
    with running(image, command_of(image, port), told, words) as process:
        assert process.wait(60) != 0
    assert "TOKEN_STORAGE_MODE=redis" in words.read_text(encoding="utf-8")


@contextmanager
def compose_redis(secrets: Path, folder: Path) -> Iterator[RedisServer]:
    """A Redis with the configuration that compose gives its own."""
    done = run(sys.executable, ROOT / "deploy/server/fresh_secrets.py", secrets)
    assert done.returncode == 0, done.stderr
    lines = [line.split(maxsplit=1) for line in (secrets / "redis.conf").read_text(encoding="utf-8").splitlines()]
    options = [word for name, value in lines if name != "appendonly" for word in (f"--{name}", value.strip('"'))]
    password = (secrets / "redis-password").read_text(encoding="utf-8")
    with RedisServer(folder, *options, username="default", password=password) as server:
        url = secrets / "redis-url"
        here = url.read_text(encoding="utf-8").replace("redis:6379", f"127.0.0.1:{server.port}")
        url.unlink()
        url.write_text(here, encoding="utf-8")
        yield server


def mounted(folder: Path, files: dict[str, str]) -> Path:
    """A Secret or ConfigMap as Kubernetes mounts it: links to links, so that all files change at once."""
    version = folder / "..2026_11_22"
    version.mkdir(parents=True)
    (folder / "..data").symlink_to(version.name)
    for name, text in files.items():
        (version / name).write_text(text, encoding="utf-8")
        (version / name).chmod(0o440)
        (folder / name).symlink_to(f"..data/{name}")
    return folder


def placed(environment: dict[str, str], mounts: dict[str, Path]) -> dict[str, str]:
    """An environment with the paths of mounted files as they are here."""
    found = dict(environment)
    for name, value in environment.items():
        for mount, folder in mounts.items():
            found[name] = found[name].replace(mount, str(folder)) if value.startswith(mount) else found[name]
    return found


POLICY = """\
name: everybody
rules:
  - {name: staff, effect: allow, tools: {names: [whoami]}}
"""


def test_what_the_chart_says_runs_in_production_on_redis_with_encrypted_tokens(
    image: Image, words: Path, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    assert run_command("keys", "generate", "--output", str(made / "keys"), "--kind", "rsa-3072") == 0
    with compose_redis(made, tmp_path / "redis"), DevIssuer() as issuer:
        secrets = {name: (made / name).read_text(encoding="utf-8") for name in ("redis-url", "sealing-key")}
        mounts = {
            "/etc/mcpauthkit/secrets": mounted(tmp_path / "secrets", secrets),
            "/etc/mcpauthkit/policies": mounted(tmp_path / "policies", {"all.yaml": POLICY}),
            "/etc/mcp/secrets": mounted(
                tmp_path / "keys", {"key.json": (made / "keys/mcp-private.json").read_text(encoding="utf-8")}
            ),
        }
        change = {
            "settings": {"MCPAUTHKIT_SERVER_BASE_URL": BASE_URL, "MCPAUTHKIT_ISSUER_URL": issuer.issuer_url},
            "decryptionKeys": {"existingSecret": "mcp-server-keys"},
            "policies": {"existingConfigMap": "policies"},
        }
        told = placed(environment_of(render(tmp_path, merged(NEEDED, change))), mounts)
        port = free_port()
        with running(image, command_of(image, port), told, words) as process:
            answer_of(process, f"http://127.0.0.1:{port}/ready", words)
            published = httpx.get(f"http://127.0.0.1:{port}/.well-known/jwks.json").json()
            issuer.encrypt_to(published)
            token = issuer.token(sub="alice", audience=f"{BASE_URL}/mcp")
            assert token.count(".") == 4
            assert subject_at(f"http://127.0.0.1:{port}/mcp", token) == "alice"
    told_of = words.read_text(encoding="utf-8")
    assert "Traceback" not in told_of
    assert "open to others" not in told_of
    assert not [name for name, secret in secrets.items() if secret in told_of]


def test_what_compose_says_runs_the_quickstart_on_its_redis(image: Image, words: Path, tmp_path: Path) -> None:
    secrets = tmp_path / "secrets"
    secrets.mkdir()
    service, port = SERVICES["quickstart"], free_port()
    environment = {name: re.sub(r"\$\{\w+:-(.*)\}", r"\1", value) for name, value in service["environment"].items()}
    base_url = f"http://127.0.0.1:{port}"
    with compose_redis(secrets, tmp_path / "redis"), DevIssuer(path="/realms/mcpauthkit") as issuer:
        told = placed(environment, {"/run/mcpauthkit": secrets})
        told |= {
            "PORT": str(port),
            "LISTEN_HOST": "127.0.0.1",  # 0.0.0.0 would be every address of this machine, not of a container
            "SERVER_BASE_URL": base_url,
            "ISSUER_URL": issuer.issuer_url,
        }
        with running(image, service["command"], told, words) as process:
            (*_, health) = service["healthcheck"]["test"]
            answer_of(process, health.replace("http://127.0.0.1:8700", base_url), words)
            assert alive(image, health.replace("http://127.0.0.1:8700", base_url)) == 0
            token = issuer.token(sub="bob", audience=f"{base_url}/mcp", scope="openid profile mcp:tools")
            assert subject_at(f"{base_url}/mcp", token) == "bob"
    assert "Traceback" not in words.read_text(encoding="utf-8")


def test_the_command_is_in_the_image(image: Image) -> None:
    assert run(image.folder / "app/venv/bin/mcpauthkit", "--help").returncode == 0


def test_linters_and_tests_are_not_in_the_image(image: Image) -> None:
    installed = {one.name for one in (image.folder / "app/venv/lib").glob("python*/site-packages/*")}
    assert {"fastmcp", "mcpauthkit", "redis", "uvicorn"} <= installed
    assert not {"mypy", "pip", "pytest", "ruff", "hatchling"} & installed
    assert {one.name for one in (image.folder / "app").iterdir()} == {"quickstart", "server", "venv"}
    assert not list((image.folder / "app/quickstart").rglob("__pycache__"))
