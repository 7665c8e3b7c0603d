"""Tracing: codes, states and links reach no span."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import unquote

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from starlette.types import ASGIApp, Receive, Scope, Send

from mcpauthkit import JwtAuthMiddleware
from mcpauthkit.testing import DevIssuer
from tests.asgi import lifespan
from tests.flows.test_guards import provider

BASE = "https://mcp.example.test"
PATHS = ["/connect/forge", "/connect/forge/start", "/connect/forge/callback", "/connect/login/callback", "/connections"]
CANARIES = {"code": "canary", "state": "canary", "flow": "canary"}


class Instrumentation:
    """What OpenTelemetry's instrumentation of ASGI and FastAPI does, without that package.

    Its server span has, from its start, the address in attributes of the old and the new conventions (seen in
    opentelemetry-instrumentation-asgi 0.66b2; those of other frameworks write the query into `http.target` too).
    """

    def __init__(self, app: ASGIApp, tracing: TracerProvider) -> None:
        self._app = app
        self._tracer = tracing.get_tracer("instrumentation")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        query = unquote(scope["query_string"].decode())
        attributes = {
            "http.url": f"{BASE}{scope['path']}?{query}",
            "http.target": f"{scope['path']}?{query}",
            "url.full": f"{BASE}{scope['path']}?{query}",
            "url.path": scope["path"],
            "url.query": query,
        }
        with self._tracer.start_as_current_span("GET", kind=trace.SpanKind.SERVER, attributes=attributes):
            await self._app(scope, receive, send)


class Wrapped(trace.NonRecordingSpan):
    """A span of another vendor's, of which only what is set can be seen."""

    def __init__(self) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.told = dict.fromkeys(("http.url", "http.target", "url.full", "url.query"), "canary")

    def is_recording(self) -> bool:
        return True

    def set_attribute(self, key: str, value: Any) -> None:
        self.told[key] = value


@pytest.fixture
def issuer() -> Iterator[DevIssuer]:
    with DevIssuer(algorithm="ES256") as one:
        yield one


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def tracing(exporter: InMemorySpanExporter) -> TracerProvider:
    one = TracerProvider()
    one.add_span_processor(SimpleSpanProcessor(exporter))
    return one


def application(issuer: DevIssuer, **options: Any) -> FastAPI:
    app = FastAPI(**options)
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
    provider().register(app)
    return app


async def get(app: FastAPI, path: str, wrap: Callable[[ASGIApp], ASGIApp] = lambda app: app) -> int:
    transport = httpx.ASGITransport(wrap(app))
    async with lifespan(app), httpx.AsyncClient(transport=transport, base_url=BASE) as http:
        return (await http.get(path, params=CANARIES)).status_code


def spans_at(exporter: InMemorySpanExporter, path: str) -> list[dict[str, Any]]:
    spans = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    return [span for span in spans if span.get("url.path") == path]


@pytest.mark.parametrize("path", PATHS)
async def test_the_query_of_our_pages_is_in_no_span(
    path: str, issuer: DevIssuer, tracing: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    await get(application(issuer, telemetry={"tracer_provider": tracing}), path)
    assert len(spans_at(exporter, path)) == 1
    assert "canary" not in str([dict(span.attributes or {}) for span in exporter.get_finished_spans()])


@pytest.mark.parametrize("where", ["around the application", "inside our middleware"])
@pytest.mark.parametrize("path", PATHS)
async def test_neither_is_it_where_the_application_is_instrumented(
    path: str, where: str, issuer: DevIssuer, tracing: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    app = FastAPI()
    if where == "inside our middleware":
        app.add_middleware(Instrumentation, tracing=tracing)
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
    provider().register(app)
    await get(app, path, (lambda one: one) if "inside" in where else lambda one: Instrumentation(one, tracing))
    [span] = spans_at(exporter, path)
    assert span["http.url"] == span["url.full"] == f"{BASE}{path}?REDACTED"
    assert span["http.target"] == f"{path}?REDACTED"
    assert span["url.query"] == "REDACTED"


async def test_fastapis_own_span_and_one_inside_of_it_both_lose_the_query(
    issuer: DevIssuer, tracing: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    app = FastAPI(telemetry={"tracer_provider": tracing})
    app.add_middleware(Instrumentation, tracing=tracing)
    app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
    provider().register(app)
    await get(app, "/connect/forge")
    assert len(spans_at(exporter, "/connect/forge")) == 2
    assert "canary" not in str(spans_at(exporter, "/connect/forge"))


async def test_a_request_that_is_refused_leaves_no_code_either(
    issuer: DevIssuer, tracing: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    app = Instrumentation(application(issuer), tracing)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
        await http.post("/connect/forge/callback", params=CANARIES)
    [span] = spans_at(exporter, "/connect/forge/callback")
    assert "canary" not in str(span)


async def test_a_span_that_does_not_show_what_it_holds_is_overwritten(issuer: DevIssuer) -> None:
    span = Wrapped()

    def wrap(app: ASGIApp) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            with trace.use_span(span):
                await app(scope, receive, send)

        return wrapped

    await get(application(issuer), "/connect/forge", wrap)
    assert "canary" not in str(span.told)


async def test_the_query_of_the_applications_own_paths_is_left_alone(
    issuer: DevIssuer, tracing: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    await get(application(issuer), "/search", lambda one: Instrumentation(one, tracing))
    [span] = spans_at(exporter, "/search")
    assert "canary" in span["url.query"]
