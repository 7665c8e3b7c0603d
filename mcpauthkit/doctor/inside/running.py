"""Where the application runs: production, several processes, and the server's own switches."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import endpoints_of, routes_of
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.trusted_header import TrustedHeaderVerifier
from mcpauthkit.settings import Given
from mcpauthkit.web.hub import hub_of
from mcpauthkit.web.middleware import JwtAuthMiddleware
from mcpauthkit.web.production import FaultKind, deployment_faults

PLAIN_HTTP = Fault(
    "production-plain-http",
    "error",
    "The public address is http, in production",
    "Tokens and cookies travel in the clear, so the application does not start in production.",
    "Give the https address that clients and browsers see; what ends TLS there may speak http to us.",
)
SAMPLE_KEYS = Fault(
    "key-looks-like-a-sample",
    "error",
    "A key looks like that of an example",
    "Anybody who has read the example can open what is sealed, so the application does not start in production.",
    "Make a key with `openssl rand -base64 48`, and keep it to this server.",
)
LOST_KEYS = Fault(
    "lost-keys",
    "error",
    "The keys end with the process",
    "What is sealed by one process is unreadable after a restart, and to every other process.",
    "Set STORAGE_ENCRYPTION_KEY, or pass key_ring=, the same on all replicas.",
)
STORE_OF_ONE = Fault(
    "store-of-one-process",
    "error",
    "Several processes, and a store that only one sees",
    "A user who connects at one process is asked again by the next; links answer that they have expired.",
    "Set TOKEN_STORAGE_MODE=redis and REDIS_URL, or pass store=RedisStore(url).",
    explains=("lost-keys", "request-state-of-one-process"),
)
INEXACT_STORE = Fault(
    "store-without-conditions",
    "error",
    "Several processes, and a store that cannot compare and change in one step",
    "Two processes may renew one credential at once, and a service that rotates refresh tokens takes that for theft.",
    "Set TOKEN_STORAGE_MODE=redis and REDIS_URL, or pass store=RedisStore(url).",
)
QUESTIONS_OF_ONE = Fault(
    "request-state-of-one-process",
    "error",
    "Several processes, and questions that only one can go on with",
    "A call that asks its user is answered at another process, which cannot read its state, so clients get HTTP 400.",
    "Give the MCP server request_state_security=request_state_security(key_ring, audience=...).",
)
IN_CLEAR = Fault(
    "store-in-clear",
    "warning",
    "The store's password crosses the network in the clear",
    "The address of the store has no TLS; whoever listens on that network can read all it keeps, though sealed, and "
    "the password.",
    "Write rediss:// in its URL, unless that network is this server's and the store's alone.",
)
SESSIONS_OF_ONE = Fault(
    "sessions-of-one-process",
    "note",
    "Several processes, and sessions that live in one",
    "Clients of 2025-11-25 have sessions in the memory of one process; another one answers 404.",
    "Let the balancer send what has one Mcp-Session-Id to one process, or give stateless_http=True.",
)
BASE_URLS_DIFFER = Fault(
    "base-urls-differ",
    "error",
    "Parts of the application know different public addresses",
    "Browsers would sign in at one address and come back to another, so nobody can connect, and the application does "
    "not start.",
    "Give every part the address that users' browsers see, with the same scheme, host, port and path.",
    explains=("challenge-points-elsewhere", "prm-resource-mismatch", "redirect-uri-not-registered"),
)
BASE_URL_HAS_PATH = Fault(
    "base-url-ends-with-mcp-path",
    "error",
    "server_base_url ends with the path of the MCP server",
    "The path is added to server_base_url once more, so every address that clients are told has it twice.",
    "Give server_base_url without the path of the MCP server; that one belongs into resource_paths.",
    explains=(
        "mcp-not-found", "prm-missing", "prm-not-at-path-form", "prm-resource-mismatch", "prm-needs-token",
        "mcp-server-error", "resource-path-empty", "challenge-points-nowhere",
    ),
)  # fmt: skip
SERVICES_ELSEWHERE = Fault(
    "services-registered-elsewhere",
    "error",
    "Services are registered with a mounted application",
    "Their pages are below the mount, where no browser can sign in, so the application does not start.",
    "Call register(app, mcp) with the application that has JwtAuthMiddleware.",
)
PROXY_HEADERS = Fault(
    "proxy-headers-and-trusted-header",
    "error",
    "uvicorn replaces the peer that TrustedHeaderVerifier goes by",
    "For the proxies in FORWARDED_ALLOW_IPS, uvicorn takes the peer from X-Forwarded-For, which a caller can write: "
    "either no header is believed, or whoever writes the address of a proxy there can be anybody.",
    "Start uvicorn with --no-proxy-headers and take FORWARDED_ALLOW_IPS out, so that the peer is the proxy.",
)

RUNNING = (
    PLAIN_HTTP, SAMPLE_KEYS, LOST_KEYS, STORE_OF_ONE, INEXACT_STORE, QUESTIONS_OF_ONE, IN_CLEAR, SESSIONS_OF_ONE,
    BASE_URLS_DIFFER, BASE_URL_HAS_PATH, SERVICES_ELSEWHERE, PROXY_HEADERS,
)  # fmt: skip
"""The faults of this part."""

_OFF = frozenset({"0", "false", "no", "off"})
_BY_KIND: Mapping[FaultKind, Fault] = {
    "http": PLAIN_HTTP,
    "sample-keys": SAMPLE_KEYS,
    "lost-keys": LOST_KEYS,
    "store-of-one": STORE_OF_ONE,
    "inexact-store": INEXACT_STORE,
    "questions-of-one": QUESTIONS_OF_ONE,
    "in-clear": IN_CLEAR,
    "sessions-of-one": SESSIONS_OF_ONE,
    "unseen-questions": SESSIONS_OF_ONE,
}


async def check_deployment(examination: Examination) -> AsyncIterator[Finding]:
    """Look at what keeps the application from running in production, or from having replicas; asks nobody."""
    resources, guard = examination.facts.resources, examination.facts.guard
    if resources is None:
        return
    try:
        faults = deployment_faults(
            examination.facts.app,
            base_url=resources.base_url,
            endpoints=[one for _, one in endpoints_of(examination)],
            production=bool(guard.get("production")),
        )
    except ConfigurationError:
        # The check of the settings tells it.
        return
    for one in faults:
        yield _BY_KIND[one.kind].found(evidence=one.error.public, place="deployment", fix=one.error.hint)


async def check_addresses(examination: Examination) -> AsyncIterator[Finding]:
    """Compare the public addresses that parts of the application were told; asks nobody."""
    resources, hub = examination.facts.resources, hub_of(examination.facts.app)
    if resources is None:
        return
    try:
        if hub is not None:
            hub.check_address(resources.base_url)
    except ConfigurationError as error:
        yield BASE_URLS_DIFFER.found(evidence=error.public, place="server_base_url", fix=error.hint)
    served = urlsplit(resources.base_url).path
    for one in resources.all:
        if one.path and served.endswith(one.path):
            yield BASE_URL_HAS_PATH.found(evidence=f"clients are told {one.url}", place="server_base_url")


async def check_registration(examination: Examination) -> AsyncIterator[Finding]:
    """Look whether services are registered where browsers can sign in; asks nobody."""
    for route in routes_of(examination):
        mounted: Any = getattr(route, "app", None)
        hub = hub_of(mounted)
        if (
            hub is not None
            and hub.services
            and not any(one.cls is JwtAuthMiddleware for one in mounted.user_middleware)
        ):
            place = str(getattr(route, "path", "")) or "/"
            yield SERVICES_ELSEWHERE.found(
                evidence=f"services: {', '.join(hub.services)}", place=f"the mount at {place}"
            )


async def check_proxy_headers(examination: Examination) -> AsyncIterator[Finding]:
    """Read which proxies uvicorn believes, where headers of a proxy say who calls; asks nobody."""
    verifiers: Sequence[object] = examination.facts.guard.get("verifiers", ())
    if not any(isinstance(one, TrustedHeaderVerifier) for one in verifiers):
        return
    try:
        said = Given.now().environment
    except ConfigurationError:
        return
    is_off = said.get("uvicorn_proxy_headers", "1").lower() in _OFF
    for name in () if is_off else ("forwarded_allow_ips", "uvicorn_forwarded_allow_ips"):
        if name in said:
            yield PROXY_HEADERS.found(evidence=f"{name.upper()}={said[name]}", place=name.upper())


RUNNING_CHECKS = (
    Check("production and replicas", check_deployment, frozenset({"app"})),
    Check("public addresses", check_addresses, frozenset({"app"})),
    Check("where services are registered", check_registration, frozenset({"app"})),
    Check("proxy headers", check_proxy_headers, frozenset({"app"})),
)
"""The checks of this part."""
