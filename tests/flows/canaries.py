"""Where secrets could come out: everything that somebody reads who is not supposed to know them."""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mcpauthkit.testing import BrowserRobot
from tests.world import World

FRAGMENT = 16
# The operator's own: it writes down addresses, and who runs a server decides about it.
_LEFT_OUT = "uvicorn.access"


class Catching(Middleware):
    """Keeps every exception that leaves a call on the server, before anybody turns it into a text."""

    def __init__(self) -> None:
        self.caught: list[BaseException] = []

    async def on_message(self, context: MiddlewareContext[Any], call_next: CallNext[Any, Any]) -> Any:
        try:
            return await call_next(context)
        except Exception as error:
            self.caught.append(error)
            raise


class _Collecting(logging.Handler):
    """Keeps every record of the servers' threads; the test's own thread is the users' side."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if record.thread != threading.main_thread().ident and record.name != _LEFT_OUT:
            self.records.append(record)


@dataclass
class Watch:
    """What came out of a run.

    Args:
        exporter: The finished spans.
        handler: The log records.
        catching: The exceptions.
        pages: Our pages as they were sent.
        results: What MCP clients got.
    """

    exporter: InMemorySpanExporter
    handler: _Collecting
    catching: Catching = field(default_factory=Catching)
    pages: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    @property
    def loggers(self) -> set[str]:
        return {record.name.partition(".")[0] for record in self.handler.records}

    def places(self, here: World) -> dict[str, str]:
        """Everything readable, by place."""
        exceptions = [*self.catching.caught, *(one.exc_info[1] for one in self.handler.records if one.exc_info)]
        return {
            "logs": "\n".join(_readable(record) for record in self.handler.records),
            "spans": "\n".join(f"{span.to_json()} {span.attributes} {span.events}" for span in self._spans),
            "exceptions": "\n".join(_told_by(error) for error in exceptions if error is not None),
            "variables": "\n".join(_variables_of(error) for error in exceptions if error is not None),
            "pages": "\n".join(self.pages),
            "results": "\n".join(self.results),
            "store": "\n".join(here.stored()),
        }

    @property
    def paths(self) -> set[str]:
        """The paths that spans are about."""
        return {str((span.attributes or {}).get("url.path")) for span in self._spans}

    @property
    def _spans(self) -> Any:
        return self.exporter.get_finished_spans()


class WatchedRobot(BrowserRobot):
    """A browser that keeps every page of ours it shows."""

    def __init__(self, watch: Watch, base_url: str) -> None:
        super().__init__()
        self._watch = watch
        self._base_url = base_url

    async def open(self, url: str, **options: Any) -> Any:
        return self._kept(await super().open(url, **options))

    async def click(self, page: Any, text: str, **options: Any) -> Any:
        return self._kept(await super().click(page, text, **options))

    async def submit(self, page: Any, *arguments: Any, **options: Any) -> Any:
        return self._kept(await super().submit(page, *arguments, **options))

    def _kept(self, page: Any) -> Any:
        # Where it was told to stop, what it has is still the answer of the server before.
        if page.url.startswith(self._base_url) and page.history[-1].url == page.url:
            self._watch.pages.append(f"{page.html}\n{dict(page.headers)}")
        return page


@contextmanager
def watching(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Collect everything that the process says meanwhile."""
    exporter = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", tracing)
    handler = _Collecting()
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    levels = [(one, one.level) for one in loggers]
    heard = [one for one in loggers if one is logging.root or not one.propagate]
    for one in loggers:
        one.setLevel(logging.DEBUG)
    for one in heard:
        one.addHandler(handler)
    try:
        yield Watch(exporter, handler)
    finally:
        for one in heard:
            one.removeHandler(handler)
        for one, level in levels:
            one.setLevel(level)
        tracing.shutdown()


def secrets_of(here: World, *robots: BrowserRobot) -> dict[str, set[str]]:
    """The secrets of a run by kind, as the servers received and the browsers hold them."""
    tokens = [*here.service.requests.all("token"), *here.issuer.requests.all("token")]
    visits = [*here.service.requests.all("authorize"), *here.issuer.requests.all("authorize")]
    calls = [*here.service.requests.all("repos"), *here.service.requests.all("user")]
    found = {
        name: {value for one in tokens for value in one.form.get(name, ())}
        for name in ("code", "refresh_token", "client_secret", "code_verifier")
    }
    found["access_token"] = {one.headers.get("authorization", "").partition(" ")[2] for one in calls}
    found["access_token"] |= set(here.service.live_tokens())
    for name in ("state", "nonce"):
        found[name] = {value for one in visits for value in (*one.query.get(name, ()), *one.form.get(name, ()))}
    found["cookie"] = {value for robot in robots for name, value in robot.cookies.items() if "mcpauthkit" in name}
    return {kind: {value for value in values if value} for kind, values in found.items()}


def traces_of(secret: str, text: str) -> bool:
    """Whether a text holds a secret, or enough of its middle to be worth something."""
    start = max(0, (len(secret) - FRAGMENT) // 2)
    return secret[start : start + FRAGMENT] in text


def _readable(record: logging.LogRecord) -> str:
    fields = {name: value for name, value in record.__dict__.items() if name not in {"msg", "exc_info"}}
    return f"{logging.Formatter().format(record)} {fields!r}"


def _told_by(error: BaseException) -> str:
    """All that an exception and those behind it say."""
    lines = [repr(error), str(error), repr(error.args)]
    for one in _chain_of(error):
        lines += [*one.format_exception_only(), *(getattr(one, "__notes__", None) or ())]
    return "\n".join(lines)


def _variables_of(error: BaseException) -> str:
    """What the frames of ours hold that an exception went through, as tools that report crashes send it."""
    frames = [frame for one in _chain_of(error) for frame in one.stack if "mcpauthkit" in frame.filename]
    return "\n".join(f"{frame.name}: {frame.locals}" for frame in frames)


def _chain_of(error: BaseException) -> list[traceback.TracebackException]:
    waiting: list[traceback.TracebackException | None] = [
        traceback.TracebackException.from_exception(error, capture_locals=True)
    ]
    chain = []
    while waiting:
        one = waiting.pop()
        if one is not None:
            chain.append(one)
            waiting += [one.__cause__, one.__context__, *(one.exceptions or ())]
    return chain
