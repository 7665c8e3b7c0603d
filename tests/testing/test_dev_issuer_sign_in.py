from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from mcpauthkit.testing import BrowserRobot, DevIssuer, FakeClock, OAuthClient, sign_in

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

    from mcpauthkit.testing import Page

CLOCK = FakeClock()


@pytest.fixture(scope="module")
def served() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256", clock=CLOCK) as issuer:
        yield issuer


@pytest.fixture
def issuer(served: DevIssuer) -> Iterator[DevIssuer]:
    yield served
    served.behave()


@pytest.fixture
def client(issuer: DevIssuer) -> OAuthClient:
    return OAuthClient.of(issuer)


@pytest.fixture
async def robot() -> AsyncIterator[BrowserRobot]:
    async with BrowserRobot() as browser:
        yield browser


async def back_at(client: OAuthClient, robot: BrowserRobot, url: str, *, user: str = "alice") -> Page:
    """Open an authorization address, sign in if asked to, and stop before the client's callback."""
    page = await robot.open(url, stop_at=client.redirect_uri)
    return await sign_in(robot, page, user=user, stop_at=client.redirect_uri)


async def test_signing_in_brings_the_browser_back_with_code_state_and_iss(
    issuer: DevIssuer, client: OAuthClient, robot: BrowserRobot
) -> None:
    page = await back_at(client, robot, client.authorization_url(scope="openid"))
    assert page.url.startswith(f"{client.redirect_uri}?")
    assert page.query.keys() == {"code", "state", "iss"}
    assert (page.query["state"], page.query["iss"]) == (client.state, issuer.issuer_url)


async def test_the_login_page_is_labelled_and_not_cached(client: OAuthClient, robot: BrowserRobot) -> None:
    page = await robot.open(client.authorization_url())
    assert page.status == 200
    assert 'lang="en"' in page.html
    assert "viewport" in page.html
    assert "Alice Example" in page.text
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]


async def test_asking_once_without_a_browser_burns_nothing(client: OAuthClient, robot: BrowserRobot) -> None:
    url = client.authorization_url()
    async with httpx.AsyncClient() as http:
        assert (await http.get(url)).status_code == 200
    assert "code" in (await back_at(client, robot, url)).query


async def test_the_second_authorization_in_a_browser_is_single_sign_on(
    client: OAuthClient, robot: BrowserRobot
) -> None:
    first = await back_at(client, robot, client.authorization_url())
    assert "devissuer_session" in robot.cookies
    second = await robot.open(client.authorization_url(prompt="consent"), stop_at=client.redirect_uri)
    assert second.query["code"] != first.query["code"]


@pytest.mark.parametrize("prompt", ["login", "select_account"])
async def test_a_prompt_asks_again(client: OAuthClient, robot: BrowserRobot, prompt: str) -> None:
    await back_at(client, robot, client.authorization_url())
    page = await robot.open(client.authorization_url(prompt=prompt), stop_at=client.redirect_uri)
    assert page.title == "Sign in"
    assert "code" in (await sign_in(robot, page, user="bob", stop_at=client.redirect_uri)).query


async def test_max_age_asks_again_once_the_sign_in_is_older(client: OAuthClient, robot: BrowserRobot) -> None:
    await back_at(client, robot, client.authorization_url())
    url = client.authorization_url(max_age="60")
    CLOCK.advance(60)
    assert "code" in (await robot.open(url, stop_at=client.redirect_uri)).query
    CLOCK.advance(1)
    assert (await robot.open(url, stop_at=client.redirect_uri)).title == "Sign in"


async def test_a_session_does_not_last_for_ever(client: OAuthClient, robot: BrowserRobot) -> None:
    await back_at(client, robot, client.authorization_url())
    CLOCK.advance(9 * 3600)
    assert (await robot.open(client.authorization_url())).title == "Sign in"


async def test_prompt_none_never_shows_a_page(client: OAuthClient, robot: BrowserRobot) -> None:
    url = client.authorization_url(prompt="none")
    assert (await robot.open(url, stop_at=client.redirect_uri)).query["error"] == "login_required"
    await back_at(client, robot, client.authorization_url())
    assert "code" in (await robot.open(url, stop_at=client.redirect_uri)).query


async def test_cancel_is_told_to_the_client(issuer: DevIssuer, client: OAuthClient, robot: BrowserRobot) -> None:
    page = await robot.open(client.authorization_url())
    page = await robot.click(page, "Cancel", stop_at=client.redirect_uri)
    assert page.query["error"] == "access_denied"
    assert (page.query["state"], page.query["iss"]) == (client.state, issuer.issuer_url)
    assert robot.cookies == {}


