"""A real Keycloak of the distribution, with the quickstart's realm, on a free port of 127.0.0.1."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

import httpx

if TYPE_CHECKING:
    from types import TracebackType

REALM_FILE = Path(__file__).resolve().parents[2] / "quickstart/keycloak/realm.json"
REALM = "mcpauthkit"
ADMIN, ADMIN_PASSWORD = "admin", "for-tests-only"
PROXY_CLIENT_ID, PROXY_CLIENT_SECRET = "mcp-proxy", "for-development-only"
BROWSER_CLIENT_ID = "mcp-browser"
KNOWN_CLIENT_ID = "mcp-client"

# The first start of a fresh distribution builds it, which alone takes half a minute on two busy cores.
_START_SECONDS = 240.0
_STOP_SECONDS = 30.0
_READY = "Listening on:"
_PARTS = ("bin", "conf", "lib", "providers", "themes", "version.txt")
# Below the range from which outgoing connections get theirs, so nobody takes them while a server is down.
_PORTS = range(20_000, 30_000)


class KeycloakError(RuntimeError):
    """Keycloak did not do what it should; the message ends with its last words."""


def free_ports(count: int) -> list[int]:
    """Ports that stay ours across restarts of who listens on them."""
    found: list[int] = []
    for offset in range(len(_PORTS)):
        port = _PORTS[(os.getpid() + offset) % len(_PORTS)]
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            found.append(port)
        if len(found) == count:
            return found
    raise KeycloakError("no port is free")


class Keycloak:
    """One server; a context manager that starts it and ends it.

    Args:
        distribution: The unpacked distribution; nothing is written below it but what its first start builds.
        work: An empty directory for this server's database.
        port: Where it listens.
        server_url: The base address of the MCP server that the realm shall know.
        truststore: A PEM file of certificate authorities it trusts beside the usual ones.

    Attributes:
        base_url: `http://127.0.0.1:PORT`.
        issuer_url: The realm's issuer.
    """

    def __init__(
        self, distribution: Path, *, work: Path, port: int, server_url: str, truststore: Path | None = None
    ) -> None:
        self._home = work / "home"
        self._prepare(distribution)
        self._script = distribution / "bin/kc.sh"
        self._server_url = server_url
        self._truststore = truststore
        self.port = port
        self.base_url = f"http://127.0.0.1:{self.port}"
        self.issuer_url = f"{self.base_url}/realms/{REALM}"
        self._process: subprocess.Popen[str] | None = None
        self._words: deque[str] = deque(maxlen=40)

    def _prepare(self, distribution: Path) -> None:
        # Keycloak keeps its database and its imports below its home; links give each server a home of its own.
        imports = self._home / "data/import"
        imports.mkdir(parents=True)
        for part in _PARTS:
            (self._home / part).symlink_to(distribution / part)
        (imports / "realm.json").write_bytes(REALM_FILE.read_bytes())

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and return when it accepts connections. The realm is imported at the first start only.

        Raises:
            KeycloakError: It ended, or took too long.
        """
        command = [
            "/bin/sh",
            str(self._script),
            f"-Dkc.home.dir={self._home}",
            "start-dev",
            "--import-realm",
            "--features=cimd",
            "--http-host=127.0.0.1",
            f"--http-port={self.port}",
            *([f"--truststore-paths={self._truststore}"] if self._truststore else []),
        ]
        self._words.clear()
        process = subprocess.Popen(  # noqa: S603  # our own command
            command,
            env={
                # What somebody has set for a Keycloak of their own is none of ours.
                **{name: value for name, value in os.environ.items() if not name.startswith("KC_")},
                "KC_DEBUG": "false",
                "KC_BOOTSTRAP_ADMIN_USERNAME": ADMIN,
                "KC_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
                "MCP_SERVER_URL": self._server_url,
                # Half the start-up time: it lives for minutes, so the best code is never worth its compilation.
                "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1",
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            # The script runs Java as its child, so the two are ended as a group.
            start_new_session=True,
        )
        assert process.stdout is not None
        ready = threading.Event()
        threading.Thread(target=self._listen, args=(process.stdout, ready), daemon=True).start()
        self._process = process
        if not ready.wait(_START_SECONDS) or process.poll() is not None:
            self.stop()
            raise KeycloakError("Keycloak did not start. It said:\n" + "".join(self._words))

    def _listen(self, output: IO[str], ready: threading.Event) -> None:
        with output:
            for line in output:
                self._words.append(line)
                if _READY in line:
                    ready.set()
        ready.set()

    def stop(self) -> None:
        """End it in order; a second call does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        for sign in (signal.SIGTERM, signal.SIGKILL):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
                return
        raise KeycloakError("Keycloak did not end")

    def admin(self) -> KeycloakAdmin:
        """Its administration interface; a context manager."""
        return KeycloakAdmin(self.base_url)


class KeycloakAdmin:
    """The administration interface of the realm, signed in as the administrator of the first start."""

    def __init__(self, base_url: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        self._sign_in()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def _sign_in(self) -> None:
        answer = self._http.post(
            "/realms/master/protocol/openid-connect/token",
            data={"grant_type": "password", "client_id": "admin-cli", "username": ADMIN, "password": ADMIN_PASSWORD},
        )
        answer.raise_for_status()
        self._http.headers["authorization"] = f"Bearer {answer.json()['access_token']}"

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send a request below the realm; gives the answer's JSON, or None where there is none."""
        answer = self._http.request(method, f"/admin/realms/{REALM}{path}", json=body)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    @contextmanager
    def imported(self, realm: dict[str, Any]) -> Iterator[None]:
        """Have one more realm, made of what stands in a file for import; removed at the end.

        Raises:
            KeycloakError: Keycloak does not take it; the message says why.
        """
        answer = self._http.post("/admin/realms", json=realm)
        if answer.is_error:
            raise KeycloakError(f"HTTP {answer.status_code}: {answer.text}")
        # An administrator's token has no rights in a realm that is younger.
        self._sign_in()
        try:
            yield
        finally:
            self._http.delete(f"/admin/realms/{realm['realm']}").raise_for_status()

    @contextmanager
    def new_signing_key(self) -> Iterator[None]:
        """Sign with a new RSA key; at the end it is removed, and the former key signs again."""
        self.call(
            "POST",
            "/components",
            {
                "name": "rotated",
                "providerId": "rsa-generated",
                "providerType": "org.keycloak.keys.KeyProvider",
                "parentId": self.call("GET", "")["id"],
                # The key of the realm's creation has priority 100.
                "config": {"priority": ["200"], "enabled": ["true"], "active": ["true"], "keySize": ["2048"]},
            },
        )
        try:
            yield
        finally:
            (made,) = self.call("GET", "/components?type=org.keycloak.keys.KeyProvider&name=rotated")
            self.call("DELETE", f"/components/{made['id']}")
