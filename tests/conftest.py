"""What every test shares."""

from __future__ import annotations

import pytest


@pytest.fixture
def anyio_backend() -> str:
    """The servers under test run on asyncio, and so do the tests."""
    return "asyncio"
