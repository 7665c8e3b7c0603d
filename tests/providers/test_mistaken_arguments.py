"""Arguments that nobody can have meant are refused by name: a typo must not switch a check off or a store."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.types import Receive, Scope, Send

from mcpauthkit import (
    ClientCredentials,
    CredentialsProvider,
    Field,
    JwtAuthMiddleware,
    OAuthProvider,
    oauth_meta_router,
)
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import FakeClock
from tests.connections.small_world import HandGrant

BASE = "https://mcp.example"
CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "s", "server_base_url": BASE}
ADDRESSES: dict[str, Any] = {
    "authorize_url": "https://forge.example/authorize",
    "token_url": "https://forge.example/token",
}
VARIABLES = {"pat": {"label": "Token", "type": "password"}}


async def nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """An application."""


def by_hand(**options: Any) -> OAuthProvider:
    return OAuthProvider.from_standard_oauth2(**{"name": "forge", **CLIENT, **ADDRESSES, **options})


def by_form(**options: Any) -> CredentialsProvider:
    return CredentialsProvider(**{"name": "wiki", "server_base_url": BASE, "variables": VARIABLES, **options})


CONSTRUCTORS: dict[str, Callable[..., Any]] = {
    "OAuthProvider": lambda **options: OAuthProvider(HandGrant(FakeClock()), server_base_url=BASE, **options),
    "OAuthProvider.from_standard_oauth2": by_hand,
    "OAuthProvider.from_preset": lambda **options: OAuthProvider.from_preset("github", **CLIENT, **options),
    "OAuthProvider.from_oidc": lambda **options: OAuthProvider.from_oidc(
        "https://issuer.example", name="corp", **CLIENT, **options
    ),
    "OAuthProvider.from_client_credentials": lambda **options: OAuthProvider.from_client_credentials(
        name="erp", token_url="https://erp.example/token", **CLIENT, **options
    ),
    "CredentialsProvider": by_form,
    "CredentialsProvider.from_preset": lambda **options: CredentialsProvider.from_preset(
        "jira-data-center", server_base_url=BASE, **options
    ),
    "JwtAuthMiddleware": lambda **options: JwtAuthMiddleware(
        nothing, issuer_url="https://issuer.example", server_base_url=BASE, **options
    ),
    "oauth_meta_router": lambda **options: oauth_meta_router(
        issuer_url="https://issuer.example", server_base_url=BASE, **options
    ),
}


@pytest.mark.parametrize("name", list(CONSTRUCTORS))
def test_an_argument_that_is_not_there_is_refused_by_its_name_and_that_of_the_constructor(name: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CONSTRUCTORS[name](zzz=1)
    assert "'zzz'" in refused.value.public
    assert refused.value.public.startswith(name)
    assert refused.value.hint


SHARED = [("key_rng", "key_ring"), ("clok", "clock"), ("server_bas_url", "server_base_url")]


@pytest.mark.parametrize(
    ("name", "typo", "meant"),
    [
        *((name, typo, meant) for name in CONSTRUCTORS for typo, meant in SHARED),
        ("CredentialsProvider", "validte", "validate"),
        ("CredentialsProvider.from_preset", "allowed_host", "allowed_hosts"),
        ("OAuthProvider", "sotre", "store"),
        ("OAuthProvider.from_standard_oauth2", "revokation_url", "revocation_url"),
        ("OAuthProvider.from_standard_oauth2", "extra_authorise_params", "extra_authorize_params"),
        ("OAuthProvider.from_preset", "tennant", "tenant"),
        ("oauth_meta_router", "scops", "scopes"),
        ("JwtAuthMiddleware", "leeway_second", "leeway_seconds"),
        ("JwtAuthMiddleware", "encryptd_only", "encrypted_only"),
    ],
)
def test_a_typo_is_told_what_was_meant(name: str, typo: str, meant: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CONSTRUCTORS[name](**{typo: None})
    assert f"`{meant}`" in refused.value.hint


@pytest.mark.parametrize("name", [one for one in CONSTRUCTORS if "Provider" in one])
@pytest.mark.parametrize("former", ["creds_store", "pending_store"])
def test_where_things_are_kept_was_called_otherwise_once_and_is_told_so(name: str, former: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        CONSTRUCTORS[name](**{former: object()})
    assert "store=" in refused.value.hint
    assert "key_ring=" in refused.value.hint


@pytest.mark.parametrize("way", ["basic", "private_key_jwt", "client_secret_jwt", ["none"]])
@pytest.mark.parametrize("secret", ["s", None])
def test_a_way_of_sending_the_secret_that_there_is_not_is_refused_with_those_there_are(way: Any, secret: Any) -> None:
    described = ServicePreset(name="desk", display_name="Desk", **ADDRESSES, client_authentication=way)
    own_way = ClientCredentials(client_id="id", client_secret="s", client_authentication=way, audience="api")
    calls: list[Callable[[], Any]] = [
        lambda: by_hand(client_authentication=way, client_secret=secret),
        lambda: OAuthProvider.from_preset(described, **{**CLIENT, "client_secret": secret}),
        lambda: by_hand(without_user=[own_way]),
    ]
    for call in calls:
        with pytest.raises(ConfigurationError) as refused:
            call()
        assert "client_secret_basic" in refused.value.hint
        assert "client_secret_post" in refused.value.hint


@pytest.mark.parametrize(
    "fields",
    [VARIABLES, {"pat": Field(name="pat")}, ["pat"], [VARIABLES["pat"]], "pat", Field(name="pat"), 7],
    ids=lambda one: type(one).__name__,
)
def test_fields_that_are_no_list_of_fields_are_told_what_goes_where(fields: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        by_form(variables=None, fields=fields)
    assert "fields" in refused.value.public
    assert "variables=" in refused.value.hint
    assert "fields=[Field(" in refused.value.hint


def test_fields_may_come_from_wherever_fields_come_from() -> None:
    assert by_form(variables=None, fields=(Field(name=one) for one in ("pat", "region"))).name == "wiki"
