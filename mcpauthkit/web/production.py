"""What keeps an application from running in production, and what it is warned of elsewhere.

A store of one process, keys that end with it, and questions that only one replica can go on with all work on the
developer's machine, and lose connections or ask people twice where there are many. Nothing shows that until a request
meets another replica or a restart, so it is looked for at the start.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.endpoints import keeps_sessions, server_behind
from mcpauthkit.protocol.request_state import sharing_of
from mcpauthkit.settings import DeploymentSettings
from mcpauthkit.stores.port import is_exact, is_in_clear, is_shared
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.workers import workers_asked_for

_log = RequestLog("web")
_A_RING = (
    "Set STORAGE_ENCRYPTION_KEY, or pass key_ring=KeyRing({...}, minting=...), the same on all replicas; "
    "`openssl rand -base64 48` makes a secret."
)
_A_STORE = "Set TOKEN_STORAGE_MODE=redis and REDIS_URL, or pass store=RedisStore(url)."
_A_POLICY = (
    "Give it request_state_security=request_state_security(Storage.from_environment().key_ring, "
    'audience="my-server"); keys of your own go into a KeyRing. '
    "A codec= of your own with audience= is taken at its word."
)

FaultKind = Literal[
    "lost-keys", "sample-keys", "http", "in-clear", "store-of-one", "inexact-store", "questions-of-one",
    "sessions-of-one", "unseen-questions",
]  # fmt: skip
"""What may be amiss where an application runs."""


class DeploymentFault(NamedTuple):
    """Something that is amiss where an application runs.

    Args:
        kind: What it is.
        error: It in words, with the fix.
        refuses: Whether production is refused for it; the others may well be meant.
    """

    kind: FaultKind
    error: ConfigurationError
    refuses: bool


@dataclass(frozen=True, slots=True)
class _Processes:
    """How many processes serve the application, at least, and how that is said."""

    count: int
    text: str

    @classmethod
    def counted(cls, settings: DeploymentSettings, *, in_production: bool) -> Self:
        replicas, workers = settings.mcpauthkit_replicas, settings.web_concurrency
        started = workers_asked_for(sys.argv)
        # Workers of other servers are like any process that stands alone, and other machines are not to be seen at all.
        is_unsaid = in_production and replicas is None
        found = [
            cls(replicas or 1, f"there are several (MCPAUTHKIT_REPLICAS={replicas})"),
            cls(workers or 1, f"there are several (WEB_CONCURRENCY={workers})"),
            cls(started or 1, f"there are several (--workers {started})"),
            cls(2 if is_unsaid else 1, "there may be several (if this one is alone, set MCPAUTHKIT_REPLICAS=1)"),
        ]
        return max(found, key=lambda one: one.count)

    @property
    def are_many(self) -> bool:
        return self.count > 1


def check_deployment(app: Any, *, base_url: str, endpoints: Sequence[Any], production: bool) -> None:
    """Look at an application that has started: in production nothing may be amiss, elsewhere it is warned of.

    Args:
        app: The application.
        base_url: Its public address.
        endpoints: What speaks MCP in it.
        production: Whether it runs in production, whatever `MCPAUTHKIT_PRODUCTION` says.

    Raises:
        ConfigurationError: It must not run as it is; the text has a line for each fault, with what to do about it.
    """
    faults = deployment_faults(app, base_url=base_url, endpoints=endpoints, production=production)
    in_production = _is_production(production, DeploymentSettings.from_environment())
    _tell([one.error for one in faults if not one.refuses], logging.WARNING)
    refused = [one.error for one in faults if one.refuses]
    _tell(refused, logging.ERROR if in_production else logging.WARNING)
    if refused and in_production:
        lines = "".join(f"\n- {one}" for one in refused)
        raise ConfigurationError(f"This application does not run in production as it is:{lines}")


def deployment_faults(
    app: Any, *, base_url: str, endpoints: Sequence[Any], production: bool
) -> Sequence[DeploymentFault]:
    """What is amiss where an application runs; raises and logs nothing of it.

    Args:
        app: The application.
        base_url: Its public address.
        endpoints: What speaks MCP in it.
        production: Whether it runs in production, whatever `MCPAUTHKIT_PRODUCTION` says.

    Raises:
        ConfigurationError: The settings cannot be read.
    """
    settings = DeploymentSettings.from_environment()
    in_production = _is_production(production, settings)
    processes, deployment = _Processes.counted(settings, in_production=in_production), Deployment.of(app)
    faults = list(_lost_keys(deployment, everywhere=in_production or processes.are_many))
    if processes.are_many:
        servers = list(_asking(deployment, endpoints))
        faults += _between(deployment, servers, processes)
        faults += _unseen(servers, processes, has_sessions=any(map(keeps_sessions, endpoints)))
    if in_production:
        faults += _unsafe(deployment, base_url)
        faults += _in_clear(deployment)
    return faults


def _fault(kind: FaultKind, text: str, *, hint: str, refuses: bool = True) -> DeploymentFault:
    return DeploymentFault(kind, ConfigurationError(text, hint=hint), refuses)


def _is_production(production: bool, settings: DeploymentSettings) -> bool:
    return production or settings.mcpauthkit_production


def _unsafe(deployment: Deployment, base_url: str) -> Iterator[DeploymentFault]:
    if not base_url.startswith("https://"):
        yield _fault(
            "http",
            f"server_base_url={base_url!r} sends tokens and cookies in the clear.",
            hint="Give the https address that clients and browsers see; what ends TLS there may speak http to us.",
        )
    for part, ring in deployment.key_rings.items():
        if samples := ring.looks_like_a_sample():
            yield _fault(
                "sample-keys",
                f"Keys of {part} look like those of an example, which anybody can read: {', '.join(samples)}.",
                hint=_A_RING,
            )


def _in_clear(deployment: Deployment) -> Iterator[DeploymentFault]:
    """What many do on purpose, in a network that is theirs alone."""
    found = [part for part, store in deployment.stores.items() if is_in_clear(store)]
    if found:
        yield _fault(
            "in-clear",
            f"The password of the store and what {_listed(found)} keeps in it cross the network in the clear.",
            hint="Write rediss:// in its URL for TLS, unless that network is this server's and the store's alone.",
            refuses=False,
        )


def _lost_keys(deployment: Deployment, *, everywhere: bool) -> Iterator[DeploymentFault]:
    lasting = {part for part, store in deployment.stores.items() if is_shared(store)}
    ephemeral = [part for part, ring in deployment.key_rings.items() if ring.is_ephemeral]
    lost = [part for part in ephemeral if everywhere or part in lasting]
    if lost:
        yield _fault("lost-keys", f"The keys of {_listed(lost)} end with this process.", hint=_A_RING)


def _asking(deployment: Deployment, endpoints: Sequence[Any]) -> Iterator[Any]:
    """The MCP servers whose tools may ask users: those that providers know, and whatever else is served beside them."""
    yield from deployment.servers
    known = {one.name for one in deployment.servers}
    for one in map(server_behind, endpoints if deployment.stores else ()):
        if one is not None and one.name not in known:
            known.add(one.name)
            yield one


def _between(deployment: Deployment, servers: Sequence[Any], processes: _Processes) -> Iterator[DeploymentFault]:
    alone = [part for part, store in deployment.stores.items() if not is_shared(store)]
    if alone:
        yield _fault(
            "store-of-one",
            f"No other process sees what is stored by {_listed(alone)}, and {processes.text}.",
            hint=_A_STORE,
        )
    inexact = [part for part, store in deployment.stores.items() if is_shared(store) and not is_exact(store)]
    if inexact:
        # Two would hold one lease, and a service that rotates refresh tokens takes two renewals for theft.
        yield _fault(
            "inexact-store",
            f"Between processes, nothing stored by {_listed(inexact)} is compared and changed in one step, and "
            f"{processes.text}.",
            hint=_A_STORE,
        )
    for one in servers:
        if sharing_of(one) == "own":
            yield _fault(
                "questions-of-one",
                f"Nothing shows that other processes go on with calls of the MCP server {one.name!r} that ask a "
                f"user, and {processes.text}.",
                hint=_A_POLICY,
            )


def _unseen(servers: Sequence[Any], processes: _Processes, *, has_sessions: bool) -> Iterator[DeploymentFault]:
    """What may well be right, and cannot be looked at from here."""
    if has_sessions:
        yield _fault(
            "sessions-of-one",
            f"Sessions of 2025-11-25 clients live in one process, and {processes.text}.",
            hint="Let the balancer send what has one Mcp-Session-Id to one process, or give stateless_http=True.",
            refuses=False,
        )
    for one in servers:
        if sharing_of(one) == "unknown":
            yield _fault(
                "unseen-questions",
                f"The MCP server {one.name!r} does not show whether other processes go on with its calls.",
                hint=_A_POLICY,
                refuses=False,
            )


def _tell(findings: Iterable[ConfigurationError], level: int) -> None:
    for one in findings:
        _log.log(level, "%s hint=%r", one.public, one.hint)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
