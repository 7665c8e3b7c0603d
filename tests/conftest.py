"""What every test shares."""

from __future__ import annotations

import os
from pathlib import Path

import certifi
import pytest
from hypothesis import HealthCheck, settings

from mcpauthkit.settings import every_setting

# A busy machine is no reason to fail: the examples decide, not the clock.
settings.register_profile("kit", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("kit")


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are cores, for when a test waits; each further one would import and collect it all, too."""
    return 1 + (os.cpu_count() or 1)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a developer's shell says of keys, stores and production decides about none of our tests."""
    for one in every_setting():
        for name in (one.variable, f"{one.variable}_FILE"):
            monkeypatch.delenv(name, raising=False)


@pytest.fixture(scope="session")
def one_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with one of the world's certificate authorities."""
    one, end, _ = Path(certifi.where()).read_text(encoding="utf-8").partition("-----END CERTIFICATE-----\n")
    file = tmp_path_factory.mktemp("certificates") / "one.pem"
    file.write_text(one + end, encoding="utf-8")
    return file


@pytest.fixture(autouse=True)
def _few_certificates(one_certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each HTTP client reads all it trusts, and with the whole world that took a quarter of the run."""
    monkeypatch.setenv("SSL_CERT_FILE", str(one_certificate))


@pytest.fixture
def anyio_backend() -> str:
    """The servers under test run on asyncio, and so do the tests."""
    return "asyncio"
