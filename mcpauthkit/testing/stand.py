"""An issuer and a service for development, on ports that stay the same, with a folder that outlives them.

Tokens and what was pasted into clients survive its restart, and connections that of the application: the issuer's key,
the service's secret, what seals the application's store and the store itself lie in the folder. What the service itself
has given out ends with it, so users connect again after that.
"""

from __future__ import annotations

import json
import os
import shlex
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from mcpauthkit.core.keyring import new_secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.development_key import SIGNING_NAME, DevelopmentKey
from mcpauthkit.stores.key_file import KeyFile
from mcpauthkit.stores.replaced_file import replace_file
from mcpauthkit.testing.issuer.server import DevIssuer
from mcpauthkit.testing.service.server import DevService
from mcpauthkit.testing.variables import BASE_SCOPES, variables_for

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

_Server = TypeVar("_Server", DevIssuer, DevService)

IGNORE_TEXT = "# Made by mcpauthkit dev; nothing of it is for others.\n*\n"
TOKEN_SECONDS = 86_400
TOKEN_PATH = "/auth/token"  # noqa: S105  # a path
USERS = ("alice", "bob")


@dataclass(frozen=True, slots=True)
class StandPlan:
    """What is to be run.

    Attributes:
        base_url: Where the developer's own server is.
        mcp_path: Where its MCP server is.
        folder: Where keys lie.
        issuer_port: The issuer's port; 0 takes a free one.
        service_port: The service's port; 0 takes a free one.
        stands_in_for: Which service the development service plays.
        clients: Who gets tokens for a secret; see `DevIssuer.enable_token_endpoint`.
        keeps_store: Whether the application is told to keep its store in the folder.
    """

    base_url: str
    mcp_path: str
    folder: Path
    issuer_port: int
    service_port: int
    stands_in_for: str
    clients: Mapping[str, Mapping[str, Any]]
    keeps_store: bool


class DevStand:
    """The two servers; a context manager.

    Args:
        plan: What is to be run.

    Raises:
        ConfigurationError: A port is taken, or the folder cannot be used.

    Attributes:
        issuer: The issuer.
        service: The service.
        signing_key: The file of the issuer's key.
    """

    def __init__(self, plan: StandPlan) -> None:
        # Whole, because a server may run elsewhere with these settings.
        self._plan = plan = replace(plan, folder=plan.folder.resolve())
        self._running = ExitStack()
        prepare_folder(plan.folder)
        self.signing_key = plan.folder / SIGNING_NAME
        DevelopmentKey(self.signing_key).ensure()
        key = json.loads(self.signing_key.read_text(encoding="utf-8"))
        secret = _kept_secret(plan.folder / "service-secret")
        self.issuer = _listening(
            lambda: DevIssuer(port=plan.issuer_port, algorithm="ES256", signing_key=key, audience=self.mcp_url),
            plan.issuer_port,
            "issuer",
        )
        self.issuer.enable_token_endpoint(plan.clients, path=TOKEN_PATH, default_expires_in=TOKEN_SECONDS)
        self.service = _listening(
            lambda: DevService(port=plan.service_port, client_secret=secret), plan.service_port, "service"
        )

    @property
    def base_url(self) -> str:
        """The address of the developer's own server."""
        return self._plan.base_url

    @property
    def mcp_url(self) -> str:
        """The MCP endpoint of the developer's own server."""
        return self._plan.base_url + self._plan.mcp_path

    @property
    def token_url(self) -> str:
        """Where clients get a token for their secret."""
        return self.issuer.base_url + TOKEN_PATH

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which the developer's own server finds all of it."""
        plan = self._plan
        found = variables_for(
            base_url=plan.base_url,
            mcp_path=plan.mcp_path,
            issuer=self.issuer,
            service=self.service,
            stands_in_for=plan.stands_in_for,
        )
        if plan.keeps_store:
            found |= {
                "TOKEN_STORAGE_MODE": "file",
                "FILE_STORAGE_PATH": str(plan.folder / "store"),
                "STORAGE_ENCRYPTION_KEY_PATH": str(plan.folder / "sealing-keys.json"),
            }
        return found

    def tokens(self) -> dict[str, str]:
        """A token for each user, good for a day."""
        return {
            user: self.issuer.token(sub=user, scope=" ".join(BASE_SCOPES), expires_in=TOKEN_SECONDS) for user in USERS
        }

    def write_environment(self) -> Path:
        """Write the variables into a file that `uvicorn --env-file` and the like read, and give its path."""
        path = self._plan.folder / "dev.env"
        text = "".join(f"{name}={shlex.quote(value)}\n" for name, value in self.environment.items())
        replace_file(path, lambda: text)
        return path

    def __enter__(self) -> Self:
        with ExitStack() as starting:
            starting.enter_context(self.issuer)
            starting.enter_context(self.service)
            self._running = starting.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()


def child_environment(added: Mapping[str, str]) -> dict[str, str]:
    """The environment of a process that is started here: this one's, with some variables added or replaced.

    Args:
        added: The variables.
    """
    return {**os.environ, **added}


def prepare_folder(folder: Path) -> None:
    """Make the folder for its owner alone, with what keeps it out of repositories, and the key that seals the store.

    Args:
        folder: The folder.

    Raises:
        ConfigurationError: It cannot be made or written.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        ignored = folder / ".gitignore"
        if not ignored.exists():
            ignored.write_text(IGNORE_TEXT, encoding="utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"The folder {folder} cannot be used ({error.strerror}).", hint="Name another one: --folder"
        ) from error
    sealing = folder / "sealing-keys.json"
    if not sealing.exists():
        KeyFile(sealing).create("dev")


def _kept_secret(path: Path) -> str:
    if not path.exists():
        replace_file(path, lambda: new_secret().reveal())
    return path.read_text(encoding="utf-8").strip()


def _listening(make: Callable[[], _Server], port: int, what: str) -> _Server:
    """What `make` makes, unless its port is taken."""
    try:
        return make()
    except (OSError, OverflowError) as error:
        raise ConfigurationError(
            f"Port {port} of 127.0.0.1 cannot be used, so the {what} cannot listen there ({type(error).__name__}).",
            hint=f"Stop what listens there, or choose another one: --{what}-port",
        ) from error
