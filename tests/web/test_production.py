"""What an application may not be in production, each with its fix, and what it is warned of elsewhere."""

from __future__ import annotations

import inspect
import logging
from typing import TYPE_CHECKING, Any

import pytest
from fastapi import FastAPI
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.server.request_state import RequestStateSecurity

from mcpauthkit import (
    CredentialsOptions,
    CredentialsProvider,
    JwtAuthMiddleware,
    KeyRing,
    KeyValueStore,
    LimitOptions,
    MemoryStore,
    OAuthOptions,
    OAuthProvider,
    ProviderOptions,
    ProxyOptions,
    RedisStore,
    oauth_meta_router,
    request_state_security,
)
from mcpauthkit.stores.file_tree import FileTree
from mcpauthkit.testing import LoopbackServer
from tests.asgi import lifespan
from tests.stores.plain import PlainStore
from tests.web.shop import BASE, ISSUER, RING, SAMPLE, SECRET, SharedStore, Shop, start

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from mcpauthkit import Store
    from tests.world import Flavour

MANY = {"MCPAUTHKIT_REPLICAS": "3"}
flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


def faults_of(text: str) -> list[str]:
    return text.split("\n- ")[1:]


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [one.getMessage() for one in caplog.records if one.levelno >= logging.WARNING]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> pytest.MonkeyPatch:
    # A `.env` file would be read where the tests run.
    monkeypatch.chdir(tmp_path)
    return monkeypatch


ONE_FAULT: dict[str, tuple[Shop, dict[str, str], tuple[str, ...]]] = {
    "plain http, on loopback too": (Shop("http://127.0.0.1:8000"), {}, ("'http://127.0.0.1:8000'", "https")),
    "ephemeral key of the middleware": (
        Shop(middleware_ring=None),
        {},
        ("JwtAuthMiddleware", "STORAGE_ENCRYPTION_KEY"),
    ),
    "ephemeral key of providers": (
        Shop(ring=KeyRing.ephemeral()),
        {},
        ("the github provider and the wiki provider", "STORAGE_ENCRYPTION_KEY", "key_ring="),
    ),
    "ephemeral key of the proxy": (Shop(proxy_ring=KeyRing.ephemeral()), {}, ("oauth_meta_router", "key_ring=")),
    "sample key": (Shop(middleware_ring=SAMPLE), {}, ("JwtAuthMiddleware", "k2026", "openssl rand")),
    "memory and replicas": (
        Shop(store=MemoryStore()),
        MANY,
        ("the github provider and the wiki provider", "MCPAUTHKIT_REPLICAS=3", "TOKEN_STORAGE_MODE=redis", "REDIS_URL"),
    ),
    "memory and workers": (Shop(store=MemoryStore()), {"WEB_CONCURRENCY": "2"}, ("WEB_CONCURRENCY=2", "REDIS_URL")),
    "questions of one process": (
        Shop(policy=None),
        MANY,
        ("'shop'", "request_state_security(Storage."),
    ),
    "questions sealed by an ephemeral ring": (
        Shop(policy=request_state_security(KeyRing.ephemeral(), audience="shop")),
        MANY,
        ("'shop'", "MCPAUTHKIT_REPLICAS=3"),
    ),
    "questions sealed by keys that may be those of one process": (
        Shop(policy=RequestStateSecurity.ephemeral(audience="shop")),
        MANY,
        ("'shop'", "KeyRing", "codec="),
    ),
    "questions of one process, of a server that no provider was told of": (
        Shop(policy=None, registers_server=False),
        MANY,
        ("'shop'", "request_state_security="),
    ),
    "the same with the SDK's server": (
        Shop(policy=None, flavour="mcpserver", registers_server=False),
        MANY,
        ("'shop'", "request_state_security="),
    ),
    "questions of one process of the SDK's server": (
        Shop(policy=None, flavour="mcpserver"),
        MANY,
        ("'shop'", "request_state_security="),
    ),
}


@pytest.mark.parametrize(("shop", "set_to", "named"), list(ONE_FAULT.values()), ids=list(ONE_FAULT))
async def test_one_fault_keeps_an_application_from_starting_and_names_its_fix(
    shop: Shop, set_to: dict[str, str], named: tuple[str, ...], environment: pytest.MonkeyPatch
) -> None:
    for name, value in {"MCPAUTHKIT_PRODUCTION": "1", **set_to}.items():
        environment.setenv(name, value)
    faults = faults_of(await start(shop.build()))
    assert len(faults) == 1
    assert [one for one in named if one not in faults[0]] == []
    assert SECRET not in faults[0]


