"""One issuer and one server for all rows of a module."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """As for every test, but for a module's fixtures too."""
    return "asyncio"
