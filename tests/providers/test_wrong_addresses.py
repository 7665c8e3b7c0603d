"""A 401 for one address of a service: the user's connection survives it where the token is good for others."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConnectionFailed, ConnectionRequired
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.client import CredentialAuth, Held
from mcpauthkit.services import AccountPaths, Refusal, ServicePreset, WhoAmI
from tests.connections.small_world import ALICE, SmallWorld

FORGE = "https://forge.example"
UNAUTHORIZED = Refusal(meaning="dead", status=401)
PRESET = ServicePreset(
    name="forge",
    display_name="DevForge",
    authorize_url=f"{FORGE}/authorize",
    token_url=f"{FORGE}/token",
    whoami=WhoAmI(url=f"{FORGE}/me", account=AccountPaths(id="id")),
    refusals=(
        Refusal(meaning="narrow", status=401, path="message", values=frozenset({"scope does not match"})),
        Refusal(meaning="dead", status=200, path="error", values=frozenset({"token_revoked"})),
        UNAUTHORIZED,
    ),
)


@dataclass
class Forge:
    """A service that answers 401 under `/wrong` and what a test says under `/me`; renewals bring new tokens."""

    me: tuple[int, Any] = (200, {"id": "7"})
    requests: list[str] = field(default_factory=list)

    def answer(self, request: httpx.Request) -> httpx.Response:
        carried = request.headers.get("authorization", "").removeprefix("Bearer ")
        self.requests.append(f"{request.url.path} {carried}".strip())
        match request.url.path:
            case "/token":
                return httpx.Response(200, json={"access_token": "renewed", "refresh_token": "next"})
            case "/me":
                return httpx.Response(self.me[0], json=self.me[1])
            case _:
                return httpx.Response(401, json={"message": "not this way"})


def world_of(forge: Forge, preset: ServicePreset = PRESET) -> SmallWorld:
    here = SmallWorld()
    fetch = HttpFetch(httpx.AsyncClient(transport=httpx.MockTransport(forge.answer)))
    here.grant = AuthorizationCodeGrant(  # type: ignore[assignment]  # the real one in its place
        preset, OAuthClient("id", Secret("s"), "client_secret_post"), fetch=fetch, clock=here.clock
    )
    here.broker = here.another_broker()
    return here


async def get(
    here: SmallWorld, forge: Forge, *, refresh: str | None = "first", age_seconds: float = 3_600.0, times: int = 1
) -> httpx.Response:
    """What a tool gets that asks for the wrong address, with a token of that age."""
    held = replace(await here.hold("old", refresh=refresh), obtained_at=here.clock.wall() - age_seconds)
    await here.vault.put(ALICE, "forge", held)

    async def ask(_held: Held) -> ConnectionFailed:
        return ConnectionRequired("DevForge", connect_url="https://mcp.example/connect")

    auth = CredentialAuth(
        here.broker, Held(Need(ALICE, ("repo",), "tool"), held), ask, api_url=FORGE, refusals=PRESET.refusals
    )
    async with httpx.AsyncClient(auth=auth, transport=httpx.MockTransport(forge.answer), base_url=FORGE) as http:
        for _ in range(times - 1):
            await http.get("/wrong")
        return await http.get("/wrong")


@pytest.mark.parametrize("me", [(200, {"id": "7"}), (401, {"message": "scope does not match"})])
async def test_a_good_token_is_kept_and_the_refusal_goes_to_the_tool(me: tuple[int, Any]) -> None:
    forge = Forge(me)
    here = world_of(forge)
    answer = await get(here, forge)
    assert (answer.status_code, answer.json()) == (401, {"message": "not this way"})
    assert forge.requests == ["/wrong old", "/token", "/wrong renewed", "/me renewed"]
    assert await here.held_token() == "renewed"


@pytest.mark.parametrize("age_seconds", [10.0, 3_600.0])
async def test_however_often_a_tool_asks_for_the_wrong_address_a_new_token_is_not_renewed(age_seconds: float) -> None:
    forge = Forge()
    here = world_of(forge)
    assert (await get(here, forge, age_seconds=age_seconds, times=10)).status_code == 401
    assert forge.requests.count("/token") == (0 if age_seconds < 60 else 1)
    assert await here.held_token() is not None


async def test_a_new_token_that_is_dead_is_renewed_as_any_other() -> None:
    forge = Forge((401, {}))
    here = world_of(forge)
    with pytest.raises(ConnectionRequired):
        await get(here, forge, age_seconds=10.0)
    assert forge.requests == ["/wrong old", "/me old", "/token", "/wrong renewed", "/me renewed"]


async def test_a_good_token_that_nothing_renews_is_kept_as_well() -> None:
    forge = Forge()
    here = world_of(forge)
    assert (await get(here, forge, refresh=None)).status_code == 401
    assert forge.requests == ["/wrong old", "/me old"]
    assert await here.held_token() == "old"


@pytest.mark.parametrize(
    "me",
    [
        (401, {}),
        (200, {"error": "token_revoked"}),
        (200, {"name": "a stranger"}),
        (403, {}),
        (503, {}),
        (302, {}),
        (200, []),
    ],
    ids=str,
)
@pytest.mark.parametrize("refresh", ["first", None])
async def test_a_token_that_is_dead_or_of_which_nothing_is_known_leads_to_the_question(
    me: tuple[int, Any], refresh: str | None
) -> None:
    forge = Forge(me)
    here = world_of(forge)
    with pytest.raises(ConnectionRequired):
        await get(here, forge, refresh=refresh)
    assert await here.held_token() is None


async def test_a_service_that_cannot_be_asked_whose_a_token_is_leads_to_the_question() -> None:
    forge = Forge()
    here = world_of(
        forge, ServicePreset(name="forge", display_name="F", authorize_url=FORGE, token_url=f"{FORGE}/token")
    )
    with pytest.raises(ConnectionRequired):
        await get(here, forge)
    assert forge.requests == ["/wrong old", "/token", "/wrong renewed"]
    assert await here.held_token() is None
