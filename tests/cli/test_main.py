"""The command itself: what it lists, and how little it loads for what it is asked."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from mcpauthkit.cli.main import GROUPS, group_named
from tests.cli.commands import run

# What takes longest to import. `settings` stands on pydantic-settings, which is why that is not among the first.
FRAMEWORKS = {"fastapi", "fastmcp", "mcp", "starlette", "uvicorn"}
NETWORK = {"httpx", "httpx2", "redis"}
RECORDS = {"key_value", "aiofile"}
RENDERING = {"jinja2", "nh3"}
PROBE = """
import json, sys
from mcpauthkit.cli.main import main
try:
    main(json.loads(sys.argv[1]))
except SystemExit as ended:
    code = ended.code
sys.stderr.write("\\n" + json.dumps([code, sorted({name.partition(".")[0] for name in sys.modules})]))
"""


def loaded(folder: Path, *arguments: str) -> set[str]:
    """The packages that a process has loaded which has carried out a command."""
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", PROBE, json.dumps(arguments)],
        capture_output=True,
        text=True,
        check=True,
        cwd=folder,
        timeout=60,
        stdin=subprocess.DEVNULL,
    )
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code in {0, 1}, done.stderr
    return set(names)


ALLOWANCES: list[tuple[list[str], set[str]]] = [
    (["--help"], FRAMEWORKS | NETWORK | RECORDS | RENDERING | {"cryptography", "joserfc", "pydantic", "yaml"}),
    (["--version"], FRAMEWORKS | NETWORK | RECORDS | RENDERING | {"cryptography", "joserfc", "pydantic", "yaml"}),
    (["keys", "--help"], FRAMEWORKS | NETWORK | RECORDS | RENDERING | {"yaml"}),
    (["keys", "generate", "--kind", "ec-p256"], FRAMEWORKS | NETWORK | RECORDS | RENDERING | {"yaml"}),
    (["keys", "k8s", "--kind", "ec-p256"], FRAMEWORKS | NETWORK | RECORDS | RENDERING),
    (["token", "mint", "--sub", "alice"], FRAMEWORKS | RECORDS | RENDERING | {"redis"}),
    (["init", "keycloak"], FRAMEWORKS | RECORDS | RENDERING | {"redis"}),
    (["sealing-key", "new"], FRAMEWORKS | NETWORK | RECORDS | RENDERING),
    (["store", "--help"], FRAMEWORKS | NETWORK | RECORDS | RENDERING),
    (["policy", "--help"], FRAMEWORKS | NETWORK | RECORDS | RENDERING),
    (["audit", "schema"], FRAMEWORKS | NETWORK | RECORDS | RENDERING),
    (["settings", "--json"], FRAMEWORKS | RECORDS | RENDERING | {"redis"}),
    (["doctor", "--help"], FRAMEWORKS),
    (["dev", "--help"], FRAMEWORKS),
]


@pytest.mark.parametrize(("arguments", "forbidden"), ALLOWANCES, ids=[" ".join(one) for one, _ in ALLOWANCES])
def test_a_command_loads_none_of_what_only_others_need(
    tmp_path: Path, arguments: list[str], forbidden: set[str]
) -> None:
    assert loaded(tmp_path, *arguments) & forbidden == set()


@pytest.mark.parametrize("name", GROUPS)
def test_what_the_list_says_of_a_group_is_what_the_group_says(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    group = group_named(name)
    assert group.name == (name,)
    assert run("--help") == 0
    assert name in capsys.readouterr().out
    if group.default_command is None:
        assert group.help == GROUPS[name]


@pytest.mark.parametrize("name", GROUPS)
def test_a_groups_name_anywhere_among_the_words_brings_its_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(name, "--help") == 0
    assert f"Usage: mcpauthkit {name}" in capsys.readouterr().out


def test_the_groups_are_listed_in_order() -> None:
    assert list(GROUPS) == sorted(GROUPS)
