"""Nothing is found where nothing is wrong."""

from __future__ import annotations

import pytest

from tests.doctor.healthy import Flavour, Mode, healthy


@pytest.mark.parametrize("served", [False, True], ids=["in process", "over the network"])
@pytest.mark.parametrize("mode", ["direct", "proxy"])
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_healthy_world_has_no_findings(flavour: Flavour, mode: Mode, *, served: bool) -> None:
    with healthy(mode=mode, flavour=flavour, served=served) as world:
        report = await world.report(token=world.token())
        assert report.findings == ()
        assert report.is_healthy(strict=True)
