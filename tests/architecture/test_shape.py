"""The shape of the code: sizes, exports, and what may be mentioned where."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = sorted((ROOT / "mcpauthkit").rglob("*.py"))
EVERYTHING = [*LIBRARY, *(one for name in ("quickstart", "tests", "benchmarks") for one in (ROOT / name).rglob("*.py"))]
# The development servers and the robot are test equipment: they may read the machine.
SHIPPED = [one for one in LIBRARY if "testing" not in one.relative_to(ROOT).parts]
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), name_of(path))


def mentions(path: Path) -> Iterator[str]:
    """Dotted names as they are written, imports included."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Attribute | ast.Name):
            yield ast.unparse(node)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def offenders(paths: list[Path], forbidden: tuple[str, ...], allowed: tuple[str, ...]) -> list[str]:
    return [
        f"{name_of(path)}: {name}"
        for path in paths
        if name_of(path) not in allowed
        for name in mentions(path)
        if name.startswith(forbidden)
    ]


def test_there_is_something_to_look_at() -> None:
    assert len(LIBRARY) > 50
    assert Path(__file__) in EVERYTHING


def test_no_file_is_longer_than_people_read() -> None:
    lengths = {name_of(path): len(path.read_text().splitlines()) for path in EVERYTHING}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_people_read() -> None:
    long = [
        f"{name_of(path)}:{node.lineno} {node.name}"
        for path in EVERYTHING
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno + 1 > MAX_FUNCTION_LINES
    ]
    assert long == []


def test_only_the_settings_read_the_environment() -> None:
    forbidden = ("os.environ", "os.getenv", "os.putenv", "pydantic_settings")
    settings = tuple(map(name_of, (ROOT / "mcpauthkit/settings").rglob("*.py")))
    assert settings
    assert offenders(SHIPPED, forbidden, settings) == []


def test_only_the_clock_tells_the_time() -> None:
    forbidden = ("time.time", "time.monotonic", "time.perf_counter", "datetime.now", "datetime.utcnow", "time.sleep")
    assert offenders(LIBRARY, forbidden, ("mcpauthkit/core/clock.py",)) == []


def test_only_the_entropy_makes_random_values() -> None:
    forbidden = ("secrets.token", "secrets.choice", "secrets.rand", "random.", "os.urandom", "uuid.uuid")
    assert offenders(LIBRARY, forbidden, ("mcpauthkit/core/entropy.py",)) == []


BROAD_EDGES = (
    # The browser edge, and that of the clients of the authorization proxy.
    "mcpauthkit/web/pages.py",
    "mcpauthkit/web/proxy/wire.py",
    # The application's own code: its validator of typed values, and its hook for reminders. Whatever they raise may
    # quote a secret, and ends neither a page nor a tool's call.
    "mcpauthkit/connections/form_grant.py",
    "mcpauthkit/providers/reminders.py",
    # Guards of the application's own: one that fails denies.
    "mcpauthkit/access/guard.py",
    # Deciding: whatever fails there, a condition of the application's or a disk, is a refusal.
    "mcpauthkit/protocol/access/control.py",
    # Sinks are anybody's code, and what tools note may be anything: one that fails keeps no other from its record.
    "mcpauthkit/access/audit/trail.py",
    # The application's conditions in policies: whatever they raise is no answer, and may quote an argument.
    "mcpauthkit/access/policy/custom.py",
    # The doctor: whatever a check or the examined application raises is something to tell, by its type alone.
    "mcpauthkit/cli/doctor.py",
    "mcpauthkit/doctor/checkup.py",
    "mcpauthkit/doctor/in_process.py",
)


def test_broad_excepts_stand_only_at_the_named_edges() -> None:
    broad = [
        f"{name_of(path)}:{node.lineno}"
        for path in SHIPPED
        if name_of(path) not in BROAD_EDGES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or ast.unparse(node.type) in {"Exception", "BaseException"})
    ]
    assert broad == []


@pytest.mark.parametrize("path", [one for one in LIBRARY if "__all__" in one.read_text()], ids=name_of)
def test_what_is_exported_is_sorted_and_complete(path: Path) -> None:
    body = tree_of(path).body
    exported = next(
        ast.literal_eval(node.value)
        for node in body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__"
    )
    assert exported == sorted(exported)
    if path.name == "__init__.py":
        imported = [
            alias.asname or alias.name
            for node in ast.walk(ast.Module(body, []))
            if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mcpauthkit.")
            for alias in node.names
        ]
        assert sorted(imported) == exported


def test_no_module_keeps_state() -> None:
    """Dicts, lists and sets at module level are tables: nothing in the library changes one."""
    changed = []
    for path in SHIPPED:
        tree = tree_of(path)
        names = {
            ast.unparse(target)
            for node in tree.body
            if isinstance(node, ast.Assign | ast.AnnAssign)
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Global):
                changed.append(f"{name_of(path)}:{node.lineno}")
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                mutators = {"append", "add", "update", "setdefault", "extend", "insert", "pop", "clear"}
                if node.func.attr in mutators and ast.unparse(node.func.value) in names:
                    changed.append(f"{name_of(path)}:{node.lineno}")
    assert changed == []
