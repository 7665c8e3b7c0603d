"""Signing a client in through the authorization proxy, in a real browser."""

from __future__ import annotations

from starlette.responses import HTMLResponse

from mcpauthkit.testing import LoopbackServer, OAuthClient
from tests.browser.visitor import Screen, visiting
from tests.web.proxy_world import HOSTED, ProxyWorld, proxy_world

_CLIENTS_PAGE = '<!doctype html><html lang="en"><title>The client</title><main><h1>Signed in</h1></main>'
_LONG_NAME = "Assistant-with-a-name-that-somebody-made-as-long-as-it-may-be-" * 2


def client_app() -> LoopbackServer:
    """A client's own page, at the address it is called back at."""
    return LoopbackServer(HTMLResponse(_CLIENTS_PAGE, headers={"content-security-policy": "default-src 'none'"}))


def asking(here: ProxyWorld, client: OAuthClient) -> str:
    """Where the client sends the browser."""
    return client.authorization_url(resource=here.resource)


async def test_alice_lets_her_client_sign_in(screen: Screen) -> None:
    with proxy_world(resource_name="Tools of the house") as here, client_app() as app:
        client = await here.registered(f"{app.base_url}/callback", client_name="Desk Assistant")
        async with visiting("proxy", screen) as alice:
            await alice.open(asking(here, client))
            await alice.look("1-consent", title="Let a program sign in?")
            await alice.press("Continue")
            await alice.look("2-issuer", title="Sign in")
            await alice.sign_in()
            await alice.look("3-client", title="The client")
            code = alice.query["code"]
        assert (await client.exchange(code)).status_code == 200


async def test_alice_lets_no_client_sign_in(screen: Screen) -> None:
    with proxy_world() as here, client_app() as app:
        client = await here.registered(f"{app.base_url}/callback")
        async with visiting("proxy-cancel", screen) as alice:
            await alice.open(asking(here, client))
            await alice.tab_to("Continue")
            await alice.tab_to("Cancel")
            await alice.page.keyboard.press("Enter")
            await alice.page.wait_for_url(f"{app.base_url}/**")
            assert alice.query["error"] == "access_denied"
            await alice.page.go_back()
            await alice.press("Continue")
            # The page is never cached, so going back asks once more, and its links are good.
            await alice.look("1-issuer-after-all", title="Sign in")


async def test_a_program_of_somebody_elses_with_an_endless_name_keeps_the_page_in_shape(screen: Screen) -> None:
    with proxy_world(resource_name="Tools of the house") as here:
        client = await here.registered(HOSTED, client_name=_LONG_NAME)
        async with visiting("proxy-hosted", screen) as alice:
            await alice.open(asking(here, client))
            await alice.look("1-consent", title="Let a program sign in?")


async def test_a_program_that_nobody_knows_is_refused_readably(screen: Screen) -> None:
    with proxy_world() as here:
        async with visiting("proxy-unknown", screen) as alice:
            await alice.open(asking(here, here.client("nobody")))
            await alice.look("1-refused", title="This sign-in cannot be started", status=400)
