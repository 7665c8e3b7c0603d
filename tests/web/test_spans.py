"""Tracing: codes, states and links reach no span."""

from __future__ import annotations

import httpx
import pytest
from fastapi import FastAPI
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from mcpauthkit import JwtAuthMiddleware
from mcpauthkit.testing import DevIssuer
from tests.asgi import lifespan
from tests.flows.test_guards import provider

BASE = "https://mcp.example.test"


@pytest.mark.parametrize(
    "path", ["/connect/forge", "/connect/forge/start", "/connect/forge/callback", "/connect/login/callback"]
)
async def test_the_query_of_our_pages_is_in_no_span(path: str) -> None:
    exporter = InMemorySpanExporter()
    tracing = TracerProvider()
    tracing.add_span_processor(SimpleSpanProcessor(exporter))
    app = FastAPI(telemetry={"tracer_provider": tracing})
    with DevIssuer() as issuer:
        app.add_middleware(JwtAuthMiddleware, issuer_url=issuer.issuer_url, server_base_url=BASE)
        provider().register(app)
        async with lifespan(app), httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
            await http.get(path, params={"code": "canary", "state": "canary", "flow": "canary"})
    spans = [dict(span.attributes or {}) for span in exporter.get_finished_spans()]
    assert [span["url.path"] for span in spans if "url.path" in span] == [path]
    assert "canary" not in str(spans)
