"""The fixtures of the pytest plugin. All are sync: they serve tests under anyio, pytest-asyncio and neither."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcpauthkit.testing.clock import FakeClock
    from mcpauthkit.testing.issuer.server import DevIssuer
    from mcpauthkit.testing.profiles import ClientProfile
    from mcpauthkit.testing.robot import BrowserRobot
    from mcpauthkit.testing.service.server import DevService
    from mcpauthkit.testing.world import DevWorld

# Those of `mcpauthkit.testing.profiles`, which is not imported before somebody needs it.
_PROFILES = [f"{asks}-{era}" for asks in ("url", "form", "none") for era in ("modern", "legacy", "stateless")]