async def test_all_faults_are_told_at_once(environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    environment.setenv("MCPAUTHKIT_REPLICAS", "2")
    shop = Shop(
        "http://127.0.0.1:8000",
        ring=SAMPLE,
        middleware_ring=None,
        store=MemoryStore(),
        policy=None,
        middleware={"production": True},
    )
    faults = faults_of(await start(shop.build()))
    # Each of the two providers has sample keys.
    assert len(faults) == 6
    logged = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert len(logged) == 6


@pytest.mark.parametrize(
    "inexact",
    [lambda folder: KeyValueStore(FileTree(folder)), lambda _: PlainStore(MemoryStore())],
    ids=["files", "a store that compares nothing"],
)
async def test_a_store_whose_steps_are_not_exact_between_processes_is_for_one(
    inexact: Callable[[Path], Store], environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Two processes may hold one lease there, and renew one credential, or use one link.
    environment.setenv("MCPAUTHKIT_PRODUCTION", "1")
    shop = Shop(store=inexact(tmp_path / "state"))
    faults = faults_of(await start(shop.build()))
    assert len(faults) == 1
    named = ("the github provider", "one step", "MCPAUTHKIT_REPLICAS=1", "REDIS_URL")
    assert [one for one in named if one not in faults[0]] == []
    environment.setenv("MCPAUTHKIT_REPLICAS", "1")
    assert await start(shop.build()) == ""


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("redis://kit:canary@redis.internal:6379/0", True),
        ("redis-sentinel://:canary@127.0.0.1:1,10.0.0.5:1/0#main", True),
        ("redis-cluster://:canary@10.0.0.5:1", True),
        ("rediss://kit:canary@redis.internal:6379/0", False),
        ("rediss-cluster://:canary@10.0.0.5:1", False),
        ("redis://localhost:1/0", False),
        ("redis-sentinel://127.0.0.1:1,[::1]:1/0#main", False),
        ("unix:///run/redis.sock", False),
    ],
)
async def test_in_production_a_redis_that_is_spoken_to_in_the_clear_is_warned_of(
    url: str, is_told: bool, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # A private network is a reason to, and cannot be seen from here.
    environment.setenv("MCPAUTHKIT_REPLICAS", "2")
    assert await start(Shop(store=RedisStore(url)).build()) == ""
    # None of them answers here, which is said besides.
    assert [one for one in warnings_of(caplog) if "in the clear" in one] == []
    environment.setenv("MCPAUTHKIT_PRODUCTION", "1")
    assert await start(Shop(store=RedisStore(url)).build()) == ""
    told = [one for one in warnings_of(caplog) if "in the clear" in one]
    assert [("the github provider" in one, "rediss" in one) for one in told] == [(True, True)] * is_told
    assert "canary" not in caplog.text


@flavours
async def test_an_application_without_faults_starts_in_production(
    flavour: Flavour, environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("MCPAUTHKIT_PRODUCTION", "true")
    environment.setenv("MCPAUTHKIT_REPLICAS", "3")
    # Each part may have a key ring of its own.
    other = KeyRing({"other": SECRET[::-1]}, minting="other")
    async with lifespan(Shop(flavour=flavour, middleware_ring=other, proxy_ring=other).build()):
        pass
    assert warnings_of(caplog) == []


async def test_one_process_may_keep_things_in_memory_and_ask_by_itself(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("MCPAUTHKIT_PRODUCTION", "1")
    environment.setenv("MCPAUTHKIT_REPLICAS", "1")
    async with lifespan(Shop(store=MemoryStore(), policy=None, stateless=False).build()):
        pass
    assert warnings_of(caplog) == []


async def test_an_application_that_asks_nobody_needs_no_keys() -> None:
    app = FastAPI()
    app.include_router(oauth_meta_router(server_base_url=BASE, issuer_url=ISSUER))
    app.add_middleware(JwtAuthMiddleware, issuer_url=ISSUER, server_base_url=BASE, production=True)
    async with lifespan(app):
        pass


async def test_tokens_of_the_application_itself_may_be_in_memory_everywhere(environment: pytest.MonkeyPatch) -> None:
    # Each process gets its own, and none of them has asked anybody.
    environment.setenv("MCPAUTHKIT_REPLICAS", "3")
    app = FastAPI()
    app.include_router(oauth_meta_router(server_base_url=BASE, issuer_url=ISSUER))
    app.add_middleware(JwtAuthMiddleware, issuer_url=ISSUER, server_base_url=BASE, production=True)
    OAuthProvider.from_client_credentials(
        name="reports",
        client_id="kit",
        client_secret=SECRET,
        token_url="https://reports.example/token",
        server_base_url=BASE,
    ).register(app)
    assert await start(app) == ""


async def test_sessions_of_the_oldest_transport_live_in_one_process_too(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("MCPAUTHKIT_REPLICAS", "2")
    sse = FastMCP("sse").http_app(path="/sse", transport="sse")
    app = FastAPI(lifespan=sse.lifespan)
    app.include_router(oauth_meta_router(server_base_url=BASE, issuer_url=ISSUER))
    paths = ["/sse", "/messages"]
    app.add_middleware(JwtAuthMiddleware, issuer_url=ISSUER, server_base_url=BASE, resource_paths=paths)
    app.mount("/", sse)
    assert await start(app) == ""
    assert "Mcp-Session-Id" in warnings_of(caplog)[-1]


async def test_what_an_application_had_opened_is_closed_when_it_must_not_run() -> None:
    events: list[str] = []
    shop = Shop(middleware_ring=None, middleware={"production": True})
    app = shop.build()
    inner = app.router.lifespan_context

    def noting(app: Any) -> Any:
        return _noting(inner(app), events)

    app.router.lifespan_context = noting
    await start(app)
    assert events == ["opened", "closed"]


class _noting:  # noqa: N801
    def __init__(self, inner: Any, events: list[str]) -> None:
        self._inner, self._events = inner, events

    async def __aenter__(self) -> Any:
        self._events.append("opened")
        return await self._inner.__aenter__()

    async def __aexit__(self, *error: object) -> Any:
        self._events.append("closed")
        return await self._inner.__aexit__(*error)


def test_a_server_does_not_serve_what_must_not_run() -> None:
    server = LoopbackServer()
    shop = Shop(server.base_url, middleware={"production": True})
    server.app = shop.build()
    with pytest.raises(RuntimeError, match="https address"):
        server.start()


@pytest.mark.parametrize(
    ("shop", "fault"),
    [
        (Shop(store=MemoryStore()), "the github provider and the wiki provider"),
        (Shop(policy=None), "'shop'"),
    ],
    ids=["store", "questions"],
)
async def test_in_production_what_is_fit_for_one_process_needs_to_be_told_that_there_is_one(
    shop: Shop, fault: str, environment: pytest.MonkeyPatch
) -> None:
    # A worker that gunicorn has forked is no child to multiprocessing, and other machines are not to be seen at all.
    environment.setenv("MCPAUTHKIT_PRODUCTION", "1")
    faults = faults_of(await start(shop.build()))
    assert len(faults) == 1
    assert [one for one in (fault, "there may be several", "MCPAUTHKIT_REPLICAS=1") if one not in faults[0]] == []
    environment.setenv("MCPAUTHKIT_REPLICAS", "1")
    assert await start(shop.build()) == ""
    environment.setenv("WEB_CONCURRENCY", "4")
    assert "WEB_CONCURRENCY=4" in await start(shop.build())


DEVELOPMENT: dict[str, tuple[Shop, dict[str, str], tuple[str, ...]]] = {
    "plain": (Shop("http://127.0.0.1:8000", None, None, store=None, policy=None, stateless=False), {}, ()),
    "ephemeral keys for a store that lasts": (Shop(ring=KeyRing.ephemeral()), {}, ("STORAGE_ENCRYPTION_KEY",)),
    "replicas of a plain one": (
        Shop("http://127.0.0.1:8000", None, None, store=None, policy=None, stateless=False),
        MANY,
        ("Mcp-Session-Id", "STORAGE_ENCRYPTION_KEY", "REDIS_URL", "request_state_security"),
    ),
    "sessions of several processes": (Shop(stateless=False), MANY, ("Mcp-Session-Id",)),
    "sessions of the SDK's server": (Shop(stateless=False, flavour="mcpserver"), MANY, ("Mcp-Session-Id",)),
}


@pytest.mark.parametrize(("shop", "set_to", "named"), list(DEVELOPMENT.values()), ids=list(DEVELOPMENT))
async def test_elsewhere_it_starts_with_one_warning_for_each_thing_that_matters(
    shop: Shop,
    set_to: dict[str, str],
    named: tuple[str, ...],
    environment: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    for name, value in set_to.items():
        environment.setenv(name, value)
    async with lifespan(shop.build()):
        pass
    warned = warnings_of(caplog)
    assert len(warned) == len(named)
    assert [text for text, one in zip(warned, named, strict=True) if one not in text] == []


async def test_a_server_that_does_not_show_its_policy_is_warned_of_and_starts(
    environment: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    environment.setenv("MCPAUTHKIT_REPLICAS", "2")
    shop = Shop(flavour="mcpserver", middleware={"production": True})
    app = shop.build()
    server: MCPServer[Any] = MCPServer("moved", request_state_security=shop.policy)
    server.middleware.clear()
    kept: ProviderOptions = {"store": SharedStore(), "key_ring": RING}
    OAuthProvider.from_preset("gitlab", client_id="kit", server_base_url=BASE, **kept).register(app, server)
    async with lifespan(app):
        pass
    assert len(warnings_of(caplog)) == 1
    assert "'moved'" in caplog.text


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MCPAUTHKIT_PRODUCTION", "perhaps"),
        ("MCPAUTHKIT_REPLICAS", "0"),
        ("MCPAUTHKIT_REPLICAS", "many"),
        ("WEB_CONCURRENCY", "all"),
    ],
)
async def test_settings_that_mean_nothing_are_named(name: str, value: str, environment: pytest.MonkeyPatch) -> None:
    environment.setenv(name, value)
    text = await start(Shop().build())
    assert name in text
    assert f"'{value}'" not in text


def test_nothing_turns_the_same_user_check_off() -> None:
    """There is nothing to refuse in production: no argument lets another user finish a flow."""
    parts = (JwtAuthMiddleware, OAuthProvider, CredentialsProvider, CredentialsProvider.register, oauth_meta_router)
    names = {name for one in parts for name in inspect.signature(one).parameters}
    options = (OAuthOptions, CredentialsOptions, LimitOptions, ProxyOptions)
    names |= {name for one in options for name in one.__annotations__}
    assert sorted(one for one in names if "user" in one) == ["current_user", "user_context", "without_user"]
