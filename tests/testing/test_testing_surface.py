from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import mcpauthkit.testing


def test_what_type_checkers_see_is_what_there_is() -> None:
    imports = {
        alias.name: node.module
        for node in ast.walk(ast.parse(inspect.getsource(mcpauthkit.testing)))
        if isinstance(node, ast.ImportFrom) and str(node.module).startswith("mcpauthkit.")
        for alias in node.names
    }
    assert sorted(imports) == mcpauthkit.testing.__all__
    assert set(imports) <= set(dir(mcpauthkit.testing))
    for name, module in imports.items():
        assert getattr(mcpauthkit.testing, name) is getattr(importlib.import_module(str(module)), name), name


def test_a_name_that_there_is_not_is_an_error_like_any_other() -> None:
    with pytest.raises(AttributeError, match=r"'mcpauthkit.testing' has no attribute 'DevIsuer'"):
        mcpauthkit.testing.DevIsuer  # noqa: B018
    with pytest.raises(ImportError):
        exec("from mcpauthkit.testing import DevIsuer")  # noqa: S102  # what users write


LOADED = """
import sys
{code}
sys.stdout.write(" ".join(sorted({{name.partition(".")[0] for name in sys.modules}} & {{
    "cryptography", "fastapi", "fastmcp", "httpx", "joserfc", "mcp", "pydantic", "pytest", "starlette", "uvicorn"}})))
"""


@pytest.mark.parametrize(
    ("code", "loaded"),
    [
        ("import mcpauthkit.testing", ""),
        ("import mcpauthkit.testing.plugin", ""),
        ("import mcpauthkit.testing.profiles", ""),
        ("from mcpauthkit.testing import DevIssuer", "cryptography httpx joserfc starlette uvicorn"),
    ],
)
def test_a_name_brings_no_more_than_it_needs(code: str, loaded: str) -> None:
    done = subprocess.run(  # noqa: S603  # our own interpreter and our own program
        [sys.executable, "-c", LOADED.format(code=code)], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.stderr == ""
    # Fewer is fine.
    assert set(done.stdout.split()) <= set(loaded.split())
