"""`client()` of a service with keys: where the key goes, where it does not, and what a dead one leads to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import anyio
import httpx
import pytest

from mcpauthkit import Account, Credential, CredentialsProvider, Field, Secret
from mcpauthkit.connections.form import Form
from mcpauthkit.connections.form_grant import FormGrant
from mcpauthkit.connections.key_check import KeyCheck
from mcpauthkit.connections.key_services import KEY_SERVICES
from mcpauthkit.errors import ConfigurationError, ConnectionFailed, ConnectionRequired, PermissionMissing
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.protocol.ask import Need
from mcpauthkit.providers.client import Held
from mcpauthkit.providers.key_client import KeyAuth, KeyUse
from mcpauthkit.services import Detour, KeyService
from mcpauthkit.testing import BrowserRobot, sign_in
from tests.connections.small_world import ALICE, SmallWorld
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
    async def renounce() -> str:
        """Forget the key."""
        await provider.invalidate_credentials()
        return "forgotten"

    @here.mcp.tool()
    @provider.require_credentials()
    async def prepare() -> str:
        """Nothing but the key is needed."""
        return "ready"

    @here.mcp.tool()
    @provider.require_credentials()
    async def wander(url: str) -> list[str]:
        """Follow a redirect, and say which requests carried the key."""
        seen: list[str] = []

        def answer(request: httpx.Request) -> httpx.Response:
            carried = sorted({"authorization", "x-extra"} & set(request.headers))
            seen.append(f"{request.url.host}: {' '.join(carried)}")
            if request.url.path.endswith("/away"):
                return httpx.Response(
                    302, headers={"location": f"https://elsewhere.example/x{request.url.query.decode()}"}
                )
            if request.url.path.endswith("/xback"):
                return httpx.Response(302, headers={"location": f"{here.service.api_url}/refused"})
            if request.url.path.endswith("/refused"):
                return httpx.Response(401)
            return httpx.Response(401 if request.url.host == "elsewhere.example" else 200)

        async with provider.client(transport=httpx.MockTransport(answer), follow_redirects=True) as http:
            await http.get(url)
        return seen

    provider.register(here.app, here.mcp)
    return provider


async def a_live_token(here: World, sub: str = "alice") -> str:
    async with here.client(sub=sub, human=here.person(sub)) as client:
        assert not (await text_of(client, "list_repos"))[0]
    return next(iter(here.service.live_tokens(f"octo-{sub}")))


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


@eras
async def test_a_call_with_a_dead_key_is_sent_back_to_the_key_that_its_user_has_typed_meanwhile(
    here: World, era: Era
) -> None:
    keys_of(here)
    first, second = await a_live_token(here), await a_live_token(here, "bob")
    told: list[tuple[bool, str]] = []
    async with here.client(era, human=typing(first)) as running, here.client(era, human=typing(second)) as other:
        assert not (await text_of(running, "prepare"))[0]
        here.service.faults.hang("repos")

        async def run() -> None:
            told.append(await text_of(running, "repos"))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            await anyio.to_thread.run_sync(here.service.faults.wait_for_held)
            assert await text_of(other, "renounce") == (False, "forgotten")
            assert await text_of(other, "prepare") == (False, "ready")
            here.service.revoke_grants("octo-alice")
            here.service.faults.clear()
        ((failed, text),) = told
        assert failed
        assert "Call the tool again" in text
        assert "http" not in text
        assert not (await text_of(running, "repos"))[0]


async def test_a_key_goes_to_its_own_service_only(here: World) -> None:
    keys_of(here)
    async with here.client(human=typing(await a_live_token(here))) as client:
        failed, text = await text_of(client, "wander", url="/away")
        assert not failed
        # httpx takes Authorization out of a redirected request, and nothing else.
        assert '"127.0.0.1: authorization x-extra"' in text
        assert '"elsewhere.example: "' in text
        checks = here.service.requests.count("user")
        # What comes back without the key is refused for that, and nobody asks what is wrong with the key.
        failed, text = await text_of(client, "wander", url="/away?back")
        assert not failed
        assert '"127.0.0.1: "' in text
        assert here.service.requests.count("user") == checks > 0
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


class Keyed:
    """A service with keys, whose check and whose API give the answers that a test tells, and a user with a key.

    Args:
        row: The service.
        check: What its check answers, by status and body.
        values: What the user typed.
        tenant: Their tenant.
    """

    def __init__(self, row: KeyService, check: tuple[int, Any], *, tenant: str = "", **values: str) -> None:
        self.world = SmallWorld()
        transport = httpx.MockTransport(lambda _request: httpx.Response(check[0], json=check[1]))
        tried = KeyCheck(row, HttpFetch(httpx.AsyncClient(transport=transport)))
        self.world.grant = FormGrant("forge", row.display_name, Form(row.fields), tried)  # type: ignore[assignment]
        self.broker = self.world.another_broker()
        self.use = KeyUse(row)
        typed = {name: Secret(value) for name, value in values.items()}
        self.credential = Credential(values=typed, account=Account(id="7", tenant=tenant))

    async def get(self, status: int, body: Any) -> httpx.Response:
        """What a tool gets whose request is answered so."""
        await self.world.vault.put(ALICE, "forge", self.credential)
        held = Held(Need(ALICE, (), "tool"), self.credential)

        async def ask(held: Held) -> ConnectionFailed:
            return ConnectionRequired("Forge", connect_url="https://mcp.example/connect", scopes=held.need.scopes)

        auth = KeyAuth(
            self.broker,
            held,
            ask,
            headers=self.use.headers(self.credential),
            base_url=self.use.base_url(self.credential),
            refusals=self.use.service.refusals,
        )
        transport = httpx.MockTransport(lambda _request: httpx.Response(status, json=body))
        async with auth.client(base_url=self.use.base_url(self.credential), transport=transport) as http:
            return await http.get("/x")

    async def is_kept(self) -> bool:
        return await self.world.vault.get(ALICE, "forge") is not None


SLACK_USER = {"ok": True, "user_id": "U1", "team_id": "T1"}
FIGMA_USER = {"id": "7"}


@pytest.mark.parametrize(
    ("name", "check", "answer"),
    [
        ("slack", (200, {"ok": False, "error": "token_revoked"}), (200, {"ok": False, "error": "token_revoked"})),
        ("slack", (503, {}), (200, {"ok": False, "error": "token_revoked"})),
        ("figma", (403, {"err": "Invalid token"}), (403, {"err": "Invalid token"})),
        ("openai", (401, {}), (401, {})),
        ("openai", (503, {}), (401, {})),
    ],
)
async def test_a_key_is_dead_when_its_service_says_so_in_its_own_way(
    name: str, check: tuple[int, Any], answer: tuple[int, Any]
) -> None:
    keyed = Keyed(KEY_SERVICES[name], check, token="t")
    with pytest.raises(ConnectionRequired) as asked:
        await keyed.get(*answer)
    assert asked.value.scopes == ()
    assert not await keyed.is_kept()


@pytest.mark.parametrize(
    ("name", "check", "answer"),
    [
        ("slack", (200, SLACK_USER), (200, {"ok": False, "error": "channel_not_found"})),
        # Refused for one thing only: the check takes it.
        ("openai", (200, {"data": []}), (401, {})),
        ("figma", (200, FIGMA_USER), (403, {"err": "Not your file"})),
        # Not known to be dead.
        ("figma", (503, {}), (403, {"err": "Not your file"})),
        # Any 403 may have other reasons than the key.
        ("openai", (200, {"data": []}), (403, {"error": "no"})),
        ("gitlab", (200, {"active": True, "user_id": 7}), (403, {"message": "Forbidden"})),
    ],
)
async def test_a_refusal_that_is_not_about_the_key_is_the_tools_business(
    name: str, check: tuple[int, Any], answer: tuple[int, Any]
) -> None:
    address = {"base_url": "https://git.example.com"} if name == "gitlab" else {}
    keyed = Keyed(KEY_SERVICES[name], check, token="t", **address)
    got = await keyed.get(*answer)
    assert (got.status_code, got.json()) == answer
    assert await keyed.is_kept()


ATLASSIAN = {"site": "acme", "email": "alice@example.com", "token": "t", "tenant": "c-1"}


@pytest.mark.parametrize(
    ("name", "answer", "values", "missing"),
    [
        ("jira-cloud", (401, {"code": 401, "message": "Unauthorized; scope does not match"}), ATLASSIAN, ()),
        ("confluence-cloud", (401, {"code": 401, "message": "Unauthorized; scope does not match"}), ATLASSIAN, ()),
        (
            "slack",
            (200, {"ok": False, "error": "missing_scope", "needed": "files:read"}),
            {"token": "t"},
            ("files:read",),
        ),
    ],
)
async def test_a_key_that_permits_too_little_is_kept_and_the_user_hears_what_to_do(
    name: str, answer: tuple[int, Any], values: dict[str, str], missing: tuple[str, ...]
) -> None:
    keyed = Keyed(KEY_SERVICES[name], (200, {}), **values)
    with pytest.raises(PermissionMissing) as refused:
        await keyed.get(*answer)
    assert refused.value.scopes == missing
    assert all(one in refused.value.public for one in missing)
    assert "https://mcp.example/connect" in refused.value.public
    assert "be asked for it" not in refused.value.public
    assert await keyed.is_kept()


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
