"""What users see of their connections, and ending them."""

from __future__ import annotations

from dataclasses import replace

import anyio
import pytest

from mcpauthkit import Account, Credential, Health, Revoked, Secret
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from tests.connections.small_world import ALICE, BOB, SmallWorld, credential
from tests.connections.test_accounts import connect

DAY = 86_400.0


@pytest.fixture
def here() -> SmallWorld:
    return SmallWorld()


async def only(here: SmallWorld) -> tuple[Health, float | None, float | None]:
    [seen] = await here.broker.overview.connections(ALICE)
    return seen.health, seen.last_used_at, seen.expires_at


async def test_nothing_connected_is_an_empty_list(here: SmallWorld) -> None:
    assert await here.broker.overview.connections(ALICE) == []


async def test_a_connection_shows_what_is_known_and_no_secret(here: SmallWorld) -> None:
    held = replace(
        credential("access-canary", scopes=("user", "repo")),
        account=Account(id="7", label="octo-alice", tenant="corp"),
        connected_at=here.clock.wall(),
    )
    await here.vault.put(ALICE, "forge", held)
    [seen] = await here.broker.overview.connections(ALICE)
    assert (seen.service, seen.display_name, seen.account.label, seen.account.tenant) == (
        "forge",
        "DevForge",
        "octo-alice",
        "corp",
    )
    assert seen.scopes == ("repo", "user")
    assert seen.is_default
    assert seen.renews_itself
    assert "canary" not in repr(seen)


async def test_the_last_use_is_known_within_five_minutes(here: SmallWorld) -> None:
    await here.hold(seconds=None)
    assert (await only(here))[1] is None
    used_at = here.clock.wall()
    await here.broker.lookup(ALICE, ["repo"])
    here.clock.advance(299)
    await here.broker.lookup(ALICE, ["repo"])
    assert (await only(here))[1] == used_at
    here.clock.advance(1)
    await here.broker.lookup(ALICE, ["repo"])
    assert (await only(here))[1] == used_at + 300


@pytest.mark.parametrize(
    ("lives_for", "health"),
    [(None, Health.GOOD), (8 * DAY, Health.GOOD), (7 * DAY, Health.EXPIRES_SOON), (1.0, Health.EXPIRES_SOON)],
)
async def test_what_nothing_renews_says_when_its_end_is_near(
    here: SmallWorld, lives_for: float | None, health: Health
) -> None:
    await here.hold(seconds=lives_for, refresh=None)
    assert (await only(here))[0] is health


async def test_what_has_ended_by_itself_still_says_so(here: SmallWorld) -> None:
    flow = await here.open()

    async def obtain() -> Credential:
        return credential("short", refresh=None, expires_at=here.clock.wall() + 60)

    await here.broker.settle(ALICE, flow, obtain)
    here.clock.advance(61)
    assert (await only(here))[0] is Health.EXPIRED
    await here.hold()
    assert (await only(here))[0] is Health.GOOD


async def test_what_has_ended_with_its_refresh_token_says_so_too(here: SmallWorld) -> None:
    flow, now = await here.open(), here.clock.wall()

    async def obtain() -> Credential:
        return replace(credential("short", expires_at=now + 60), refresh_expires_at=now + 900)

    await here.broker.settle(ALICE, flow, obtain)
    here.clock.advance(899)
    assert (await only(here))[0] is Health.GOOD
    here.clock.advance(1)
    assert (await only(here))[0] is Health.EXPIRED


async def test_an_outage_shows_until_a_renewal_works_again(here: SmallWorld) -> None:
    await here.hold(seconds=10)
    here.grant.trouble = RemoteUnavailable()
    await here.broker.lookup(ALICE, ["repo"])
    assert (await only(here))[0] is Health.FAILING
    here.grant.trouble = None
    here.clock.advance(5)
    await here.broker.lookup(ALICE, ["repo"])
    assert (await only(here))[0] is Health.GOOD


