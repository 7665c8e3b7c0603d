"""Real redis-servers on free ports of 127.0.0.1: one, a cluster, and a set watched by sentinels.

They are for tests and benchmarks that kill, pause and move them; everything here blocks, for milliseconds mostly.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import redis

from tests.services.held_port import HeldPort

if TYPE_CHECKING:
    from types import TracebackType

_START_SECONDS = 30.0
_LOOK_SECONDS = 0.02
MASTER_NAME = "mymaster"
SLOTS = 16384


class RedisServerError(RuntimeError):
    """A redis-server did not do what it should; the message ends with its last words."""


def wait_for(condition: Callable[[], bool], what: str, seconds: float = _START_SECONDS) -> None:
    """Return when the condition holds; what a server that is not up yet says to it counts as no.

    Raises:
        RedisServerError: It does not hold in time.
    """
    never = threading.Event()
    for _ in range(int(seconds / _LOOK_SECONDS)):
        with suppress(redis.RedisError, OSError):
            if condition():
                return
        never.wait(_LOOK_SECONDS)
    raise RedisServerError(f"in {seconds:.0f} s not seen: {what}")


class RedisServer:
    """One redis-server with its append-only file on; a context manager that starts it and ends it.

    What was acknowledged is on disk, so `kill` and `start` lose nothing of it.

    Args:
        work: An empty directory for its data.
        options: Further options and values, as on its command line, such as `"--requirepass", "secret"`.
        mode: `server`, or `sentinel`, whose options stand in a file that it rewrites.
        username: What our own client signs in as.
        password: What our own client signs in with.
    """

    def __init__(
        self, work: Path, *options: str, mode: str = "server", username: str | None = None, password: str | None = None
    ) -> None:
        self._program = shutil.which("redis-server") or ""
        if not self._program:
            raise RedisServerError("redis-server is not installed; `scripts/services install` does it")
        work.mkdir(parents=True, exist_ok=True)
        self._work, self._options, self._mode = work, options, mode
        self._login: dict[str, Any] = {"username": username, "password": password}
        self._held = HeldPort()
        self.port = self._held.number
        self._process: subprocess.Popen[str] | None = None
        self._words: deque[str] = deque(maxlen=40)

    @property
    def url(self) -> str:
        """`redis://127.0.0.1:PORT/0`, without a password."""
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process, while there is one."""
        return self._running().pid

    @property
    def is_running(self) -> bool:
        """Whether it was started, and neither stopped nor killed since."""
        return self._process is not None

    def __enter__(self) -> Self:
        try:
            self.start()
        except RedisServerError:
            self._held.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()
        self._held.close()

    def start(self) -> None:
        """Start with the data that is there, on the same port; return when it answers.

        Raises:
            RedisServerError: It ended, or took too long.
        """
        self._words.clear()
        self._process = subprocess.Popen(  # noqa: S603  # our own command
            [self._program, *self._arguments()],
            cwd=self._work,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdout is not None
        threading.Thread(target=self._listen, args=(self._process.stdout,), daemon=True).start()
        try:
            wait_for(self._answers, "an answer of the server")
        except RedisServerError:
            self.stop()
            raise RedisServerError("redis-server did not start. It said:\n" + "".join(self._words)) from None

    def _arguments(self) -> list[str]:
        common = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self._work)]
        if self._mode == "sentinel":
            return [str(self._work / "sentinel.conf"), "--sentinel", *common]
        durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""]
        return [*common, *durable, "--repl-diskless-sync-delay", "0", *self._options]

    def _listen(self, output: IO[str]) -> None:
        with output:
            self._words.extend(output)

    def _answers(self) -> bool:
        if self._running().poll() is not None:
            raise RedisServerError("it ended")
        with self.client() as client:
            return client.ping() is not None

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None:
            raise RedisServerError("it does not run")
        return self._process

    def client(self) -> redis.Redis:
        """A blocking client of redis-py, to look behind the store's back; a context manager."""
        return redis.Redis(port=self.port, decode_responses=True, socket_timeout=5, **self._login)

    def stop(self) -> None:
        """End it in order; a second call does nothing."""
        self._end(signal.SIGCONT, signal.SIGTERM)

    def kill(self) -> None:
        """End it as a crash does (SIGKILL); `start` brings it back."""
        self._end(signal.SIGKILL)

    def _end(self, *signals: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        for sign in signals:
            process.send_signal(sign)
        try:
            process.wait(_START_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(_START_SECONDS)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Stop it dead for a while, its connections open (SIGSTOP, then SIGCONT)."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            process.send_signal(signal.SIGCONT)

    def pause(self, seconds: float) -> None:
        """Stop it dead for so long, and return at once."""
        process = self._running()
        process.send_signal(signal.SIGSTOP)
        timer = threading.Timer(seconds, process.send_signal, [signal.SIGCONT])
        timer.daemon = True
        timer.start()


class RedisCluster:
    """Masters that share the slots evenly, each with the same number of replicas; a context manager.

    Args:
        work: An empty directory for the nodes' data.
        masters: How many nodes hold slots.
        replicas: How many follow each of them.
        spares: How many masters have no slots yet.
        patience_seconds: After how long without an answer the others give a node up.
    """

    def __init__(
        self, work: Path, *, masters: int = 3, replicas: int = 0, spares: int = 0, patience_seconds: int = 1
    ) -> None:
        self._buses = [HeldPort() for _ in range(masters * (1 + replicas) + spares)]
        self.nodes = [
            RedisServer(
                work / f"node-{number}",
                *("--cluster-enabled", "yes", "--cluster-port", str(bus.number)),
                *("--cluster-node-timeout", str(patience_seconds * 1000), "--cluster-replica-validity-factor", "0"),
            )
            for number, bus in enumerate(self._buses)
        ]
        self.masters, self.replicas = self.nodes[:masters], self.nodes[masters : len(self.nodes) - spares]
        self.spares = self.nodes[len(self.nodes) - spares :]

    @property
    def url(self) -> str:
        """`redis-cluster://` with every node but the spares."""
        return "redis-cluster://" + ",".join(f"127.0.0.1:{node.port}" for node in (*self.masters, *self.replicas))

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for bus in self._buses:
                stack.callback(bus.close)
            for node in self.nodes:
                stack.enter_context(node)
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _join(self) -> None:
        count = len(self.masters)
        bounds = [SLOTS * number // count for number in range(count + 1)]
        for node, begin, end in zip(self.masters, bounds, bounds[1:], strict=False):
            self.ask(node, "CLUSTER", "ADDSLOTSRANGE", begin, end - 1)
        for node, bus in zip(self.nodes, self._buses, strict=True):
            self.ask(self.nodes[0], "CLUSTER", "MEET", "127.0.0.1", node.port, bus.number)
        wait_for(lambda: all(self._knows_all(node) for node in self.nodes), "every node knowing every other")
        for number, node in enumerate(self.replicas):
            self.ask(node, "CLUSTER", "REPLICATE", self.node_id(self.masters[number % count]))
        self.wait_until_whole()

    def _knows_all(self, node: RedisServer) -> bool:
        known: str = self.ask(node, "CLUSTER", "NODES")
        return len(known.splitlines()) == len(self.nodes) and "handshake" not in known

    def wait_until_whole(self) -> None:
        """Return when all nodes that run find the cluster in order, and replicas are in step."""
        for node in self._alive():
            wait_for(partial(self._is_whole, node), f"node {node.port} finding the cluster in order")

    def _is_whole(self, node: RedisServer) -> bool:
        if "cluster_state:ok" not in self.ask(node, "CLUSTER", "INFO"):
            return False
        with node.client() as client:
            replication: dict[str, Any] = client.info("replication")
        return bool(replication.get("master_link_status", "up") == "up")

    @staticmethod
    def ask(node: RedisServer, *command: str | float) -> Any:
        """Send one node a command; its answer as it came, as text."""
        with node.client() as client:
            client.response_callbacks.clear()
            return client.execute_command(*command)

    def node_id(self, node: RedisServer) -> str:
        """What the cluster calls the node."""
        return str(self.ask(node, "CLUSTER", "MYID"))

    def slot_of(self, key: str) -> int:
        """The slot of a key as the server sees it."""
        return int(self.ask(self.nodes[0], "CLUSTER", "KEYSLOT", key))

    def holder_of(self, slot: int) -> RedisServer:
        """The node that answers for a slot."""
        for begin, end, holder, *_ in self.ask(self._alive()[0], "CLUSTER", "SLOTS"):
            if begin <= slot <= end:
                return next(node for node in self.nodes if node.port == holder[1])
        raise RedisServerError(f"nobody holds slot {slot}")

    def _alive(self) -> list[RedisServer]:
        return [node for node in self.nodes if node.is_running]

    @contextmanager
    def moving(self, slot: int, target: RedisServer) -> Iterator[None]:
        """Move a slot as `redis-cli --cluster reshard` does; in between it is neither here nor there: nodes say ASK.

        On leaving, its keys are moved and every node knows the new holder.
        """
        source = self.holder_of(slot)
        self.ask(target, "CLUSTER", "SETSLOT", slot, "IMPORTING", self.node_id(source))
        self.ask(source, "CLUSTER", "SETSLOT", slot, "MIGRATING", self.node_id(target))
        yield
        while keys := self.ask(source, "CLUSTER", "GETKEYSINSLOT", slot, 100):
            self.ask(source, "MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
        others = [one for one in (*self.masters, *self.spares) if one not in {target, source}]
        for node in (target, source, *others):
            self.ask(node, "CLUSTER", "SETSLOT", slot, "NODE", self.node_id(target))


class RedisSentinels:
    """A master, its replicas, and sentinels that make a replica the master within about a second; a context manager.

    Args:
        work: An empty directory for their data.
        replicas: How many follow the master.
        sentinels: How many watch; more than half have to agree.
    """

    def __init__(self, work: Path, *, replicas: int = 2, sentinels: int = 3) -> None:
        first = RedisServer(work / "data-0")
        follow = ("--replicaof", f"127.0.0.1 {first.port}")
        self.servers = [first, *(RedisServer(work / f"data-{number + 1}", *follow) for number in range(replicas))]
        self.sentinels = [RedisServer(work / f"sentinel-{number}", mode="sentinel") for number in range(sentinels)]
        self._work = work

    @property
    def url(self) -> str:
        """`redis-sentinel://` with every sentinel."""
        return "redis-sentinel://" + ",".join(f"127.0.0.1:{one.port}" for one in self.sentinels) + f"/0#{MASTER_NAME}"

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for server in self.servers:
                stack.enter_context(server)
            quorum = len(self.sentinels) // 2 + 1
            for number, sentinel in enumerate(self.sentinels):
                (self._work / f"sentinel-{number}/sentinel.conf").write_text(
                    f"sentinel monitor {MASTER_NAME} 127.0.0.1 {self.servers[0].port} {quorum}\n"
                    f"sentinel down-after-milliseconds {MASTER_NAME} 500\n"
                    f"sentinel failover-timeout {MASTER_NAME} 2000\n"
                )
                stack.enter_context(sentinel)
            self.wait_until_whole()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def master(self) -> RedisServer:
        """The server that most sentinels hold for the master."""
        held: list[int] = []
        for sentinel in self.sentinels:
            with suppress(redis.RedisError), sentinel.client() as client:
                _, port = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER_NAME)
                held.append(int(port))
        port = max(set(held), key=held.count)
        return next(server for server in self.servers if server.port == port)

    def wait_for_master(self, other_than: RedisServer) -> RedisServer:
        """Return the new master when there is one, and it takes writes."""
        wait_for(lambda: self._leads(self.master()) and self.master() is not other_than, "another master")
        return self.master()

    @staticmethod
    def _leads(server: RedisServer) -> bool:
        with server.client() as client:
            replication: dict[str, Any] = client.info("replication")
        return bool(replication["role"] == "master")

    def wait_until_replicated(self) -> None:
        """Return when every replica has all that the master has acknowledged until now."""
        replicas = len(self.servers) - 1
        with self.master().client() as client:
            # Redis waits for a connection's own writes, and this one comes after those of everybody else.
            client.set("replicated", "", px=1)
            wait_for(lambda: client.wait(replicas, 1000) == replicas, "every replica in step")

    def wait_until_whole(self) -> None:
        """Return when every replica is in step and every sentinel knows all of them."""
        wait_for(lambda: all(self._is_whole(one) for one in self.sentinels), "every sentinel knowing every server")

    def _is_whole(self, sentinel: RedisServer) -> bool:
        with sentinel.client() as client:
            master: dict[str, Any] = client.sentinel_masters()[MASTER_NAME]
            replicas: Sequence[dict[str, Any]] = client.sentinel_slaves(MASTER_NAME)
        return (
            master["num-other-sentinels"] == len(self.sentinels) - 1
            and master["num-slaves"] == len(self.servers) - 1
            and not any(bool(one["is_sdown"]) or one["master-link-status"] != "ok" for one in replicas)
        )
