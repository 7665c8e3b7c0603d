"""The form page: what it keeps, what it never shows again, and whose forms it takes."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import anyio
import pytest

from mcpauthkit.errors import CredentialsRejected, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.testing import BrowserRobot, FakeClock
from tests.audited import refusals_told
from tests.wiki_world import BAD, GOOD, SEND, TYPED, Wiki, send, token_of, wiki_world

if TYPE_CHECKING:
    from mcpauthkit.testing import Page

EVIL = "<script>alert(1)</script>\"'&{{7654321*3}}"


@pytest.fixture(scope="module")
def shared() -> Iterator[Wiki]:
    with wiki_world() as (wiki, _):
        yield wiki


@pytest.fixture
async def here(shared: Wiki) -> Wiki:
    """The wiki with nobody connected."""
    shared.fails_with = None
    shared.gate.set()
    async with shared.here.client() as client:
        await client.call_tool("forget_wiki", raise_on_error=False)
    shared.tried.clear()
    return shared


def value_of(page: Page, name: str) -> str:
    return next(entry.value for form in page.forms for entry in form.fields if entry.name == name)


async def test_a_wrong_token_is_told_beside_its_field_and_the_right_one_connects(here: Wiki) -> None:
    async with here.form() as (robot, empty):
        page = await robot.submit(empty, {**TYPED, "pat": BAD}, button=SEND)
        assert page.status == 422
        assert page.title.startswith("Problem: ")
        assert page.html.count("The wiki does not know this token.") == 2
        assert 'aria-describedby="hint-pat problem-pat" aria-invalid="true"' in page.html.replace("\n", " ")
        assert 'role="alert"' in page.html
        # What is no secret stays; the secret is typed again.
        assert [value_of(page, name) for name in ("base_url", "pat", "region", "notes")] == [
            TYPED["base_url"],
            "",
            "eu",
            TYPED["notes"],
        ]
        assert BAD not in page.html
        page = await robot.submit(page, {"pat": f"  {GOOD}\t"}, button=SEND)
        assert page.title == "Wiki is connected"
        assert "flow=" in page.url
    assert [one["pat"] for one in here.tried] == [BAD, GOOD]
    failed, text = await here.result()
    assert not failed
    assert "wiki.example.com" in text


async def test_what_does_not_fit_the_form_never_reaches_the_service(here: Wiki) -> None:
    # A required field left empty burnt the link and left the tool hanging.
    async with here.form() as (robot, empty):
        page = await robot.submit(empty, {**TYPED, "base_url": "http://wiki.example.com", "pat": " "}, button=SEND)
        assert page.status == 422
        assert "Fill in Personal Access Token." in page.text
        assert "not an address that begins with https://" in page.text
        assert here.tried == []
        assert (await robot.submit(page, TYPED, button=SEND)).title == "Wiki is connected"


@pytest.mark.parametrize(
    "trouble",
    [
        RemoteUnavailable(reason="down"),
        RemoteMisbehaved(reason="rubbish"),
        ZeroDivisionError(GOOD),
        TimeoutError(GOOD),
        ExceptionGroup(GOOD, [ValueError(GOOD)]),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_a_service_that_cannot_be_asked_keeps_what_was_typed_and_stores_nothing(
    here: Wiki, trouble: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "mcpauthkit")
    async with here.form() as (robot, empty):
        here.fails_with = trouble
        page = await robot.submit(empty, TYPED, button=SEND)
        assert page.status == 502
        assert "could not be asked just now" in page.text
        assert value_of(page, "base_url") == TYPED["base_url"]
        assert GOOD not in page.html
        assert (await here.result())[0]
        here.fails_with = None
        assert (await robot.submit(page, TYPED, button=SEND)).title == "Wiki is connected"
    assert GOOD not in caplog.text


async def test_a_message_that_quotes_the_secret_is_not_shown(here: Wiki) -> None:
    async with here.form() as (robot, empty):
        here.fails_with = CredentialsRejected(f"The token {GOOD} is unknown.", field="no such field")
        page = await robot.submit(empty, TYPED, button=SEND)
        assert page.status == 422
        assert GOOD not in page.html
        assert "does not accept this" in page.text


async def test_sending_twice_at_once_tries_it_once_and_shows_one_outcome(here: Wiki) -> None:
    async with here.form() as (robot, page):
        here.gate.clear()
        body = {**TYPED, "csrf": token_of(page)}
        statuses: list[int] = []

        async def one() -> None:
            answer = await send(robot, page.url, body)
            statuses.append(answer.status_code)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(one)
            tasks.start_soon(one)
            with anyio.fail_after(5):
                while not here.tried:  # noqa: ASYNC110  # set by another thread
                    await anyio.sleep(0.005)
            here.gate.set()
        assert statuses == [303, 303]
        assert len(here.tried) == 1
        # Once more, much later: nothing is tried, and the page says what became of it.
        assert (await send(robot, page.url, body)).status_code == 303
        assert len(here.tried) == 1


@pytest.mark.parametrize("token", ["", "mk1.test.AAAA", "of another form"])
async def test_a_form_from_elsewhere_is_refused_and_its_values_are_not_shown(
    here: Wiki, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    # M2: a cross-site POST with the link was accepted. The address would get the token typed next.
    async with here.form() as (robot, page):
        if token == "of another form":
            token = next(entry.value for form in page.forms[1:] for entry in form.fields if entry.name == "csrf")
        answer = await send(robot, page.url, {**TYPED, "base_url": "https://evil.example", "csrf": token})
        assert answer.status_code == 403
        assert "evil.example" not in answer.text
        assert here.tried == []
        assert refusals_told(caplog) == ["form.refused: no token of ours"]
        assert (await robot.submit(page, TYPED, button=SEND)).title == "Wiki is connected"


async def test_another_users_link_takes_no_form_of_mine(here: Wiki, caplog: pytest.LogCaptureFixture) -> None:
    # M5: Bob's token became Alice's.
    link = await here.link()
    async with here.form("bob") as (bob, page):
        answer = await send(bob, link, {**TYPED, "csrf": token_of(page)})
    assert answer.status_code == 403
    assert "belongs to somebody else" in answer.text
    assert here.tried == []
    assert refusals_told(caplog) == ["link.refused: forwarded"]
    assert (await here.result())[0]


async def test_without_a_session_a_form_leads_to_the_page(here: Wiki) -> None:
    async with here.form() as (_, page), BrowserRobot() as nobody:
        answer = await send(nobody, page.url, {**TYPED, "csrf": token_of(page)})
    # No redirect: it would lead on to the issuer, and a browser follows none there from a form of ours.
    assert answer.status_code == 401
    assert f'href="{page.url}"' in answer.text


BODIES: dict[str, tuple[int, list[tuple[str, str]]]] = {
    "oversized": (413, [*TYPED.items(), ("more", "x" * 300_000)]),
    "doubled": (400, [*TYPED.items(), ("pat", "another")]),
}


@pytest.mark.parametrize("kind", BODIES)
async def test_a_body_that_no_page_of_ours_sends_is_refused_and_audited(
    here: Wiki, kind: str, caplog: pytest.LogCaptureFixture
) -> None:
    # M6: 900 kB were stored.
    status, pairs = BODIES[kind]
    async with here.form() as (robot, page):
        answer = await send(robot, page.url, urlencode([*pairs, ("csrf", token_of(page))]).encode())
        assert answer.status_code == status
        assert GOOD not in answer.text
        assert here.tried == []
        assert len(refusals_told(caplog)) == 1
        assert (await robot.submit(page, TYPED, button=SEND)).title == "Wiki is connected"


async def test_other_content_types_and_more_than_can_be_kept_are_refused(here: Wiki) -> None:
    async with here.form() as (robot, page):
        json = await send(robot, page.url, b"{}", **{"content-type": "application/json"})
        assert json.status_code == 415
        long = await robot.submit(page, {**TYPED, "notes": "x" * 65_536}, button=SEND)
        assert long.status == 422
        assert "more than can be kept" in long.text
        assert here.tried == []


async def test_a_link_that_is_over_says_so_to_the_form_as_well(here: Wiki) -> None:
    async with here.form() as (robot, page):
        flow = page.url.rpartition("=")[2]
        answer = await send(robot, page.url.replace(flow, flow[:-1]), {**TYPED, "csrf": token_of(page)})
    assert answer.status_code == 410
    assert "does not work any more" in answer.text


async def test_declining_on_the_form_is_the_outcome(here: Wiki) -> None:
    async with here.form() as (robot, page):
        assert "You said no" in (await robot.click(page, "Not now")).text


async def test_a_page_left_open_for_too_long_is_sent_once_more_without_typing_it_all_again() -> None:
    clock = FakeClock(wall=time.time())
    with wiki_world(middleware_options={"clock": clock}, flow_ttl_seconds=8 * 3600.0) as (here, _):
        async with here.form() as (robot, empty):
            clock.advance(1801)
            page = await robot.submit(empty, TYPED, button=SEND)
            assert page.status == 403
            assert "open for too long" in page.text
            assert value_of(page, "base_url") == TYPED["base_url"]
            assert GOOD not in page.html
            assert here.tried == []
            assert (await robot.submit(page, {"pat": GOOD}, button=SEND)).title == "Wiki is connected"


async def test_after_twenty_wrong_tries_the_link_ends_and_says_how_to_start_again(
    here: Wiki, caplog: pytest.LogCaptureFixture
) -> None:
    # Somebody else's token could be guessed through us for as long as the link lived.
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    async with here.form() as (robot, page):
        for _ in range(19):
            assert (await robot.submit(page, {**TYPED, "pat": BAD}, button=SEND)).status == 422
        # What never reached the service does not count.
        assert (await robot.submit(page, {**TYPED, "pat": ""}, button=SEND)).status == 422
        ended = await robot.submit(page, {**TYPED, "pat": BAD}, button=SEND)
        assert ended.title == "Wiki could not be connected"
        assert "new link" in ended.text
        assert "operator" not in ended.text
        assert (await robot.submit(page, TYPED, button=SEND)).title == ended.title
        assert len(here.tried) == 20
    assert refusals_told(caplog) == ["form.refused: too many wrong tries"]
    async with here.form() as (robot, page):
        assert (await robot.submit(page, TYPED, button=SEND)).title == "Wiki is connected"


async def test_tries_that_are_sent_at_once_are_counted_one_by_one(here: Wiki) -> None:
    async with here.form() as (robot, page):
        body = {**TYPED, "pat": BAD, "csrf": token_of(page)}
        async with anyio.create_task_group() as tasks:
            for _ in range(30):
                tasks.start_soon(send, robot, page.url, body)
    assert len(here.tried) == 20


async def test_secrets_are_asked_for_as_secrets(here: Wiki) -> None:
    async with here.form() as (_, page):
        control = page.html.partition('name="pat"')[2].partition(">")[0]
        assert 'type="password"' in control
        assert 'autocomplete="new-password"' in control
        for name in TYPED:
            assert f'<label for="field-{name}">' in page.html
        assert page.html.count("<h1") == 1
        assert 'inputmode="url"' in page.html


def test_no_text_of_the_application_becomes_markup(tmp_path: Path) -> None:
    # M1: right in the superseded system, not to be lost; its guide was unsanitised HTML.
    guide = tmp_path / "guide.md"
    guide.write_text(f"# How\n{EVIL}\n\n[a](javascript:alert(1)) [b](https://ok.example/x) ![c](https://x/y.png)\n")
    evil = {"label": EVIL, "hint": EVIL, "type": "select", "options": [EVIL]}
    variables = {"pat": {"type": "password"}, "evil": evil}

    async def look(wiki: Wiki) -> None:
        wiki.fails_with = CredentialsRejected(EVIL, field="evil")
        async with wiki.form() as (robot, page):
            wrong = await robot.submit(page, {"pat": GOOD, "evil": EVIL}, button="Connect")
            assert wrong.status == 422
            for one in (page, wrong):
                assert "<script" not in one.html
                assert "22962963" not in one.html.partition("</style>")[2].replace(token_of(one), "")
                assert 'href="javascript:' not in one.html
                assert "<img" not in one.html
                assert 'href="https://ok.example/x"' in one.html
                assert 'rel="noreferrer noopener"' in one.html

    with wiki_world(variables=variables, doc=guide, display_name=EVIL) as (wiki, _):
        anyio.run(look, wiki)
