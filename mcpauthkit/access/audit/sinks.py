"""Where records go."""

from __future__ import annotations

import inspect
import logging
import sys
import threading
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TextIO, runtime_checkable

from opentelemetry._logs import Logger, LoggerProvider, LogRecord, SeverityNumber, get_logger

from mcpauthkit.access.audit.appended_file import AppendedFile, End
from mcpauthkit.errors import ConfigurationError

_LEVELS = {"INFO": logging.INFO, "WARNING": logging.WARNING}
_SEVERITIES = {"INFO": SeverityNumber.INFO, "WARNING": SeverityNumber.WARN}


class SinkRefused(Exception):
    """A sink has nobody to hand records to; the text is ours and may be logged."""


class Sink(Protocol):
    """Takes records. Write one of your own where none of these fits; it must not block for long."""

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        """Take a record. Whatever this raises counts as a record that was lost.

        Args:
            line: The record as one line of JSON in ASCII, without a line end.
            fields: The same as values; not to be changed.
        """
        ...


@runtime_checkable
class Continued(Protocol):
    """A sink that knows what stands at its end, so that a chain goes on there after a restart."""

    def write_after(self, make: Callable[[End], str]) -> None:
        """Add the lines that `make` gives for what is at the end now; no other process adds one meanwhile."""
        ...


