"""`/health` and `/ready`: open, bounded, remembered for a second, and without a word that helps an attacker."""

from __future__ import annotations

import logging
from typing import Any

import anyio
import pytest
from fastapi import FastAPI

from mcpauthkit import JwtAuthMiddleware, MemoryStore, health_router
from mcpauthkit.errors import StoreUnavailable
from mcpauthkit.testing import DevIssuer, DevStore, FakeClock
from mcpauthkit.web.health import readiness
from tests.asgi import lifespan
from tests.kit.kit_world import BASE, ask, small_kit, small_server
from tests.world import RING

CANARY = "canary.internal.example"


class Kept(MemoryStore):
    """A store that says what is wrong with it, counts how often it is asked, and may hang."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.is_down = False
        self.hangs = False

    async def check_access(self) -> None:
        self.asked += 1
        if self.hangs:
            await anyio.sleep_forever()
        if self.is_down:
            raise StoreUnavailable(reason=f"{CANARY}:6379", hint="Start it.")


def application(issuer: DevIssuer, store: Any, clock: FakeClock | None = None) -> FastAPI:
    kit = small_kit(issuer_url=issuer.issuer_url, store=store, key_ring=RING, clock=clock)
    kit.oauth("github", client_id="x")
    kit.oauth("gitlab", client_id="x")
    return kit.app(small_server())


async def test_both_answer_without_a_token_and_are_not_kept_by_caches() -> None:
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, MemoryStore())
        async with lifespan(app):
            for path, status in (("/health", "ok"), ("/ready", "ready")):
                for method in ("GET", "HEAD"):
                    answer = await ask(app, path, method)
                    assert answer.status_code == 200
                    assert answer.headers["cache-control"] == "no-store"
                assert (await ask(app, path)).json() == {"status": status}
                assert (await ask(app, path, "POST")).status_code == 401


async def test_an_application_without_a_kit_has_them_by_a_router() -> None:
    with DevIssuer(algorithm="ES256") as issuer:
        app = FastAPI()
        app.include_router(health_router())
        app.add_middleware(JwtAuthMiddleware, server_base_url=BASE, issuer_url=issuer.issuer_url)
        async with lifespan(app):
            assert (await ask(app, "/ready")).json() == {"status": "ready"}
            assert (await ask(app, "/health")).status_code == 200
            assert [one.subject for one in (await readiness(app)).parts] == [issuer.issuer_url]


async def test_nothing_to_wait_for_is_ready() -> None:
    app = FastAPI()
    app.include_router(health_router())
    async with lifespan(app):
        assert (await ask(app, "/ready")).json() == {"status": "ready"}


async def test_an_issuer_that_is_away_is_named_by_kind_and_not_by_address(caplog: pytest.LogCaptureFixture) -> None:
    with DevIssuer(algorithm="ES256") as issuer:
        url = issuer.issuer_url
    app = small_kit(issuer_url=url).app(small_server())
    async with lifespan(app):
        answer = await ask(app, "/ready")
        alive = await ask(app, "/health")
    assert answer.status_code == 503
    assert answer.json() == {"status": "not ready", "not_ready": ["issuer keys"]}
    assert "127.0.0.1" not in answer.text
    assert alive.status_code == 200
    assert any(url in one.getMessage() for one in caplog.records if "not ready" in one.getMessage())


async def test_keys_that_are_known_outlast_their_issuer() -> None:
    clock = FakeClock()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, MemoryStore(), clock)
        async with lifespan(app):
            assert (await ask(app, "/ready")).status_code == 200
            issuer.faults.respond("jwks", status=503)
            clock.advance(3600)
            assert (await ask(app, "/ready")).status_code == 200
            clock.advance(3600)
            assert (await ask(app, "/ready")).status_code == 503
            issuer.faults.clear()
            clock.advance(10)
            assert (await ask(app, "/ready")).status_code == 200


async def test_a_store_is_asked_once_for_all_that_share_it_and_told_of_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "mcpauthkit.web")
    clock, store = FakeClock(), Kept()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, clock)
        async with lifespan(app):
            store.is_down, store.asked = True, 0
            for _ in range(5):
                answer = await ask(app, "/ready")
                assert answer.json() == {"status": "not ready", "not_ready": ["store"]}
                assert CANARY not in answer.text
            assert store.asked == 1
            clock.advance(1)
            await ask(app, "/ready")
            assert store.asked == 2
            store.is_down = False
            clock.advance(1)
            assert (await ask(app, "/ready")).status_code == 200
    told = [one.getMessage() for one in caplog.records if "ready" in one.getMessage()]
    assert len(told) == 2
    assert CANARY in told[0]
    assert "github" in told[0]
    assert "gitlab" in told[0]
    assert told[1].startswith("ready again")


async def test_a_store_of_the_applications_own_that_raises_anything_is_not_ready_and_asked_no_oftener() -> None:
    # What anybody may ask for must not become a traceback, and a question to the store, for each request.
    class Careless(Kept):
        async def check_access(self) -> None:
            self.asked += 1
            if self.is_down:
                raise RuntimeError(CANARY)

    store = Careless()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, FakeClock())
        async with lifespan(app):
            store.is_down, store.asked = True, 0
            for _ in range(3):
                answer = await ask(app, "/ready")
                assert (answer.status_code, answer.json()["not_ready"]) == (503, ["store"])
            assert store.asked == 1
            assert [one.fault for one in (await readiness(app)).parts][1:] == ["RuntimeError"]


async def test_probes_that_come_together_make_one_look() -> None:
    store = Kept()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, FakeClock())
        async with lifespan(app):
            store.asked = 0
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(ask, app, "/ready")
            assert store.asked == 1


async def test_what_hangs_is_not_ready_within_two_seconds() -> None:
    store = Kept()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, FakeClock())
        async with lifespan(app):
            store.hangs = True
            with anyio.fail_after(5):
                found = await readiness(app)
    assert [one.is_ready for one in found.parts] == [True, False]
    assert "2 seconds" in found.parts[1].fault


async def test_a_probe_that_gives_up_leaves_nothing_behind() -> None:
    store = Kept()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, FakeClock())
        async with lifespan(app):
            store.hangs, store.asked = True, 0
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, app, "/ready")
                with anyio.fail_after(5):
                    while not store.asked:
                        await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
            store.hangs = False
            with anyio.fail_after(1):
                assert (await ask(app, "/ready")).status_code == 200


async def test_a_store_that_cannot_say_what_is_wrong_is_read_once() -> None:
    store = DevStore()
    with DevIssuer(algorithm="ES256") as issuer:
        app = application(issuer, store, FakeClock())
        async with lifespan(app):
            with store.outage():
                found = await readiness(app)
    assert [one.is_ready for one in found.parts] == [True, False]
    assert found.parts[1].subject == "the github provider, the gitlab provider"
