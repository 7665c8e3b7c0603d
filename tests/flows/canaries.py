"""Where secrets could come out: everything that somebody reads who is not supposed to know them."""

from __future__ import annotations

import logging
import re
import threading
import traceback
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import pytest
from fastmcp import Client
from fastmcp.server.middleware import CallNext, Middleware, MiddlewareContext

from mcpauthkit import MemoryStore
from mcpauthkit.testing import BrowserRobot, DevIssuer, DevService
from tests.observed import Observed, observing
from tests.stores.content import texts_of

FRAGMENT = 16
ECHO = "echo_7d41c09be3f85a26d07b"
"""What careless services put into their errors, such as the token they did not like."""
# The operator's own: it writes down addresses, and who runs a server decides about it.
_LEFT_OUT = "uvicorn.access"
# A library that writes down whatever it sends at DEBUG, so what it says are results.
_WIRE = "sse_starlette.sse"
FLOW_PLACES = frozenset({"pages", "results", "wire", "exceptions", "variables", "spans"})
"""Where the id of a flow may be: a link connects nobody but the user it is for, who is told it by all of these.

FastMCP writes the text of a refused call, which is how clients without URL mode get the link, into its own span.
"""
_FLOW_ID = re.compile(r"[?&;]flow=([\w-]+)")


class Servers(Protocol):
    """What a world has that secrets are found in."""

    issuer: DevIssuer
    service: DevService


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
        observed: The finished spans and the metrics.
        handler: The log records.
        catching: The exceptions.
        pages: Our pages as they were sent.
        results: What MCP clients got.
    """

    observed: Observed
    handler: _Collecting
    catching: Catching = field(default_factory=Catching)
    pages: list[str] = field(default_factory=list)
    results: list[str] = field(default_factory=list)

    @property
    def loggers(self) -> set[str]:
        return {record.name.partition(".")[0] for record in self.handler.records}

    async def places(self, store: MemoryStore) -> dict[str, str]:
        """Everything readable, by place; the store is what our records are in."""
        exceptions = [*self.catching.caught, *(one.exc_info[1] for one in self.handler.records if one.exc_info)]
        return {
            "logs": "\n".join(_readable(one) for one in self.handler.records if one.name != _WIRE),
            "wire": "\n".join(_readable(one) for one in self.handler.records if one.name == _WIRE),
            "spans": self.observed.spans_told(),
            "metrics": self.observed.metrics_told(),
            "exceptions": "\n".join(told_by(error) for error in exceptions if error is not None),
            "variables": "\n".join(_variables_of(error) for error in exceptions if error is not None),
            "pages": "\n".join(self.pages),
            "results": "\n".join(self.results),
            "store": "\n".join(await texts_of(store)),
        }

    def flow_ids(self) -> set[str]:
        """The flows that users were led through, from the links of our pages and texts."""
        return set(_FLOW_ID.findall("\n".join([*self.pages, *self.results])))

    async def call(self, client: Client[Any], tool: str, **arguments: Any) -> str:
        """A call of a tool; whatever a client is told of it is a result."""
        try:
            told = str(await client.call_tool(tool, arguments, raise_on_error=False))
        except Exception as error:  # noqa: BLE001  # some rungs are errors
            told = f"{error!r} {getattr(error, 'error', '')}"
        self.results.append(told)
        return told

    @property
    def paths(self) -> set[str]:
        """The paths that spans are about."""
        spans = self.observed.exporter.get_finished_spans()
        return {str((span.attributes or {}).get("url.path")) for span in spans}


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
    handler = _Collecting()
    loggers = [logging.getLogger(), *(logging.getLogger(name) for name in list(logging.root.manager.loggerDict))]
    levels = [(one, one.level) for one in loggers]
    heard = [one for one in loggers if one is logging.root or not one.propagate]
    for one in loggers:
        one.setLevel(logging.DEBUG)
    for one in heard:
        one.addHandler(handler)
    try:
        with observing(monkeypatch) as observed:
            yield Watch(observed, handler)
    finally:
        for one in heard:
            one.removeHandler(handler)
        for one, level in levels:
            one.setLevel(level)


def secrets_of(here: Servers, *robots: BrowserRobot) -> dict[str, set[str]]:
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


def leaks(
    secrets: Mapping[str, Collection[str]],
    places: Mapping[str, str],
    *,
    allowed: Mapping[str, Collection[str]] | None = None,
) -> set[tuple[str, str, str]]:
    """Where secrets are found that do not belong there, as kind, place and secret.

    Args:
        secrets: The secrets by kind.
        places: What is readable, by place.
        allowed: The places where a kind may be found.
    """
    return {
        (kind, place, value)
        for kind, values in secrets.items()
        for value in values
        for place, text in places.items()
        if place not in (allowed or {}).get(kind, ()) and traces_of(value, text)
    }


def _readable(record: logging.LogRecord) -> str:
    fields = {name: value for name, value in record.__dict__.items() if name not in {"msg", "exc_info"}}
    return f"{logging.Formatter().format(record)} {fields!r}"


def told_by(error: BaseException) -> str:
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
