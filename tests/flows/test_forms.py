"""Tools that need what their callers type: asked for once, tried, kept, used, forgotten, renewed in time."""

from __future__ import annotations

import time
from typing import Any

import fastapi
import httpx
import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.dependencies import Depends

from mcpauthkit import CredentialsProvider, Expiring, Field, JwtAuthMiddleware, MemoryStore, current_user
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import FakeClock, LoopbackServer
from tests.flows.test_ladder import eras, text_of
from tests.wiki_world import BAD, GOOD, TYPED, VARIABLES, wiki_world
from tests.world import RING, Era

DAY = 86_400.0


@eras
async def test_a_caller_types_it_once_and_every_later_call_has_it(era: Era) -> None:
    with wiki_world() as (wiki, _):
        async with wiki.here.client(era, human=wiki.person({**TYPED, "pat": BAD}, {"pat": GOOD})) as client:
            first = await text_of(client, "read_wiki")
            second = await text_of(client, "read_wiki")
        assert not first[0]
        assert TYPED["base_url"] in first[1]
        assert first == second
        assert len(wiki.here.questions) == 1
        assert [one["pat"] for one in wiki.tried] == [BAD, GOOD]
        # Nobody else has it, and nothing that is kept shows it.
        assert (await wiki.result("bob"))[0]
        assert not any(GOOD in one for one in await wiki.here.stored())


@eras
async def test_what_the_service_refuses_is_forgotten_and_asked_for_again(era: Era) -> None:
    with wiki_world() as (wiki, _):
        async with wiki.here.client(era, human=wiki.person()) as client:
            for _ in range(2):
                assert not (await text_of(client, "read_wiki"))[0]
                assert not (await text_of(client, "forget_wiki"))[0]
        assert len(wiki.here.questions) == 2


async def test_the_call_of_the_documentation_works_as_it_stands_there(tmp_path: Any) -> None:
    guide = tmp_path / "guide.md"
    guide.write_text("Open **Settings**.")
    variables = {"pat": {"label": "Personal Access Token", "type": "password", "hint": "...", "required": True}}
    creds = CredentialsProvider(
        name="confluence",
        variables=variables,
        user_context=current_user,
        server_base_url="https://mcp.example.com",
        doc=guide,
        token_timeout=300,
    )
    creds.register(fastapi.FastAPI())
    assert creds.name == "confluence"


WRONG: dict[str, dict[str, Any]] = {
    "nothing to ask": {},
    "two ways to say it": {"variables": VARIABLES, "fields": [Field(name="a")]},
    "a guide that is not there": {"variables": VARIABLES, "doc": "absent.md"},
    "two times": {"variables": VARIABLES, "token_timeout": 1, "flow_ttl_seconds": 1},
    "an API that nothing is sent to": {"variables": VARIABLES, "api_url": "https://api.example.com"},
    "a store without keys": {"variables": VARIABLES, "store": object()},
    "days below zero": {"variables": VARIABLES, "remind_days": -1},
}


@pytest.mark.parametrize("kind", WRONG)
def test_wrong_arguments_are_told_at_construction(kind: str) -> None:
    with pytest.raises(ConfigurationError):
        CredentialsProvider(name="wiki", server_base_url="https://mcp.example.com", **WRONG[kind])


def test_a_guard_without_parentheses_or_above_the_tool_is_told() -> None:
    provider = CredentialsProvider(name="wiki", server_base_url="https://mcp.example.com", variables=VARIABLES)
    with pytest.raises(ConfigurationError):
        provider.require_credentials(lambda: None)  # type: ignore[arg-type, call-overload, unused-ignore]
    with pytest.raises(ConfigurationError):
        provider.get_credentials()
    with pytest.raises(ConfigurationError):
        provider.client()


