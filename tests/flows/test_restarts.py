"""An application that is told nothing but variables of the environment, started again over what it kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit import (
    CredentialsProvider,
    Expiring,
    JwtAuthMiddleware,
    MemoryStore,
    OAuthProvider,
    oauth_meta_router,
)
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, LoopbackServer
from tests.asgi import lifespan
from tests.flows.test_ladder import text_of
from tests.web.proxy_world import proxy_world
from tests.wiki_world import VARIABLES, Wiki
from tests.world import RING, World, replica

BASE = "https://mcp.example"
CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": BASE}
DAY = 86_400.0
FROM_ENVIRONMENT = {"store": None, "key_ring": None}
KEYS = ["first-key-of-at-least-32-bytes-length", "later-key-of-at-least-32-bytes-length"]


class Machine:
    """One address, at which one application after the other runs."""

    def __init__(self, issuer: DevIssuer, service: DevService) -> None:
        self.issuer = issuer
        self.service = service
        self.server = LoopbackServer()

    @contextmanager
    def running(self) -> Iterator[World]:
        """A new application, as a new process would make it."""
        server = self.server
        built = replica(
            server.base_url, self.issuer, self.service, MemoryStore(), provider_options=dict(FROM_ENVIRONMENT)
        )
        here = World(self.issuer, self.service, server, built.provider, MemoryStore(), built.app, built.mcp)
        server.app = here.remembering_the_loop
        with server:
            yield here


@pytest.fixture
def machine() -> Iterator[Machine]:
    with DevIssuer(algorithm="ES256") as issuer, DevService() as service:
        yield Machine(issuer, service)


@pytest.fixture
def in_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "file")
    monkeypatch.setenv("FILE_STORAGE_PATH", str(tmp_path / "state"))
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEYS[0])


async def is_connected(here: World) -> bool:
    async with here.client() as client:
        is_error, _ = await text_of(client, "list_repos_fast")
        return not is_error


async def connect(here: World) -> None:
    async with here.client(human=here.person()) as client:
        is_error, text = await text_of(client, "list_repos")
        assert not is_error, text


@pytest.mark.usefixtures("in_files")
async def test_a_connection_outlasts_the_process(machine: Machine) -> None:
    with machine.running() as here:
        assert not await is_connected(here)
        await connect(here)
    with machine.running() as again:
        assert await is_connected(again)
        assert again.questions == []


async def test_without_variables_it_does_not(machine: Machine) -> None:
    with machine.running() as here:
        await connect(here)
        assert await is_connected(here)
    with machine.running() as again:
        assert not await is_connected(again)


@pytest.mark.usefixtures("in_files")
async def test_a_new_key_beside_the_old_one_asks_nobody_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with machine.running() as here:
        await connect(here)
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEYS[1])
    with machine.running() as forgetful:
        assert not await is_connected(forgetful)
    monkeypatch.setenv("STORAGE_ENCRYPTION_OLD_KEYS", KEYS[0])
    with machine.running() as again:
        assert await is_connected(again)


@pytest.mark.usefixtures("in_files")
async def test_a_browser_stays_signed_in(machine: Machine) -> None:
    async with BrowserRobot() as robot:
        with machine.running() as here:
            page = await here.visit(robot, f"{here.base}/connections", do="look")
            assert (page.status, page.url) == (200, f"{here.base}/connections")
        with machine.running():
            again = await robot.open(page.url)
    assert [visit.status for visit in again.history] == [200]


def with_wiki(here: World, told: list[Expiring]) -> Wiki:
    """One more service, whose users type in a token that ends soon."""
    wiki = Wiki(here, expires_at=time.time() + 3 * DAY)
    wiki.gate.set()

    async def tell(expiring: Expiring) -> None:
        told.append(expiring)

    provider = CredentialsProvider(
        name="wiki", server_base_url=here.base, variables=VARIABLES, validate=wiki.validate, on_expiring=tell
    )

    @here.mcp.tool()
    @provider.require_credentials()
    async def read_wiki() -> str:
        return provider.get_credentials()["base_url"]

    provider.register(here.app, here.mcp)
    return wiki


@pytest.mark.usefixtures("in_files")
async def test_who_was_reminded_today_is_not_reminded_again(machine: Machine) -> None:
    told: list[Expiring] = []
    with machine.running() as here:
        wiki = with_wiki(here, told)
        async with here.client(human=wiki.person()) as client:
            assert not (await text_of(client, "read_wiki"))[0]
    assert len(told) == 1
    with machine.running() as again:
        assert not (await with_wiki(again, told).result())[0]
    assert len(told) == 1


class Closing(MemoryStore):
    """Notes that it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


async def test_a_store_that_was_given_stays_open_when_the_application_ends() -> None:
    app, store = FastAPI(), Closing()
    OAuthProvider.from_preset("github", **CLIENT, store=store, key_ring=RING).register(app)
    async with lifespan(app):
        pass
    assert not store.closed


async def test_an_application_whose_redis_does_not_answer_starts_and_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "redis")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEYS[0])
    app = FastAPI()
    OAuthProvider.from_preset("github", **CLIENT).register(app)
    app.add_middleware(JwtAuthMiddleware, issuer_url="https://issuer.example", server_base_url=BASE)
    async with lifespan(app):
        pass


PARTS: dict[str, Callable[[], object]] = {
    "oauth": lambda: OAuthProvider.from_preset("github", **CLIENT),
    "credentials": lambda: CredentialsProvider(name="wiki", server_base_url=BASE, variables=VARIABLES),
    "middleware": lambda: JwtAuthMiddleware(FastAPI(), issuer_url="https://issuer.example", server_base_url=BASE),
    "proxy": lambda: oauth_meta_router(
        server_base_url=BASE, issuer_url="https://issuer.example", client_id="kit", scopes=("openid",)
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_every_part_refuses_a_lasting_store_without_a_key(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # The predecessor went on with a key of its own, and everybody was asked again after each restart.
    monkeypatch.setenv("TOKEN_STORAGE_MODE", "redis")
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1/0")
    with pytest.raises(ConfigurationError) as refused:
        PARTS[part]()
    assert "STORAGE_ENCRYPTION_KEY" in refused.value.hint


async def test_what_the_proxy_has_given_out_stays_good(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEYS[0])
    with proxy_world(key_ring=None) as here:
        client = await here.registered()
        tokens = await here.tokens(client)
        await here.restart()
        refreshed = await client.refresh(tokens["refresh_token"])
        assert refreshed.status_code == 200
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEYS[1])
        await here.restart()
        assert (await client.refresh(refreshed.json()["refresh_token"])).status_code in {400, 401}
