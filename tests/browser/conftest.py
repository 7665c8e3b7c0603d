"""These tests need Chromium and axe: skipped with a word of advice, or, where they are expected, never."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.record import SCREENSHOTS, write_index
from tests.browser.visitor import SCREENS, Screen

EXPECTED = os.environ.get("MCPAUTHKIT_BROWSER") == "1"
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is below this folder."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("browser")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip where nobody has promised a browser; from here, so that the summary has one line for them all."""
    if not EXPECTED and _HERE in item.path.parents:
        pytest.skip("needs Chromium and axe-core; `scripts/browser run` installs them and runs these tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where a browser is promised, a test that skips has failed."""
    report = yield
    if EXPECTED and _HERE in item.path.parents and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although MCPAUTHKIT_BROWSER=1 promises what it needs: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """List the pictures, and say what axe would have us look at."""
    if EXPECTED and SCREENSHOTS.is_dir():
        for line in write_index():
            terminalreporter.write_line(line)


@pytest.fixture(params=list(SCREENS))
def screen(request: pytest.FixtureRequest) -> Screen:
    """A phone, then a desk."""
    return SCREENS[request.param]
