"""These tests need linters and a package index: skipped with a word of advice, or, where they are expected, never."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

EXPECTED = os.environ.get("MCPAUTHKIT_DEPLOYMENT") == "1"
_HERE = Path(__file__).parent


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip where nobody has promised the tools; from here, so that the summary has one line for them all."""
    if not EXPECTED and _HERE in item.path.parents:
        pytest.skip("needs Helm and other linters; `scripts/deployment run` installs them and runs these tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where the tools are promised, a test that skips has failed."""
    report = yield
    if EXPECTED and _HERE in item.path.parents and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although MCPAUTHKIT_DEPLOYMENT=1 promises what it needs: {report.longrepr}"
    return report
