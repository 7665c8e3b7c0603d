"""A trail that lets nothing happen unrecorded, and fails: nothing is used or kept, and everybody is told so."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mcpauthkit.audit import AuditTrail, ToolResponse
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.flows.audited_world import Audited, Ink, audited_world
from tests.flows.test_ladder import eras, link_in, text_of
from tests.web.proxy_world import browsing, proxy_world
from tests.wiki_world import SEND, TYPED
from tests.world import Era, Flavour

UNRECORDED = "cannot be recorded at the moment"
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


async def refused(on: Audited, era: Era, tool: str) -> bool:
    async with on.here.client(era) as client:
        is_error, text = await text_of(client, tool)
        return is_error and UNRECORDED in text


async def connected(on: Audited) -> None:
    async with on.here.client(human=on.here.person()) as client:
        assert not (await text_of(client, "list_repos"))[0]


@eras
@flavours
async def test_a_credential_is_not_used_without_a_record(era: Era, flavour: Flavour) -> None:
    with audited_world(flavour=flavour, on_failure="closed") as on:
        await connected(on)
        calls = on.here.service.requests.count("repos")
        on.ink.refuses = ("credential.used",)
        assert await refused(on, era, "list_repos")
        assert on.here.service.requests.count("repos") == calls
        on.ink.refuses = ()
        assert not await refused(on, era, "list_repos")


@eras
async def test_the_service_is_asked_for_no_renewal_that_could_not_be_recorded(era: Era) -> None:
    with audited_world(on_failure="closed") as on:
        await connected(on)
        held = await on.stored()
        on.here.service.expire_tokens()
        on.clock.advance(3600)
        on.ink.refuses = ("credential.renewing",)
        assert await refused(on, era, "list_repos")
        assert on.here.service.requests.count("token", grant_type="refresh_token") == 0
        # What has been renewed is kept, or its user would have to connect again; and it is not used.
        on.ink.refuses = ("credential.renewed",)
        assert await refused(on, era, "list_repos")
        on.ink.refuses = ()
        assert not await refused(on, era, "list_repos")
        assert on.here.service.requests.count("token", grant_type="refresh_token") == 1
        assert await on.stored() == held


async def test_nothing_is_kept_without_a_record_and_the_page_says_so() -> None:
    with audited_world(on_failure="closed") as on:
        async with on.here.client() as client:
            link = link_in((await text_of(client, "list_repos"))[1])
        on.ink.refuses = ("credential.created",)
        async with BrowserRobot() as robot:
            page = await on.here.visit(robot, link)
            assert page.status == 503
            assert UNRECORDED in page.text
            assert await on.stored() == set()
            # Nobody here could use it, or end it later.
            assert on.here.service.live_tokens() == ()
            on.ink.refuses = ()
            assert "is connected" in (await on.here.visit(robot, link)).title
        assert await on.stored() == on.alive() != set()


async def test_what_somebody_typed_is_not_kept_without_a_record() -> None:
    with audited_world(on_failure="closed") as on:
        link = await on.wiki.link()
        on.ink.refuses = ("credential.created",)
        async with BrowserRobot() as robot:
            form = await sign_in(robot, await robot.open(link), user="alice")
            page = await robot.submit(form, TYPED, button=SEND)
            assert page.status == 503
            assert UNRECORDED in page.text
        assert await on.stored() == set()


async def test_nothing_ends_without_a_record() -> None:
    with audited_world(on_failure="closed") as on:
        await connected(on)
        held = await on.stored()
        on.ink.refuses = ("credential.removed",)
        async with on.api("alice") as http:
            answer = await http.delete("/connections/api/forge")
        assert answer.status_code == 503
        assert answer.json()["error"] == "audit_unavailable"
        assert await on.stored() == held == on.alive()


async def test_nobody_is_let_in_whose_verified_token_could_not_be_recorded() -> None:
    with audited_world(on_failure="closed") as on:
        on.ink.refuses = ("token.verified",)
        async with on.api("alice") as http:
            for _ in range(2):
                answer = await http.get("/connections/api")
                assert answer.status_code == 503
                assert "www-authenticate" not in answer.headers
                assert UNRECORDED in answer.json()["error_description"]
            on.ink.refuses = ()
            assert (await http.get("/connections/api")).status_code == 200


async def test_refusals_stand_without_a_record() -> None:
    with audited_world(on_failure="closed") as on:
        on.ink.refuses = ("token.refused",)
        async with on.api("alice") as http:
            answer = await http.get("/connections/api", headers={"authorization": "Bearer nonsense"})
        assert answer.status_code == 401


@pytest.mark.parametrize("refused", ["proxy.code_redeemed", "proxy.token_renewed"])
async def test_the_proxy_hands_out_no_tokens_without_a_record(refused: str) -> None:
    ink = Ink()
    with proxy_world(audit=AuditTrail(ink, on_failure="closed")) as here:
        async with browsing(here) as (robot, client):
            code = (await here.log_in(robot, client)).query["code"]
            is_renewal = refused == "proxy.token_renewed"
            tokens = (await client.exchange(code)).json() if is_renewal else {}
            ink.refuses = (refused,)
            answer = await (client.refresh(tokens["refresh_token"]) if is_renewal else client.exchange(code))
        assert answer.status_code == 503
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json()["error"] == "temporarily_unavailable"
        assert answer.json().keys().isdisjoint({"access_token", "refresh_token", "id_token"})
        assert UNRECORDED in answer.json()["error_description"]
        assert not any(refused in line for line in ink.lines)


def _with_metadata(mcp: Any, _provider: Any) -> None:
    @mcp.tool()
    async def search(query: str) -> ToolResponse[list[str]]:
        """Says something for the record."""
        return ToolResponse(content=[query], metadata={"source": "replica-canary"})


@eras
@flavours
async def test_the_result_of_a_call_whose_end_cannot_be_recorded_is_not_shown(era: Era, flavour: Flavour) -> None:
    with audited_world(flavour=flavour, on_failure="closed", build=_with_metadata) as on:
        async with on.here.client(era) as client:
            is_error, text = await text_of(client, "search", query="found-canary")
            assert not is_error
            assert "found-canary" in text
            on.ink.refuses = ("call.finished",)
            is_error, text = await text_of(client, "search", query="found-canary")
            assert is_error
            assert "found-canary" not in text
            assert "cannot be recorded" in text


@eras
@flavours
async def test_metadata_of_a_tool_reaches_the_record_and_not_the_client(era: Era, flavour: Flavour) -> None:
    with audited_world(flavour=flavour, build=_with_metadata) as on:
        async with on.here.client(era) as client:
            [tool] = [one for one in await client.list_tools() if one.name == "search"]
            result = await client.call_tool("search", {"query": "x"})
        assert "canary" not in str(result)
        assert result.structured_content == {"result": ["x"]}
        assert tool.output_schema is not None
        assert tool.output_schema["properties"]["result"]["items"] == {"type": "string"}
        [event] = [json.loads(line) for line in on.ink.lines if "call.finished" in line]
        assert event["metadata"] == {"source": "replica-canary"}
        assert (event["kind"], event["target"], event["outcome"]) == ("tool", "search", "done")
        assert event["duration_ms"] >= 0
