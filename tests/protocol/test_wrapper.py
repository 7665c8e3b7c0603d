"""The guard around a function: what it holds, for whom, and for how long."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit import Patience
from mcpauthkit.errors import ConfigurationError
from tests.connections.small_world import ALICE, principal
from tests.protocol.room import Room, said
from tests.world import ERA_MODES, Era, eventually

eras = pytest.mark.parametrize("era", list(ERA_MODES))


@eras
async def test_concurrent_calls_of_many_users_each_hold_their_own(era: Era) -> None:
    here = Room()
    wrong: list[str] = []

    @here.mcp.tool()
    @here.forge.require_token()
    async def mine(expected: str) -> str:
        for _ in range(3):
            await anyio.lowlevel.checkpoint()
            if here.forge.get_token() != expected:
                wrong.append(expected)
        return here.forge.get_token()

    async def one(number: int) -> None:
        who = principal(f"user-{number}")
        await here.hold(f"token-{number}", who)
        async with here.client(era, who) as client, anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(functools.partial(said, client, "mine", expected=f"token-{number}"))

    async with anyio.create_task_group() as tasks:
        for number in range(10):
            tasks.start_soon(one, number)
    assert wrong == []


@eras
@pytest.mark.parametrize("how", ["returns", "raises"])
async def test_after_the_call_nothing_is_held(era: Era, how: str) -> None:
    here = Room()
    await here.hold()
    helper = here.forge.get_token

    @here.mcp.tool()
    @here.forge.require_token()
    async def guarded() -> str:
        if how == "raises":
            raise ValueError
        return helper()

    @here.mcp.tool()
    async def unguarded() -> str:
        try:
            return helper()
        except ConfigurationError:
            return "nothing held"

    async with here.client(era) as client:
        await said(client, "guarded")
        assert await said(client, "unguarded") == (False, "nothing held")
    with pytest.raises(ConfigurationError):
        helper()


async def test_work_that_a_tool_starts_beside_itself_sees_its_credential_and_one_provider_not_anothers() -> None:
    here = Room()
    await here.hold()

    @here.mcp.tool()
    @here.forge.require_token()
    async def starts() -> list[str]:
        async def beside() -> str:
            return here.forge.get_token()

        with pytest.raises(ConfigurationError):
            here.wiki.get_token()
        return [await asyncio.create_task(beside()), await asyncio.to_thread(here.forge.get_token)]

    async with here.client("modern") as client:
        assert await said(client, "starts") == (False, '["token-of-alice","token-of-alice"]')


async def test_a_function_that_only_looks_synchronous_is_awaited() -> None:
    """Decorators that do not care whether they wrap a coroutine function are common."""
    here = Room()
    await here.hold()

    def logged(function: Any) -> Any:
        @functools.wraps(function)
        def inner(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return inner

    @here.mcp.tool()
    @here.forge.require_token()
    @logged
    async def decorated() -> str:
        await anyio.lowlevel.checkpoint()
        return here.forge.get_token()

    async with here.client("modern") as client:
        assert await said(client, "decorated") == (False, "token-of-alice")


@eras
async def test_a_call_that_is_cancelled_ends_the_tool_and_lets_go(era: Era) -> None:
    here = Room()
    await here.hold()
    started, ended = anyio.Event(), anyio.Event()

    @here.mcp.tool()
    @here.forge.require_token()
    async def slow() -> str:
        started.set()
        try:
            await anyio.sleep_forever()
        finally:
            ended.set()
        return "never"

    with anyio.fail_after(5):
        async with here.client(era) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(said, client, "slow")
                await started.wait()
                tasks.cancel_scope.cancel()
            await ended.wait()


@eras
async def test_a_call_cancelled_while_it_waits_for_the_user_leaves_nothing_behind(era: Era) -> None:
    # L11b
    here = Room(patience=Patience(hold_seconds=60, asking_seconds=60))
    here.does = "nothing"
    ran: list[str] = []

    @here.mcp.tool()
    @here.forge.require_token()
    async def never() -> str:
        ran.append("x")
        return "never"

    with anyio.fail_after(5):
        async with here.client(era) as client:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(said, client, "never")
                await eventually(lambda: len(here.asked) == 1)
                await anyio.wait_all_tasks_blocked()
                assert len(here.store) > 0
                tasks.cancel_scope.cancel()
            await eventually(lambda: len(here.store) == 0)
    assert ran == []


@eras
async def test_a_call_by_nobody_is_refused_and_opens_no_flow(era: Era) -> None:
    here = Room()

    @here.mcp.tool()
    @here.forge.require_token()
    async def tool() -> str:
        return "never"

    async with here.client(era, None) as client:
        is_error, text = await said(client, "tool")
    assert is_error
    assert "signed-in user" in text
    assert len(here.store) == 0


async def test_an_error_of_the_kit_inside_a_tool_reaches_the_model_without_hint_or_reason(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", "mcpauthkit")
    here = Room()
    await here.hold()

    @here.mcp.tool()
    @here.forge.require_token()
    async def tool() -> str:
        return here.wiki.get_token()

    async with here.client("modern") as client:
        is_error, text = await said(client, "tool")
    assert is_error
    assert "credential is held here" in text
    assert "@mcp.tool" not in text
    assert "@mcp.tool" in caplog.text
    assert ALICE.subject not in caplog.text


@eras
async def test_any_number_of_calls_that_do_not_wait_leaves_one_flow_and_that_expires(era: Era) -> None:
    # L11, L11a: 1.7 kB stayed behind per call that failed fast.
    here = Room()

    @here.mcp.tool()
    @here.forge.require_token(scopes=["repo"], fail_fast=True)
    async def fast() -> str:
        return "never"

    async with here.client(era) as client:
        for _ in range(50):
            if era == "modern":
                assert (await said(client, "fast"))[0]
            else:
                with pytest.raises(MCPError):
                    await said(client, "fast")
    assert len(here.store) == 2
    here.clock.advance(600)
    assert len(here.store) == 0
