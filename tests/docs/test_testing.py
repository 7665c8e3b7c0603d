"""docs/testing.md as a user has it: in a project and a run of pytest of its own, with nothing of this repository."""

from __future__ import annotations

import re
import tomllib

import pytest

import mcpauthkit.testing.fixtures
from mcpauthkit.testing.profiles import PROFILES
from tests.docs.pages import first_column
from tests.docs.snippets import ROOT, snippets_on

pytest_plugins = ["pytester"]
PAGE = "docs/testing.md"
MOST_LINES = 15
FILES = {match[1]: one.code for one in snippets_on(PAGE, "python") if (match := re.match(r"# (\w+\.py)\n", one.code))}
SDK = {
    "from fastmcp import FastMCP": "from mcp.server.mcpserver import MCPServer",
    'FastMCP("reports")': 'MCPServer("reports")',
    "@mcp.tool\n": "@mcp.tool()\n",
}


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    # What pytest would find by itself once the kit is installed, and nothing else that happens to be here.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    pytester.makepyprojecttoml('[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n')
    return pytester


def entry_point() -> str:
    found = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["entry-points"]["pytest11"]
    assert list(found) == ["mcpauthkit"]
    return str(found["mcpauthkit"])


def results(project: pytest.Pytester) -> dict[str, int]:
    done = project.runpytest_subprocess("-p", entry_point(), "-p", "anyio", "--tb=short", timeout=300)
    return done.parseoutcomes()


def write(project: pytest.Pytester, *names: str, changed: dict[str, str] | None = None) -> None:
    for name in names:
        code = FILES[name]
        for before, after in (changed or {}).items() if name == "server.py" else ():
            assert before in code
            code = code.replace(before, after)
        (project.path / name).write_text(code, encoding="utf-8")


def test_the_tests_of_the_page_pass_in_a_project_of_their_own(project: pytest.Pytester) -> None:
    write(project, "server.py", "test_server.py", "test_clients.py", "test_trouble.py")
    assert results(project) == {"passed": 1 + len(PROFILES) + 3}


def test_they_pass_on_the_official_sdk_too(project: pytest.Pytester) -> None:
    write(project, "server.py", "test_server.py", "test_trouble.py", changed=SDK)
    assert results(project) == {"passed": 1 + 3}


def test_a_test_of_both_legs_has_fewer_than_fifteen_lines() -> None:
    assert len([line for line in FILES["test_server.py"].splitlines() if line.strip()]) < MOST_LINES


def test_a_fixture_of_the_project_takes_the_place_of_ours(project: pytest.Pytester) -> None:
    write(project, "server.py", "conftest.py")
    project.makepyfile(
        test_carol="""
        import pytest
        from server import create_app

        @pytest.mark.anyio
        async def test_carol(dev_world, dev_browser):
            dev_world.serve(create_app())
            async with dev_world.client("carol") as carol:
                assert (await carol.call("whoami")).data == "carol"
            page = await dev_browser.open(f"{dev_world.base_url}/connections")
            assert "carol" in page.text
            assert "alice" not in page.text
        """
    )
    assert results(project) == {"passed": 1}


def test_what_is_set_around_a_test_is_as_before_after_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import os

        def test_one(dev_world):
            assert os.environ["MCPAUTHKIT_ISSUER_URL"] == dev_world.issuer.issuer_url
            assert dev_world.environment.items() <= os.environ.items()

        def test_two():
            assert "MCPAUTHKIT_ISSUER_URL" not in os.environ
        """
    )
    assert results(project) == {"passed": 2}


def test_a_project_that_does_not_use_it_loads_nothing_of_it(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys

        def test_loaded():
            roots = {name.partition(".")[0] for name in sys.modules}
            assert not roots & {"fastapi", "starlette", "fastmcp", "mcp", "httpx", "httpx2", "uvicorn", "pydantic"}
            assert {name for name in sys.modules if name.startswith("mcpauthkit")} == {
                "mcpauthkit",
                "mcpauthkit.testing",
                "mcpauthkit.testing.fixtures",
                "mcpauthkit.testing.plugin",
                "mcpauthkit.testing.profiles",
            }
        """
    )
    assert results(project) == {"passed": 1}


def test_asking_for_the_issuer_loads_no_mcp(project: pytest.Pytester) -> None:
    project.makepyfile(
        """
        import sys
        from mcpauthkit.testing import DevIssuer

        def test_loaded():
            with DevIssuer(algorithm="ES256") as issuer:
                assert issuer.token()
            assert not {name.partition(".")[0] for name in sys.modules} & {"fastapi", "fastmcp", "mcp"}
        """
    )
    assert results(project) == {"passed": 1}


def test_the_tables_of_the_page_are_complete() -> None:
    assert sorted(first_column(PAGE, "| profile | a client that |")) == sorted(PROFILES)
    fixtures = {name for name in vars(mcpauthkit.testing.fixtures) if name.startswith("dev_")}
    assert set(first_column(PAGE, "| fixture | what it is |")) == fixtures
