"""Attacks on connecting: each binds nothing, shows nobody the attacker's text, and leaves one line in the audit log."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.flows.adversary import MARKUP, Attack, stage
from tests.flows.attacks_on_callbacks import CALLBACKS
from tests.flows.attacks_on_links import LINKS
from tests.flows.attacks_on_logins import LOGINS
from tests.world import World, another_service, world

TABLE = (*LINKS, *CALLBACKS, *LOGINS)


def _account_tool(mcp: Any, provider: Any) -> None:
    @mcp.tool()
    @provider.require_token()
    async def account() -> str:
        """The name of the caller's account at the service."""
        async with provider.client() as http:
            return str((await http.get("/user")).json()["login"])


@pytest.fixture
def here() -> Iterator[World]:
    with world(build=_account_tool) as one:
        another_service(one, "wiki")
        yield one


def audited(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the audit log tells, without the fields."""
    lines = [record.getMessage() for record in caplog.records if record.name == "mcpauthkit.audit"]
    return [re.split(r" (?:service|code|request_id)=", line)[0] for line in lines]


@pytest.mark.parametrize("attack", TABLE, ids=lambda attack: attack.name)
async def test_an_attack_binds_nothing_and_echoes_nothing_and_leaves_one_line(
    attack: Attack, here: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit.audit")
    async with stage(here) as on:
        reply = await attack.do(on)
        assert reply.status == attack.status
        assert MARKUP[:10] not in reply.html
        assert audited(caplog) == [attack.audit]
        assert await on.connected() == (attack.connected or {})
