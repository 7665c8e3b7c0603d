"""Browser login at the issuer: cookies, nonce, state, audience, and nothing that a thief could use."""

from __future__ import annotations

import json
import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, KeyRing, OAuthProvider
from mcpauthkit.core.clock import SystemClock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, DevIssuer, sign_in
from mcpauthkit.web.cookies import SealedCookies
from tests.asgi import lifespan
from tests.audited import audit_lines

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

BASE = "https://mcp.example.test"
LINK = f"{BASE}/connect/forge?flow=abc"
CALLBACK = f"{BASE}/connect/login/callback"


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer() as one:
        yield one


@asynccontextmanager
async def browser(issuer: DevIssuer, base: str = BASE, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in front of an application whose public address is https, in this process."""
    app = FastAPI()
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=base, **options)
    OAuthProvider.from_standard_oauth2(
        name="forge",
        client_id="id",
        authorize_url="https://forge.example.test/authorize",
        token_url="https://forge.example.test/token",
        server_base_url=base,
    ).register(app)
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=base) as http,
    ):
        yield http


async def signed_in_at_issuer(address: str, user: str = "alice", stop_at: str = CALLBACK) -> str:
    async with BrowserRobot() as robot:
        return (await sign_in(robot, await robot.open(address), user=user, stop_at=stop_at)).url


async def test_cookies_over_https_are_host_bound_sealed_and_unreadable_for_scripts(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        finish = await http.get(await signed_in_at_issuer(start.headers["location"]))
    assert finish.status_code == 303
    assert finish.headers["location"] == LINK
    pending = start.headers.get_list("set-cookie")
    session = finish.headers.get_list("set-cookie")
    assert session[0].startswith("__Host-mcpauthkit-session=")
    assert pending[0].startswith("__Host-mcpauthkit-login-")
    # The login's own cookie goes when the login is done.
    assert "mcpauthkit-login-" in session[1]
    assert "Max-Age=0" in session[1]
    for cookie in (*pending, *session):
        attributes = {part.strip().lower() for part in cookie.split(";")[1:]}
        assert {"httponly", "secure", "path=/", "samesite=lax"} <= attributes
        assert not any(one.startswith("domain") for one in attributes)
    assert "alice" not in session[0].lower()


async def test_the_request_to_the_issuer_has_pkce_nonce_and_state_and_asks_for_no_more_than_the_name(
    issuer: DevIssuer,
) -> None:
    async with browser(issuer) as http:
        address = httpx.URL((await http.get(LINK)).headers["location"])
    query = address.params
    assert query["code_challenge_method"] == "S256"
    assert len(query["nonce"]) >= 43
    assert len(query["state"]) >= 43
    assert query["scope"].split() == ["openid", "profile"]
    assert query["redirect_uri"] == CALLBACK


async def test_a_login_is_no_good_with_anothers_cookie_an_old_one_or_twice(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        back = await signed_in_at_issuer(start.headers["location"])
        kept = dict(http.cookies)
        assert (await http.get(back)).status_code == 303
        http.cookies.clear()
        assert (await http.get(back)).status_code == 400
        # With the cookie put back, the issuer refuses the used code.
        for name, value in kept.items():
            http.cookies.set(name, value)
        assert (await http.get(back)).status_code == 400


@pytest.mark.parametrize("name", ["state", "code", "iss"])
async def test_an_edited_answer_signs_nobody_in(issuer: DevIssuer, name: str) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        back = httpx.URL(await signed_in_at_issuer(start.headers["location"]))
        answer = await http.get(str(back.copy_set_param(name, back.params[name] + "x")))
        assert answer.status_code in {400, 502}
        assert "__Host-mcpauthkit-session" not in http.cookies


async def test_an_issuer_that_announces_iss_and_leaves_it_out_is_not_believed(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        back = httpx.URL(await signed_in_at_issuer(start.headers["location"]))
        answer = await http.get(str(back.copy_remove_param("iss")))
        assert answer.status_code == 502
        assert "__Host-mcpauthkit-session" not in http.cookies


async def test_a_session_of_another_application_or_key_is_no_session(issuer: DevIssuer) -> None:
    ring = KeyRing({"a": "x" * 40}, minting="a")
    other = KeyRing({"a": "y" * 40}, minting="a")
    async with browser(issuer, key_ring=ring) as http:
        start = await http.get(LINK)
        await http.get(await signed_in_at_issuer(start.headers["location"]))
        session = http.cookies["__Host-mcpauthkit-session"]
    cookie = {"cookie": f"__Host-mcpauthkit-session={session}"}
    for base, keys, status in ((BASE, ring, 410), (BASE, other, 303), ("https://other.example.test", ring, 303)):
        async with browser(issuer, base, key_ring=keys) as http:
            assert (await http.get(LINK.replace(BASE, base), headers=cookie)).status_code == status


async def test_a_planted_second_cookie_of_the_same_name_makes_both_unusable(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        await http.get(await signed_in_at_issuer(start.headers["location"]))
        mine = http.cookies["__Host-mcpauthkit-session"]
        http.cookies.clear()
        twice = f"__Host-mcpauthkit-session={mine}; __Host-mcpauthkit-session=planted"
        assert (await http.get(LINK, headers={"cookie": twice})).status_code == 303


async def test_a_configured_client_is_used_instead_of_registering(issuer: DevIssuer) -> None:
    issuer.add_client("pages", client_secret="pages-secret", redirect_uris=[CALLBACK])
    async with browser(issuer, browser_client_id="pages", browser_client_secret="pages-secret") as http:
        start = await http.get(LINK)
        assert httpx.URL(start.headers["location"]).params["client_id"] == "pages"
        assert (await http.get(await signed_in_at_issuer(start.headers["location"]))).status_code == 303
    assert issuer.requests.count("register") == 0


async def test_many_browsers_at_once_register_the_kit_once(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        for _ in range(3):
            http.cookies.clear()
            await http.get(LINK)
    assert issuer.requests.count("register") == 1


async def test_an_issuer_without_registration_says_so_in_the_log_and_stays_calm_on_the_page(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with DevIssuer(dynamic_registration=False) as issuer:
        async with browser(issuer) as http:
            answer = await http.get(LINK)
    assert answer.status_code == 502
    assert "browser_client_id" in caplog.text
    assert "browser_client_id" not in answer.text


async def test_signing_in_as_somebody_else_leads_back_to_our_own_page_only(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get("/connect/login", params={"service": "//evil.test/x?", "flow": "https://evil.test"})
        assert httpx.URL(start.headers["location"]).params["prompt"] == "login"
        done = await http.get(await signed_in_at_issuer(start.headers["location"]))
    assert done.headers["location"].startswith(f"{BASE}/connect/eviltestx?flow=https%3A")


async def test_a_login_begun_on_one_replica_is_finished_on_another(issuer: DevIssuer) -> None:
    ring = KeyRing({"shared": "x" * 40}, minting="shared")
    async with browser(issuer, key_ring=ring) as here, browser(issuer, key_ring=ring) as there:
        # Each has registered a client of its own by then.
        await there.get(LINK)
        start = await here.get(LINK)
        there.cookies.update(here.cookies)
        done = await there.get(await signed_in_at_issuer(start.headers["location"]))
        assert done.status_code == 303
        assert (await there.get(LINK)).status_code == 410
    assert issuer.requests.count("register") == 2


async def test_a_login_is_finished_on_another_replica_also_where_the_issuer_gives_every_client_a_secret(
    issuer: DevIssuer,
) -> None:
    ring = KeyRing({"shared": "x" * 40}, minting="shared")
    given = {"client_id": "kit-1", "client_secret": "s3cret", "token_endpoint_auth_method": "client_secret_basic"}
    issuer.add_client("kit-1", "s3cret", [CALLBACK])
    issuer.faults.respond("register", status=201, body=json.dumps(given), times=1)
    async with browser(issuer, key_ring=ring) as here, browser(issuer, key_ring=ring) as there:
        start = await here.get(LINK)
        there.cookies.update(here.cookies)
        assert "s3cret" not in str(start.headers)
        done = await there.get(await signed_in_at_issuer(start.headers["location"]))
        assert done.status_code == 303
    # The other one had no need of a client of its own.
    assert issuer.requests.count("register") == 1


async def test_the_secret_of_a_client_that_was_configured_goes_into_no_cookie(issuer: DevIssuer) -> None:
    ring = KeyRing({"shared": "x" * 40}, minting="shared")
    issuer.add_client("kit", "configured-secret", [CALLBACK])
    options: Any = {"key_ring": ring, "browser_client_id": "kit", "browser_client_secret": "configured-secret"}
    async with browser(issuer, **options) as http:
        start = await http.get(LINK)
        cookie = start.headers["set-cookie"].partition(";")[0]
        name = cookie.partition("=")[0].removeprefix("__Host-mcpauthkit-")
        kept = SealedCookies(BASE, ring, clock=SystemClock()).read([(b"cookie", cookie.encode())], name)
        assert (await http.get(await signed_in_at_issuer(start.headers["location"]))).status_code == 303
    assert kept is not None
    assert kept["client_id"] == "kit"
    assert "configured-secret" not in str(kept)


async def test_an_issuer_that_has_forgotten_the_kit_is_registered_with_again(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        back = await signed_in_at_issuer(start.headers["location"])
        issuer.remove_client(httpx.URL(start.headers["location"]).params["client_id"])
        assert (await http.get(back)).status_code == 400
        again = await http.get(LINK)
        assert (await http.get(await signed_in_at_issuer(again.headers["location"]))).status_code == 303


async def test_an_id_token_of_another_login_signs_nobody_in(issuer: DevIssuer) -> None:
    async with browser(issuer) as http:
        start = await http.get(LINK)
        issuer.misbehave(wrong_nonce=True)
        assert (await http.get(await signed_in_at_issuer(start.headers["location"]))).status_code == 400
        assert "__Host-mcpauthkit-session" not in http.cookies


async def test_a_secret_without_a_client_id_is_refused(issuer: DevIssuer) -> None:
    with pytest.raises(ConfigurationError):
        JwtAuthMiddleware(FastAPI(), issuer_url=issuer.issuer_url, server_base_url=BASE, browser_client_secret="x")


@pytest.mark.parametrize("flow", ["x" * 129, "%F0%9F%94%91" * 33])
async def test_a_link_that_cannot_be_ours_is_told_at_once_and_starts_no_login(
    flow: str, issuer: DevIssuer, caplog: pytest.LogCaptureFixture
) -> None:
    # It came back in a cookie that was too large for browsers to keep, after signing in for nothing.
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    async with browser(issuer) as http:
        answer = await http.get(f"{BASE}/connect/forge?flow={flow}")
        assert answer.status_code == 410
        assert "new link" in answer.text
        assert "set-cookie" not in answer.headers
        assert (await http.get(f"{BASE}/connect/forge?flow={'x' * 128}")).status_code == 303
    assert [line.partition(" request_id")[0] for line in audit_lines(caplog)] == [
        "link.refused decision=deny service=forge reason=unknown"
    ]


async def test_a_browser_that_opens_many_links_keeps_the_latest_logins_only(issuer: DevIssuer) -> None:
    # Cookies of 40 logins were more than servers and proxies take in a request: nothing here answered any more.
    async with browser(issuer) as http:
        starts = [await http.get(LINK) for _ in range(40)]
        assert sum(len(name) + len(value) for name, value in http.cookies.items()) < 8000
        kept = [name for name in http.cookies if "login" in name]
        assert len(kept) < 10
        newest = starts[-len(kept)].headers["location"]
        assert (await http.get(await signed_in_at_issuer(newest))).headers["location"] == LINK
        forgotten = starts[-len(kept) - 1].headers["location"]
        assert (await http.get(await signed_in_at_issuer(forgotten))).status_code == 400