@eras
async def test_tools_and_routes_get_it_by_injection(era: Era) -> None:
    def build(mcp: Any, provider: CredentialsProvider) -> None:
        @mcp.tool()
        async def injected(wiki: dict[str, str] = Depends(provider.credentials())) -> str:  # noqa: B008
            return wiki["base_url"]

    with wiki_world(build=build) as (wiki, provider):

        @wiki.here.app.get("/address")
        async def address(
            one: dict[str, str] = fastapi.Depends(provider.credentials()),  # noqa: B008  # the documented form
        ) -> str:
            return one["base_url"]

        # Ahead of the server that is mounted at the root.
        wiki.here.app.router.routes.insert(0, wiki.here.app.router.routes.pop())
        headers = {"authorization": f"Bearer {wiki.here.token()}"}
        async with httpx.AsyncClient(headers=headers) as http:
            refused = await http.get(f"{wiki.here.base}/address")
            assert refused.status_code == 403
            assert "/connect/wiki?flow=" in refused.text
            async with wiki.here.client(era, human=wiki.person()) as client:
                assert await text_of(client, "injected") == (False, TYPED["base_url"])
            assert (await http.get(f"{wiki.here.base}/address")).json() == TYPED["base_url"]


class Told:
    """A hook that remembers what it was told."""

    def __init__(self) -> None:
        self.of: list[Expiring] = []
        self.fails = False

    async def __call__(self, expiring: Expiring) -> None:
        self.of.append(expiring)
        if self.fails:
            raise ValueError(GOOD)


async def test_users_hear_of_the_end_in_time_and_the_application_once_a_day(caplog: pytest.LogCaptureFixture) -> None:
    clock, told = FakeClock(wall=time.time()), Told()
    store = MemoryStore(clock=clock)
    with wiki_world(clock=clock, store=store, on_expiring=told, asks_expiry=True) as (wiki, _):
        ends = clock.wall() + 10 * DAY
        day = time.strftime("%Y-%m-%d", time.gmtime(ends))
        async with wiki.here.client(human=wiki.person({**TYPED, "expires_on": day})) as client:
            assert not (await text_of(client, "read_wiki"))[0]
            assert told.of == []
            clock.advance(4 * DAY)
            told.fails = True
            for _ in range(3):
                assert not (await text_of(client, "read_wiki"))[0]
            [one] = told.of
            assert one.principal.subject == "alice"
            assert f" {time.gmtime(ends).tm_mday} " in one.text
            assert f"{wiki.here.base}/connections?at=" in one.text
            assert GOOD not in caplog.text
            clock.advance(DAY + 1)
            assert one.text in (await text_of(client, "forget_wiki"))[1]
            assert len(told.of) == 2


async def test_what_was_typed_into_an_older_form_is_asked_for_again_once_more_is_needed() -> None:
    with wiki_world() as (wiki, _):
        async with wiki.here.client(human=wiki.person()) as client:
            assert not (await text_of(client, "read_wiki"))[0]
        newer = CredentialsProvider(
            name="wiki",
            server_base_url=wiki.here.base,
            variables={**VARIABLES, "email": {"label": "E-mail"}},
            store=wiki.here.store,
            key_ring=RING,
        )
        mcp: FastMCP[Any] = FastMCP("newer")

        @mcp.tool()
        @newer.require_credentials()
        async def write_wiki() -> str:
            return newer.get_credentials()["email"]

        mcp_app = mcp.http_app(path="/mcp")
        app = fastapi.FastAPI(lifespan=mcp_app.lifespan)
        app.add_middleware(JwtAuthMiddleware, issuer_url=wiki.here.issuer.issuer_url, server_base_url=wiki.here.base)
        newer.register(app, mcp)
        app.mount("/", mcp_app)
        with LoopbackServer(app) as server:
            auth = wiki.here.token()
            async with Client(StreamableHttpTransport(f"{server.base_url}/mcp", auth=auth)) as client:
                for _ in range(2):
                    failed, text = await text_of(client, "write_wiki")
                    assert failed
                    assert "/connect/wiki?flow=" in text


async def test_what_has_ended_is_asked_for_again() -> None:
    clock = FakeClock(wall=time.time())
    with wiki_world(clock=clock) as (wiki, _):
        wiki.expires_at = clock.wall() + 2 * DAY
        async with wiki.here.client(human=wiki.person()) as client:
            assert not (await text_of(client, "read_wiki"))[0]
            clock.advance(2 * DAY + 1)
            wiki.expires_at = None
            assert not (await text_of(client, "read_wiki"))[0]
        assert len(wiki.here.questions) == 2
