"""What every test shares."""

from __future__ import annotations

import os

import pytest
from hypothesis import HealthCheck, settings

from mcpauthkit.settings import DecryptionKeySettings, DeploymentSettings, StorageSettings

# A busy machine is no reason to fail: the examples decide, not the clock.
settings.register_profile("kit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kit")


def pytest_xdist_auto_num_workers() -> int:
    """Two workers a core: the tests wait for servers to start and to stop about half of the time."""
    return 2 * (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's shell says of keys, stores and production decides about none of our tests."""
    for settings_class in (DecryptionKeySettings, DeploymentSettings, StorageSettings):
        for name in settings_class.model_fields:
            monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def anyio_backend() -> str:
    """The servers under test run on asyncio, and so do the tests."""
    return "asyncio"
