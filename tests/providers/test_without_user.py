"""What applications write for credentials that ask nobody."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest

from mcpauthkit import ClientCredentials, OAuthProvider, OnBehalfOf, TokenExchange
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.services import ServicePreset, TokenShape, WithoutUser
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


@pytest.mark.parametrize("era", list(ERA_MODES))
async def test_an_answer_without_scopes_grants_what_was_asked_and_is_asked_for_once(here: World, era: Era) -> None:
    robot = robot_of(here.service, here.base, scope="repo", scopes=["https://graph.example/.default"])
    robot.register(here.app, here.mcp)
    here.service.faults.respond(
        "token", status=200, body='{"access_token": "robots", "token_type": "Bearer", "expires_in": 3600}'
    )

    @here.mcp.tool
    @robot.require_token()
    async def whole() -> str:
        """Its token."""
        return robot.get_token()

    @here.mcp.tool
    @robot.require_token(scopes=["admin"])
    async def more() -> str:
        """Its token for more, which the application's own scopes stand for as well."""
        return robot.get_token()

    async with here.client(era) as client:
        for tool in ("whole", "whole", "more", "more"):
            assert (await client.call_tool(tool)).data == "robots"
    # One for each set of scopes.
    assert here.service.requests.count("token", grant_type="client_credentials") == 2


@pytest.mark.parametrize(("granted", "is_enough"), [("api", True), ("api more", True), ("other", False), ("", False)])
async def test_fixed_scopes_stand_for_what_tools_need_if_they_were_given(
    here: World, granted: str, *, is_enough: bool
) -> None:
    robot = robot_of(here.service, here.base, scopes=["api"])
    robot.register(here.app, here.mcp)
    body = {"access_token": "robots", "token_type": "Bearer", "expires_in": 3600, "scope": granted}
    here.service.faults.respond("token", status=200, body=json.dumps(body))

    @here.mcp.tool
    @robot.require_token(scopes=["repo"])
    async def spend() -> str:
        """Its token."""
        return robot.get_token()

    async with here.client() as client:
        for _ in range(3):
            answer = await client.call_tool("spend", raise_on_error=False)
            assert answer.is_error == (not is_enough)
    assert here.service.requests.count("token", grant_type="client_credentials") == 1


async def test_a_way_at_the_services_own_endpoint_reads_answers_by_the_services_habits(here: World) -> None:
    nested = ServicePreset(
        name="nested",
        display_name="Nested",
        authorize_url=here.service.authorize_url,
        token_url=here.service.token_url,
        body="json",
        scope_separator=",",
        tokens=TokenShape(blocks=("data",), ok_flag="ok", error_paths=("problem",)),
    )
    client_options: dict[str, Any] = {"client_id": "id", "client_secret": "secret", "server_base_url": here.base}
    provider = OAuthProvider.from_preset(nested, without_user=[ClientCredentials()], **client_options)
    provider.register(here.app, here.mcp)

    @here.mcp.tool
    @provider.require_token(scopes=["a", "b"])
    async def spend() -> str:
        """Its token."""
        return provider.get_token()

    @here.mcp.tool
    @provider.require_token(scopes=["c"])
    async def refused() -> str:
        """Nobody gets here."""
        return provider.get_token()

    async with here.client() as client:
        here.service.faults.respond("token", status=200, body='{"ok": true, "data": {"access_token": "nested-token"}}')
        assert (await client.call_tool("spend")).data == "nested-token"
        sent = here.service.requests.all("token")[-1]
        assert "a,b" in str(sent)
        here.service.faults.clear()
        here.service.faults.respond("token", status=200, body='{"ok": false, "problem": "access_denied"}')
        answer = await client.call_tool("refused", raise_on_error=False)
        assert "/connect/nested" in str(answer)


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


CLIENT: dict[str, Any] = {"client_id": "id", "client_secret": "secret", "server_base_url": BASE}
OWN: dict[str, Any] = {
    "name": "own",
    "authorize_url": "https://own.example/authorize",
    "token_url": "https://own.example/token",
}
EXCHANGES: list[TokenExchange | OnBehalfOf] = [TokenExchange(audience="x"), OnBehalfOf(scopes=["x"])]


@pytest.mark.parametrize("way", EXCHANGES, ids=lambda way: type(way).__name__)
@pytest.mark.parametrize("preset", ["github", "google", "slack", "microsoft"])
def test_callers_own_tokens_are_shown_to_no_service_because_an_address_was_left_out(
    preset: str, way: TokenExchange | OnBehalfOf
) -> None:
    if preset == "microsoft" and isinstance(way, OnBehalfOf):
        OAuthProvider.from_preset(preset, tenant="acme", **CLIENT, without_user=[way])
        return
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_preset(preset, **CLIENT, without_user=[way])
    assert "token_url" in refused.value.hint
    own = replace(way, token_url="https://sso.example/token", client_id="gateway", client_secret="secret-there")
    OAuthProvider.from_preset(preset, **CLIENT, without_user=[own])


@pytest.mark.parametrize("way", [*EXCHANGES, ClientCredentials()], ids=lambda way: type(way).__name__)
def test_a_clients_secret_is_sent_to_no_server_it_was_not_given_for(
    way: TokenExchange | OnBehalfOf | ClientCredentials,
) -> None:
    elsewhere = replace(way, token_url="https://sso.example/token")
    with pytest.raises(ConfigurationError) as refused:
        OAuthProvider.from_standard_oauth2(**CLIENT, **OWN, without_user=[elsewhere])
    assert "https://sso.example" in refused.value.public
    assert "client_id= and client_secret=" in refused.value.hint
    beside = replace(way, token_url="https://own.example/elsewhere/token")
    OAuthProvider.from_standard_oauth2(**CLIENT, **OWN, without_user=[beside])


@pytest.mark.parametrize("way", EXCHANGES, ids=lambda way: type(way).__name__)
def test_an_address_that_the_application_gave_itself_may_be_left_out_of_a_way(way: TokenExchange | OnBehalfOf) -> None:
    OAuthProvider.from_standard_oauth2(**CLIENT, **OWN, without_user=[way])
    OAuthProvider.from_preset(ServicePreset(**OWN, display_name="Own"), **CLIENT, without_user=[way])


@pytest.mark.parametrize("preset", ["github", "microsoft"])
def test_an_applications_own_account_shows_no_callers_token_and_needs_no_address(preset: str) -> None:
    OAuthProvider.from_preset(preset, **CLIENT, without_user=[ClientCredentials()])


@pytest.mark.parametrize("issuers", ["https://issuer.example", [], [""]])
def test_a_service_account_for_nobody_in_particular_is_for_everybody_on_purpose_only(issuers: Any) -> None:
    options = {**CLIENT, "name": "robot", "token_url": OWN["token_url"]}
    OAuthProvider.from_client_credentials(**options)
    OAuthProvider.from_client_credentials(**options, issuers=["https://issuer.example"])
    with pytest.raises(ConfigurationError):
        OAuthProvider.from_client_credentials(**options, issuers=issuers)
