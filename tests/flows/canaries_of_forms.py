"""A service whose users type in secrets, and everything that goes wrong when they do."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx

from mcpauthkit import Account, Checked, CredentialsProvider, Field, MemoryStore
from mcpauthkit.errors import CredentialsRejected, RemoteUnavailable, StoreUnavailable
from mcpauthkit.services import KeyService
from mcpauthkit.testing import BrowserRobot, Page, sign_in
from tests.flows.canaries import Watch, WatchedRobot
from tests.flows.test_ladder import link_in
from tests.world import RING, Answer, Human, World

VARIABLES: dict[str, dict[str, Any]] = {
    "user": {"label": "User"},
    "password": {"label": "Password", "type": "password"},
    "pat": {"label": "Token", "secret": True},
    "key": {"label": "Key file", "type": "textarea", "secret": True},
}
SEND = "Connect Vault"
SEND_KEY = "Connect Forge keys"
TOO_LONG = 400_000


class FailingStore(MemoryStore):
    """A store that cannot be written to while it is told so."""

    failing = False

    async def put(self, key: str, value: str, *, ttl_seconds: float | None) -> None:
        """Set the value, or fail."""
        if self.failing:
            raise StoreUnavailable(reason="made to fail")
        await super().put(key, value, ttl_seconds=ttl_seconds)


@dataclass
class Vault:
    """The service, and how its validator behaves."""

    here: World
    watch: Watch
    store: FailingStore = field(default_factory=FailingStore)
    typed: list[dict[str, str]] = field(default_factory=list)
    behaves: str = "well"

    def canaries(self) -> dict[str, str]:
        """Values that were never typed before."""
        marks = [secrets.token_hex(16) for _ in VARIABLES]
        key = f"-----BEGIN KEY-----\n{marks[3]}\n{marks[0]}\n-----END KEY-----"
        values = {"user": f"user-{marks[0]}", "password": f"pw-{marks[1]}", "pat": f"pat_{marks[2]}", "key": key}
        self.typed.append(values)
        return values

    def secrets(self, name: str) -> set[str]:
        """What was typed into a field so far; of a file, the line that matters."""
        values = {one[name] for one in self.typed}
        return {one.splitlines()[1] for one in values} if name == "key" else values

    async def validate(self, values: Mapping[str, str]) -> Checked | None:
        """The application's own code, at its worst."""
        match self.behaves:
            case "rejects":
                raise CredentialsRejected("The vault does not know this.", field="pat")
            case "rejects and quotes":
                raise CredentialsRejected(f"The vault does not know {values['password']}.", field=values["pat"])
            case "rejects and quotes a file":
                raise CredentialsRejected(f"No key: {values['key']!r}", field="key")
            case "rejects and quotes the beginning":
                raise CredentialsRejected(f"No such token: {values['pat'][:-6]}...", field="pat")
            case "is away and quotes":
                raise RemoteUnavailable(f"{values['pat']}", reason=f"GET /?token={values['pat']} {dict(values)!r}")
            case "crashes":
                await self._crash(values)
            case "times out":
                async with httpx.AsyncClient(timeout=0.1, headers={"x-key": values["pat"]}) as http:
                    await http.get(f"{self.here.service.api_url}/user", auth=(values["user"], values["password"]))
            case "returns":
                return f"{values['pat']}"  # type: ignore[return-value]  # what the page must survive
        return Checked(account=Account(id="7", label="alice@vault"))

    async def _crash(self, values: Mapping[str, str]) -> None:
        try:
            int(values["password"])
        except ValueError as error:
            failure = LookupError(values["pat"], dict(values))
            failure.add_note(values["key"])
            raise failure from error

    async def link(self, tool: str = "read_vault", sub: str = "alice") -> str:
        """A connect link, as a client without URL mode gets it."""
        async with self.here.client(sub=sub) as client:
            return link_in(await self.watch.call(client, tool))

    async def form(self, robot: WatchedRobot, tool: str = "read_vault") -> Page:
        """The form in front of alice."""
        return await sign_in(robot, await robot.open(await self.link(tool)), user="alice")

    def person(self) -> Human:
        """Somebody who types something wrong first, with everything that can happen then."""

        async def act(url: str) -> Answer:
            async with WatchedRobot(self.watch, self.here.base) as robot:
                page = await sign_in(robot, await robot.open(url), user="alice")
                page = await robot.submit(page, {**self.canaries(), "user": ""}, button=SEND)
                for self.behaves in ("rejects", "well"):
                    page = await robot.submit(page, self.canaries(), button=SEND)
            return "accept"

        return act

    async def send(
        self,
        url: str,
        values: Mapping[str, str] | Sequence[tuple[str, str]],
        robot: BrowserRobot | None = None,
        **headers: str,
    ) -> int:
        """A form that no page of ours sent."""
        cookies = "; ".join(f"{name}={value}" for name, value in (robot.cookies if robot else {}).items())
        told = {"content-type": "application/x-www-form-urlencoded", "cookie": cookies, **headers}
        async with httpx.AsyncClient() as http:
            answer = await http.post(url, content=urlencode(values).encode(), headers=told)
        self.watch.pages.append(f"{answer.text}\n{dict(answer.headers)}")
        return answer.status_code


@contextmanager
def vault(here: World, watch: Watch) -> Iterator[Vault]:
    """Add the service to a world, and one more whose keys the kit itself tries and sends."""
    one = Vault(here, watch)
    typed = CredentialsProvider(
        name="vault",
        variables=VARIABLES,
        server_base_url=here.base,
        validate=one.validate,
        store=one.store,
        key_ring=RING,
        flow_ttl_seconds=8 * 3600.0,
    )
    keys = CredentialsProvider(
        name="keys", server_base_url=here.base, service=_keyed(here), store=one.store, key_ring=RING
    )

    @here.mcp.tool()
    @typed.require_credentials()
    async def read_vault() -> int:
        """How much the caller typed."""
        return len(typed.get_credentials())

    @here.mcp.tool()
    @typed.require_credentials(fail_fast=True)
    async def forget_vault() -> str:
        """Drop it."""
        await typed.invalidate_credentials()
        return "forgotten"

    @here.mcp.tool()
    @keys.require_credentials()
    async def key_repos() -> int:
        """How many repositories the caller's key sees."""
        async with keys.client() as http:
            return len((await http.get("/repos")).json())

    typed.register(here.app, here.mcp)
    keys.register(here.app, here.mcp)
    yield one


def _keyed(here: World) -> KeyService:
    service = KeyService(
        name="keys",
        display_name="Forge keys",
        fields=(Field(name="address", kind="url"), Field(name="token", kind="password")),
        check_url="{address}/user",
        sent={"Authorization": "Bearer {token}"},
        address_field="address",
    )
    return service.fixing(address=here.service.api_url)
