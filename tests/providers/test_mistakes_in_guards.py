"""Mistakes around guards and injections: told where they are made, in the words of the provider they are made with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from mcpauthkit import OAuthProvider
from tests.providers.test_mistaken_arguments import CLIENT, by_form, by_hand
from tests.providers.test_mistakes import refused


async def tool(account: str = "") -> str:
    """A tool."""
    return account


def service_account() -> OAuthProvider:
    return OAuthProvider.from_client_credentials(name="erp", token_url="https://erp.example/token", **CLIENT)


def uses_of_an_account(name: Any) -> list[Callable[[], Any]]:
    return [
        lambda: by_hand(api_url="https://forge.example").http(account=name),
        lambda: by_hand().token(account=name),
        lambda: by_hand().require_token(account=name)(tool),
        lambda: by_form().require_credentials(account=name)(tool),
        lambda: by_form().credentials(account=name),
    ]


@pytest.mark.parametrize("name", ["x" * 99, "a/b", 5, None, ["work"]], ids=repr)
def test_an_account_that_nobody_could_name_so_is_refused_where_it_is_named(name: Any) -> None:
    for call in uses_of_an_account(name):
        public, hint = refused(call)
        assert "account=" in public
        assert "60 characters" in hint


@pytest.mark.parametrize("name", ["", "work", "alice@example.com"])
def test_an_account_that_users_may_name_so_is_taken(name: str) -> None:
    for call in uses_of_an_account(name):
        assert callable(call())


@pytest.mark.parametrize(
    "use",
    [
        lambda erp: erp.require_token(account="work")(tool),
        lambda erp: erp.require_token(account_from="account")(tool),
        lambda erp: erp.token(account="work"),
    ],
)
def test_nobody_chooses_among_the_accounts_of_a_service_that_this_server_uses_as_itself(use: Any) -> None:
    public, hint = refused(lambda: use(service_account()))
    assert "'erp'" in public
    assert "account" in hint
    assert callable(service_account().require_token()(tool))


def test_outside_of_a_guard_each_provider_names_its_own_ways() -> None:
    _, hint = refused(by_hand().get_token)
    assert "require_token()" in hint
    assert "provider.token()" in hint
    form = by_form()
    for call in (form.get_credentials, form.get_reminder):
        _, hint = refused(call)
        assert "require_credentials()" in hint
        assert "provider.credentials()" in hint
        assert "token" not in hint


def test_a_guard_on_a_route_is_told_what_routes_have_instead(caplog: pytest.LogCaptureFixture) -> None:
    app = FastAPI()
    by_hand().register(app)
    app.get("/repos")(by_hand().require_token()(tool))
    with TestClient(app) as client:
        assert client.get("/repos").status_code == 401
    assert "Depends(provider.token(...))" in caplog.text
    assert "Depends(provider.credentials())" in caplog.text