async def test_an_unknown_user_stays_on_the_login_page(
    issuer: DevIssuer, client: OAuthClient, robot: BrowserRobot
) -> None:
    page = await robot.open(client.authorization_url())
    fields = {field.name: field.value for field in page.forms[0].fields if field.kind == "hidden"}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{issuer.issuer_url}/authorize", data={**fields, "username": "mallory"})
    assert answer.status_code == 400
    assert "Choose one of the users" in answer.text


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"max_age": "soon"}, "invalid_request"),
        ({"request": "eyJ"}, "request_not_supported"),
        ({"request_uri": "urn:x"}, "request_not_supported"),
        ({"resource": "not-absolute"}, "invalid_target"),
        ({"resource": "https://api.example/#part"}, "invalid_target"),
        ({"resource": "https://[broken"}, "invalid_target"),
    ],
)
async def test_a_request_that_is_not_in_order_is_sent_back_with_the_error(
    client: OAuthClient, robot: BrowserRobot, change: dict[str, str | None], error: str
) -> None:
    page = await robot.open(client.authorization_url(**change), stop_at=client.redirect_uri)
    assert (page.query["error"], page.query["state"]) == (error, client.state)


@pytest.mark.parametrize(
    "change",
    [
        {"redirect_uri": "https://attacker.example/callback"},
        {"redirect_uri": "http://127.0.0.1:9/callback/more"},
        {"redirect_uri": "http://user@127.0.0.1:9/callback"},
        {"redirect_uri": "http://localhost:9/callback"},
        {"redirect_uri": "http://[broken"},
        {"redirect_uri": None},
        {"client_id": "unknown"},
        {"client_id": "http://[broken"},
        {"client_id": None},
        {"state": ["one", "two"]},
    ],
)
async def test_an_address_that_is_not_the_clients_gets_an_error_page_and_no_redirect(
    client: OAuthClient, robot: BrowserRobot, change: dict[str, str | list[str] | None]
) -> None:
    page = await robot.open(client.authorization_url(**change))
    assert (page.status, len(page.history)) == (400, 1)
    assert "cannot be answered" in page.title


async def test_a_tampered_login_form_gets_an_error_page(issuer: DevIssuer, client: OAuthClient) -> None:
    form = {"client_id": client.client_id, "redirect_uri": ["https://a.example", "https://b.example"]}
    async with httpx.AsyncClient() as http:
        answer = await http.post(f"{issuer.issuer_url}/authorize", data=form)
    assert answer.status_code == 400
    assert "repeated" in answer.text


@pytest.mark.parametrize(
    ("registered", "requested"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:41999/callback"),
        ("http://localhost:1/callback", "http://localhost:41999/callback"),
        ("http://[::1]/callback", "http://[::1]:41999/callback"),
        ("https://app.example/callback?tenant=1", "https://app.example/callback?tenant=1"),
        ("com.example.app:/callback", "com.example.app:/callback"),
    ],
)
async def test_redirect_addresses_match_exactly_except_for_the_port_on_loopback(
    issuer: DevIssuer, robot: BrowserRobot, registered: str, requested: str
) -> None:
    client = OAuthClient.of(issuer, client_id="ports", redirect_uri=registered)
    page = await robot.open(client.authorization_url(redirect_uri=requested))
    page = await sign_in(robot, page, stop_at=lambda url: url.startswith(requested))
    assert page.url.startswith(requested)
    assert page.url.count("?") == 1
    assert "code" in page.query


async def test_iss_can_be_wrong_or_missing(issuer: DevIssuer, client: OAuthClient, robot: BrowserRobot) -> None:
    issuer.misbehave(wrong_iss=True)
    page = await back_at(client, robot, client.authorization_url())
    assert page.query["iss"] not in {"", issuer.issuer_url}
    issuer.misbehave(wrong_iss=False, omit_iss=True)
    page = await back_at(client, robot, client.authorization_url())
    assert "iss" not in page.query


async def test_a_removed_client_is_unknown(issuer: DevIssuer, robot: BrowserRobot) -> None:
    client = OAuthClient.of(issuer, client_id="short-lived")
    issuer.remove_client("short-lived")
    issuer.remove_client("short-lived")
    assert (await robot.open(client.authorization_url())).status == 400
