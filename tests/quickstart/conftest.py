from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from quickstart.settings import Settings

# What a developer may have set must not decide about our tests.
_OURS = frozenset(name.upper() for name in Settings.model_fields) | {"FORCE_COLOR", "COLUMNS", "NO_COLOR"}


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in _OURS:
        monkeypatch.delenv(name, raising=False)


def start(*arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
    """`python -m quickstart`, as a developer would start it."""
    return subprocess.Popen(  # noqa: S603  # our own interpreter and module
        [sys.executable, "-m", "quickstart", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONIOENCODING": "utf-8", **(env or {})},
    )
