"""What counts as agreeing: one click, on one page, in one browser, whatever else is open there."""

from __future__ import annotations

import base64
import hashlib
import html

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, OAuthClient, sign_in
from tests.web.proxy_world import CALLBACK, ProxyWorld, browsing, proxy_world


async def links_of(here: ProxyWorld, robot: BrowserRobot, client: OAuthClient) -> dict[str, str]:
    page = await robot.open(client.authorization_url())
    return {link.text: link.href for link in page.links}


CLICK = {"sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}


@pytest.mark.parametrize(
    "headers",
    [
        {**CLICK, "sec-fetch-site": "cross-site"},
        {**CLICK, "sec-fetch-site": "same-site"},
        {**CLICK, "sec-fetch-mode": "no-cors", "sec-fetch-dest": "image"},
        {**CLICK, "sec-fetch-dest": "iframe"},
        {**CLICK, "sec-purpose": "prefetch;prerender"},
        {"purpose": "prefetch"},
        {"sec-fetch-mode": "navigate"},
    ],
    ids=str,
)
async def test_only_a_click_on_the_page_agrees_or_declines(headers: dict[str, str]) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client), httpx.AsyncClient() as http:
            links = await links_of(here, robot, client)
            cookies = "; ".join(f"{name}={value}" for name, value in robot.cookies.items())
            for link in (links["Continue"], links["Cancel"]):
                answer = await http.get(link, headers={**headers, "cookie": cookies})
                assert answer.status_code == 200
                assert "set-cookie" not in answer.headers
                assert answer.text.count("request=mk1.") == 2
            answer = await http.get(links["Continue"], headers={**CLICK, "cookie": cookies})
            assert answer.status_code == 303


async def test_asking_for_the_head_of_a_page_uses_nothing_up() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client), httpx.AsyncClient() as http:
            links = await links_of(here, robot, client)
            cookies = "; ".join(f"{name}={value}" for name, value in robot.cookies.items())
            for link in (links["Continue"], links["Cancel"], f"{here.base}/oauth/callback?state=s&code=c"):
                answer = await http.head(link, headers={"cookie": cookies})
                assert (answer.status_code, answer.headers["allow"]) == (405, "GET")
                assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("first", ["Continue", "Cancel"])
async def test_the_links_of_a_page_are_good_once(first: str) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
            left = await robot.click(page, first, stop_at=lambda url: not url.startswith(here.base))
            assert left.status == 303
            for text in ("Continue", "Cancel"):
                assert (await robot.click(page, text)).status == 403


async def test_two_tabs_opened_at_once_do_not_disturb_each_other() -> None:
    with proxy_world() as here:
        client = await here.registered()
        async with httpx.AsyncClient() as one, httpx.AsyncClient() as other:
            # Two first visits: neither request knew of the other's cookie, and the browser keeps both.
            pages = [await one.get(client.authorization_url()), await other.get(client.authorization_url())]
            jar = {**dict(one.cookies), **dict(other.cookies)}
        cookies = "; ".join(f"{name}={value}" for name, value in jar.items())
        async with httpx.AsyncClient() as http:
            for page in pages:
                link = html.unescape(page.text.partition('late" href="')[2].partition('"')[0])
                assert (await http.get(link, headers={"cookie": cookies})).status_code == 303


async def test_two_applications_on_one_host_leave_each_others_cookies_alone() -> None:
    with proxy_world() as here, proxy_world() as there:
        mine, yours = await here.registered(), await there.registered()
        async with BrowserRobot() as robot:
            page = await robot.click(await robot.open(mine.authorization_url()), "Continue")
            for _ in range(3):
                await robot.click(await robot.open(yours.authorization_url()), "Continue")
            assert "code" in (await sign_in(robot, page, stop_at=CALLBACK)).query


@pytest.mark.parametrize(
    "junk",
    [
        "mcpauthkit-proxy-login-a(b=1; mcpauthkit-proxy-login-c(d=2; mcpauthkit-proxy-login-e=3",
        'proxy-login-a/b=1; proxy-login-x[=1; proxy-login-"a=1; proxy-login-\u00e9=1',
        "zzproxy-login-1=a; zzproxy-login-2=b; zzproxy-login-3=c",
        "mcpauthkit-proxy-ticket-(=1; =; ;; mcpauthkit-=1",
    ],
)
async def test_cookies_that_others_named_are_neither_answered_nor_in_the_way(junk: str) -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client), httpx.AsyncClient() as http:
            links = await links_of(here, robot, client)
            cookies = "; ".join(f"{name}={value}" for name, value in robot.cookies.items())
            headers = {b"cookie": f"{junk}; {cookies}".encode("latin-1")}
            assert (await http.get(client.authorization_url(), headers=headers)).status_code == 200
            answer = await http.get(links["Continue"], headers=headers)
        assert answer.status_code == 303
        named = [one.partition("=")[0] for one in answer.headers.get_list("set-cookie")]
        assert len(named) == 2
        assert all(one.startswith("mcpauthkit-proxy-") and one.replace("-", "").isalnum() for one in named)


async def test_pages_nobody_answers_do_not_fill_the_cookie_header() -> None:
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            for _ in range(12):
                await robot.open(client.authorization_url())
            page = await robot.open(client.authorization_url())
            assert sum("proxy-ticket" in name for name in robot.cookies) <= 5
            assert "code" in (await sign_in(robot, await robot.click(page, "Continue"), stop_at=CALLBACK)).query


async def test_the_button_that_agrees_is_not_there_at_once() -> None:
    # Whoever makes somebody click twice at a place where our page then appears gets no agreement.
    with proxy_world() as here:
        async with browsing(here) as (robot, client):
            page = await robot.open(client.authorization_url())
    style = page.html.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"'sha256-{digest}'" in page.headers["content-security-policy"]
    assert ".late { animation:" in style
    assert 'class="button primary late"' in page.html
