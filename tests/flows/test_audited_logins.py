"""What the record tells of logins: through the proxy, and of browsers at our own pages."""

from __future__ import annotations

import json

from mcpauthkit.audit import AuditTrail, note
from mcpauthkit.core.audit import current_recorder
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.flows.audited_world import Ink, audited_world
from tests.web.proxy_world import CALLBACK, browsing, proxy_world


def events_of(ink: Ink) -> list[str]:
    return [json.loads(line)["event"] for line in ink.lines]


async def test_every_step_of_a_login_through_the_proxy_is_told_in_order() -> None:
    ink = Ink()
    with proxy_world(audit=AuditTrail(ink)) as here:
        async with browsing(here) as (robot, client):
            code = (await here.log_in(robot, client)).query["code"]
            tokens = (await client.exchange(code)).json()
            assert (await here.call(tokens["access_token"])).status_code == 200
            again = (await client.refresh(tokens["refresh_token"])).json()
            assert (await client.post(f"{here.base}/revoke", token=again["refresh_token"])).status_code == 200
            assert (await client.refresh(again["refresh_token"])).status_code == 400
    assert events_of(ink) == [
        "proxy.client_registered",
        "proxy.consent_given",
        "proxy.code_issued",
        "proxy.code_redeemed",
        "token.verified",
        "proxy.token_renewed",
        "proxy.token_revoked",
        "proxy.renewal_refused",
    ]


async def test_a_declined_consent_is_told_and_nothing_is_issued() -> None:
    ink = Ink()
    with proxy_world(audit=AuditTrail(ink)) as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url(resource=here.resource))
            await robot.click(page, "Cancel", stop_at=CALLBACK)
    assert events_of(ink) == ["proxy.client_registered", "proxy.consent_declined"]


async def test_signing_in_and_out_of_our_pages_is_told_with_who_it_was() -> None:
    with audited_world() as on:
        async with BrowserRobot() as robot:
            page = await robot.open(f"{on.here.server.base_url}/connections")
            page = await sign_in(robot, page, user="alice")
            assert on.events("browser.signed_out") == []
            await robot.click(page, "Sign out")
        told = [*on.events("browser.signed_in"), *on.events("browser.signed_out")]
        assert [one["event"] for one in told] == ["browser.signed_in", "browser.signed_out"]
        digest = on.principal("alice").digest
        assert all(one["principal"].startswith(digest) for one in told)


def test_what_is_noted_where_no_call_is_told_of_is_an_event_of_its_own() -> None:
    ink = Ink()
    token = current_recorder.set(AuditTrail(ink))
    try:
        note(rows=3)
    finally:
        current_recorder.reset(token)
    [event] = [json.loads(line) for line in ink.lines]
    assert (event["event"], event["metadata"]) == ("call.noted", {"rows": 3})
