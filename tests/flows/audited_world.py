"""Both legs under one clock and one audit trail, with an administrator."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx
from fastapi import FastAPI

from mcpauthkit import CredentialsProvider, MemoryStore, OAuthProvider, Patience, Principal, Secret
from mcpauthkit.audit import AuditTrail, Life, lives
from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.preset import Revocation, ServicePreset, WhoAmI
from mcpauthkit.connections.vault import Vault
from mcpauthkit.core.moment import iso_moment
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.account import AccountPaths
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.providers.connections import Connections
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, FakeClock, LoopbackServer
from mcpauthkit.testing.people import DevAccount, DevUser
from tests.stores.content import content_of
from tests.wiki_world import VARIABLES, Wiki
from tests.world import RING, Flavour, World, replica

PEOPLE = ("alice", "bob", "carol")
ACCOUNTS = ("alice", "bob", "work", "other")
SERVICES = ("forge", "wiki")


class Failing(OSError):
    """What a disk says that is full."""


@dataclass
class Ink:
    """A sink that keeps lines, and can be told to fail.

    Args:
        lines: What was written.
        refuses: Beginnings of events that it does not take.
    """

    lines: list[str] = field(default_factory=list)
    refuses: tuple[str, ...] = ()

    def write(self, line: str, fields: Any) -> None:
        if self.refuses and fields["event"].startswith(self.refuses):
            raise Failing
        self.lines.append(line)


@dataclass
class Audited:
    """What the tests of the trail touch."""

    here: World
    wiki: Wiki
    clock: FakeClock
    ink: Ink
    cookies: set[str] = field(default_factory=set)

    def principal(self, sub: str) -> Principal:
        return Principal.bare(self.here.issuer.issuer_url, sub)

    @asynccontextmanager
    async def api(self, sub: str) -> AsyncIterator[httpx.AsyncClient]:
        """Somebody's frontend."""
        headers = {"authorization": f"Bearer {self.here.token(sub)}"}
        async with httpx.AsyncClient(base_url=self.here.base, headers=headers) as http:
            yield http

    async def connect_again(self, sub: str, login: str, **wanted: Any) -> None:
        """Somebody connects the forge from a page of theirs."""
        async with self.api(sub) as http, BrowserRobot() as robot:
            answer = await http.post("/connections/api/forge", json=wanted)
            answer.raise_for_status()
            page = await self.here.visit(robot, answer.json()["connect_url"], sub=sub, account=login)
            assert "is connected" in page.title, page.text
            self.cookies |= set(robot.cookies.values())

    async def stored(self) -> set[str]:
        """The ids of all that is kept, as a process with the key reads it."""
        vault = Vault(SealedStore(self.here.store, RING, clock=self.clock), namespace="mcpauthkit", clock=self.clock)
        found = [one for sub in PEOPLE for name in SERVICES for one in await vault.all(self.principal(sub), name)]
        kept = [key for key in await content_of(self.here.store) if ":credential:" in key]
        assert len(found) == len(kept)
        return {one.connection_id for one in found}

    def events(self, name: str) -> list[dict[str, Any]]:
        """Every record of one kind, in order."""
        return [one for one in map(json.loads, self.ink.lines) if one["event"] == name]

    def lives(self) -> dict[str, Life]:
        """What the log knows of credentials."""
        return lives(self.ink.lines)

    def alive(self) -> set[str]:
        """The ids of those that should be there at this moment, from the log alone."""
        now = iso_moment(self.clock.wall()) or ""
        return {one.credential for one in self.lives().values() if one.is_alive and one.kept_until > now}


def _forge(service: DevService, base_url: str, shared: dict[str, Any], **options: Any) -> OAuthProvider:
    """The forge, as one that says whose account it is and that revokes."""
    preset = ServicePreset(
        name="forge",
        display_name="DevForge",
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        whoami=WhoAmI(url=f"{service.api_url}/user", account=AccountPaths(id="login", label="login")),
        revocation=Revocation(url=service.revoke_url),
    )
    client = OAuthClient(service.client_id, Secret(service.client_secret), "client_secret_post")
    grant = AuthorizationCodeGrant(preset, client, fetch=HttpFetch(), clock=shared["clock"])
    patience = Patience(hold_seconds=8, rounds=2, asking_seconds=5)
    return OAuthProvider(
        grant, server_base_url=base_url, api_url=service.api_url, patience=patience, **shared, **options
    )


def _admit_administrator(app: FastAPI) -> None:
    connections = Connections(app)

    async def revoke(subject: str, issuer: str) -> int:
        return len(await connections.revoke_user(issuer=issuer, subject=subject))

    app.add_api_route("/admin/revoke", revoke, methods=["POST"])
    # In front of the MCP server, which is mounted at the root.
    app.router.routes.insert(0, app.router.routes.pop())


@contextmanager
def audited_world(
    *,
    flavour: Flavour = "fastmcp",
    on_failure: Any = "open",
    store_kind: type[MemoryStore] = MemoryStore,
    forge_options: dict[str, Any] | None = None,
    middleware_options: dict[str, Any] | None = None,
    **options: Any,
) -> Iterator[Audited]:
    """Start it all; everything stops at the end."""
    clock, ink = FakeClock(), Ink()
    trail = AuditTrail(ink, on_failure=on_failure, clock=clock)
    users = [DevUser(sub, f"{sub.title()} Example", f"{sub}@example.test") for sub in PEOPLE]
    accounts = [DevAccount(f"octo-{one}", one.title(), f"{one}@forge.test") for one in ACCOUNTS]
    with (
        DevIssuer(algorithm="ES256", users=users) as issuer,
        DevService(access_token_ttl_seconds=3600, users=accounts) as service,
    ):
        server, store = LoopbackServer(), store_kind(clock=clock)
        shared: dict[str, Any] = {"store": store, "key_ring": RING, "clock": clock}
        built = replica(
            server.base_url,
            issuer,
            service,
            store,
            provider=_forge(service, server.base_url, shared, **(forge_options or {})),
            flavour=flavour,
            middleware_options={"audit": trail, **(middleware_options or {})},
            **options,
        )
        here = World(issuer, service, server, built.provider, store, built.app, built.mcp, clock)
        server.app = here.remembering_the_loop
        wiki = Wiki(here)
        wiki.gate.set()
        provider = CredentialsProvider(
            name="wiki", variables=VARIABLES, validate=wiki.validate, server_base_url=server.base_url, **shared
        )

        @built.mcp.tool()
        @provider.require_credentials()
        async def read_wiki() -> str:
            """What the caller typed, but for the secret."""
            return str(provider.get_credentials()["region"])

        @built.mcp.tool()
        @provider.require_credentials()
        async def forget_wiki() -> str:
            """Drop it."""
            await provider.invalidate_credentials()
            return "forgotten"

        provider.register(built.app, built.mcp)
        _admit_administrator(built.app)
        with server:
            yield Audited(here, wiki, clock, ink)
