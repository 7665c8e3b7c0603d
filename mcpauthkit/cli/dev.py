"""`mcpauthkit dev`: an issuer and a service for development, beside a server of one's own."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

from cyclopts import App, Parameter

from mcpauthkit.cli.output import Switch
from mcpauthkit.core.urls import check_base_url, is_loopback_host
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings import DeploymentSettings, StorageSettings

if TYPE_CHECKING:
    from anyio.abc import Process

    from mcpauthkit.testing.stand import DevStand, StandPlan

_Several = Annotated[tuple[str, ...], Parameter(negative="")]
_STOP_SECONDS = 10.0
_MEMORY = "memory"
_SERVICE_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
# Known to everybody, and good for nothing but a server on this machine that trusts this issuer.
_CLIENTS = ("agent-admin:admin-secret:admin,finance", "agent-viewer:viewer-secret:viewer")


def group() -> App:
    """The command."""
    app = App(name="dev", help="Run an issuer and a service for development beside your own server.")
    app.default(dev)
    return app


async def dev(
    app: str | None = None,
    /,
    *,
    port: int = 8000,
    url: str | None = None,
    path: str = "/mcp",
    service: str = "github",
    factory: Switch = False,
    reload: Switch = False,
    issuer_port: int = 9400,
    service_port: int = 9401,
    client: _Several = _CLIENTS,
    folder: Path = Path(".mcpauthkit"),
    json: Switch = False,
) -> int:
    """Run an issuer, where alice and bob sign in without a password, and a service that plays the one you use.

    With MODULE:APP it runs your server too, by uvicorn, with the settings for all of it in its environment. Without, it
    prints them for a server that you run yourself. It goes on until Ctrl-C, and ends with 1 if your server ends first.

    Everything listens on 127.0.0.1 only, and nothing of it is for production, where it refuses to run. Whoever can
    open these ports is alice, or bob, as they like: that is every program on this machine, and pages in your browser.

    Args:
        app: Your application, as uvicorn names it: MODULE:APP.
        port: The port of your server.
        url: The address of your server where it is another than http://127.0.0.1:PORT; on this machine all the same.
        path: Where your MCP server is below it.
        service: Which service the development service plays; its client's settings are named after it.
        factory: Take APP as a function that makes the application.
        reload: Start your server anew when its files change; issuer and service go on meanwhile.
        issuer_port: The issuer's port; 0 takes a free one.
        service_port: The service's port; 0 takes a free one.
        client: A client that gets tokens by itself at /auth/token, as ID:SECRET or ID:SECRET:ROLE,ROLE; may be
            repeated.
        folder: Where keys and what your server stores lie. Tokens outlive a restart of this command, connections one of
            your server: the development service forgets its own when it ends.
        json: Print what there is as one JSON document.
    """
    from mcpauthkit.stores.environment import storage_mode  # noqa: PLC0415
    from mcpauthkit.testing.stand import StandPlan  # noqa: PLC0415  # brings web frameworks, and --help needs none

    _refuse_production()
    plan = StandPlan(
        base_url=_loopback_url(url or f"http://127.0.0.1:{port}"),
        mcp_path=_checked_path(path),
        folder=folder,
        issuer_port=issuer_port,
        service_port=service_port,
        stands_in_for=_checked_service(service),
        clients=dict(map(_client, client)),
        keeps_store=storage_mode(StorageSettings.from_environment()) == _MEMORY,
    )
    switches = [name for name, is_on in (("--factory", factory), ("--reload", reload)) if is_on]
    return await _run(plan, app, ["--port", str(port), *switches], as_json=json)


async def _run(plan: StandPlan, app: str | None, arguments: Sequence[str], *, as_json: bool) -> int:
    from mcpauthkit.testing.stand import DevStand  # noqa: PLC0415

    # Listened for from here on, so that an early Ctrl-C stops everything in order, too.
    with _interruption() as interrupted, DevStand(plan) as stand:
        _print(stand, plan, as_json=as_json)
        if app is None:
            await interrupted()
            return 0
        return await _serve(app, arguments, stand, interrupted)


def _refuse_production() -> None:
    if DeploymentSettings.from_environment().mcpauthkit_production:
        raise ConfigurationError(
            "Nobody has to prove who they are to a development issuer, so there is none in production "
            "(MCPAUTHKIT_PRODUCTION is set).",
            hint="Unset it on the machine you develop on.",
        )


def _loopback_url(url: str) -> str:
    checked = check_base_url(url, "--url")
    if not is_loopback_host(urlsplit(checked).hostname):
        raise ConfigurationError(
            f"--url {checked} is not on this machine, and others could sign in there as anybody.",
            hint="Write an address on localhost or 127.0.0.1.",
        )
    return checked


def _checked_path(path: str) -> str:
    if not path.startswith("/"):
        raise ConfigurationError(f"--path {path!r} is no path.", hint="A path begins with a slash: --path /mcp")
    return path


def _checked_service(name: str) -> str:
    if not _SERVICE_NAME.fullmatch(name):
        raise ConfigurationError(
            f"--service {name!r} is no name of a service.", hint="Write it as in links: --service github"
        )
    return name


def _client(text: str) -> tuple[str, dict[str, Any]]:
    client_id, _, rest = text.partition(":")
    secret, _, roles = rest.partition(":")
    if not client_id or not secret:
        # Not quoted: the secret may be in it.
        raise ConfigurationError("A --client has no id or no secret.", hint="Write --client ID:SECRET:ROLE,ROLE")
    return client_id, {"secret": secret, "roles": [one.strip() for one in roles.split(",") if one.strip()]}


async def _serve(
    app: str, arguments: Sequence[str], stand: DevStand, interrupted: Callable[[], Awaitable[None]]
) -> int:
    """Run the developer's server until it ends, or somebody ends us."""
    import anyio  # noqa: PLC0415

    from mcpauthkit.cli.dev_watch import warn_of_another_issuer  # noqa: PLC0415
    from mcpauthkit.testing.stand import child_environment  # noqa: PLC0415

    # Without a lifespan, uvicorn would serve a server that is put together wrongly, as errors. Its access log would
    # hold links and codes.
    options = ["--host", "127.0.0.1", "--lifespan", "on", "--no-access-log", *arguments]
    command = [sys.executable, "-m", "uvicorn", app, *options]
    # Its own output goes where ours does, but for JSON: that is one document, and it is printed already.
    process = await anyio.open_process(
        command, env=child_environment(stand.environment), stdin=None, stdout=sys.stderr, stderr=sys.stderr
    )
    has_ended = False
    async with process, anyio.create_task_group() as tasks:

        async def until_it_ends() -> None:
            nonlocal has_ended
            await process.wait()
            has_ended = True
            tasks.cancel_scope.cancel()

        tasks.start_soon(until_it_ends)
        tasks.start_soon(warn_of_another_issuer, stand)
        await interrupted()
        tasks.cancel_scope.cancel()
        with anyio.CancelScope(shield=True):
            await _stop(process)
    return 1 if has_ended else 0


async def _stop(process: Process) -> None:
    import anyio  # noqa: PLC0415

    if process.returncode is None:
        process.terminate()
    with anyio.move_on_after(_STOP_SECONDS):
        await process.wait()
    if process.returncode is None:
        process.kill()
        await process.wait()


@contextmanager
def _interruption() -> Iterator[Callable[[], Awaitable[None]]]:
    """Something to wait for: Ctrl-C, or a polite request of the system to end."""
    import anyio  # noqa: PLC0415

    if sys.platform == "win32":  # there the exception that Ctrl-C raises has to do
        yield anyio.sleep_forever
        return
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:

        async def first() -> None:
            async for _ in signals:
                return

        yield first


def _print(stand: DevStand, plan: StandPlan, *, as_json: bool) -> None:
    from mcpauthkit.cli.dev_report import document_of, lines_of  # noqa: PLC0415

    env_file = stand.write_environment()
    if as_json:
        from mcpauthkit.cli.output import print_json  # noqa: PLC0415

        print_json(document_of(stand, plan, env_file))
    else:
        print(*lines_of(stand, plan, env_file), sep="\n")
    sys.stdout.flush()
