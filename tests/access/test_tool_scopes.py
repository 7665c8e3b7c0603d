"""The table of scopes by tool, as a value and as a file."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.errors import AccessDenied, ConfigurationError, PolicyInvalid
from mcpauthkit.guards import ToolScopes
from tests.access.callers import someone

TABLE = ToolScopes({"public_info": ["public:read"], "both": ["public:read", "secret:read"], "hello": []})


@pytest.mark.parametrize(
    ("granted", "tool", "missing"),
    [
        (["public:read"], "public_info", ()),
        (["public:read"], "both", ("secret:read",)),
        ([], "both", ("public:read", "secret:read")),
        (["public:read", "secret:read", "more"], "both", ()),
        (["public:rea", "PUBLIC:READ", "public:read:all"], "public_info", ("public:read",)),
        ([], "hello", ()),
    ],
)
def test_a_caller_lacks_what_was_not_granted(granted: list[str], tool: str, missing: tuple[str, ...]) -> None:
    assert TABLE.check(someone(scopes=granted), tool) == missing
    decision = TABLE.decide(someone(scopes=granted), tool)
    assert (decision.allowed, decision.missing_scopes) == (not missing, missing)


def test_a_shortfall_names_all_that_is_needed_and_what_is_missing() -> None:
    assert TABLE.decide(someone(scopes=["public:read"]), "both").public == (
        "Requires all scopes [public:read, secret:read], client has [public:read], missing [secret:read]"
    )


def test_a_tool_that_the_table_does_not_name_is_open_to_nobody() -> None:
    decision = TABLE.decide(someone(scopes=["public:read", "secret:read"]), "forgotten")
    assert not decision.allowed
    with pytest.raises(AccessDenied) as denied:
        TABLE.check(someone(), "forgotten")
    assert denied.value.public == "This tool is open to nobody: no scopes are set for it."
    assert TABLE.is_refused("forgotten")
    assert TABLE.needed("forgotten") == ()


def test_a_table_can_leave_tools_that_it_does_not_name_alone() -> None:
    table = ToolScopes({"a": ["x"]}, unmapped="allow")
    assert table.check(someone(), "other") == ()
    assert table.decide(None, "other").allowed
    assert not table.is_refused("other")
    assert not table.is_empty


def test_nobody_lacks_everything_even_where_signing_in_is_enough() -> None:
    assert TABLE.check(None, "both") == ("public:read", "secret:read")
    with pytest.raises(AccessDenied):
        TABLE.check(None, "hello")
    assert not TABLE.decide(None, "hello").allowed


def test_a_mapping_says_nothing_about_tools_that_are_not_in_it() -> None:
    assert ToolScopes.of({"a": ["x"]}).unmapped == "allow"
    assert ToolScopes.of(TABLE) is TABLE
    assert ToolScopes.of(None).is_empty
    assert not ToolScopes({}).is_empty


def test_a_table_does_not_change_with_what_it_was_made_from() -> None:
    given: dict[str, list[str]] = {"a": ["x"]}
    table = ToolScopes(given)
    given["a"].clear()
    given["b"] = []
    assert table.needed("a") == ("x",)
    assert table.is_refused("b")


@pytest.mark.parametrize(
    "wrong",
    ["a", ["a"], 7, {"a": "x y"}, {"a": "x"}, {"a": [7]}, {"a": ["x y"]}, {"": ["x"]}, {7: ["x"]}, {"a": None}],
)
def test_what_is_no_table_is_refused_with_the_fix(wrong: Any) -> None:
    for make in (ToolScopes, ToolScopes.of):
        with pytest.raises(ConfigurationError) as refused:
            make(wrong)
        assert refused.value.hint


def test_there_are_two_ways_to_treat_other_tools() -> None:
    with pytest.raises(ConfigurationError):
        ToolScopes({}, unmapped="ask")  # type: ignore[arg-type]  # that is the mistake


def written(folder: Path, text: str) -> Path:
    path = folder / "scopes.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_file_says_the_same_as_a_mapping(tmp_path: Path) -> None:
    path = written(
        tmp_path, "# who may what\ntools:\n  public_info: [public:read]\n  both:\n    - a\n    - b\n  hello: []\n"
    )
    table = ToolScopes.from_file(path)
    assert dict(table.by_tool) == {"public_info": ("public:read",), "both": ("a", "b"), "hello": ()}
    assert table.unmapped == "refuse"
    allowing = written(tmp_path, "unmapped: allow\ntools: {a: [x]}\n")
    assert ToolScopes.from_file(str(allowing)).unmapped == "allow"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("", "0:0"),
        ("tools: [a]\n", "1:8"),
        ("tools:\n  a: x\n", "2:6"),
        ("tools:\n  a: [x, 7]\n", "2:10"),
        ("tools:\n  a: [x y]\n", "2:7"),
        ("tools:\n  a: [yes]\n", "2:7"),
        ("tools:\n  a: ['']\n", "2:7"),
        ("tools:\n  a:\n", "2:3"),
        ("tools:\n  a: [x]\n  a: []\n", "3:3"),
        ("tools: {}\ntools: {}\n", "2:1"),
        ("tool: {a: [x]}\n", "1:1"),
        ("tools: {a: [x]}\nunmaped: allow\n", "2:1"),
        ("tools: {}\nunmapped: perhaps\n", "2:11"),
        ("tools: {}\nunmapped: [allow]\n", "2:11"),
        ("- tools\n", "1:1"),
        ("tools:\n  a: &x [b]\n  c: *x\n", "2:6"),
        ("tools:\n  a: !!python/name:os.system [x]\n", "2:6"),
        ("tools: {a: [x\n", "2:1"),
        ("tools: {}\n---\ntools: {}\n", "2:1"),
    ],
)
def test_a_file_that_is_not_understood_is_refused_at_its_line(tmp_path: Path, text: str, place: str) -> None:
    # G5: misspelt keys were ignored, and what they should have restricted stood open.
    path = written(tmp_path, text)
    with pytest.raises(PolicyInvalid) as refused:
        ToolScopes.from_file(path)
    fault = refused.value.faults[0]
    assert f"{fault.line}:{fault.column}" == place
    assert fault.source == str(path)


def test_every_fault_of_a_file_is_told_at_once(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid) as refused:
        ToolScopes.from_file(written(tmp_path, "tools:\n  a: x\n  b: [1]\nother: 1\nunmapped: 7\n"))
    assert [one.line for one in refused.value.faults] == [2, 3, 4, 5]


@pytest.mark.parametrize("kind", ["missing", "folder", "not text"])
def test_a_file_that_cannot_be_read_is_refused_by_its_name(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "scopes.yaml"
    if kind == "folder":
        path.mkdir()
    if kind == "not text":
        path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(PolicyInvalid) as refused:
        ToolScopes.from_file(path)
    assert [one.source for one in refused.value.faults] == [str(path)]


def test_a_huge_file_is_not_read_through(tmp_path: Path) -> None:
    with pytest.raises(PolicyInvalid):
        ToolScopes.from_file(written(tmp_path, "tools: {a: [x]}\n" + "#" * (4 * 1024 * 1024)))


@given(text=st.text(max_size=80) | st.text("tols: {}[]\n-a&*!?|'\"\t,#", max_size=60))
def test_any_text_gives_a_table_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    path = tmp_path_factory.mktemp("tables") / "scopes.yaml"
    path.write_text(text, encoding="utf-8", newline="", errors="replace")
    # Any other exception would be a text of a parser's, with a line of the file in it.
    with suppress(ConfigurationError):
        assert ToolScopes.from_file(path).unmapped in {"refuse", "allow"}


def test_a_file_that_cannot_be_used_is_called_what_it_is(tmp_path: Path) -> None:
    path = tmp_path / "scopes.yaml"
    path.write_text("tools:\n  x: reports:read\n")
    with pytest.raises(PolicyInvalid) as refused:
        ToolScopes.from_file(path)
    assert str(refused.value).startswith("A table of scopes cannot be used:\n")
    assert (refused.value.faults[0].line, refused.value.faults[0].column) == (2, 6)
