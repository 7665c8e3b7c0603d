"""What a development server was asked, and the middleware that writes it down."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from mcpauthkit.testing.faults import Endpoint, Faults

# Beyond any honest OAuth message; a development server needs no more memory than that.
_MAX_BODY_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class RecordedRequest:
    """One request as it arrived.

    Attributes:
        endpoint: The endpoint's name.
        method: The HTTP method.
        path: The path.
        headers: Header fields by lower-case name.
        query: Query parameters, each with all its values.
        form: Parameters of a form body, each with all its values.
        body: The body as text.
    """

    endpoint: str
    method: str
    path: str
    headers: Mapping[str, str]
    query: Mapping[str, list[str]]
    form: Mapping[str, list[str]]
    body: str


class RequestRecord:
    """A thread-safe list of requests, in the order they arrived. Preflight requests are left out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: list[RecordedRequest] = []

    def add(self, request: RecordedRequest) -> None:
        """Write one request down."""
        with self._lock:
            self._requests.append(request)

    def all(self, endpoint: Endpoint | None = None, **parameters: str) -> list[RecordedRequest]:
        """The requests to an endpoint (or all), optionally only those with these query or form parameters.

        `all("token", grant_type="refresh_token")` gives the refreshes.
        """
        with self._lock:
            requests = list(self._requests)
        return [
            request
            for request in requests
            if endpoint in {None, request.endpoint}
            and all(
                value in [*request.query.get(name, ()), *request.form.get(name, ())]
                for name, value in parameters.items()
            )
        ]

    def count(self, endpoint: Endpoint | None = None, **parameters: str) -> int:
        """How many requests `all` would give."""
        return len(self.all(endpoint, **parameters))

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._requests.clear()


class Instruments:
    """Middleware that records each request to a named endpoint and then lets `Faults` have its way.

    Args:
        app: The app behind it.
        endpoints: Endpoint names by path.
        record: Where requests are written down.
        faults: The switches to obey.
    """

    def __init__(
        self, app: ASGIApp, *, endpoints: Mapping[str, Endpoint], record: RequestRecord, faults: Faults
    ) -> None:
        self._app = app
        self._endpoints = endpoints
        self._record = record
        self._faults = faults

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Record, delay or answer, else pass on."""
        endpoint = self._endpoints.get(scope["path"]) if scope["type"] == "http" else None
        if endpoint is None or scope["method"] == "OPTIONS":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        self._record.add(_recorded(endpoint, scope, body))
        response = await self._faults.apply(endpoint)
        await (response or self._app)(scope, _replay(body, receive), send)


async def _read(receive: Receive) -> bytes:
    chunks: list[bytes] = []
    size = 0
    while size <= _MAX_BODY_BYTES:
        message = await receive()
        chunk: bytes = message.get("body", b"")
        chunks.append(chunk)
        size += len(chunk)
        if not message.get("more_body", False):
            break
    return b"".join(chunks)


def _replay(body: bytes, receive: Receive) -> Receive:
    sent = False

    async def replayed() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _recorded(endpoint: str, scope: Scope, body: bytes) -> RecordedRequest:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    text = body.decode("utf-8", "replace")
    is_form = headers.get("content-type", "").startswith("application/x-www-form-urlencoded")
    return RecordedRequest(
        endpoint=endpoint,
        method=scope["method"],
        path=scope["path"],
        headers=headers,
        query=parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True),
        form=parse_qs(text, keep_blank_values=True) if is_form else {},
        body=text,
    )
