"""`client()` of a service with keys: where the key goes, where it does not, and what a dead one leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import httpx
import pytest

from mcpauthkit import Account, Credential, CredentialsProvider, Field, Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.providers.key_client import KeyUse
from mcpauthkit.services import Detour, KeyService
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.flows.test_ladder import eras, link_in, text_of
from tests.world import RING, Answer, Era, Human, World, world

KEYED = KeyService(
    name="keys",
    display_name="Forge keys",
    fields=(Field(name="address", kind="url"), Field(name="token", kind="password")),
    check_url="{address}/user",
    sent={"Authorization": "Bearer {token}", "X-Extra": "{token}"},
    address_field="address",
)


@pytest.fixture
def here() -> Iterator[World]:
    with world() as one:
        yield one


def keys_of(here: World) -> CredentialsProvider:
    """A provider of keys for the forge, whose API answers to any of its live tokens."""
    provider = CredentialsProvider(
        name="keys",
        server_base_url=here.base,
        service=KEYED.fixing(address=here.service.api_url),
        store=here.store,
        key_ring=RING,
    )

    @here.mcp.tool()
    @provider.require_credentials()
    async def repos() -> list[str]:
        """The repositories."""
        async with provider.client() as http:
            return [one["name"] for one in (await http.get("/repos")).json()]

    @here.mcp.tool()
    @provider.require_credentials()
    async def wander(url: str) -> list[str]:
        """Follow a redirect, and say which requests carried the key."""
        seen: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            carried = sorted({"authorization", "x-extra"} & set(request.headers))
            seen.append(f"{request.url.host}: {' '.join(carried)}")
            if request.url.path.endswith("/away"):
                return httpx.Response(302, headers={"location": "https://elsewhere.example/x"})
            return httpx.Response(401 if request.url.host == "elsewhere.example" else 200)

        async with provider.client(transport=httpx.MockTransport(answer), follow_redirects=True) as http:
            await http.get(url)
        return seen

    provider.register(here.app, here.mcp)
    return provider


async def a_live_token(here: World) -> str:
    async with here.client(human=here.person()) as client:
        assert not (await text_of(client, "list_repos"))[0]
    return next(iter(here.service.live_tokens("octo-alice")))


def typing(token: str) -> Human:
    async def act(url: str) -> Answer:
        async with BrowserRobot() as robot:
            page = await sign_in(robot, await robot.open(url), user="alice")
            page = await robot.submit(page, {"token": "made-up"}, button="Connect Forge keys")
            assert page.status == 422
            assert "does not accept Token" in page.text
            await robot.submit(page, {"token": token}, button="Connect Forge keys")
        return "accept"

    return act


@eras
async def test_a_key_is_tried_sent_and_asked_for_again_when_it_is_dead(here: World, era: Era) -> None:
    keys_of(here)
    async with here.client(era, human=typing(await a_live_token(here))) as client:
        failed, text = await text_of(client, "repos")
        assert not failed
        assert "hello-world" in text
        here.service.revoke_grants("octo-alice")
        failed, text = await text_of(client, "repos")
        assert failed
        assert "/connect/keys?flow=" in link_in(text)
    async with here.client(era) as client:
        assert "is not connected" in (await text_of(client, "repos"))[1]


async def test_a_key_goes_to_its_own_service_only(here: World) -> None:
    keys_of(here)
    async with here.client(human=typing(await a_live_token(here))) as client:
        failed, text = await text_of(client, "wander", url="/away")
        assert not failed
        # httpx takes Authorization out of a redirected request, and nothing else.
        assert '"127.0.0.1: authorization x-extra"' in text
        assert '"elsewhere.example: "' in text
        failed, text = await text_of(client, "wander", url="https://elsewhere.example/")
        assert failed
        assert "not sent to https://elsewhere.example" in text


@pytest.mark.parametrize(
    ("allowed", "typed", "is_taken"),
    [
        (("git.corp.internal",), "https://git.corp.internal", True),
        (("git.corp.internal",), "https://vault.corp", False),
        (("git.corp.internal",), "https://10.0.0.5", False),
        ((), "https://keys.example.com", True),
        ((), "https://10.0.0.5", False),
        ((), "https://keys.example.com:6379", False),
    ],
)
async def test_a_validator_of_the_applications_does_not_widen_where_typed_addresses_lead(
    here: World, allowed: tuple[str, ...], typed: str, is_taken: bool
) -> None:
    tried: list[str] = []

    async def validate(values: Mapping[str, str]) -> None:
        tried.append(values["address"])

    provider = CredentialsProvider(
        name="keys",
        server_base_url=here.base,
        service=KEYED,
        allowed_hosts=allowed,
        validate=validate,
        store=here.store,
        key_ring=RING,
    )

    @here.mcp.tool()
    @provider.require_credentials(fail_fast=True)
    async def address() -> str:
        """Where the keys are used."""
        return provider.get_credentials()["address"]

    provider.register(here.app, here.mcp)
    async with here.client() as client, BrowserRobot() as robot:
        page = await sign_in(robot, await robot.open(link_in((await text_of(client, "address"))[1])), user="alice")
        page = await robot.submit(page, {"address": typed, "token": "t"}, button="Connect Forge keys")
        assert page.status == (200 if is_taken else 422)
        assert tried == [typed] * is_taken
        assert (await text_of(client, "address"))[0] is not is_taken


def use(service: KeyService, api_url: str = "", **values: str) -> str:
    tenant = values.pop("tenant", "")
    credential = Credential(
        values={name: Secret(value) for name, value in values.items()}, account=Account(tenant=tenant)
    )
    return KeyUse(service, api_url).base_url(credential)


def service(check_url: str, **options: Any) -> KeyService:
    fields = (Field(name="address", kind="url"), Field(name="site"))
    return KeyService(name="x", display_name="X", fields=fields, check_url=check_url, **options)


def test_the_api_is_where_the_check_goes() -> None:
    wiki = "https://wiki.example.com/wiki/"
    assert use(service("https://api.example.com/v1/me")) == "https://api.example.com"
    assert use(service("https://{site}.example.com/v1/me"), site="acme") == "https://acme.example.com"
    assert use(service("{address}/rest/me"), address=wiki) == "https://wiki.example.com/wiki"
    assert use(service("{address}/me"), api_url="{address}/api", address=wiki) == "https://wiki.example.com/wiki/api"


def test_a_secret_is_no_part_of_the_apis_address() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        KeyUse(KEYED, "https://api.example.com/{token}")
    assert "api_url" in str(refusal.value)


def test_the_api_of_a_detour_is_there_for_those_who_went_it() -> None:
    detour = Detour(
        lookup_url="https://{site}.example.com/tenant",
        path="id",
        variable="cloud",
        check_url="https://api.example.com/ex/{cloud}/rest/me",
    )
    one = service("https://{site}.example.com/rest/me", detour=detour)
    assert use(one, site="acme") == "https://acme.example.com"
    assert use(one, site="acme", tenant="c-1") == "https://api.example.com/ex/c-1"
