"""The doctor in front of a real Keycloak: nothing is found where nothing is wrong, and what is wrong is named."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI

from mcpauthkit.doctor.doctor import examine
from mcpauthkit.testing import LoopbackServer
from tests.services.keycloak import PROXY_CLIENT_ID, PROXY_CLIENT_SECRET, Keycloak
from tests.services.keycloak_door import token_of
from tests.services.stage import stage
from tests.world import RING

PROXY = {"client_id": PROXY_CLIENT_ID, "client_secret": PROXY_CLIENT_SECRET, "profile": "keycloak", "key_ring": RING}


@contextmanager
def examined(keycloak: Keycloak, port: int, **router: Any) -> Iterator[tuple[FastAPI, str]]:
    """The server of these tests, and the application behind it."""
    apps: list[FastAPI] = []
    with stage(
        keycloak.issuer_url,
        server=LoopbackServer(port=port),
        router_options=router,
        middleware_options={"profile": "keycloak", "key_ring": RING},
        prepare=lambda app, _mcp, _base: apps.append(app),
    ) as running:
        yield apps[0], running.resource


@pytest.mark.parametrize("router", [{}, PROXY], ids=["direct", "proxy"])
async def test_a_healthy_set_up_with_keycloak_has_no_findings(
    keycloak: Keycloak, server_port: int, router: dict[str, Any]
) -> None:
    token = await token_of(keycloak)
    with examined(keycloak, server_port, **router) as (app, url):
        over_the_network = await examine(url=url, token=token)
        of_both = await examine(app, url=url, token=token)
    assert over_the_network.findings == of_both.findings == ()
    assert not any(one.code for one in over_the_network.journeys)


async def test_a_realm_that_is_not_there_is_named(keycloak: Keycloak, server_port: int) -> None:
    with examined(keycloak, server_port, issuer_url=f"{keycloak.base_url}/realms/mcpauthkti") as (_, url):
        report = await examine(url=url)
    assert [one.code for one in report.findings] == ["issuer-without-metadata"]


async def test_a_slash_behind_the_realm_is_named(keycloak: Keycloak, server_port: int) -> None:
    with examined(keycloak, server_port, issuer_url=f"{keycloak.issuer_url}/") as (_, url):
        report = await examine(url=url)
    assert [one.code for one in report.findings] == ["issuer-trailing-slash"]


async def test_a_token_without_the_audience_that_names_us_is_named(keycloak: Keycloak, server_port: int) -> None:
    token = await token_of(keycloak, scope="openid profile")
    with examined(keycloak, server_port) as (_, url):
        report = await examine(url=url, token=token)
    assert [one.code for one in report.findings] == ["token-refused"]
    assert "Audience mapper" in report.findings[0].evidence
