"""Every snippet of every page runs, or is checked as far as it can be without what it talks to."""

from __future__ import annotations

import json
import re
import shlex
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from cyclopts import CycloptsError

import mcpauthkit.errors
from mcpauthkit.cli.main import GROUPS, group_named
from mcpauthkit.settings import every_setting
from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.docs.running import ISSUERS, addresses, run_block, serve_if_it_is_an_application
from tests.docs.snippets import ROOT, RUN_BY, Snippet, all_snippets, pages, snippets_on, text_of

LANGUAGES = {"python", "sh", "console", "yaml", "json", "toml", "ini", "mermaid", "text", "http", "dockerfile"}
MARKS = re.compile(r"alone|before|raises \w+")
PROGRAMS = {
    *("mcpauthkit", "pip", "uv", "uvx", "python", "pytest", "uvicorn", "npx", "claude", "code", "opencode"),
    *("docker", "kubectl", "helm", "openssl", "curl", "git", "redis-cli", "export", "cd", "cat", "chmod", "source"),
}
GENERIC = [page for page in pages() if page not in RUN_BY and snippets_on(page, "python")]


@pytest.mark.parametrize("page", GENERIC)
def test_the_code_of_a_page_runs_as_pasted(page: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in re.findall(r"```yaml\n# (\S+\.yaml)\n(.*?)```", text_of(page), re.DOTALL):
        (tmp_path / name).write_text(text, encoding="utf-8")
    names: dict[str, Any] = {}
    server = LoopbackServer()
    with DevIssuer() as issuer:
        replaced = addresses(issuer, server)
        for snippet in snippets_on(page, "python"):
            _run(snippet, names, replaced)
        if any(f'"{url}"' in snippet.code for snippet in snippets_on(page, "python") for url in ISSUERS):
            serve_if_it_is_an_application(names, server)


def _run(snippet: Snippet, names: dict[str, Any], replaced: dict[str, str]) -> None:
    what, _, name = snippet.mark.partition(" ")
    if what == "before":
        compile(snippet.code, str(snippet), "exec")
    elif what == "raises":
        with pytest.raises(getattr(mcpauthkit.errors, name)):
            run_block(snippet, names, replaced)
    else:
        run_block(snippet, {} if what == "alone" else names, replaced)


@pytest.mark.parametrize("page", RUN_BY)
def test_a_page_with_tests_of_its_own_is_named_in_them(page: str) -> None:
    assert page in (ROOT / RUN_BY[page]).read_text(encoding="utf-8")
    assert page in pages()


@pytest.mark.parametrize("snippet", all_snippets(), ids=str)
def test_a_fence_says_what_it_holds(snippet: Snippet) -> None:
    assert snippet.language in LANGUAGES
    assert not snippet.mark or MARKS.fullmatch(snippet.mark)


@pytest.mark.parametrize("snippet", all_snippets("yaml", "json", "toml"), ids=str)
def test_a_document_on_a_page_can_be_read(snippet: Snippet) -> None:
    if snippet.language == "yaml":
        assert list(yaml.safe_load_all(snippet.code))
    else:
        assert {"json": json.loads, "toml": tomllib.loads}[snippet.language](snippet.code)


@pytest.mark.parametrize("snippet", all_snippets("ini"), ids=str)
def test_a_setting_on_a_page_is_one_of_ours(snippet: Snippet) -> None:
    named = re.findall(r"^(MCPAUTHKIT_\w+)=", snippet.code, re.MULTILINE)
    assert {name.removesuffix("_FILE") for name in named} <= {setting.variable for setting in every_setting()}


@pytest.mark.parametrize("snippet", all_snippets("mermaid"), ids=str)
def test_a_diagram_is_of_a_kind_that_can_be_drawn(snippet: Snippet) -> None:
    assert re.match(r"(sequenceDiagram|flowchart (TD|LR))\n", snippet.code)
    # It ends a statement, also within a text.
    assert ";" not in snippet.code


@pytest.mark.parametrize("snippet", all_snippets("sh", "console"), ids=str)
def test_a_command_line_is_one_that_can_be_typed(snippet: Snippet) -> None:
    text = _typed(snippet)
    checked = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)  # noqa: S607
    assert not checked.stderr
    for line in text.replace("\\\n", " ").splitlines():
        for command in _commands_in(line):
            program = Path(command[0]).name
            assert program in PROGRAMS or (ROOT / command[0]).is_file(), command[0]
            if program == "mcpauthkit":
                _understood(command[1:])


def _typed(snippet: Snippet) -> str:
    """What is typed: in a console, the lines behind a prompt."""
    if snippet.language == "sh":
        return snippet.code
    return "".join(line.removeprefix("$ ") for line in snippet.code.splitlines(keepends=True) if line.startswith("$ "))


def _commands_in(line: str) -> list[list[str]]:
    """The commands of a line, without what stands around them: redirections, assignments, a background."""
    words = shlex.shlex(line, posix=True, punctuation_chars=True)
    words.whitespace_split = True
    found: list[list[str]] = [[]]
    redirected = False
    for word in words:
        if set(word) <= set("|&;()"):
            found.append([])
        elif set(word) <= set("<>"):
            redirected = True
        elif redirected or (not found[-1] and re.match(r"[A-Z_]+=", word)):
            redirected = False
        else:
            found[-1].append(word)
    return [command for command in found if command]


def _understood(words: list[str]) -> None:
    """The command and its options exist; nothing of it runs."""
    if words and words[0] in GROUPS:
        group = group_named(words[0])
        try:
            group.parse_args(words[1:], exit_on_error=False, print_error=False)
        except CycloptsError as error:
            raise AssertionError(f"mcpauthkit {shlex.join(words)}: {error}") from error
    else:
        assert words in (["--help"], ["--version"], []), words
