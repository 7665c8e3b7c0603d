"""What every test of the doctor shares."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory: a `.env` file would be read where the tests run."""
    monkeypatch.chdir(tmp_path)
    return tmp_path
