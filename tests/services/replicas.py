"""Several server processes behind one address, over one store, with the issuer and the service that outlive them."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import httpx

from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService, OAuthClient, approve
from mcpauthkit.testing.wire import tls_for
from tests.services.held_port import HeldPort
from tests.services.replica import HEALTH, serve
from tests.services.round_robin import RoundRobin, Served

if TYPE_CHECKING:
    from multiprocessing.context import ForkServerProcess

SECRET = "shared-by-all-replicas-and-32-bytes-long"
_READY_SECONDS = 30.0
_LAST_WORDS = 3_000
_LOOK_SECONDS = 0.02
_END_SECONDS = 10.0

# Forked from a process that has imported everything, a replica is back within a fraction of a second.
_processes = multiprocessing.get_context("forkserver")
_processes.set_forkserver_preload(["tests.services.replica_nursery"])


class Replica:
    """One server process.

    Args:
        name: What its tools call it.
        port: Where it listens.
        log: Where its words go.
    """

    def __init__(self, name: str, port: int, log: Path) -> None:
        self.name = name
        self.port = port
        self.log = log
        self._process: ForkServerProcess | None = None
        self._environment: dict[str, str] = {}

    def start(self, environment: Mapping[str, str] | None = None) -> None:
        """Start, and return when it answers.

        Args:
            environment: What it is told; what it was told before unless given.

        Raises:
            RuntimeError: It ended, or does not answer; with its last words.
        """
        if environment is not None:
            self._environment = {**environment, "REPLICA_NAME": self.name, "REPLICA_PORT": str(self.port)}
        self._process = _processes.Process(target=serve, args=(self._environment, self.log), daemon=True)
        self._process.start()
        never = threading.Event()
        for _ in range(int(_READY_SECONDS / _LOOK_SECONDS)):
            with suppress(OSError, HTTPException):
                self._ask_for_health()
                return
            if never.wait(_LOOK_SECONDS) or not self._process.is_alive():
                break
        raise RuntimeError(f"replica {self.name} does not answer:\n{self.log.read_text()[-4000:]}")

    def _ask_for_health(self) -> None:
        connection = HTTPConnection("127.0.0.1", self.port, timeout=_READY_SECONDS)
        try:
            connection.request("GET", HEALTH)
            connection.getresponse()
        finally:
            connection.close()

    def kill(self) -> None:
        """End it as a crash does (SIGKILL); `start` brings it back."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.join(_END_SECONDS)
            process.close()


@dataclass
class Replicas:
    """Everything a test of several replicas touches.

    Attributes:
        issuer: Leg 1.
        service: Leg 2, for both of the replicas' services.
        front: The address of all replicas.
        all: The replicas.
        redis_url: Where they keep their state.
    """

    issuer: DevIssuer
    service: DevService
    front: RoundRobin
    all: list[Replica]
    redis_url: str

    @property
    def base(self) -> str:
        return self.front.base_url

    @property
    def resource(self) -> str:
        return f"{self.base}/mcp"

    @property
    def last_served(self) -> Replica:
        """The replica that served the last request."""
        return self.all[self.front.served[-1].server]

    def other_than(self, replica: Replica) -> Replica:
        return next(one for one in self.all if one is not replica)

    def start(self, **settings: object) -> None:
        """Start all, anew if they run; settings as in `ReplicaSettings`."""
        told = {
            "public_url": self.base,
            "issuer_url": self.issuer.issuer_url,
            "service_url": self.service.base_url,
            "service_client_id": self.service.client_id,
            "service_client_secret": self.service.client_secret,
            **settings,
        }
        environment = {f"REPLICA_{name.upper()}": str(value) for name, value in told.items()}
        environment |= {"REDIS_URL": self.redis_url, "STORAGE_ENCRYPTION_KEY": SECRET, "TOKEN_STORAGE_MODE": "redis"}
        self.stop()
        for replica in self.all:
            replica.start(environment)

    def stop(self) -> None:
        for replica in self.all:
            replica.kill()

    async def wait_for_call(self, server: int, *, after: int = 0) -> None:
        """Return when a call has reached a replica.

        Args:
            server: Which of them, counted from 0.
            after: How many requests to pass over, from the first one on.
        """
        with anyio.fail_after(_READY_SECONDS):
            while Served(server, "POST", "/mcp") not in self.front.served[after:]:  # noqa: ASYNC110  # of another thread
                await anyio.sleep(_LOOK_SECONDS)

    def token(self, sub: str) -> str:
        """A token of leg 1, without any flow."""
        return self.issuer.token(sub=sub, audience=self.resource, scope="mcp:tools", expires_in=3600)

    async def typed(self, sub: str) -> str:
        """What somebody types into the form: a token that they made at the service by themselves."""
        client = OAuthClient.of(self.service)
        async with BrowserRobot() as robot:
            page = await robot.open(client.authorization_url(scope="read:user"))
            page = await approve(robot, page, account=f"octo-{sub}", stop_at=client.redirect_uri)
        answer = await client.exchange(page.query["code"])
        return str(answer.json()["access_token"])

    async def connections(self, sub: str) -> dict[str, list[dict[str, Any]]]:
        """What somebody has connected, by service, as the application tells it."""
        answer = await self._api("GET", sub)
        assert answer.is_success, f"{answer.status_code} {answer.text}\n{self.words()}"
        return {one["service"]: one["connections"] for one in answer.json()["services"]}

    async def wait_for_store(self, sub: str) -> None:
        """Return when every replica gets answers from the store; one that had none does not ask for another second."""
        in_a_row = 0
        with anyio.move_on_after(_READY_SECONDS):
            while in_a_row < len(self.all):
                in_a_row = in_a_row + 1 if (await self._api("GET", sub)).is_success else 0
                await anyio.sleep(0 if in_a_row else _LOOK_SECONDS)
        assert in_a_row == len(self.all), self.words()

    def words(self) -> str:
        """What the replicas said last, for tests that fail."""
        return "\n".join(f"-- replica {one.name}\n{one.log.read_text()[-_LAST_WORDS:]}" for one in self.all)

    async def disconnect(self, sub: str, service: str) -> int:
        """End somebody's connection with a service; the status."""
        return (await self._api("DELETE", sub, f"/{service}")).status_code

    async def _api(self, method: str, sub: str, path: str = "") -> httpx.Response:
        async with httpx.AsyncClient(verify=tls_for(self.base), trust_env=False, timeout=_READY_SECONDS) as http:
            headers = {"authorization": f"Bearer {self.token(sub)}"}
            return await http.request(method, f"{self.base}/connections/api{path}", headers=headers)


@contextmanager
def replicas(redis_url: str, work: Path, *, count: int = 2, **settings: object) -> Iterator[Replicas]:
    """Start them all over one store; everything stops at the end.

    Args:
        redis_url: The store.
        work: Where the replicas' words go.
        count: How many replicas.
        **settings: As in `ReplicaSettings`.
    """
    with ExitStack() as stack:
        issuer = stack.enter_context(DevIssuer(algorithm="ES256"))
        service = stack.enter_context(DevService())
        # Held while a replica is dead: other tests run beside these, and look for free ports.
        ports = [stack.enter_context(closing(HeldPort())).number for _ in range(count)]
        front = stack.enter_context(RoundRobin(ports))
        names = "ABCDEFGH"[:count]
        all_ = [Replica(name, port, work / f"replica-{name}.log") for name, port in zip(names, ports, strict=True)]
        here = Replicas(issuer, service, front, all_, redis_url)
        stack.callback(here.stop)
        here.start(**settings)
        yield here
