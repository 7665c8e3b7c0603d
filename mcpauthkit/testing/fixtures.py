"""The fixtures of the pytest plugin. All are sync, so they serve tests under anyio, pytest-asyncio and neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from mcpauthkit.testing.profiles import PROFILES, ClientProfile

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcpauthkit.testing.clock import FakeClock
    from mcpauthkit.testing.issuer.server import DevIssuer
    from mcpauthkit.testing.robot import BrowserRobot
    from mcpauthkit.testing.service.server import DevService
    from mcpauthkit.testing.world import DevWorld


@pytest.fixture
def dev_clock() -> FakeClock:
    """A clock that shows the time at which the test began, and moves when told to: `dev_clock.advance(3600)`.

    The issuer, the service and the store of `dev_world` go by it. Give it to the application too (`clock=dev_clock`)
    where a test moves it.
    """
    from mcpauthkit.core.clock import SystemClock  # noqa: PLC0415  # nothing before a test asks for it
    from mcpauthkit.testing.clock import FakeClock  # noqa: PLC0415

    return FakeClock(wall=SystemClock().wall())


@pytest.fixture
def dev_issuer(dev_clock: FakeClock) -> Iterator[DevIssuer]:
    """An OpenID provider on a free port of 127.0.0.1, where alice and bob can sign in."""
    from mcpauthkit.testing.issuer.server import DevIssuer  # noqa: PLC0415

    # Generating an RSA key would be the slowest part of a test.
    with DevIssuer(algorithm="ES256", clock=dev_clock) as issuer:
        yield issuer


@pytest.fixture
def dev_service(dev_clock: FakeClock) -> Iterator[DevService]:
    """A code forge on a free port of 127.0.0.1, where octo-alice and octo-bob have accounts."""
    from mcpauthkit.testing.service.server import DevService  # noqa: PLC0415

    with DevService(clock=dev_clock) as service:
        yield service


@pytest.fixture
def dev_browser() -> BrowserRobot:
    """A scripted browser in which nobody has signed in yet. It keeps no connections, so there is nothing to close."""
    from mcpauthkit.testing.robot import BrowserRobot  # noqa: PLC0415

    return BrowserRobot(keeps_connections=False)


@pytest.fixture
def dev_world(
    dev_clock: FakeClock, dev_issuer: DevIssuer, dev_service: DevService, monkeypatch: pytest.MonkeyPatch
) -> Iterator[DevWorld]:
    """Everything around an application under test; the environment says so, for applications that read settings."""
    from mcpauthkit.testing.world import DevWorld  # noqa: PLC0415

    with DevWorld(issuer=dev_issuer, service=dev_service, clock=dev_clock) as world:
        for name, value in world.environment.items():
            monkeypatch.setenv(name, value)
        yield world


@pytest.fixture(params=PROFILES)
def dev_profile(request: pytest.FixtureRequest) -> ClientProfile:
    """Each kind of client in turn: a test that asks for it runs once for each of the nine."""
    return ClientProfile.named(request.param)
