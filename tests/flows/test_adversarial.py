"""Attacks on connecting: each binds nothing, shows nobody the attacker's text, and leaves one line in the audit log."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest
from markupsafe import escape

from mcpauthkit.testing import DevUser
from tests.audited import audit_lines, fields_of, refusals_told
from tests.flows.adversary import MARKUP, Attack, stage
from tests.flows.attacks_on_callbacks import CALLBACKS
from tests.flows.attacks_on_forms import FORMS, serve_form
from tests.flows.attacks_on_links import LINKS
from tests.flows.attacks_on_logins import LOGINS
from tests.world import World, another_service, world

TABLE = (*LINKS, *CALLBACKS, *LOGINS, *FORMS)


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
        serve_form(one)
        yield one


def audited(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What the audit log tells of refusals; reasons of errors are fields of their own, and told elsewhere."""
    denied = [line for line in audit_lines(caplog) if fields_of(line).get("decision") == "deny"]
    assert denied == audit_lines(caplog, level=logging.WARNING)
    return [told.partition(": code=")[0] for told in refusals_told(caplog)]


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


SCOPE = "<img/src=x/onerror=alert(1)>"


async def test_every_displayed_string_is_shown_as_text() -> None:
    """Names of services, tools, permissions, people and accounts: whoever chose them, they are text on our pages."""

    def build(mcp: Any, provider: Any) -> None:
        async def hostile() -> str:
            return "never"

        hostile.__name__ = MARKUP
        mcp.tool(name="hostile")(provider.require_token(scopes=[SCOPE])(hostile))

    with world(
        build=build,
        issuer_options={"users": [DevUser("alice", MARKUP, "a@example.test")]},
        provider_options={"display_name": MARKUP},
    ) as here:
        async with stage(here) as on:
            link = await on.link_of("hostile")
            page = await on.signed_in("alice", link)
            finished = await on.alice.click(page, "Not now")
        for shown in (page, finished):
            assert MARKUP[:10] not in shown.html
        assert escape(SCOPE) in page.html
        assert page.html.count(escape(MARKUP)) >= 4


async def test_whatever_was_typed_into_a_form_comes_back_as_text(here: World) -> None:
    async with stage(here) as on:
        page = await on.signed_in("alice", await on.link_of("typed"))
        again = await on.alice.submit(page, {"site": MARKUP, "token": MARKUP}, button="Connect")
        assert again.status == 422
        assert MARKUP[:10] not in again.html
        # What is no secret is kept for the user to mend; a secret is not.
        assert again.html.count(escape(MARKUP)) == 1
