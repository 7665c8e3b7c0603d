from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

import httpx
import pytest

from mcpauthkit.testing import (
    BrowserRobot,
    DevIssuer,
    DevService,
    OAuthClient,
    Page,
    RobotError,
    Visit,
    approve,
    deny,
    sign_in,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FORM = """<!doctype html><html><head><title> A
 form </title><style>p { color: red }</style><script>var hidden = "text";</script></head><body>
<h1>Fill &amp; send</h1>
<a href="/there?x=1">Go there</a> <a name="anchor">not a link</a>
<a href="/connect"><b>Connect</b> now</a>
<form id="main" method="POST" action="/submit?kept=1">
 <input type="hidden" name="csrf" value="c-1">
 <input name="comment" value="default">
 <input type="text" value="nameless">
 <input name="off" value="x" disabled>
 <input type="radio" name="color" value="red"><input type="radio" name="color" value="blue" checked>
 <input type="checkbox" name="terms"><input type="checkbox" name="news" value="yes" checked>
 <select name="size"><option value="s">S</option><option value="m" selected>M</option></select>
 <select name="speed"><option value="slow">Slow</option><option value="fast">Fast</option></select>
 <textarea name="text">some text</textarea>
 <button type="button">Help</button>
 <button name="go" value="1">Send it</button>
 <button name="go" value="2" formaction="/other">Send elsewhere</button>
 <input type="submit" name="go" value="Store">
 <input type="image" alt="Picture">
 <button disabled>Broken</button>
</form>
<form action="/search?old=1#part"><input name="q"></form>
<input type="submit" form="main" name="go" value="Outside">
<input type="submit" form="missing" value="Orphan"><input name="stray"><option>stray</option></a>
</body></html>"""


def server(request: httpx.Request) -> httpx.Response:
    """One small site, as a function."""
    target = {
        "/old": "/form",
        "/elsewhere": "https://other.example/x",
        "/app": "cursor://callback?code=1",
        "/kept": "http://127.0.0.1:2/echo",
        "/loop": "/loop",
    }.get(request.url.path)
    if target is not None:
        return httpx.Response(307 if request.url.path == "/kept" else 302, headers={"location": target})
    if request.url.path == "/dead":
        raise httpx.ConnectError("refused", request=request)
    if request.url.path == "/post-redirect":
        return httpx.Response(303, headers={"location": "/echo"})
    if request.url.path == "/set":
        cookie = "__Host-session=s-1; Secure; HttpOnly; Path=/; SameSite=Lax"
        return httpx.Response(200, headers={"set-cookie": cookie}, text="set")
    if request.url.path in {"/form", "/private"}:
        policy = {"referrer-policy": "no-referrer"} if request.url.path == "/private" else {}
        return httpx.Response(200, html=FORM, headers=policy)
    seen = {name: request.headers.get(name, "") for name in ("cookie", "origin", "sec-fetch-site", "content-type")}
    body = request.content.decode()
    return httpx.Response(200, json={"method": request.method, "url": str(request.url), "body": body, **seen})


@pytest.fixture
async def robot() -> AsyncIterator[BrowserRobot]:
    async with BrowserRobot(transport=httpx.MockTransport(server)) as browser:
        yield browser


@pytest.fixture
async def page(robot: BrowserRobot) -> Page:
    return await robot.open("http://127.0.0.1:1/form")


def echoed(page: Page) -> dict[str, str]:
    answer: dict[str, str] = httpx.Response(200, text=page.text).json()
    return answer


def sent(page: Page) -> dict[str, str]:
    return dict(parse_qsl(echoed(page)["body"], keep_blank_values=True))


async def test_a_page_is_read_into_title_text_links_and_forms(page: Page) -> None:
    assert page.title == "A form"
    assert page.text.startswith("Fill & send Go there not a link Connect now")
    assert "hidden" not in page.text
    assert "color: red" not in page.text
    assert [(link.text, link.href) for link in page.links] == [
        ("Go there", "http://127.0.0.1:1/there?x=1"),
        ("Connect now", "http://127.0.0.1:1/connect"),
    ]
    assert [(form.method, form.action) for form in page.forms] == [
        ("post", "http://127.0.0.1:1/submit?kept=1"),
        ("get", "http://127.0.0.1:1/search?old=1#part"),
    ]
    buttons = [button.text for button in page.forms[0].buttons]
    assert buttons == ["Send it", "Send elsewhere", "Store", "Picture", "Broken", "Outside"]
    assert page.form("main") is page.forms[0]
    assert page.form("missing") is None


async def test_links_are_clicked_by_a_part_of_their_text(robot: BrowserRobot, page: Page) -> None:
    assert (await robot.click(page, "go THERE")).url == "http://127.0.0.1:1/there?x=1"
    assert (await robot.click(page, "connect")).url == "http://127.0.0.1:1/connect"


async def test_a_submitted_form_sends_what_a_browser_would(robot: BrowserRobot, page: Page) -> None:
    answer = await robot.click(page, "Send it")
    assert answer.url == "http://127.0.0.1:1/submit?kept=1"
    assert echoed(answer)["method"] == "POST"
    assert echoed(answer)["content-type"] == "application/x-www-form-urlencoded"
    assert sent(answer) == {
        "csrf": "c-1",
        "comment": "default",
        "color": "blue",
        "news": "yes",
        "size": "m",
        "speed": "slow",
        "text": "some text",
        "go": "1",
    }


async def test_fields_can_be_filled_in(robot: BrowserRobot, page: Page) -> None:
    values: dict[str, str | bool] = {
        "color": "red",
        "terms": True,
        "news": False,
        "size": "s",
        "comment": "hi",
        "text": "new",
    }
    answer = sent(await robot.submit(page, values, button="store"))
    assert answer.items() >= {"color": "red", "terms": "on", "size": "s", "comment": "hi", "text": "new"}.items()
    assert "news" not in answer
    assert answer["go"] == "Store"


async def test_without_a_name_the_first_button_is_pressed(robot: BrowserRobot, page: Page) -> None:
    assert sent(await robot.submit(page))["go"] == "1"


async def test_a_button_may_have_an_action_of_its_own_or_stand_outside(robot: BrowserRobot, page: Page) -> None:
    assert (await robot.click(page, "elsewhere")).url == "http://127.0.0.1:1/other"
    assert sent(await robot.click(page, "Outside"))["go"] == "Outside"


async def test_a_get_form_replaces_the_query_of_its_action(robot: BrowserRobot, page: Page) -> None:
    searching = replace(page, forms=(page.forms[1],))
    answer = await robot.submit(searching, {"q": "a b"})
    assert answer.url == "http://127.0.0.1:1/search?q=a+b"
    assert answer.query == {"q": "a b"}


@pytest.mark.parametrize("button", ["Pay", "Broken", "Orphan", "Help"])
async def test_a_missing_button_is_told_with_what_exists(robot: BrowserRobot, page: Page, button: str) -> None:
    with pytest.raises(RobotError, match="Send it, Send elsewhere, Store") as caught:
        await robot.click(page, button)
    assert button in str(caught.value)
    assert "Connect now" in str(caught.value)


async def test_a_missing_field_or_choice_is_told_with_what_exists(robot: BrowserRobot, page: Page) -> None:
    with pytest.raises(RobotError, match="it has color, comment"):
        await robot.submit(page, {"password": "x"})
    with pytest.raises(RobotError, match="red, blue"):
        await robot.submit(page, {"color": "green"})
    with pytest.raises(RobotError, match="slow, fast"):
        await robot.submit(page, {"speed": "warp"})


async def test_a_page_without_forms_cannot_be_submitted(robot: BrowserRobot) -> None:
    page = await robot.open("http://127.0.0.1:1/echo")
    with pytest.raises(RobotError, match="buttons: none; links: none"):
        await robot.submit(page)


async def test_redirects_are_followed_and_remembered(robot: BrowserRobot) -> None:
    page = await robot.open("http://127.0.0.1:1/old#part")
    assert page.url == "http://127.0.0.1:1/form"
    assert page.history == (
        Visit("GET", "http://127.0.0.1:1/old#part", 302),
        Visit("GET", "http://127.0.0.1:1/form", 200),
    )


async def test_redirects_are_bounded(robot: BrowserRobot) -> None:
    with pytest.raises(RobotError, match="more than 20"):
        await robot.open("http://127.0.0.1:1/loop")


async def test_it_can_stop_before_an_address(robot: BrowserRobot) -> None:
    for stop_at in ("https://other.example/", lambda url: "other" in url):
        page = await robot.open("http://127.0.0.1:1/elsewhere", stop_at=stop_at)
        assert (page.url, page.status, len(page.history)) == ("https://other.example/x", 302, 1)
    page = await robot.open("http://127.0.0.1:1/elsewhere", stop_at="https://third.example/")
    assert page.status == 200


async def test_where_nothing_listens_or_a_browser_cannot_go_it_says_so(robot: BrowserRobot) -> None:
    with pytest.raises(RobotError, match="nothing answers"):
        await robot.open("http://127.0.0.1:1/dead")
    with pytest.raises(RobotError, match="use stop_at"):
        await robot.open("http://127.0.0.1:1/app")


async def test_secure_cookies_travel_over_http_on_loopback(robot: BrowserRobot) -> None:
    await robot.open("http://127.0.0.1:1/set")
    assert robot.cookies == {"__Host-session": "s-1"}
    assert echoed(await robot.open("http://127.0.0.1:2/echo"))["cookie"] == "__Host-session=s-1"  # ports share cookies
    assert echoed(await robot.open("http://localhost:1/echo"))["cookie"] == ""
    robot.clear_cookies()
    assert echoed(await robot.open("http://127.0.0.1:1/echo"))["cookie"] == ""


async def test_a_form_tells_its_origin_unless_the_page_hides_it(robot: BrowserRobot, page: Page) -> None:
    assert echoed(await robot.click(page, "Send it"))["origin"] == "http://127.0.0.1:1"
    hiding = await robot.open("http://127.0.0.1:1/private")
    assert echoed(await robot.click(hiding, "Send it"))["origin"] == "null"


async def test_a_form_repeated_on_another_origin_hides_its_origin(robot: BrowserRobot, page: Page) -> None:
    page.forms[0].action = "http://127.0.0.1:1/kept"
    answer = echoed(await robot.submit(page, button="Send it"))
    assert (answer["method"], answer["origin"], answer["sec-fetch-site"]) == ("POST", "null", "same-site")
    assert "csrf" in answer["body"]


async def test_other_redirects_turn_a_form_into_a_get(robot: BrowserRobot, page: Page) -> None:
    page.forms[0].action = "http://127.0.0.1:1/post-redirect"
    answer = echoed(await robot.submit(page, button="Send it"))
    assert (answer["method"], answer["origin"], answer["body"]) == ("GET", "", "")


@pytest.mark.parametrize(
    ("target", "site"),
    [
        ("http://127.0.0.1:1/echo", "same-origin"),
        ("http://127.0.0.1:2/echo", "same-site"),
        ("http://localhost:1/echo", "cross-site"),
        ("https://other.example/echo", "cross-site"),
        ("http://127.0.0.1:1/elsewhere", "cross-site"),
    ],
)
async def test_a_link_says_how_far_it_leads(robot: BrowserRobot, page: Page, target: str, site: str) -> None:
    page.links[0].href = target
    assert echoed(await robot.click(page, "Go there"))["sec-fetch-site"] == site


async def test_a_typed_address_comes_from_nowhere(robot: BrowserRobot) -> None:
    assert echoed(await robot.open("http://127.0.0.1:1/elsewhere"))["sec-fetch-site"] == "none"


async def test_sign_in_leaves_other_pages_alone_and_consent_helpers_do_not(robot: BrowserRobot, page: Page) -> None:
    assert await sign_in(robot, page) is page
    for helper in (approve, deny):
        with pytest.raises(RobotError, match="not a DevService consent page"):
            await helper(robot, page)


async def test_it_walks_from_a_login_to_a_consent_over_real_servers() -> None:
    async with DevIssuer(algorithm="ES256") as issuer, DevService() as service, BrowserRobot() as alice:
        upstream = OAuthClient.of(service)
        # The first server's callback is the second's authorization page: one walk over three redirects.
        client = OAuthClient.of(issuer, redirect_uri=service.authorize_url)
        page = await sign_in(alice, await alice.open(client.authorization_url()), user="alice")
        assert page.url.startswith(service.authorize_url)
        page = await approve(alice, await alice.open(upstream.authorization_url()), stop_at=upstream.redirect_uri)
        assert page.url.startswith(upstream.redirect_uri)
        with pytest.raises(RobotError, match="mallory"):
            await sign_in(alice, await alice.open(client.authorization_url(prompt="login")), user="mallory")
