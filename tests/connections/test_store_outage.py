"""A store that fails: nothing is decided, nothing of what it says gets out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from mcp.shared.exceptions import MCPError

from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.flows.test_ladder import eras, link_in, text_of
from tests.stores.failing import CANARY, FailingStore
from tests.world import RING, Era, Flavour, world

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@eras
async def test_a_call_during_an_outage_says_so_and_no_more(era: Era, caplog: pytest.LogCaptureFixture) -> None:
    store = FailingStore()
    with world(provider_options={"store": store}) as here:
        async with here.client(era, human=here.person()) as client:
            assert not (await text_of(client, "list_repos"))[0]
            store.fails = True
            is_error, text = await text_of(client, "list_repos")
            assert is_error
            assert text == str(StoreUnavailable().naming("DevForge"))
            store.fails = False
            assert not (await text_of(client, "list_repos"))[0]
        assert len(here.questions) == 1
    assert CANARY not in caplog.text


@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
@eras
async def test_a_resource_during_an_outage_leaves_no_trace_of_the_cause_in_anybodys_log(
    era: Era, flavour: Flavour, caplog: pytest.LogCaptureFixture
) -> None:
    # The servers log refused resources and prompts with the whole chain of causes.
    caplog.set_level("DEBUG")
    store = FailingStore()
    with world(flavour=flavour, provider_options={"store": store}) as here:
        async with here.client(era, human=here.person()) as client:
            store.fails = True
            with pytest.raises(MCPError):
                await client.read_resource("repos://mine/all")
            with pytest.raises(MCPError):
                await client.get_prompt("review")
    assert "ConnectionError" in caplog.text
    assert "s3cretpw" not in caplog.text


async def test_a_page_during_an_outage_is_private_and_calm() -> None:
    store = FailingStore()
    with world(provider_options={"store": store}) as here:
        async with here.client() as client:
            link = link_in((await text_of(client, "list_repos"))[1])
        async with BrowserRobot() as robot:
            await sign_in(robot, await robot.open(link), user="alice")
            store.fails = True
            for path in (link, link.replace("?", "/start?"), f"{here.base}/connect/forge/callback?state=x&code=y"):
                page = await robot.open(path)
                assert page.status == 503
                assert page.headers["cache-control"] == "no-store"
                assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
                assert "s3cretpw" not in page.html
            store.fails = False
            assert "is connected" in (await here.visit(robot, link)).text


@pytest.mark.parametrize(
    "use",
    [
        lambda sealed: sealed.get("k"),
        lambda sealed: sealed.put("k", {}, ttl_seconds=1),
        lambda sealed: sealed.add("k", {}, ttl_seconds=1),
        lambda sealed: sealed.take("k"),
        lambda sealed: sealed.delete("k"),
        lambda sealed: sealed.wait_until("k", bool, timeout_seconds=1),
    ],
)
async def test_every_method_of_the_sealed_store_has_one_error_for_it(use: Callable[[Any], Awaitable[Any]]) -> None:
    store = FailingStore()
    store.fails = True
    with pytest.raises(StoreUnavailable) as failed:
        await use(SealedStore(store, RING))
    assert CANARY not in f"{failed.value} {failed.value.reason} {failed.value.hint}"
