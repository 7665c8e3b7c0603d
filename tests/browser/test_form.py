"""Connecting by a form in a real browser: nothing typed, a wrong token, then the right one."""

from __future__ import annotations

from pathlib import Path

from tests.browser.visitor import Screen, visiting
from tests.wiki_world import BAD, GOOD, SEND, wiki_world

_GUIDE = """
1. Open **Settings**, then *Access tokens*, at [your wiki](https://wiki.example.com/settings).
2. Choose the permissions `read` and `write`.

| Permission | What for |
| --- | --- |
| `read` | finding pages |
| `write` | writing pages |
"""


async def test_alice_types_a_wrong_token_and_then_the_right_one(screen: Screen, tmp_path: Path) -> None:
    (tmp_path / "guide.md").write_text(_GUIDE, encoding="utf-8")
    with wiki_world(doc=tmp_path / "guide.md") as (wiki, _):
        async with visiting("form", screen) as alice:
            await alice.open(await wiki.link())
            await alice.sign_in()
            await alice.look("1-empty", title="Connect Wiki")
            await alice.page.get_by_label("Address").fill("https://wiki.example.com")
            await alice.page.get_by_label("Personal Access Token").fill(BAD)
            await alice.press(SEND)
            await alice.look("2-wrong", title="Problem: Connect Wiki", status=422)
            assert await alice.page.get_by_label("Address").input_value() == "https://wiki.example.com"
            token = alice.page.get_by_label("Personal Access Token")
            assert await token.input_value() == ""
            await alice.page.get_by_role("alert").get_by_role("link").click()
            assert await token.evaluate("one => one === document.activeElement")
            await token.fill(GOOD)
            await alice.page.keyboard.press("Enter")
            await alice.page.get_by_role("heading", name="Wiki is connected").wait_for()
            await alice.look("3-connected", title="Wiki is connected")
        assert not (await wiki.result())[0]
        assert [one["pat"] for one in wiki.tried] == [BAD, GOOD]


async def test_a_form_sent_after_the_session_ended_leads_to_signing_in(screen: Screen) -> None:
    with wiki_world() as (wiki, _):
        async with visiting("form-late", screen) as alice:
            await alice.open(await wiki.link())
            await alice.sign_in()
            await alice.page.get_by_label("Address").fill("https://wiki.example.com")
            await alice.page.get_by_label("Personal Access Token").fill(GOOD)
            await alice.page.context.clear_cookies()
            await alice.press(SEND)
            await alice.look("1-late", title="You are not signed in any more", status=401)
            await alice.press("Sign in")
            await alice.sign_in()
            await alice.look("2-again", title="Connect Wiki")
        assert wiki.tried == []
