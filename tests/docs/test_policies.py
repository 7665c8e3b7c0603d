"""What docs/policies.md says: its files load, its tests pass, its commands work, its tables are complete."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest
from fastmcp import Client, FastMCP

from mcpauthkit import current_user
from mcpauthkit.access.policy.condition import Operator
from mcpauthkit.access.review.cases import Case
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.policies import Policy, PolicyEngine, Rule, load_policy, read_policy, to_yaml
from mcpauthkit.settings import StdioSettings
from mcpauthkit.testing import caller
from tests.docs.pages import commands_on, execute, first_column, python_blocks, run_command, text_of, write_files

PAGE = "docs/policies.md"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    assert write_files(PAGE, tmp_path) == ["policies.yaml", "campaign.yaml", "policies.test.yaml"]
    assert write_files("docs/guards.md", tmp_path) == ["scopes.yaml"]
    return tmp_path


async def test_the_server_on_the_page_shows_nobody_anything() -> None:
    mcp: FastMCP = execute(python_blocks(PAGE)[0], {})["mcp"]
    mcp.tool(lambda: "done", name="get_report")
    async with Client(mcp) as client:
        assert await client.list_tools() == []
        answer = await client.call_tool("get_report", raise_on_error=False)
    assert answer.is_error


def test_the_condition_of_ones_own_is_asked() -> None:
    names = execute(python_blocks(PAGE)[1], {})
    assert isinstance(names["policies"].engine, PolicyEngine)
    assert names["policies"].names == ("campaign",)


def test_the_builder_gives_a_document_that_is_written_and_read_again() -> None:
    built = execute(python_blocks(PAGE)[2], {})["reports"]
    assert isinstance(built, Policy)
    assert read_policy(to_yaml(built)) == built


async def test_a_server_that_is_there_already_is_filtered_from_in_front(caplog: pytest.LogCaptureFixture) -> None:
    there: FastMCP = FastMCP("there")
    there.tool(lambda: "done", name="get_report")
    there.tool(lambda: "gone", name="drop_report")
    code = python_blocks(PAGE)[3].replace('"https://reports.example.com/mcp"', "THERE")
    proxy = execute(code, {"THERE": there})["proxy"]
    token = current_user.set(caller("ann", roles=["staff"]).principal)
    try:
        async with Client(proxy) as client:
            assert [one.name for one in await client.list_tools()] == ["get_report"]
            assert (await client.call_tool("get_report")).content[0].text == "done"
            assert (await client.call_tool("drop_report", raise_on_error=False)).is_error
    finally:
        current_user.reset(token)
    assert "stands before" not in caplog.text


def test_the_engine_is_asked_as_the_page_shows(capsys: pytest.CaptureFixture[str]) -> None:
    names = execute(python_blocks(PAGE)[4], {})
    assert "finance_pays False" in capsys.readouterr().out
    nobody = names["request"]._replace(caller=caller(None))
    assert not names["engine"].decide(nobody).allowed


def test_what_nobody_can_be_is_refused_of_a_caller() -> None:
    with pytest.raises(ConfigurationError) as refused:
        caller("ann", roles="staff")
    assert "lists of texts" in refused.value.hint


def test_the_table_of_stdio_has_all_its_settings() -> None:
    variables = first_column(PAGE, "| variable | meaning | in a rule |")
    assert {one.lower() for one in variables} == set(StdioSettings.model_fields)


def test_the_commands_do_what_the_page_says(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    policy = (folder / "policies.yaml").read_text()
    (folder / "before.yaml").write_text(policy)
    (folder / "after.yaml").write_text(policy.replace("1000", "500"))
    codes = {words[1]: run_command(words) for words in commands_on(PAGE)}
    assert codes == {"validate": 0, "test": 0, "explain": 1, "diff": 1, "list-scopes": 0}
    assert "note:" not in capsys.readouterr().out


def test_the_table_of_a_rule_has_all_its_keys() -> None:
    keys = [name for name in first_column(PAGE, "| key | meaning |") if name != '"*"']
    assert set(keys) == set(Rule.model_fields)


def test_the_table_of_selectors_has_all_of_them() -> None:
    rows = text_of(PAGE).partition("| in | selector | matches |\n")[2].split("\n\n")[0].splitlines()[1:]
    found: dict[str, set[str]] = {}
    kind = ""
    for row in rows:
        first, second = (cell.replace("`", "").strip() for cell in row.split("|")[1:3])
        kind = first or kind
        found.setdefault(kind, set()).update(name.removesuffix(": true") for name in second.split(", "))
    for name, selectors in found.items():
        (model,) = (one for one in get_args(Rule.model_fields[name].annotation) if one is not type(None))
        assert selectors == set(model.model_fields), name
    assert set(found) == {"agents", "tools", "resources", "prompts"}


def test_every_field_on_the_page_can_be_written_and_every_operator_is_there(folder: Path) -> None:
    fields = first_column(PAGE, "| field | what it is |")
    assert len(fields) > 20
    conditions = "\n".join(f"      - {{field: {name}, operator: exists}}" for name in fields)
    (folder / "fields.yaml").write_text(
        f"name: f\nrules:\n  - name: r\n    effect: deny\n    conditions:\n{conditions}\n"
    )
    (rule,) = load_policy(folder / "fields.yaml").rules
    assert len(rule.conditions) == len(fields)
    assert set(first_column(PAGE, "| operator | on a text or number | on a list |")) == set(get_args(Operator))


def test_the_table_of_a_test_has_all_its_keys() -> None:
    keys = first_column(PAGE, "| key of a test | meaning |")
    known = {field.alias or name for name, field in Case.model_fields.items()}
    assert set(keys) | {"kind"} == known
