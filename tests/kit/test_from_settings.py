"""`AuthKit.from_settings()`: everything from the environment, and every fault of it in one error."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit import AuthKit
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import DevIssuer
from tests.asgi import lifespan
from tests.kit.kit_world import ask, small_server

BASE = "http://127.0.0.1:1"
CANARY = "canary-of-a-secret-that-nobody-prints"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> pytest.MonkeyPatch:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MCPAUTHKIT_SERVER_BASE_URL", BASE)
    monkeypatch.setenv("MCPAUTHKIT_ISSUER_URL", "http://127.0.0.1:2")
    return monkeypatch


def say(environment: pytest.MonkeyPatch, **variables: str) -> None:
    for name, value in variables.items():
        environment.setenv(name, value)


async def test_an_application_comes_from_settings_alone(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("name: p\nrules:\n  - {name: all, effect: allow, agents: {roles: [staff]}}\n")
    with DevIssuer(algorithm="ES256") as issuer:
        say(
            environment,
            MCPAUTHKIT_ISSUER_URL=issuer.issuer_url,
            MCPAUTHKIT_AUDIENCE="api://reports",
            MCPAUTHKIT_SCOPES="openid, reports",
            MCPAUTHKIT_REQUIRE_SCOPES="reports",
            MCPAUTHKIT_MCP_PATH="/reports/mcp",
            MCPAUTHKIT_OPEN_PATHS="/about",
            MCPAUTHKIT_ALLOWED_ORIGINS="https://page.example.com",
            MCPAUTHKIT_POLICIES="p.yaml",
            MCPAUTHKIT_AUDIT=str(tmp_path / "audit.jsonl"),
        )
        app = AuthKit.from_settings().app(small_server())

        @app.get("/about")
        async def about() -> str:
            return "about"

        async with lifespan(app):
            document = (await ask(app, "/.well-known/oauth-protected-resource/reports/mcp")).json()
            refused = await ask(app, "/reports/mcp", "POST", json={})
            poor = issuer.token(sub="ada", audience="api://reports", scope="openid")
            narrow = await ask(app, "/reports/mcp", "POST", headers={"authorization": f"Bearer {poor}"}, json={})
            assert (await ask(app, "/about")).json() == "about"
    assert document["scopes_supported"] == ["openid", "reports"]
    assert 'scope="openid reports"' in refused.headers["www-authenticate"]
    assert narrow.status_code == 403
    events = [json.loads(line)["event"] for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert "request.refused" in events


async def test_proxy_mode_comes_from_settings_too(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(CANARY)
    say(
        environment,
        MCPAUTHKIT_CLIENT_ID="ours",
        MCPAUTHKIT_CLIENT_SECRET_FILE="secret",  # a path
        MCPAUTHKIT_ALLOWED_SCOPES="more",
        STORAGE_ENCRYPTION_KEY="k" * 32,
    )
    app = AuthKit.from_settings().app(small_server())
    async with lifespan(app):
        assert (await ask(app, "/.well-known/oauth-authorization-server")).json()["issuer"] == BASE


async def test_arguments_count_before_settings(environment: pytest.MonkeyPatch) -> None:
    say(environment, MCPAUTHKIT_MCP_PATH="/a", MCPAUTHKIT_PROFILE="keyclock", MCPAUTHKIT_POLICIES="not-there")
    app = AuthKit.from_settings(mcp_path="/b", profile="generic", policies=None).app(small_server())
    async with lifespan(app):
        assert (await ask(app, "/b", "POST", json={})).headers["www-authenticate"].endswith('/b"')


def test_every_fault_is_in_one_error(environment: pytest.MonkeyPatch, tmp_path: Path) -> None:
    environment.delenv("MCPAUTHKIT_SERVER_BASE_URL")
    (tmp_path / "folder").mkdir()
    wrong = {
        "MCPAUTHKIT_PROFILE": "keyclock",
        "MCPAUTHKIT_AUDIT": str(tmp_path / "folder"),
        "MCPAUTHKIT_POLICIES": "no-policies",
        "MCP_KEY_FILE_PATH": "no-keys",
        "TOKEN_STORAGE_MODE": "redis",
        "STORAGE_ENCRYPTION_KEY": "short-canary",
        "MCPAUTHKIT_BROWSER_CLIENT_SECRET": CANARY,
        "MCPAUTHKIT_REPLICAS": "0",
        "MCPAUTHKIT_STDIO_EMAIL": "ada@example.com",
    }
    say(environment, **wrong)
    with pytest.raises(ConfigurationError) as refused:
        AuthKit.from_settings()
    text = str(refused.value)
    told = [
        "MCPAUTHKIT_SERVER_BASE_URL",
        "keyclock",
        "REDIS_URL",
        *(name for name in wrong if name != "MCPAUTHKIT_PROFILE"),
    ]
    assert [one for one in told if one not in text] == []
    assert "canary" not in text


def test_without_an_issuer_its_variable_is_named_unless_others_judge(environment: pytest.MonkeyPatch) -> None:
    environment.delenv("MCPAUTHKIT_ISSUER_URL")
    with pytest.raises(ConfigurationError, match="MCPAUTHKIT_ISSUER_URL"):
        AuthKit.from_settings()
    AuthKit.from_settings(issuer_url="http://127.0.0.1:2")


def test_a_misspelt_variable_is_warned_of(environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    say(environment, MCPAUTHKIT_SCOPE="openid")
    AuthKit.from_settings()
    (warning,) = [one for one in caplog.records if one.name == "mcpauthkit.settings"]
    assert warning.levelno == logging.WARNING
    assert "MCPAUTHKIT_SCOPE " in warning.getMessage()
    assert "MCPAUTHKIT_SCOPES" in warning.getMessage()


@pytest.mark.parametrize(("value", "lines"), [("off", 0), ("stdout", 1), ("log", 0)])
async def test_the_record_goes_where_the_setting_says(
    environment: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], caplog: Any, value: str, lines: int
) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit.audit")
    say(environment, MCPAUTHKIT_AUDIT=value)
    app = AuthKit.from_settings().app(small_server())
    async with lifespan(app):
        await ask(app, "/mcp", "POST", headers={"authorization": "Bearer nonsense"}, json={})
    told = [line for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    assert len(told) == lines
    assert bool([one for one in caplog.records if one.name == "mcpauthkit.audit"]) == (value == "log")
