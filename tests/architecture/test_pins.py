"""What CI installs from constraints.txt is what `uv run` resolves to from pyproject.toml."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_the_bare_pins_in_pyproject_are_the_hashed_ones() -> None:
    lines = (line.removesuffix("\\").strip() for line in (ROOT / "constraints.txt").read_text().splitlines())
    hashed = [line for line in lines if re.match(r"[a-z0-9]", line)]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["tool"]["uv"]["constraint-dependencies"] == hashed


def test_every_direct_dependency_is_pinned() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = [
        *project["project"]["dependencies"],
        *(one for extra in project["project"]["optional-dependencies"].values() for one in extra),
        *project["dependency-groups"]["dev"],
    ]
    pinned = {pin.partition("==")[0] for pin in project["tool"]["uv"]["constraint-dependencies"]}
    assert {re.split(r"[\[>=]", one, maxsplit=1)[0] for one in asked} <= pinned