class JsonLines:
    """JSON lines on standard output, where containers and clouds collect them.

    Not for a server on stdio: there, standard output belongs to the protocol. Use `JsonLines(sys.stderr)`.

    Args:
        stream: Where they go instead.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = stream
        self._turn = threading.Lock()

    def __repr__(self) -> str:
        return "JsonLines()"

    @property
    def is_on_stdout(self) -> bool:
        """Whether it writes to standard output."""
        return self._stream in {None, sys.stdout, sys.__stdout__}

    def write(self, line: str, fields: Mapping[str, Any]) -> None:  # noqa: ARG002  # the port's
        """Write a line, and flush it."""
        stream = sys.stdout if self._stream is None else self._stream
        with self._turn:
            stream.write(f"{line}\n")
            stream.flush()


class JsonFile:
    """JSON lines at the end of a file that only its owner can read, made with mode 600.

    It may be rotated by renaming, without a signal. Several processes may write to one file, chained or not, on a
    file system whose locks work (NFS often has none).

    Args:
        path: The file; its folder is made if it is not there. It must not be in one that others can write to, `/tmp`
            for instance.
        fsync: Whether to wait, for each record, until the disk has it. A power cut then loses none, and every event
            takes milliseconds, in which the event loop stands still.
        former: Where rotations move the file, such as `audit.jsonl.1`. A chain goes on over rotations without it; it is
            for a start that finds an empty file, which would otherwise begin a new chain.

    Raises:
        ConfigurationError: The path leads to something else than a file, or others can write there.
    """

    def __init__(self, path: Path | str, *, fsync: bool = False, former: Path | str | None = None) -> None:
        self._path = Path(path)
        self._file = AppendedFile(self._path, fsync=fsync, former=None if former is None else Path(former))

    def __repr__(self) -> str:
        return f"JsonFile({str(self._path)!r})"

    @property
    def path(self) -> Path:
        """The file."""
        return self._path

    def write(self, line: str, fields: Mapping[str, Any]) -> None:  # noqa: ARG002  # the port's
        """Add a line.

        Raises:
            OSError: It could not be written.
        """
        self._file.add(line)

    def write_after(self, make: Callable[[End], str]) -> None:
        """Add lines that depend on the last one.

        Raises:
            OSError: They could not be written, or another process holds the file.
        """
        self._file.add_after(make)

    def close(self) -> None:
        """Close the file; the next record opens it again."""
        self._file.close()


class ToLogging:
    """Records as lines of a logger of the standard library, at level INFO or WARNING.

    The record's members are the log record's `audit`. A handler that fails keeps that to itself, so fail-closed trails
    are better served by other sinks.

    Args:
        logger: The logger's name.
    """

    def __init__(self, logger: str = "mcpauthkit.audit") -> None:
        self._logger = logging.getLogger(logger)

    def __repr__(self) -> str:
        return f"ToLogging({self._logger.name!r})"

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        """Log a line.

        Raises:
            SinkRefused: The logger leaves out its level.
        """
        level = _LEVELS[fields["severity"]]
        if not self._logger.isEnabledFor(level):
            name = self._logger.name
            raise SinkRefused(
                f"logger {name} leaves out level {fields['severity']}; logging.getLogger({name!r}).setLevel(20)"
            )
        self._logger.log(level, "%s", line, extra={"audit": dict(fields)})


class ToOpenTelemetry:
    """Records as OpenTelemetry log records, with the line as body and the members as attributes.

    Each belongs to the span in which it happened. They are log records and no span events, as those are lost with
    every span that is not sampled.

    Args:
        logger_provider: Where they go; by default the global one, which may be set later.

    Raises:
        ConfigurationError: The installed opentelemetry-api cannot tell whether anybody takes log records.
    """

    def __init__(self, logger_provider: LoggerProvider | None = None) -> None:
        if not hasattr(Logger, "enabled"):
            raise ConfigurationError(
                "ToOpenTelemetry needs a newer opentelemetry-api.", hint="Install opentelemetry-api>=1.45."
            )
        self._logger = get_logger("mcpauthkit.audit", logger_provider=logger_provider)

    def __repr__(self) -> str:
        return "ToOpenTelemetry()"

    def write(self, line: str, fields: Mapping[str, Any]) -> None:
        """Emit a log record.

        Raises:
            SinkRefused: No logger provider is set, or it takes none of these.
        """
        severity, name = _SEVERITIES[fields["severity"]], f"mcpauthkit.{fields['event']}"
        if not self._logger.enabled(severity_number=severity, event_name=name):
            raise SinkRefused(
                "no OpenTelemetry logger provider takes them; opentelemetry._logs.set_logger_provider(...)"
            )
        attributes = {
            f"mcpauthkit.audit.{key}": one for key, one in fields.items() if isinstance(one, str | int | float)
        }
        self._logger.emit(
            LogRecord(
                severity_number=severity,
                severity_text=fields["severity"],
                body=line,
                attributes=attributes,
                event_name=name,
            )
        )


class ToCallable:
    """Records as arguments of a function of yours.

    Args:
        function: Takes a record as a dict of its own. It runs within the event, so it must be quick, and plain: nobody
            would wait for a coroutine.

    Raises:
        ConfigurationError: The function is asynchronous, or no function.
    """

    def __init__(self, function: Callable[[dict[str, Any]], object]) -> None:
        if not callable(function):
            raise ConfigurationError(f"ToCallable got a {type(function).__name__}.", hint="Give a plain function.")
        if _is_asynchronous(function):
            raise ConfigurationError(
                "ToCallable cannot wait for an asynchronous function.",
                hint="Give `queue.put_nowait` of an asyncio.Queue with a maxsize, and take the records out in a task.",
            )
        self._function = function

    def __repr__(self) -> str:
        return f"ToCallable({getattr(self._function, '__qualname__', type(self._function).__name__)})"

    def write(self, line: str, fields: Mapping[str, Any]) -> None:  # noqa: ARG002  # the port's
        """Call it.

        Raises:
            SinkRefused: It gave a coroutine.
        """
        given = self._function(dict(fields))
        if inspect.iscoroutine(given):
            given.close()
            raise SinkRefused("the function of ToCallable gave a coroutine, for which nobody waits")


def _is_asynchronous(function: Callable[..., object]) -> bool:
    while isinstance(function, partial):
        function = function.func
    called = getattr(type(function), "__call__", None)  # noqa: B004  # the method itself is looked at
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(called)
