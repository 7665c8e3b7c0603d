"""The page about settings: its tables are those of the code, and what it says of the kit and of probes holds."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit import health_router
from mcpauthkit.settings import every_setting
from tests.asgi import lifespan
from tests.cli.commands import run
from tests.docs.snippets import snippets_on, text_of
from tests.kit.kit_world import ask

PAGE = "docs/settings.md"


def rows() -> list[tuple[str, ...]]:
    found = re.findall(r"^\| `([A-Z_]+)` \| (\w+) \|(.*?)\| (.*) \|$", text_of(PAGE), re.MULTILINE)
    return [(name, kind, default.strip(" `"), text) for name, kind, default, text in found]


def settings_on_the_page(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    (env,) = snippets_on(PAGE, "ini")
    (tmp_path / ".env").write_text(env.code, encoding="utf-8")


def test_the_tables_are_those_of_the_code() -> None:
    assert rows() == [(one.variable, one.type, one.default, one.description) for one in every_setting()]


async def test_the_applications_of_the_page_start_with_the_settings_of_the_page(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    settings_on_the_page(monkeypatch, tmp_path)
    names: dict[str, Any] = {}
    for one in snippets_on(PAGE, "python"):
        exec(compile("\n" * one.line + one.code, PAGE, "exec"), names)  # noqa: S102  # our own page
    async with lifespan(names["app"]):
        assert (await ask(names["app"], "/mcp", "POST", json={})).status_code == 401
    async with lifespan(names["existing"]):
        assert (await ask(names["existing"], "/about")).status_code == 200
        for path in ("/mcp", "/wiki/mcp"):
            document = await ask(names["existing"], f"/.well-known/oauth-protected-resource{path}")
            assert document.json()["resource"] == f"https://mcp.example.com{path}"


def test_the_command_finds_nothing_wrong_with_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    settings_on_the_page(monkeypatch, tmp_path)
    assert run("settings") == 0


async def test_an_application_without_a_kit_has_probes_by_the_line_of_the_page() -> None:
    assert "app.include_router(health_router())" in text_of(PAGE)
    app = FastAPI()
    app.include_router(health_router())
    async with lifespan(app):
        assert (await ask(app, "/health")).status_code == (await ask(app, "/ready")).status_code == 200
