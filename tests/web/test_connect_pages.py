"""The connect pages of services that the browser visits: what they say, and what they do when the service is away."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from mcpauthkit import Credential, OAuthProvider
from mcpauthkit.errors import GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.services import Attempt
from mcpauthkit.testing import BrowserRobot, approve, sign_in
from tests.flows.test_ladder import link_in, text_of
from tests.world import RING, World, world

if TYPE_CHECKING:
    from mcpauthkit.testing import Page


def with_more_tools(mcp: Any, provider: OAuthProvider) -> None:
    @mcp.tool()
    @provider.require_token(scopes=["repo", "gist"])
    async def gists() -> str:
        """Needs more than the other tools."""
        return "gists"

    @mcp.tool()
    @provider.require_token(scopes=["repo"], account="work")
    async def at_work() -> str:
        """Needs another account."""
        return "work"


async def page_of(here: World, robot: BrowserRobot, tool: str) -> Page:
    async with here.client() as client:
        link = link_in((await text_of(client, tool))[1])
    return await sign_in(robot, await robot.open(link))


def listed(page: Page, heading: str) -> str:
    """The list below a heading."""
    return page.html.partition(heading)[2].partition("<ul")[2].partition("</ul>")[0]


async def test_the_page_tells_what_is_new_from_what_was_allowed_before() -> None:
    with world(build=with_more_tools) as here:
        async with here.client(human=here.person()) as client:
            assert not (await text_of(client, "list_repos"))[0]
        async with BrowserRobot() as robot:
            page = await page_of(here, robot, "gists")
        assert "gists asked to use your DevForge account" in page.text
        assert "gist" in listed(page, "It also asks for")
        assert "repo" not in listed(page, "It also asks for")
        assert "repo" in listed(page, "You have already allowed")


async def test_the_page_names_the_account_that_is_to_be_connected() -> None:
    with world(build=with_more_tools) as here:
        async with BrowserRobot() as robot:
            page = await page_of(here, robot, "at_work")
            assert "<bdi>work</bdi>" in page.html
            assert "You have already allowed" not in page.text


class Away:
    """A service whose address cannot be found out at the moment."""

    service, display_name = "away", "Away"

    def __init__(self, error: RemoteError) -> None:
        self.error: RemoteError | None = error

    async def begin(self, scopes: Sequence[str], *, redirect_uri: str) -> Attempt:
        if self.error is not None:
            raise self.error
        return Attempt(f"{redirect_uri}?state=one&scopes={len(scopes)}", "one", {})

    async def complete(
        self, query: Mapping[str, str], private: Mapping[str, Any], scopes: Sequence[str], *, redirect_uri: str
    ) -> Credential:
        raise GrantRefused("access_denied", reason=f"{len(query)} {len(private)} {len(scopes)} {redirect_uri}")

    async def renew(self, credential: Credential) -> Credential:
        raise GrantRefused("invalid_grant", reason=credential.token_type)

    async def aclose(self) -> None:
        """Nothing was opened."""


@pytest.mark.parametrize("error", [RemoteUnavailable(reason="canary"), RemoteMisbehaved(reason="canary")], ids=repr)
async def test_a_service_that_cannot_be_visited_now_can_be_tried_again(error: RemoteError) -> None:
    away = Away(error)
    with world() as here:
        provider = OAuthProvider(away, server_base_url=here.base, store=here.store, key_ring=RING)

        @here.mcp.tool()
        @provider.require_token()
        async def far() -> str:
            """Needs the service."""
            return "far"

        provider.register(here.app, here.mcp)
        async with BrowserRobot() as robot:
            page = await robot.click(await page_of(here, robot, "far"), "Connect Away")
            assert page.status == 502
            assert "did not answer just now" in page.text
            assert "canary" not in page.html
            away.error = None
            assert "access was refused" in (await robot.click(page, "Connect Away")).text


async def test_a_callback_with_a_doubled_parameter_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    with world() as here:
        async with BrowserRobot() as robot:
            page = await robot.click(await page_of(here, robot, "list_repos"), "Connect")
            callback = (await approve(robot, page, stop_at=f"{here.base}/connect/forge/callback")).url
            assert (await robot.open(f"{callback}&code=another")).status == 400
            assert here.service.requests.count("token") == 0
            assert len([one for one in caplog.records if one.name == "mcpauthkit.audit"]) == 1
            # The honest one still counts.
            assert "is connected" in (await robot.open(callback)).title


@pytest.mark.parametrize("forged", ["", "mk1.test.AAAA", "of Bob's page", "of another button"])
async def test_only_the_button_of_our_page_leaves_for_the_service(
    forged: str, caplog: pytest.LogCaptureFixture
) -> None:
    # Another site's link to the address behind the button skipped the page that says who asks for what.
    caplog.set_level(logging.WARNING, "mcpauthkit.audit")
    with world() as here:
        async with BrowserRobot() as alice, BrowserRobot() as bob:
            page = await page_of(here, alice, "list_repos")
            match forged:
                case "of Bob's page":
                    async with here.client(sub="bob") as client:
                        link = link_in((await text_of(client, "list_repos"))[1])
                    forged = token_behind(await sign_in(bob, await bob.open(link), user="bob"))
                case "of another button":
                    forged = page.forms[0].fields[0].value
            start = httpx.URL(page.url.replace("/connect/forge", "/connect/forge/start"))
            again = await alice.open(str(start.copy_merge_params({"csrf": forged})))
            assert (again.status, again.title, again.url) == (200, page.title, page.url)
            assert len([one for one in caplog.records if one.name == "mcpauthkit.audit"]) == 1
            assert here.service.requests.count("authorize") == 0
            assert "is connected" in (await here.visit(alice, again.url)).title


def token_behind(page: Page) -> str:
    """What proves that the button to the service was pressed."""
    [start] = [httpx.URL(link.href) for link in page.links if "/start?" in link.href]
    return str(start.params["csrf"])
