"""The page of connections, as somebody with a browser and no script meets it."""

from __future__ import annotations

import logging
import re
from typing import TYPE_CHECKING

import httpx
import pytest

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import BrowserRobot, DevIssuer, approve, sign_in
from mcpauthkit.web.ended_sessions import EndedSessions
from mcpauthkit.web.hub import Hub
from tests.audited import audit_lines, fields_of
from tests.web.connections_world import SETTINGS, ConnectionsWorld, Visitor, connections_world
from tests.web.test_pages import EVIL
from tests.world import RING

if TYPE_CHECKING:
    from collections.abc import Iterator

ACTIONS = ("connect", "another", "reconnect", "more", "default", "disconnect", "sign-out")


@pytest.fixture
def here() -> Iterator[ConnectionsWorld]:
    with connections_world() as one:
        yield one


async def post(here: ConnectionsWorld, who: Visitor | None, action: str, **fields: str) -> httpx.Response:
    """A form that somebody has made by hand."""
    cookies = {} if who is None else who.robot.cookies
    async with httpx.AsyncClient(cookies=cookies) as http:
        return await http.post(f"{here.page}/{action}", data=fields)


async def test_whoever_opens_the_page_signs_in_and_comes_back_to_it(here: ConnectionsWorld) -> None:
    async with here.browser() as alice:
        assert alice.page.url == here.page
        assert alice.page.title == "Your connections"
        for words in ("Alice Example", "DevForge", "Wiki", "Not connected."):
            assert words in alice.page.text


async def test_connecting_from_the_page_asks_for_what_tools_need_and_shows_what_came_of_it(
    here: ConnectionsWorld,
) -> None:
    async with here.browser() as alice:
        assert "read:user for read_profile" in alice.page.text
        assert "repo for list_repos" in alice.page.text
        await alice.connect("Connect DevForge")
    for words in ("octo-alice", "alice@example.test", "Working.", "read:user", "repo", "Renews itself", "UTC"):
        assert words in alice.page.text
    assert re.search(r'<time datetime="\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ">', alice.page.html)


async def test_only_what_was_ticked_is_asked_for_and_the_rest_can_be_allowed_later(here: ConnectionsWorld) -> None:
    async with here.browser() as alice:
        await alice.connect("Connect DevForge", scope="read:user")
        assert "Allow more with DevForge" in alice.page.text
        await alice.submit("Ask DevForge for these")
        assert alice.page.status == 422
        assert 'role="alert"' in alice.page.html
        await alice.connect("Ask DevForge for these", scope="repo")
        assert "Allow more" not in alice.page.text
    held = await here.connections.of(here.principal("alice"))
    assert held[0].scopes == ("read:user", "repo")


async def test_what_one_user_connects_no_other_user_sees_or_ends(here: ConnectionsWorld) -> None:
    async with here.connected() as alice, here.browser("bob") as bob:
        assert "octo-alice" not in bob.page.text
        assert bob.page.text.count("Not connected.") == 2
        foreign = await post(here, bob, "disconnect", csrf=bob.token("sign-out"), service="forge", name="")
        assert foreign.status_code == 403
        # Even with a token for this very form, which Alice's page has and Bob's could have.
        stolen = await post(here, bob, "disconnect", csrf=alice.token("disconnect"), service="forge", name="")
        assert stolen.status_code == 403
    assert len(await here.connections.of(here.principal("alice"))) == 1


