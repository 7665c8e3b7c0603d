"""What newcomers write at first is refused where they write it, by the argument's name and with what to write."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from fastmcp import FastMCP

from mcpauthkit import (
    Connections,
    CredentialsProvider,
    JwtAuthMiddleware,
    KeyRing,
    MemoryStore,
    OAuthProvider,
    TokenExchange,
    oauth_meta_router,
)
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import HandGrant
from tests.providers.test_mistaken_arguments import ADDRESSES, BASE, CLIENT, by_form, by_hand, nothing

RING_SECRETS = {"a": "s" * 40}


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    with pytest.raises(ConfigurationError) as caught:
        call()
    assert caught.value.hint
    return caught.value.public, caught.value.hint


def github(**options: Any) -> OAuthProvider:
    return OAuthProvider.from_preset("github", **CLIENT, **options)


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("repo", '["repo"]'),
        ("repo user", '["repo", "user"]'),
        ("repo,user", '["repo", "user"]'),
        (["repo user"], '["repo", "user"]'),
        (["repo,user"], '["repo", "user"]'),
        (None, '["openid", "profile"]'),
        (7, '["openid", "profile"]'),
        ([7], '["openid", "profile"]'),
        ([""], '["openid", "profile"]'),
    ],
)
def test_scopes_that_are_no_list_are_answered_with_the_list(given: Any, written: str) -> None:
    described = ServicePreset(name="desk", display_name="Desk", **ADDRESSES, always_scopes=given)
    calls: dict[str, Callable[[], Any]] = {
        "always_scopes": lambda: by_hand(always_scopes=given),
        "always_scopes of": lambda: OAuthProvider.from_preset(described, **CLIENT),
        "scopes": lambda: by_hand().require_token(given),
        "scopes of": lambda: by_hand().token(given),
        "scopes of a": lambda: TokenExchange(scopes=given),
    }
    for name, call in calls.items():
        public, hint = refused(call)
        argument = name.split()[0]
        assert argument in public
        assert f"{argument}={written}" in hint


def test_scopes_with_signs_of_their_own_are_names() -> None:
    odd = ["patient/Observation.rs?category=a,b", "https://graph.example/.default", "write:jira-work"]
    assert callable(by_hand(always_scopes=odd).require_token(odd))


@pytest.mark.parametrize("given", [["repo"], ("repo",), None, 7, "repo,user", "repo, user"])
def test_the_default_scope_is_one_text_with_spaces(given: Any) -> None:
    calls: list[Callable[[], Any]] = [lambda: by_hand(scope=given), lambda: github(scope=given)]
    for call in calls:
        public, hint = refused(call)
        assert public.startswith("scope=")
        assert 'scope="repo' in hint
    assert by_hand(scope="repo user").name == "forge"


@pytest.mark.parametrize("given", [b"s" * 40, None, 7, ["s" * 40]])
def test_a_key_that_is_no_text_is_refused_without_showing_it(given: Any) -> None:
    public, hint = refused(lambda: KeyRing({"a": given}, minting="a"))
    assert "'a'" in public
    assert "sss" not in public + hint
    assert "text" in hint


@pytest.mark.parametrize("given", ["sssssssssss", ["a"], None])
def test_a_key_ring_is_made_of_names_and_secrets(given: Any) -> None:
    public, hint = refused(lambda: KeyRing(given, minting="a"))
    assert "sss" not in public + hint
    assert "KeyRing({" in hint


@pytest.mark.parametrize(
    "given", [TokenExchange(), "exchange", None, {"a": TokenExchange()}], ids=lambda one: type(one).__name__
)
def test_ways_without_the_user_come_as_a_list(given: Any) -> None:
    calls: list[Callable[[], Any]] = [
        lambda: by_hand(without_user=given),
        lambda: OAuthProvider(HandGrant(FakeClock()), server_base_url=BASE, without_user=given),
    ]
    for call in calls:
        public, hint = refused(call)
        assert "without_user" in public
        assert "without_user=[TokenExchange(" in hint


def test_a_services_name_is_for_from_preset() -> None:
    public, hint = refused(lambda: OAuthProvider("github", **CLIENT))  # type: ignore[arg-type]  # the mistake
    assert "OAuthProvider" in public
    assert 'OAuthProvider.from_preset("github"' in hint
    others: list[Any] = [None, object(), ServicePreset(name="desk", display_name="Desk", **ADDRESSES)]
    for given in others:
        _, hint = refused(partial(OAuthProvider, given, server_base_url=BASE))
        assert "OAuthProvider.from_preset(" in hint
    public, hint = refused(lambda: by_form(variables=None, service="jira-cloud"))
    assert "service" in public
    assert 'CredentialsProvider.from_preset("jira-cloud"' in hint


@pytest.mark.parametrize("given", [None, 7, ["github"], {}], ids=repr)
def test_what_names_no_preset_is_answered_with_those_there_are(given: Any) -> None:
    _, hint = refused(lambda: OAuthProvider.from_preset(given, **CLIENT))
    assert "gitlab" in hint
    _, hint = refused(lambda: CredentialsProvider.from_preset(given, server_base_url=BASE))
    assert "jira-cloud" in hint


def test_register_takes_the_application_first() -> None:
    provider: Any
    for provider in (by_hand(), by_form()):
        app, mcp = FastAPI(), FastMCP("wrong way round")
        for given in ((mcp, app), (mcp,)):
            _, hint = refused(partial(provider.register, *given))
            assert "register(app, mcp)" in hint
        # Nothing is left behind by what was refused.
        refused(partial(provider.register, app, app))
        provider.register(app, mcp)


async def test_whose_connections_are_meant_is_said_by_a_principal() -> None:
    connections = Connections(FastAPI())
    for call in (connections.disconnect("alice", "forge"), connections.of("alice")):  # type: ignore[arg-type]
        with pytest.raises(ConfigurationError) as caught:
            await call
        assert "Principal.bare(issuer, subject)" in caught.value.hint


def for_providers(**options: Any) -> list[Callable[[], Any]]:
    return [lambda: by_hand(**options), lambda: by_form(**options), lambda: github(**options)]


@pytest.mark.parametrize("given", ["secret", {"a": "s" * 40}, b"s", object()], ids=lambda one: type(one).__name__)
def test_what_is_no_key_ring_is_answered_with_one(given: Any) -> None:
    calls = [
        *for_providers(key_ring=given),
        *for_providers(key_ring=given, store=MemoryStore()),
        lambda: JwtAuthMiddleware(
            nothing, issuer_url="https://issuer.example", server_base_url=BASE, key_ring=given, browser_client_id="b"
        ),
        lambda: oauth_meta_router(
            issuer_url="https://issuer.example", server_base_url=BASE, client_id="id", client_secret="s", key_ring=given
        ),
    ]
    for call in calls:
        public, hint = refused(call)
        assert "key_ring" in public
        assert "KeyRing({" in hint


@pytest.mark.parametrize(
    "given", [{}, "redis://", object(), MemoryStore, MemoryStore().get], ids=lambda one: type(one).__name__
)
def test_what_is_no_store_is_refused_with_what_one_has(given: Any) -> None:
    for call in for_providers(store=given, key_ring=KeyRing(RING_SECRETS, minting="a")):
        public, hint = refused(call)
        assert "store" in public
        assert "MemoryStore()" in hint


@pytest.mark.parametrize("given", [{}, [], "repo"], ids=repr)
def test_rules_of_scopes_are_scope_rules(given: Any) -> None:
    public, hint = refused(lambda: by_hand(scope_rules=given))
    assert "scope_rules" in public
    assert "ScopeRules(" in hint


def test_a_client_for_http_is_asynchronous() -> None:
    with httpx.Client() as client:
        calls = [
            lambda: by_hand(http_client=client),
            lambda: github(http_client=client),
            lambda: CredentialsProvider.from_preset("jira-data-center", server_base_url=BASE, http_client=client),  # type: ignore[arg-type]  # the mistake
            lambda: JwtAuthMiddleware(
                nothing,
                issuer_url="https://issuer.example",
                server_base_url=BASE,
                http_client=client,  # type: ignore[arg-type]  # the mistake
            ),
        ]
        for call in calls:
            public, hint = refused(call)
            assert "http_client" in public
            assert "httpx.AsyncClient(" in hint


@pytest.mark.parametrize("given", [0, -1, float("nan"), float("inf"), "300", None])
@pytest.mark.parametrize("argument", ["token_timeout", "flow_ttl_seconds"])
def test_links_live_for_some_seconds(argument: str, given: Any) -> None:
    for call in for_providers(**{argument: given}):
        public, hint = refused(call)
        assert argument in public
        assert f"{argument}=600" in hint


@pytest.mark.parametrize("given", ["no", "S256", 1, None])
def test_pkce_is_on_or_off(given: Any) -> None:
    for call in (lambda: by_hand(pkce=given), lambda: github(pkce=given)):
        public, hint = refused(call)
        assert "pkce" in public
        assert "pkce=False" in hint


@pytest.mark.parametrize("given", ["pat", ["pat"], 7])
def test_credentials_are_not_chosen_by_a_name(given: Any) -> None:
    public, hint = refused(lambda: by_form().require_credentials(given))
    assert "require_credentials" in public
    assert "account=" in hint
