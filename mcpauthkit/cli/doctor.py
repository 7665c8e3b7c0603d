"""`mcpauthkit doctor`: what is wrong with a set-up, and how to mend it."""

from __future__ import annotations

import inspect
import logging
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

import anyio
from cyclopts import App

from mcpauthkit.cli.named_object import NOT_THERE, imported
from mcpauthkit.cli.output import Repeated, Switch, print_json
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import AuthKitError, ConfigurationError
from mcpauthkit.settings import AppSettings, DoctorSettings


class _Target(NamedTuple):
    """What is examined.

    Args:
        app: The application; None where it is not known, or could not be imported.
        url: The URL to ask; None to ask the application in this process.
        failure: What the application said instead of being imported.
        file: Where it is, relative to the working directory; empty where nobody knows.
        is_of_settings: Whether the URL is that of the settings here, which are the server's then.
    """

    app: Any = None
    url: str | None = None
    failure: str = ""
    file: str = ""
    is_of_settings: bool = False


def group() -> App:
    """The command."""
    app = App(name="doctor", help=doctor.__doc__)
    app.default(doctor)
    return app


async def doctor(
    app: str | None = None,
    /,
    *,
    url: str | None = None,
    token_file: Path | None = None,
    only: Repeated = (),
    strict: Switch = False,
    json: Switch = False,
    sarif: Switch = False,
) -> int:
    """Say what is wrong with a set-up, from inside and from outside, and how to mend it.

    An application is started in this process and asked there; give it the environment of the server. With --url the
    server at that address is asked over the network, and an application beside it is only looked at. Without both, the
    address in MCPAUTHKIT_SERVER_BASE_URL is asked. Nothing is signed in, registered or changed. It takes less than ten
    seconds, whoever does not answer.

    It ends with 0 when nothing is wrong, with 1 when there are findings of level error, and with 2 when nothing could
    be examined.

    Args:
        app: The application, as `package.module:name`, or a function that makes it without arguments.
        url: The URL users enter in their client.
        token_file: A file with an access token to call the server with; MCPAUTHKIT_DOCTOR_TOKEN is another way.
        only: Tell findings of this code only; may be repeated.
        strict: End with 1 for findings of level warning, too.
        json: Print the report as JSON.
        sarif: Print it as SARIF 2.1.0, for code scanning.
    """
    # These load two web frameworks, which help and completion need not wait for.
    from mcpauthkit.cli.doctor_report import print_report  # noqa: PLC0415
    from mcpauthkit.doctor.catalogue import CATALOGUE  # noqa: PLC0415
    from mcpauthkit.doctor.doctor import examine  # noqa: PLC0415
    from mcpauthkit.doctor.sarif import sarif_of  # noqa: PLC0415

    if json and sarif:
        raise ConfigurationError("--json and --sarif are two forms of one report.", hint="Give one of them.")
    _check_codes(only, {fault.code for fault in CATALOGUE})
    token = await _token(token_file)
    with _quiet():
        target = _target(app, url)
        report = await examine(
            target.app,
            url=target.url,
            token=token,
            only=only,
            import_failure=target.failure,
            has_settings=target.is_of_settings,
        )
    if sarif:
        version = metadata.version("mcpauthkit")
        print_json(sarif_of(report, catalogue=CATALOGUE, version=version, source=target.file))
    elif json:
        print_json(report.as_json())
    else:
        print_report(report)
    return 0 if report.is_healthy(strict=strict) else 1


def _check_codes(only: Collection[str], known: Collection[str]) -> None:
    unknown = sorted(set(only) - set(known))
    if unknown:
        raise ConfigurationError(
            f"There is no finding with the code {', '.join(unknown)}.", hint="docs/doctor.md has all codes."
        )


async def _token(file: Path | None) -> Secret | None:
    if file is None:
        token = DoctorSettings.from_environment().mcpauthkit_doctor_token
        return None if token is None else Secret(token.get_secret_value())
    try:
        text = await anyio.Path(file).read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file} cannot be read ({type(error).__name__}).", hint="Give a file with one access token in it."
        ) from None
    return Secret(text.strip())


def _target(source: str | None, url: str | None) -> _Target:
    if source is None:
        return _Target(url=url or _url_of_settings(), is_of_settings=url is None)
    try:
        app = _made(imported(source))
    except AuthKitError as error:
        if error.reason == NOT_THERE:
            raise
        # The application is put together while its module is imported, and one of our parts refused.
        return _Target(url=url, failure=str(error))
    except Exception as error:  # noqa: BLE001  # the application's own code, which may raise anything
        raise ConfigurationError(
            f"{source} cannot be imported: its module ended with {type(error).__name__}.",
            hint=f'`python -c "import {source.partition(":")[0]}"` shows where.',
        ) from None
    if not callable(app):
        raise ConfigurationError(
            f"{source} is a {type(app).__name__}, which is no ASGI application.",
            hint="Name the one that serves it, as uvicorn does: MODULE:app.",
        )
    return _Target(app, url, file=_file_of(source))


def _made(found: Any) -> Any:
    """The application itself, where a function makes it that needs no arguments."""
    if not inspect.isfunction(found) or inspect.iscoroutinefunction(found):
        return found
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    needed = (
        one.default is one.empty and one.kind not in variadic for one in inspect.signature(found).parameters.values()
    )
    return found if any(needed) else found()


def _file_of(source: str) -> str:
    file = getattr(sys.modules.get(source.partition(":")[0]), "__file__", None)
    if file is None or not Path(file).is_relative_to(Path.cwd()):
        return ""
    return Path(file).relative_to(Path.cwd()).as_posix()


def _url_of_settings() -> str:
    settings = AppSettings.from_environment()
    if settings.mcpauthkit_server_base_url is None:
        raise ConfigurationError(
            "There is nothing to examine.",
            hint="Name the application as package.module:name, or give --url, or both.",
        )
    return f"{settings.mcpauthkit_server_base_url}{settings.mcpauthkit_mcp_path}"


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep to themselves what the application and the libraries log: the report says what matters."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)
