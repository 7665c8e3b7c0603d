"""The broker: using and renewing what the vault holds."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING

import anyio
import anyio.lowlevel
import pytest

from mcpauthkit.core.flow_state import FlowStatus
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from tests.connections.small_world import ALICE, BOB, SmallWorld, credential, principal

if TYPE_CHECKING:
    from mcpauthkit.connections.credential import Credential

DOWN = RemoteUnavailable(reason="canary reason")
ODD = RemoteMisbehaved(reason="odd")
# A renewal that met an outage rests for a while before the service is asked again.
REST = 5
GONE = GrantRefused("invalid_grant", reason="gone")


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


class Gate:
    """Keeps the service from answering until it is opened."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.opened = anyio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.opened.wait()


async def test_a_fresh_credential_is_used_as_it_is(here: SmallWorld) -> None:
    held = await here.hold(seconds=3600)
    assert await here.broker.lookup(ALICE, ["repo"]) == held
    assert here.grant.renewals == []
    assert await here.broker.lookup(BOB, ["repo"]) is None


async def test_a_credential_is_used_to_the_margin_and_renewed_from_there(here: SmallWorld) -> None:
    held = await here.hold(seconds=3600)
    here.clock.advance(3569)
    assert await here.broker.lookup(ALICE, ["repo"]) == held
    here.clock.advance(1)
    renewed = await here.broker.lookup(ALICE, ["repo"])
    assert renewed is not None
    assert renewed.access_token.reveal() == "renewed-1" == await here.held_token()


async def test_fifty_calls_and_two_replicas_worth_of_them_renew_once(here: SmallWorld) -> None:
    # L7: ten refreshes for ten calls; with rotation the grant was destroyed.
    await here.hold(seconds=10)
    gate = here.grant.before_answer = Gate()
    found: list[Credential | None] = []

    async def lookup() -> None:
        found.append(await here.broker.lookup(ALICE, ["repo"]))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            for _ in range(50):
                tasks.start_soon(lookup)
            await gate.reached.wait()
            await anyio.wait_all_tasks_blocked()
            gate.opened.set()
    assert here.grant.renewals == ["refresh-canary"]
    assert {one.access_token.reveal() for one in found if one is not None} == {"renewed-1"}
    assert len(found) == 50