async def test_what_the_service_has_ended_is_told_until_it_is_connected_again(here: SmallWorld) -> None:
    held = await here.hold(seconds=10)
    here.grant.trouble = GrantRefused("invalid_grant")
    assert await here.broker.renew(ALICE, rejected=held) is None
    assert (await only(here))[0] is Health.LOST
    here.grant.trouble = None
    flow = await here.open()
    await here.broker.start_visit(flow, browser="browser-1")
    visit = await here.ledger.take_visit("state-1")
    assert visit is not None
    await here.broker.finish_visit(ALICE, flow, visit, {"code": "1"})
    assert (await only(here))[0] is Health.GOOD


@pytest.mark.parametrize(
    ("answer", "revoked"),
    [
        (True, Revoked.YES),
        (False, Revoked.NOT_SUPPORTED),
        (RemoteUnavailable(), Revoked.NO),
        (RemoteMisbehaved(), Revoked.NO),
        (GrantRefused("invalid_client"), Revoked.NO),
    ],
    ids=["agreed", "cannot", "down", "odd", "refused"],
)
async def test_disconnecting_ends_it_here_whatever_the_service_says_and_tells_what_it_said(
    here: SmallWorld, answer: bool | RemoteError, revoked: Revoked
) -> None:
    await here.hold("access-canary")
    here.grant.revocation = answer
    [ended] = await here.broker.overview.disconnect(ALICE)
    assert ended.revoked is revoked
    assert here.grant.revoked == [Secret("access-canary")]
    assert await here.broker.overview.connections(ALICE) == []
    assert await here.broker.lookup(ALICE, ["repo"]) is None


async def test_every_connection_that_is_ended_is_audited_with_what_its_service_said(
    here: SmallWorld, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "mcpauthkit.audit")
    await here.hold()
    await here.vault.put(ALICE, "forge", replace(credential("second"), name="work"))
    here.grant.revocation = False
    await here.broker.overview.disconnect(ALICE)
    lines = [record.getMessage() for record in caplog.records if record.name == "mcpauthkit.audit"]
    assert lines == [
        *[f"credential.removed service=forge user={ALICE.digest} reason=disconnected"] * 2,
        *[f"credential.revoked outcome=not_supported service=forge user={ALICE.digest}"] * 2,
    ]


async def test_a_disconnected_credential_is_gone_before_a_slow_service_answers(here: SmallWorld) -> None:
    await here.hold()
    seen: list[str | None] = []

    async def look() -> None:
        seen.append(await here.held_token())

    here.grant.before_answer = look
    await here.broker.overview.disconnect(ALICE)
    assert seen == [None]


async def test_disconnecting_is_finished_even_if_the_browser_goes_away(here: SmallWorld) -> None:
    await here.hold()
    with anyio.CancelScope() as scope:

        async def leave() -> None:
            scope.cancel()

        here.grant.before_answer = leave
        await here.broker.overview.disconnect(ALICE)
    assert len(here.grant.revoked) == 1


async def test_nothing_to_disconnect_is_an_empty_list_and_asks_the_service_nothing(here: SmallWorld) -> None:
    await here.hold()
    assert await here.broker.overview.disconnect(BOB) == []
    assert await here.broker.overview.disconnect(ALICE, name="other") == []
    assert here.grant.revoked == []
    assert await here.held_token() is not None


async def test_one_connection_forgets_nothing_of_another(here: SmallWorld) -> None:
    await connect(here)
    here.grant.trouble = RemoteUnavailable(reason="down")
    here.clock.advance(3580)
    await here.broker.lookup(ALICE, ["repo"])
    here.grant.trouble = None
    before = await only(here)
    assert before[:2] == (Health.FAILING, here.clock.wall())
    await connect(here, "work")
    await here.broker.overview.disconnect(ALICE, name="work")
    assert await only(here) == before


async def test_what_is_known_of_a_connection_follows_it_when_another_becomes_the_default(here: SmallWorld) -> None:
    await connect(here)
    used_at = here.clock.wall()
    here.clock.advance(1_000)
    await connect(here, "work")
    assert await here.broker.overview.make_default(ALICE, name="work")
    work, first = await here.broker.overview.connections(ALICE)
    assert (work.last_used_at, first.last_used_at) == (used_at + 1_000, used_at)
