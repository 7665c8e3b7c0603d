"""How a call ends when the user does not connect: five endings with five texts, and nothing lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from mcpauthkit import Patience
from mcpauthkit.errors import (
    ConnectionBroken,
    ConnectionCancelled,
    ConnectionDeclined,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRefused,
)
from mcpauthkit.testing import BrowserRobot, FakeClock, approve, sign_in
from tests.flows.test_ladder import eras, flavours, text_of
from tests.world import ERA_MODES, Answer, Era, Flavour, Human, World, eventually, world

if TYPE_CHECKING:
    from collections.abc import Callable

NAME = "DevForge"


def says(answer: Answer) -> Callable[[World], Human]:
    async def act(_url: str) -> Answer:
        return answer

    return lambda _here: act


def does(what: str) -> Callable[[World], Human]:
    return lambda here: here.person(do=what)


@eras
@pytest.mark.parametrize(
    ("human", "error"),
    [
        (says("decline"), ConnectionDeclined),
        (says("cancel"), ConnectionCancelled),
        (does("decline"), ConnectionDeclined),
        (does("deny"), ConnectionRefused),
    ],
    ids=["declined in the client", "cancelled in the client", "declined on our page", "denied at the service"],
)
async def test_a_user_who_says_no_ends_the_call_with_the_right_text_and_may_be_asked_again(
    era: Era, human: Callable[[World], Human], error: type[ConnectionFailed]
) -> None:
    with world() as here:
        async with here.client(era, human=human(here)) as client:
            assert await text_of(client, "list_repos") == (True, str(error(NAME)))
        assert here.service.live_tokens() == ()
        async with here.client(era, human=here.person()) as client:
            assert not (await text_of(client, "list_repos"))[0]


async def test_the_five_endings_have_five_texts() -> None:
    kinds = (ConnectionDeclined, ConnectionCancelled, ConnectionExpired, ConnectionRefused, ConnectionBroken)
    texts = [str(kind(NAME)) for kind in kinds]
    assert len(set(texts)) == len({kind.code for kind in kinds}) == 5
    for text, word in zip(texts, ("declined", "cancelled", "expired", "refused", "failed"), strict=True):
        assert word in text
        assert NAME in text
        assert "again" in text


@eras
@flavours
async def test_a_definite_error_of_the_token_endpoint_fails_the_call(
    era: Era, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    with world(flavour=flavour) as here:
        here.service.faults.respond("token", status=401, body='{"error": "invalid_client"}')
        async with here.client(era, human=here.person()) as client:
            is_error, text = await text_of(client, "list_repos")
        assert is_error
        # MCPServer puts the tool's name in front.
        assert text.endswith(str(ConnectionBroken(NAME)))
        assert here.service.live_tokens() == ()
    # The text sends the operator to the log, which says what to look at.
    assert "client_secret, client_authentication" in caplog.text


@eras
async def test_an_answer_of_another_server_fails_the_call_and_its_code_is_never_exchanged(era: Era) -> None:
    # L4: `iss` was ignored (RFC 9207).
    with world() as here:
        here.service.misbehave(wrong_iss=True)
        async with here.client(era, human=here.person()) as client:
            assert await text_of(client, "list_repos") == (True, str(ConnectionBroken(NAME)))
        assert here.service.requests.count("token") == 0


@eras
async def test_a_link_nobody_used_in_time_expires(era: Era) -> None:
    clock = FakeClock()

    async def sleeps_over_it(_url: str) -> Answer:
        clock.advance(3600)
        return "accept"

    with world(patience=Patience(hold_seconds=0.3), provider_options={"clock": clock}) as here:
        async with here.client(era, human=sleeps_over_it) as client:
            assert await text_of(client, "list_repos") == (True, str(ConnectionExpired(NAME)))
        assert len(here.store) == 0


@eras
async def test_a_service_that_fails_once_keeps_the_flow_and_the_waiting_call(era: Era) -> None:
    async def patient(here: World, url: str) -> Answer:
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(url), user="alice")
            page = await approve(robot, await robot.click(page, "Connect"), account="octo-alice")
            assert page.status == 502
            assert "try again" in page.text.lower()
            page = await approve(robot, await robot.click(page, "Connect"), account="octo-alice")
            assert page.status == 200
            assert "is connected" in page.text
        return "accept"

    with world() as here:
        here.service.faults.respond("token", status=500, times=1)

        async def act(url: str) -> Answer:
            return await patient(here, url)

        async with here.client(era, human=act) as client:
            is_error, text = await text_of(client, "list_repos")
        assert not is_error, text
        assert len(here.questions) == 1


@eras
async def test_partial_consent_is_named_and_does_not_ask_in_circles(era: Era) -> None:
    def build(mcp: Any, provider: Any) -> None:
        @mcp.tool()
        @provider.require_token(scopes=["repo", "admin:everything"])
        async def admin() -> str:
            return "never"

    with world(build=build) as here:
        async with here.client(era, human=here.person()) as client:
            is_error, text = await text_of(client, "admin")
            assert is_error
            assert "admin:everything" in text
            assert not (await text_of(client, "list_repos"))[0]
        assert len(here.questions) == 1


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_client_that_cancels_leaves_no_task_and_no_pending_entry(era: Era) -> None:
    asked = anyio.Event()

    async def reads_for_ever(_url: str) -> Answer:
        asked.set()
        if era == "legacy":
            await anyio.sleep_forever()
        return "accept"

    with world(patience=Patience(hold_seconds=30)) as here:
        async with here.client(era, human=reads_for_ever) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(text_of, client, "list_repos")
            await eventually(asked.is_set)
            await eventually(here.is_holding)
            assert len(here.store) > 0
            tasks.cancel_scope.cancel()
        await eventually(lambda: len(here.store) == 0)
        await eventually(lambda: not here.is_holding())


async def test_a_page_in_front_of_the_user_outlives_a_client_that_gives_up() -> None:
    opened = anyio.Event()

    with world(patience=Patience(hold_seconds=30)) as here:

        async def opens_and_reads(url: str) -> Answer:
            async with BrowserRobot() as robot:
                await here.visit(robot, url, do="look")
            opened.set()
            return "accept"

        async with here.client("modern", human=opens_and_reads) as client, anyio.create_task_group() as tasks:
            tasks.start_soon(text_of, client, "list_repos")
            with anyio.fail_after(5):
                await opened.wait()
            tasks.cancel_scope.cancel()
        async with BrowserRobot() as robot:
            page = await here.visit(robot, here.links[0])
            assert "is connected" in page.text
        async with here.client("modern") as client:
            assert not (await text_of(client, "list_repos"))[0]
