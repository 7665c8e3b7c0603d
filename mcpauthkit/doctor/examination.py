"""What is examined, and how it is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

import anyio

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret
from mcpauthkit.doctor.facts import AppFacts
from mcpauthkit.fetch import Fetch

T = TypeVar("T")

Need = Literal["app", "started", "wire", "network", "token", "settings"]
"""What a check cannot do without: an imported application, one that has started in this process, a public URL to ask,
one that is asked over the network, a bearer token, this process's settings."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one examination. Start, checks and stop come one after the other: at most 9.5 s in all.

    Args:
        request_seconds: Bound on one exchange over the network, and on one with the application.
        start_seconds: Bound on the application's start.
        check_seconds: Bound on each check; they run side by side.
        stop_seconds: Bound on the application's end.
    """

    request_seconds: float = 2.5
    start_seconds: float = 3.0
    check_seconds: float = 6.0
    stop_seconds: float = 0.5


@dataclass(frozen=True, slots=True)
class Start:
    """How the application's start in this process went.

    Args:
        outcome: `none` where it was not tried, because there is no application or it is asked over the network.
        failure: Its own words where it refused.
    """

    outcome: Literal["none", "started", "failed"] = "none"
    failure: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Examination:
    """Everything a check may look at.

    Args:
        wire: Asks the application at its public URL: over the network, or in this process. Gives redirects back as
            they are and follows none.
        fetch: Asks others: issuers and services. Gives redirects back as they are, too.
        resource_url: The URL users enter in their client; empty where nobody knows it.
        app: The imported application; None where only a URL is known.
        facts: What the application was told; empty without one.
        start: How its start went.
        is_in_process: Whether `wire` asks the application in this process.
        has_settings: Whether the environment of this process is the application's.
        token: A bearer token to try.
        clock: Time.
        limits: Bounds.
    """

    wire: Fetch
    fetch: Fetch
    resource_url: str = ""
    app: Any = None
    facts: AppFacts = field(default_factory=AppFacts)
    start: Start = field(default_factory=Start)
    is_in_process: bool = False
    has_settings: bool = True
    token: Secret | None = None
    clock: Clock = field(default_factory=SystemClock)
    limits: Limits = field(default_factory=Limits)
    _once: dict[str, _Once] = field(default_factory=dict, init=False, repr=False)

    def has(self, need: Need) -> bool:
        """Whether a check finds what it needs."""
        has: Mapping[Need, bool] = {
            "app": self.app is not None,
            "started": self.start.outcome == "started",
            "wire": bool(self.resource_url) and self.start.outcome != "failed",
            "network": bool(self.resource_url) and not self.is_in_process,
            "token": self.token is not None,
            "settings": self.has_settings,
        }
        return has[need]

    async def once(self, what: str, ask: Callable[[], Awaitable[T]]) -> T:
        """Do something for all checks that want it, at the first one's request; the others wait for its outcome.

        Args:
            what: Its name.
            ask: Does it. Where it is cancelled with the check that asked, the next one asks again.
        """
        one = self._once.setdefault(what, _Once())
        async with one.lock:
            if not one.is_known:
                one.value = await ask()
                one.is_known = True
        return cast("T", one.value)

    def is_known(self, what: str) -> bool:
        """Whether something has been done for all checks.

        Args:
            what: Its name.
        """
        return what in self._once and self._once[what].is_known


@dataclass(slots=True)
class _Once:
    lock: anyio.Lock = field(default_factory=anyio.Lock)
    is_known: bool = False
    value: object = None
