"""The same-user check: a link, a callback or a session of one person is of no use to another."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, FakeClock, approve, sign_in
from tests.audited import audit_lines, refusals_told
from tests.flows.test_ladder import eras, link_in, text_of
from tests.world import Answer, Era, World, world

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcpauthkit.testing import Endpoint, Page


@pytest.fixture
def here() -> Iterator[World]:
    # The middleware's own clock, so that its rests and cooldowns can be skipped.
    clock = FakeClock(wall=time.time())
    with world(middleware_options={"clock": clock}) as one:
        one.clock = clock
        yield one


async def link_for(here: World, sub: str = "alice") -> str:
    """A connect link, as a client without URL mode gets it."""
    async with here.client(sub=sub) as client:
        return link_in((await text_of(client, "list_repos"))[1])


async def consented(here: World, robot: BrowserRobot, link: str, sub: str = "alice") -> Page:
    """Go through with it up to the redirect back to us, which is not followed."""
    page = await robot.click(await sign_in(robot, await robot.open(link), user=sub), "Connect")
    return await approve(robot, page, account=f"octo-{sub}", stop_at=f"{here.base}/connect/forge/callback")


def nothing_stored(here: World) -> bool:
    return here.service.requests.count("token") == 0


async def test_bob_opening_alices_link_is_refused_and_told_apart_in_the_audit_log(
    here: World, caplog: pytest.LogCaptureFixture
) -> None:
    # L3, M5: whoever opened the link had their account bound to the sender's tool.
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    link = await link_for(here)
    async with BrowserRobot() as bob:
        page = await sign_in(bob, await bob.open(link), user="bob")
        assert page.status == 403
        assert "belongs to somebody else" in page.text
        assert "alice" not in page.text.lower()
        start = await bob.open(link.replace("/connect/forge", "/connect/forge/start"))
        assert start.status == 403
    assert nothing_stored(here)
    audited = audit_lines(caplog)
    assert refusals_told(caplog) == ["link.refused: forwarded"] * 2
    assert len(audited) == 2
    async with here.client() as client:
        assert (await text_of(client, "list_repos"))[0]


async def test_bob_can_change_to_the_right_account_on_the_refusal_page(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as robot:
        page = await sign_in(robot, await robot.open(link), user="bob")
        page = await sign_in(robot, await robot.click(page, "Sign in as somebody else"), user="alice")
        assert page.status == 200
        assert "Connect DevForge" in page.title


async def test_alices_callback_in_bobs_browser_stores_nothing_for_either(here: World) -> None:
    link = await link_for(here)
    bobs_link = await link_for(here, "bob")
    async with BrowserRobot() as alice, BrowserRobot() as bob:
        await sign_in(bob, await bob.open(bobs_link), user="bob")
        callback = (await consented(here, alice, link)).url
        page = await bob.open(callback)
        assert page.status == 403
        assert nothing_stored(here)
        # The state is spent: it cannot be used in the right browser either.
        assert (await alice.open(callback)).status == 400
    assert nothing_stored(here)


async def test_alices_callback_in_a_browser_without_session_stores_nothing(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice, BrowserRobot() as stranger:
        page = await stranger.open((await consented(here, alice, link)).url)
        assert page.status == 403
    assert nothing_stored(here)


async def test_alices_callback_in_a_second_session_of_hers_stores_nothing(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice, BrowserRobot() as phone:
        await sign_in(phone, await phone.open(link), user="alice")
        page = await phone.open((await consented(here, alice, link)).url)
        assert page.status == 403
    assert nothing_stored(here)


async def test_a_replayed_callback_stores_nothing_and_says_so(here: World) -> None:
    # L2: the code was exchanged twice.
    link = await link_for(here)
    async with BrowserRobot() as alice:
        callback = (await consented(here, alice, link)).url
        assert "is connected" in (await alice.open(callback)).text
        again = await alice.open(callback)
        assert again.status == 400
        assert "used" in again.title
    assert here.service.requests.count("token") == 1


@pytest.mark.parametrize("name", ["state", "code", "iss"])
async def test_an_edited_callback_stores_nothing(here: World, name: str) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice:
        callback = httpx.URL((await consented(here, alice, link)).url)
        await alice.open(str(callback.copy_set_param(name, callback.params[name] + "x")))
    async with here.client() as client:
        assert (await text_of(client, "list_repos"))[0]


@pytest.mark.parametrize("edit", ["", "?flow=", "?flow=nonsense", "?flow=" + "x" * 5000, "?flow=%00%ff"])
async def test_an_edited_link_leads_to_a_page_that_says_what_to_do(here: World, edit: str) -> None:
    async with BrowserRobot() as alice:
        page = await sign_in(alice, await alice.open(f"{here.base}/connect/forge{edit}"), user="alice")
    assert page.status == 410
    assert "new link" in page.text


async def test_two_tabs_of_one_flow_connect_once(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice:
        first = (await consented(here, alice, link)).url
        page = await alice.click(await alice.open(link), "Connect")
        second = (await approve(alice, page, account="octo-alice", stop_at=f"{here.base}/connect")).url
        assert "is connected" in (await alice.open(first)).text
        assert "is connected" in (await alice.open(second)).text
    assert here.service.requests.count("token") == 1


async def test_a_finished_link_only_tells_its_outcome(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice:
        await here.visit(alice, link)
        page = await alice.open(link)
        assert "is connected" in page.text
        # The one way on is to the page of all connections, which asks who looks at it.
        assert ([one.href.partition("?")[0] for one in page.links], page.forms) == ([f"{here.base}/connections"], ())
        assert "is connected" in (await alice.open(link.replace("/forge", "/forge/start"))).text


async def test_a_login_started_in_another_browser_is_refused(here: World) -> None:
    link = await link_for(here)
    async with BrowserRobot() as alice, BrowserRobot() as mallory:
        login = await mallory.open(link)
        page = await sign_in(mallory, login, user="bob", stop_at=f"{here.base}/connect/login/callback")
        # Login CSRF: Mallory hands her own finished login to Alice's browser.
        refused = await alice.open(page.url)
        assert refused.status == 400
        assert alice.cookies == {}


async def test_a_login_cancelled_at_the_issuer_explains_itself(here: World) -> None:
    async with BrowserRobot() as alice:
        page = await alice.open(await link_for(here))
        page = await alice.click(page, "Cancel")
        assert page.status == 400
        assert "cancelled or refused" in page.text


@pytest.mark.parametrize("endpoint", ["token", "register", "jwks"])
async def test_an_issuer_that_is_down_gives_a_page_and_the_link_works_later(here: World, endpoint: Endpoint) -> None:
    link = await link_for(here)
    if endpoint == "jwks":
        here.issuer.rotate_keys(keep_old=False)
    here.issuer.faults.respond(endpoint, status=500)
    async with BrowserRobot() as alice:
        page = await alice.open(link)
        page = page if page.status == 502 else await sign_in(alice, page, user="alice")
        assert page.status == 502
        assert "at the moment" in page.text
        here.issuer.faults.clear()
        here.clock.advance(60)
        assert "is connected" in (await here.visit(alice, link)).text


@eras
async def test_bobs_call_never_uses_alices_credential(era: Era) -> None:
    # E2, E3: Bob's token with Alice's session id ran as Alice, with her credential.
    with world() as here:
        async with here.client(era, human=here.person()) as alice:
            assert not (await text_of(alice, "list_repos"))[0]
        async with here.client(era, sub="bob", human=_declines) as bob:
            is_error, text = await text_of(bob, "list_repos")
            assert is_error
            assert "hello-world" not in text


async def _declines(_url: str) -> Answer:
    return "decline"