async def test_one_persons_renewal_does_not_hold_up_another(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    bobs = credential("bobs", refresh="refresh-bob", expires_at=here.clock.wall() + 10)
    await here.vault.put(BOB, "forge", bobs)
    gate = here.grant.before_answer = Gate()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(here.broker.lookup, ALICE, ["repo"])
            tasks.start_soon(here.broker.lookup, BOB, ["repo"])
            await anyio.wait_all_tasks_blocked()
            assert sorted(here.grant.renewals) == ["refresh-bob", "refresh-canary"]
            gate.opened.set()


async def test_the_renewed_credential_is_kept_before_anybody_gets_it(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    renewed = await here.broker.lookup(ALICE, ["repo"])
    assert renewed == await here.vault.get(ALICE, "forge")
    here.clock.advance(3600)
    await here.broker.lookup(ALICE, ["repo"])
    assert here.grant.renewals == ["refresh-canary", "refresh-of-renewed-1"]


@pytest.mark.parametrize("how", ["scope", "task", "timeout"])
async def test_a_caller_that_goes_away_while_the_service_answers_loses_nothing(here: SmallWorld, how: str) -> None:
    # With rotation the old refresh token is spent by then. A tool may cancel by asyncio's own means.
    await here.hold(seconds=10)
    gate = here.grant.before_answer = Gate()
    ended: list[str] = []

    async def call() -> None:
        try:
            if how == "timeout":
                async with asyncio.timeout(0.01):
                    await here.broker.lookup(ALICE, ["repo"])
            else:
                await here.broker.lookup(ALICE, ["repo"])
                # anyio lets go at the next checkpoint after the shield.
                await anyio.lowlevel.checkpoint()
        except TimeoutError:
            ended.append("timeout")
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            if how == "scope":
                tasks.start_soon(call)
                await gate.reached.wait()
                tasks.cancel_scope.cancel()
                gate.opened.set()
            else:
                task = asyncio.create_task(call())
                await gate.reached.wait()
                if how == "task":
                    task.cancel()
                    await anyio.wait_all_tasks_blocked()
                    task.cancel()
                else:
                    await asyncio.wait([task], timeout=0.05)
                gate.opened.set()
                await asyncio.wait([task])
    assert ended == ["timeout" if how == "timeout" else "cancelled"]
    assert await here.held_token() == "renewed-1"
    assert here.grant.renewals == ["refresh-canary"]


async def test_a_caller_that_goes_away_while_it_waits_its_turn_leaves_the_others_alone(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    gate = here.grant.before_answer = Gate()
    found: list[Credential | None] = []

    async def lookup() -> None:
        found.append(await here.broker.lookup(ALICE, ["repo"]))

    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(lookup)
            await gate.reached.wait()
            impatient = asyncio.create_task(here.broker.lookup(ALICE, ["repo"]))
            tasks.start_soon(lookup)
            await anyio.wait_all_tasks_blocked()
            impatient.cancel()
            await anyio.wait_all_tasks_blocked()
            gate.opened.set()
    assert len(found) == 2
    assert len(here.grant.renewals) == 1


@pytest.mark.parametrize("trouble", [DOWN, ODD], ids=["down", "odd"])
async def test_an_outage_keeps_the_record_and_uses_a_token_that_is_still_alive(
    here: SmallWorld, trouble: RemoteError
) -> None:
    # `test_try_silent_refresh_fn_fails_clears_token`, changed on purpose: an outage is not a revocation.
    held = await here.hold(seconds=10)
    here.grant.trouble = trouble
    assert await here.broker.lookup(ALICE, ["repo"]) == held
    here.clock.advance(10)
    with pytest.raises(type(trouble)):
        await here.broker.lookup(ALICE, ["repo"])
    assert await here.vault.get(ALICE, "forge") == held
    here.grant.trouble = None
    here.clock.advance(REST)
    assert await here.broker.lookup(ALICE, ["repo"]) is not None


async def test_a_refused_renewal_forgets_the_credential(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    here.grant.trouble = GONE
    assert await here.broker.lookup(ALICE, ["repo"]) is None
    assert await here.held_token() is None
    assert "canary" not in "".join(await here.texts())


async def test_a_renewal_that_grants_less_leads_to_the_user_and_keeps_what_there_is(here: SmallWorld) -> None:
    await here.hold(seconds=10, scopes=("repo", "gist"))
    here.grant.granted = ("gist",)
    assert await here.broker.lookup(ALICE, ["repo"]) is None
    assert await here.broker.lookup(ALICE, ["gist"]) is not None


async def test_what_a_service_has_refused_is_renewed_even_if_it_looks_fresh(here: SmallWorld) -> None:
    held = await here.hold(seconds=3600)
    renewed = await here.broker.renew(ALICE, rejected=held)
    assert renewed is not None
    assert renewed.access_token.reveal() == "renewed-1"


async def test_a_refused_token_that_another_call_has_replaced_is_not_renewed_again(here: SmallWorld) -> None:
    old = await here.hold("old")
    await here.hold("newer")
    found = await here.broker.renew(ALICE, rejected=old)
    assert found is not None
    assert found.access_token.reveal() == "newer"
    assert here.grant.renewals == []


async def test_a_refused_token_is_not_given_back_in_an_outage_however_fresh_it_looks(here: SmallWorld) -> None:
    held = await here.hold(seconds=3600)
    here.grant.trouble = DOWN
    with pytest.raises(RemoteUnavailable):
        await here.broker.renew(ALICE, rejected=held)
    assert await here.vault.get(ALICE, "forge") == held


async def test_a_refused_renewal_never_deletes_what_another_replica_has_stored_since(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    replaced = credential("theirs", expires_at=here.clock.wall() + 3600)

    async def meanwhile() -> None:
        await here.vault.put(ALICE, "forge", replaced)

    here.grant.before_answer = meanwhile
    here.grant.trouble = GONE
    assert await here.broker.lookup(ALICE, ["repo"]) == replaced
    assert await here.vault.get(ALICE, "forge") == replaced


async def test_only_what_is_missing_is_asked_and_the_service_hears_what_was_granted_before_too(
    here: SmallWorld,
) -> None:
    await here.hold(scopes=("repo", "gist"))
    flow = await here.broker.open_flow(ALICE, ["repo", "user"], purpose="profile")
    assert flow.scopes == ("user",)
    assert flow.granted == ("gist", "repo")
    assert flow.purpose == "profile"
    url = await here.broker.start_visit(flow, browser="browser-1")
    assert "scope=user+gist+repo&" in url


async def test_fifty_calls_that_need_the_user_share_one_flow(here: SmallWorld) -> None:
    flows: list[str] = []

    async def ask(number: int) -> None:
        flow = await here.broker.open_flow(ALICE, ["repo"], purpose=f"tool {number}")
        flows.append(flow.flow_id)

    async with anyio.create_task_group() as tasks:
        for number in range(50):
            tasks.start_soon(ask, number)
    assert len(set(flows)) == 1


async def test_forgetting_forgets_one_persons_credential(here: SmallWorld) -> None:
    await here.hold()
    await here.vault.put(BOB, "forge", credential("bobs"))
    await here.broker.forget(ALICE)
    await here.broker.forget(ALICE)
    assert await here.held_token() is None
    assert await here.vault.get(BOB, "forge") is not None


async def test_locks_do_not_accumulate(here: SmallWorld) -> None:
    for number in range(200):
        await here.broker.forget(principal(f"user-{number}"))
    gc.collect()
    assert len(here.broker._locks) == 0
    await here.hold(seconds=10)
    here.clock.advance(10)
    here.grant.trouble = DOWN
    with pytest.raises(RemoteUnavailable):
        await here.broker.lookup(ALICE, ["repo"])
    gc.collect()
    assert len(here.broker._locks) == 0


async def test_no_secret_and_no_subject_reaches_the_log(here: SmallWorld, caplog: pytest.LogCaptureFixture) -> None:
    # N1, N1b
    caplog.set_level("DEBUG", "mcpauthkit")
    await here.hold(seconds=10)
    here.grant.trouble = GONE
    await here.broker.lookup(ALICE, ["repo"])
    assert ALICE.digest in caplog.text
    for secret in ("access-canary", "refresh-canary", "alice", "issuer.example"):
        assert secret not in caplog.text


@pytest.mark.parametrize("error", ["invalid_client", "unauthorized_client", "invalid_request", "invalid_scope"])
async def test_a_refusal_of_ourselves_costs_no_user_their_connection(here: SmallWorld, error: str) -> None:
    held = await here.hold(seconds=10)
    here.grant.trouble = GrantRefused(error, reason="canary reason")
    assert await here.broker.lookup(ALICE, ["repo"]) == held
    here.clock.advance(20)
    with pytest.raises(RemoteMisbehaved) as refused:
        await here.broker.lookup(ALICE, ["repo"])
    assert "client_secret" in refused.value.hint
    assert "canary" not in refused.value.public
    here.grant.trouble = None
    here.clock.advance(REST)
    renewed = await here.broker.lookup(ALICE, ["repo"])
    assert renewed is not None


async def test_a_grant_that_is_gone_is_forgotten(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    here.grant.trouble = GrantRefused("invalid_grant")
    assert await here.broker.lookup(ALICE, ["repo"]) is None
    assert await here.vault.get(ALICE, "forge") is None


async def test_one_of_many_takes_the_question_and_nobody_asks_about_what_is_done(here: SmallWorld) -> None:
    flow = await here.open()
    taken = [await here.broker.take_question(ALICE, flow, seconds=60) for _ in range(3)]
    assert [one is not None for one in taken] == [True, False, False]
    here.clock.advance(60)
    await here.ledger.finish(flow, FlowStatus.CONNECTED)
    assert await here.broker.take_question(ALICE, flow, seconds=60) is None
