"""What users type is found nowhere but inside sealed records and in the requests that need it."""

from __future__ import annotations

import time
from collections.abc import Mapping

import anyio
import pytest

from mcpauthkit import Field
from mcpauthkit.connections.form import Form
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.testing import FakeClock
from tests.flows.canaries import ECHO, FLOW_PLACES, WatchedRobot, leaks, secrets_of, told_by, traces_of, watching
from tests.flows.canaries_of_forms import SEND, SEND_KEY, TOO_LONG, Vault, vault
from tests.flows.test_ladder import eras
from tests.wiki_world import token_of
from tests.world import Era, world

MISBEHAVIOUR = ("rejects and quotes", "crashes", "times out", "returns")
QUOTATIONS = ("rejects and quotes a file", "rejects and quotes the beginning", "is away and quotes")
ALLOWED = {
    "echo": {"variables"},
    # What is no secret is shown to whoever typed it, and to nobody else.
    "user": {"pages", "variables"},
    "flow": FLOW_PLACES,
}


async def _misused(on: Vault, alice: WatchedRobot, bob: WatchedRobot) -> None:
    """Everything that does not end in a connection."""
    page = await on.form(alice)
    on.here.service.faults.delay("user", seconds=2)
    for on.behaves in MISBEHAVIOUR:
        page = await alice.submit(page, on.canaries(), button=SEND)
        assert page.status in {422, 502}, on.behaves
    on.here.service.faults.clear()
    on.behaves = "well"
    link, sent = page.url, {**on.canaries(), "csrf": token_of(page)}
    # Without a browser, without a proof, twice the same field, as another type, in no flow, in another's.
    assert await on.send(link, sent) not in {200, 303}
    assert await on.send(link, on.canaries(), alice) == 403
    assert await on.send(link, [*sent.items(), *on.canaries().items()], alice) == 400
    assert await on.send(link, sent, alice, **{"content-type": "text/plain"}) == 415
    assert await on.send(link[:-4] + "AAAA", sent, alice) == 410
    await on.form(bob)
    assert await on.send(link, sent, bob) == 403
    assert (await alice.submit(page, {**on.canaries(), "user": "x" * TOO_LONG}, button=SEND)).status == 413
    on.store.failing = True
    assert (await alice.submit(page, on.canaries(), button=SEND)).status == 503
    on.store.failing = False


async def _sent_twice(on: Vault, alice: WatchedRobot) -> None:
    page = await on.form(alice)
    sent = {**on.canaries(), "csrf": token_of(page)}
    async with anyio.create_task_group() as tasks:
        for _ in range(2):
            tasks.start_soon(on.send, page.url, sent, alice)
    assert await on.send(page.url, sent, alice) == 303


async def _sent_late(on: Vault, alice: WatchedRobot, clock: FakeClock) -> None:
    async with on.here.client() as client:
        await on.watch.call(client, "forget_vault")
    page = await on.form(alice)
    clock.advance(1801)
    assert (await alice.submit(page, on.canaries(), button=SEND)).status == 403


async def _keyed(on: Vault, alice: WatchedRobot, key: str) -> None:
    """A key that the kit tries and sends, refused in the end."""
    faults = on.here.service.faults
    page = await on.form(alice, "key_repos")
    for status in (500, 429, 401):
        faults.respond("user", status=status, body=ECHO)
        page = await alice.submit(page, {"token": key}, button=SEND_KEY)
        faults.clear()
    assert (await alice.submit(page, {"token": key}, button=SEND_KEY)).status == 200
    async with on.here.client() as client:
        await on.watch.call(client, "key_repos")
        faults.respond("repos", status=401, body=ECHO)
        await on.watch.call(client, "key_repos")
        # Only what the service takes nowhere is lost.
        faults.respond("user", status=401, body=ECHO)
        assert "/connect/keys?flow=" in await on.watch.call(client, "key_repos")
        faults.clear()


@eras
async def test_nothing_typed_into_a_form_comes_out_anywhere(era: Era, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = FakeClock(wall=time.time())
    with watching(monkeypatch) as watch, world(middleware_options={"clock": clock}) as here, vault(here, watch) as on:
        here.mcp.add_middleware(watch.catching)
        async with WatchedRobot(watch, here.base) as alice, WatchedRobot(watch, here.base) as bob:
            async with here.client(era, human=on.person()) as client:
                assert "'is_error': True" not in await watch.call(client, "read_vault")
                for tool in ("list_repos", "read_vault", "forget_vault", "forget_vault"):
                    await watch.call(client, tool)
            await _misused(on, alice, bob)
            await _sent_twice(on, alice)
            async with here.client(human=here.person()) as client:
                await watch.call(client, "list_repos")
            await _keyed(on, alice, next(iter(here.service.live_tokens("octo-alice"))))
            page = await alice.open(f"{here.base}/connections")
            assert (await alice.click(page, "Disconnect Vault now")).status == 200
            await _sent_late(on, alice, clock)
            found = secrets_of(here, alice, bob)
        assert len(on.typed) > 3 * len(MISBEHAVIOUR)
        assert any(value in page for value in on.secrets("user") for page in watch.pages)
        found = {kind: found[kind] for kind in ("access_token", "client_secret", "cookie")}
        found |= {name: on.secrets(name) for name in ("user", "password", "pat", "key")}
        found |= {"echo": {ECHO}, "flow": watch.flow_ids()}
        assert {kind for kind, values in found.items() if not values} == set()
        assert {"/connect/vault", "/connect/keys", "/connections"} <= watch.paths
        kept = {f"{one} of keys": text for one, text in (await watch.places(on.store)).items() if one == "store"}
        assert leaks(found, {**await watch.places(here.store), **kept}, allowed=ALLOWED) == set()


@pytest.mark.parametrize("behaves", QUOTATIONS)
async def test_a_validator_that_quotes_what_was_typed_is_not_quoted(
    behaves: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with watching(monkeypatch) as watch, world() as here, vault(here, watch) as on:
        async with WatchedRobot(watch, here.base) as alice:
            page = await on.form(alice)
            on.behaves = behaves
            page = await alice.submit(page, on.canaries(), button=SEND)
        assert page.status in {422, 502}
        found = {name: on.secrets(name) for name in ("password", "pat", "key")}
        assert leaks(found, await watch.places(here.store)) == set()


async def test_a_validator_that_is_stopped_takes_what_was_typed_along(caplog: pytest.LogCaptureFixture) -> None:
    canary = "typed-while-it-hangs-canary"

    async def hangs(values: Mapping[str, str]) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise ValueError(values["pat"])

    grant = FormGrant("vault", "Vault", Form([Field(name="pat", kind="password")]), hangs, timeout_seconds=0.01)
    with pytest.raises(RemoteUnavailable) as stopped:
        await grant.fill({"pat": canary})
    assert not traces_of(canary, told_by(stopped.value))
    assert not traces_of(canary, caplog.text)