async def test_several_accounts_stand_side_by_side_and_one_is_the_default(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        await alice.second_account()
        assert alice.page.text.count("Default") == 1
        await alice.click("Make DevForge (work) the default")
        assert alice.page.url == here.page
        held = await here.connections.of(here.principal("alice"))
        assert [(one.name, one.account.label, one.is_default) for one in held] == [
            ("work", "octo-bob", True),
            ("octo-alice", "octo-alice", False),
        ]
        await alice.click("Disconnect DevForge (work) now")
        assert "Revoked at DevForge: yes." in alice.page.text
    assert here.service.live_tokens("octo-bob") == ()
    assert len(here.service.live_tokens("octo-alice")) == 1


@pytest.mark.parametrize("name", ["", "  ", "x" * 61, "a\u202eb", "Work", "OCTO-ALICE"])
async def test_a_name_that_is_none_or_is_taken_is_refused_at_the_field(here: ConnectionsWorld, name: str) -> None:
    async with here.connected() as alice:
        if name == "Work":
            await alice.second_account()
        refused = await alice.submit("Connect another DevForge account", name=name)
    assert refused.status == 422
    assert 'aria-invalid="true"' in refused.html
    assert 'role="alert"' in refused.html
    assert "<details open>" in refused.html


@pytest.mark.parametrize(
    ("trouble", "said"), [(None, "yes."), (500, "no."), (503, "no."), (400, "no.")], ids=["yes", "500", "503", "400"]
)
async def test_disconnecting_says_what_the_service_said(here: ConnectionsWorld, trouble: int | None, said: str) -> None:
    async with here.connected() as alice:
        if trouble is not None:
            here.service.faults.respond("revoke", status=trouble)
        await alice.click("Disconnect DevForge now")
        assert f"Revoked at DevForge: {said}" in alice.page.text
        assert "DevForge (octo-alice) is disconnected" in alice.page.text
        assert (here.service.live_tokens("octo-alice") == ()) is (trouble is None)
        # Sent again, as by a reload: there is nothing any more, and that is told.
        gone = await post(here, alice, "disconnect", csrf=alice.token("connect"), service="forge")
        assert gone.status_code == 403
    assert await here.connections.of(here.principal("alice")) == []


async def test_where_a_service_cannot_be_told_the_page_says_so_and_where_users_do_it(here: ConnectionsWorld) -> None:
    async with here.connected(service="Wiki") as alice:
        await alice.click("Disconnect Wiki now")
    assert "Revoked at Wiki: not supported." in alice.page.text
    assert [one.href for one in alice.page.links] == [SETTINGS]
    assert here.service.requests.count("revoke") == 0


async def test_a_disconnection_sent_twice_changes_nothing_the_second_time(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        token = alice.token("disconnect")
        first = await post(here, alice, "disconnect", csrf=token, service="forge")
        second = await post(here, alice, "disconnect", csrf=token, service="forge")
    assert (first.status_code, second.status_code) == (200, 404)
    assert here.service.requests.count("revoke") == 1


async def test_reconnecting_leads_to_the_service_for_the_same_connection(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        before = here.service.live_tokens("octo-alice")
        await alice.second_account()
        await alice.connect("Reconnect DevForge (work)", account="octo-bob")
    held = await here.connections.of(here.principal("alice"))
    assert [(one.name, one.account.label) for one in held] == [("", "octo-alice"), ("work", "octo-bob")]
    assert here.service.live_tokens("octo-alice") == before


async def test_after_the_service_ended_the_grant_the_page_says_so_and_reconnecting_helps(
    here: ConnectionsWorld,
) -> None:
    async with here.connected() as alice:
        here.service.revoke_grants("octo-alice")
        async with here.client("modern") as client:
            await client.call_tool("use_forge", raise_on_error=False)
        await alice.open(here.page)
        assert "DevForge has ended it. Reconnect to use it again." in alice.page.text
        assert "octo-alice" in alice.page.text
        await alice.connect("Reconnect DevForge")
        assert "Working." in alice.page.text
        assert "repo" in alice.page.text


async def test_a_lost_connection_can_be_taken_off_the_page(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        here.service.revoke_grants("octo-alice")
        async with here.client("modern") as client:
            await client.call_tool("use_forge", raise_on_error=False)
        await alice.open(here.page)
        assert "DevForge is disconnected" in (await alice.click("Disconnect DevForge now")).text
        assert (await alice.open(here.page)).text.count("Not connected.") == 2


async def test_a_connection_that_nothing_renews_says_when_it_ends() -> None:
    with connections_world(access_token_ttl_seconds=None) as here:
        async with here.connected() as alice:
            assert "no date is known" in alice.page.text


async def test_a_service_that_does_not_answer_when_it_is_to_renew_is_named() -> None:
    with connections_world(access_token_ttl_seconds=20) as here:
        async with here.connected() as alice, here.client("modern") as client:
            here.service.faults.respond("token", status=500)
            await client.call_tool("use_forge", raise_on_error=False)
            await alice.open(here.page)
            assert "DevForge did not answer when it was to be renewed." in alice.page.text


@pytest.mark.parametrize("action", ACTIONS)
async def test_every_form_needs_a_token_of_ours_for_this_user_and_this_form(
    here: ConnectionsWorld, action: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with here.connected() as alice, here.browser("bob") as bob:
        await alice.second_account()
        fields = {"service": "forge", "name": "work", "scope": "repo"}
        wrong = {
            "missing": "",
            "foreign": bob.token("connect" if action != "sign-out" else "sign-out"),
            "of another form": alice.token("connect" if action != "connect" else "sign-out"),
            "long": "x" * 5000,
        }
        before = await here.connections.of(here.principal("alice"))
        for kind, token in wrong.items():
            caplog.clear()
            answer = await post(here, alice, action, csrf=token, **fields)
            assert answer.status_code == 403, kind
            assert "set-cookie" not in answer.headers, kind
            assert len(audit_lines(caplog, level=logging.WARNING)) == 1, kind
    assert await here.connections.of(here.principal("alice")) == before


@pytest.mark.parametrize("action", ACTIONS)
async def test_without_a_session_every_form_leads_to_the_sign_in(here: ConnectionsWorld, action: str) -> None:
    answer = await post(here, None, action, csrf="x", service="forge", name="")
    assert answer.status_code == 401
    # A link, since the answer to a form may not send the browser to another site.
    assert f'href="{here.page}">Sign in</a>' in answer.text


@pytest.mark.parametrize(
    ("action", "fields"),
    [
        ("connect", {"service": "nowhere"}),
        ("another", {"service": "", "name": "x"}),
        ("reconnect", {"service": "forge", "name": "nobody"}),
        ("more", {"service": "forge", "name": "nobody"}),
        ("default", {"service": "forge", "name": "nobody"}),
        ("disconnect", {"service": "forge", "name": "nobody"}),
    ],
)
async def test_a_form_for_what_is_not_there_changes_nothing(
    here: ConnectionsWorld, action: str, fields: dict[str, str]
) -> None:
    async with here.connected() as alice:
        await alice.connect("Connect another DevForge account", scope="repo", name="work")
        await alice.click("Make DevForge (work) the default")
        answer = await post(here, alice, action, csrf=alice.token(action), **fields)
    assert answer.status_code == 404
    assert "nobody" not in answer.text
    assert len(await here.connections.of(here.principal("alice"))) == 2


async def test_a_form_asks_for_no_permission_that_nothing_here_needs(here: ConnectionsWorld) -> None:
    async with here.browser() as alice:
        answer = await post(
            here, alice, "connect", csrf=alice.token("connect"), service="forge", scope="delete_everything"
        )
        asking = await alice.open(answer.headers["location"])
    assert "delete_everything" not in asking.text


async def test_a_form_larger_than_ours_is_refused_and_audited(
    here: ConnectionsWorld, caplog: pytest.LogCaptureFixture
) -> None:
    async with here.browser() as alice:
        token = alice.token("connect")
        answer = await post(here, alice, "connect", csrf=token, service="forge", scope="x" * 100_000)
        assert answer.status_code == 413
        [refused] = audit_lines(caplog, level=logging.WARNING)
        told = fields_of(refused)
        assert (told["event"], told["reason"]) == ("form.refused", "oversized form")
        assert told["path"] == "/connections/connect"
        async with httpx.AsyncClient(cookies=alice.robot.cookies) as http:
            for body in (b"\xff\xfe", b"&".join([b"a=b"] * 1000)):
                answer = await http.post(f"{here.page}/connect", content=body)
                assert answer.status_code == 403


async def test_signing_out_ends_the_session_and_the_next_sign_in_may_be_somebody_elses(
    here: ConnectionsWorld,
) -> None:
    async with here.connected() as alice:
        out = await alice.click("Sign out")
        assert "You are signed out" in out.title
        assert "mcpauthkit-session" not in alice.robot.cookies
        page = await sign_in(alice.robot, await alice.click("Sign in again"), user="bob")
        assert page.url == here.page
        assert "Bob Example" in page.text


async def test_what_was_copied_of_a_session_is_worth_nothing_after_signing_out(here: ConnectionsWorld) -> None:
    # The cookie was only cleared: whoever had a copy stayed signed in for the rest of the hour.
    async with here.api() as http:
        link = (await http.post("/connections/api/forge", json={})).json()["connect_url"]
    async with here.browser() as alice, here.browser() as phone:
        copied, token = dict(alice.robot.cookies), alice.token("connect")
        at_service = await alice.robot.click(await alice.open(link), "Connect")
        callback = await approve(alice.robot, at_service, stop_at=f"{here.server.base_url}/connect/forge/callback")
        await alice.open(here.page)
        await alice.click("Sign out")
        async with httpx.AsyncClient(cookies=copied) as http:
            for url in (here.page, link):
                assert (await http.get(url)).headers["location"].startswith(here.issuer.issuer_url)
            sent = await http.post(f"{here.page}/connect", data={"csrf": token, "service": "forge"})
            assert sent.status_code == 401
            assert (await http.get(callback.url)).status_code == 403
        # Another browser of the same user is another session.
        assert (await phone.open(here.page)).title == "Your connections"
    assert await here.connections.of(here.principal("alice")) == []


async def test_whatever_names_accounts_and_permissions_have_is_shown_as_text() -> None:
    scope = "<script>alert(1)</script>"
    with connections_world(scopes=("read:user", scope), names=(EVIL, "Wiki")) as here:
        async with here.browser() as alice:
            await alice.connect(f"Connect {EVIL}")
            await alice.connect(f"Connect another {EVIL} account", account="octo-bob", name="work")
            seen = [alice.page, await alice.click(f"Disconnect {EVIL} (work) now")]
    for page in seen:
        assert "<script" not in page.html
        assert "{{7654321*3}}" in page.text
        assert "alert(1)" in page.text


async def test_the_page_is_private_runs_no_script_and_is_labelled(here: ConnectionsWorld) -> None:
    async with here.connected() as alice:
        await alice.second_account()
    headers = alice.page.headers
    assert headers["cache-control"] == "no-store"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["x-frame-options"] == "DENY"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "<script" not in alice.page.html
    assert alice.page.html.count("<h1") == 1
    assert alice.page.html.count("<h2") == 2
    buttons = [button.text for form in alice.page.forms for button in form.buttons]
    assert len(set(buttons)) == len(buttons)
    assert all("DevForge" in one or "Wiki" in one or one == "Sign out" for one in buttons)
    identifiers = re.findall(r' id="([^"]+)"', alice.page.html)
    assert len(set(identifiers)) == len(identifiers)
    for name in re.findall(r'(?:for|aria-describedby|aria-labelledby)="([^"]+)"', alice.page.html):
        assert set(name.split()) <= set(identifiers), name


def test_two_services_of_one_name_are_refused(here: ConnectionsWorld) -> None:
    hub = Hub.of(here.app)
    with pytest.raises(ConfigurationError):
        hub.add_service(
            hub.services["forge"],
            base_url=here.server.base_url,
            ended_sessions=EndedSessions(SealedStore(here.store, RING), namespace="test"),
        )


async def test_users_of_a_further_issuer_come_by_a_link_with_its_mark() -> None:
    with DevIssuer(algorithm="ES256") as further, connections_world(further=further) as here:
        who = here.principal("bob", further.issuer_url)
        async with BrowserRobot() as robot:
            page = await robot.open(Hub.of(here.app).connections_url(who))
            assert page.url.startswith(further.base_url)
            bob = Visitor(robot, await sign_in(robot, page, user="bob"))
            assert bob.page.url == here.page
            await bob.connect("Connect DevForge", account="octo-bob")
        assert len(await here.connections.of(who)) == 1
        assert await here.connections.of(here.principal("bob")) == []
