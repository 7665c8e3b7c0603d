"""These tests need services of other people: skipped with a word of advice, or, where they are expected, never."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.services.documents import Authority, make_authority
from tests.services.keycloak import Keycloak, free_ports

EXPECTED = os.environ.get("MCPAUTHKIT_SERVICES") == "1"
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what is below this folder."""
    for item in items:
        if _HERE in item.path.parents:
            item.add_marker("services")


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip where nobody has promised the services; from here, so that the summary has one line for them all."""
    if not EXPECTED and _HERE in item.path.parents:
        pytest.skip("needs Keycloak, Node.js and Redis; `scripts/services run` installs them and runs these tests")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Where the services are promised, a test that skips has failed."""
    report = yield
    if EXPECTED and _HERE in item.path.parents and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = f"skipped although MCPAUTHKIT_SERVICES=1 promises what it needs: {report.longrepr}"
    return report


@pytest.fixture(scope="session")
def ports() -> list[int]:
    """Of the MCP server that Keycloak's realm knows, and of Keycloak."""
    return free_ports(2)


@pytest.fixture(scope="session")
def server_port(ports: list[int]) -> int:
    """Where the realm expects the MCP server, so one test after the other serves there."""
    return ports[0]


@pytest.fixture(scope="session")
def server_url(server_port: int) -> str:
    """The MCP server's base address, as the realm knows it."""
    return f"http://127.0.0.1:{server_port}"


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Vouches for https on this machine, to Keycloak alone."""
    return make_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def keycloak(
    ports: list[int], server_url: str, authority: Authority, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Keycloak]:
    """One Keycloak for all tests."""
    home = os.environ.get("KEYCLOAK_HOME", "")
    if not (Path(home) / "bin/kc.sh").is_file():
        pytest.fail(f"KEYCLOAK_HOME is {home!r}, where no Keycloak is; `scripts/services run` sets it")
    work = tmp_path_factory.mktemp("keycloak")
    with Keycloak(
        Path(home), work=work, port=ports[1], server_url=server_url, truststore=authority.certificate
    ) as running:
        yield running
