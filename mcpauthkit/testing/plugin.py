"""The door by which pytest comes in: loaded in every run of every project that has this library installed.

So it imports nothing. The fixtures come a moment later, when coverage measurement has begun, and what they need only
when a test asks for one of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Bring the fixtures."""
    config.pluginmanager.import_plugin("mcpauthkit.testing.fixtures")
