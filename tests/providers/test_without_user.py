"""What applications write for credentials that ask nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from mcpauthkit import ClientCredentials, OAuthProvider, OnBehalfOf, TokenExchange
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.services import WithoutUser
from mcpauthkit.testing import DevService
from tests.world import ERA_MODES, Era, World, world

BASE = "https://mcp.example"


def robot_of(service: DevService, base_url: str, **options: Any) -> OAuthProvider:
    return OAuthProvider.from_client_credentials(
        name="robot",
        display_name="DevForge",
        client_id=service.client_id,
        client_secret=service.client_secret,
        token_url=service.token_url,
        server_base_url=base_url,
        api_url=service.api_url,
        **options,
    )


@pytest.fixture(name="here")
def _here() -> Iterator[World]:
    with world() as here:
        robot = robot_of(here.service, here.base)

        @here.mcp.tool
        @robot.require_token(scopes=["repo"])
        async def nightly() -> str:
            """The service account's login."""
            async with robot.client() as http:
                return str((await http.get("/user")).json()["login"])

        robot.register(here.app, here.mcp)
        yield here


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_service_account_serves_every_caller_and_asks_nobody(here: World, era: Era) -> None:
    for sub in ("alice", "bob"):
        async with here.client(era, sub=sub, human=here.person()) as client:
            assert (await client.call_tool("nightly")).data == "octo-robot"
    assert not here.questions
    assert here.service.requests.count("token", grant_type="client_credentials") == 1


async def test_a_service_account_is_nothing_that_users_see_or_connect(here: World) -> None:
    async with httpx.AsyncClient(base_url=here.base) as http:
        listed = await http.get("/connections/api", headers={"authorization": f"Bearer {here.token()}"})
        assert "robot" not in listed.text
        assert (await http.get("/connect/robot?flow=x")).status_code in {401, 404}


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_a_refused_service_account_sends_no_user_anywhere(here: World, era: Era) -> None:
    here.service.misbehave(fewer_scopes=True)
    robot = robot_of(here.service, here.base, scope="admin")
    robot.register(here.app, here.mcp)

    @here.mcp.tool
    @robot.require_token()
    async def impossible() -> str:
        """Needs what nobody has."""
        return robot.get_token()

    async with here.client(era, human=here.person()) as client:
        result = await client.call_tool("impossible", raise_on_error=False)
    assert result.is_error
    text = str(result.content)
    assert "DevForge" in text
    assert "operator" in text
    assert "http" not in text
    assert not here.questions


@pytest.mark.parametrize(
    "way",
    [TokenExchange(audience="x"), OnBehalfOf(scopes=["x"]), ClientCredentials()],
    ids=lambda way: type(way).__name__,
)
def test_a_way_without_an_address_of_its_own_is_refused_where_the_service_names_none(way: WithoutUser) -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_oidc(
            "https://issuer.example",
            name="api",
            client_id="id",
            client_secret="secret",
            server_base_url=BASE,
            without_user=[way],
        )
    assert "token_url" in refused.value.hint


def test_what_is_no_way_is_refused() -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_preset(
            "github",
            client_id="id",
            client_secret="secret",
            server_base_url=BASE,
            without_user=["exchange"],  # type: ignore[list-item]  # what a user may write
        )
    assert "TokenExchange" in refused.value.hint


def test_a_public_client_has_no_way_without_the_user() -> None:
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_preset(
            "gitlab", client_id="id", server_base_url=BASE, without_user=[TokenExchange(audience="x")]
        )
    assert "client_secret" in refused.value.hint
