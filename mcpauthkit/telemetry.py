"""Spans and metrics for OpenTelemetry: what we do, how long it takes, how it ends.

Only the few attributes declared here go in, and their values are the operator's words or ours: never an address, a
code, a state, a token, an argument or a subject. Exceptions are told by their code or type, as their texts may quote
what must not leave. docs/telemetry.md lists it all.
"""

from __future__ import annotations

from contextvars import Token
from types import TracebackType
from typing import Final, Literal, Self, TypedDict, Unpack

from opentelemetry import context, metrics, trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import AuthKitError

Work = Literal["verify", "decide", "elicit", "refresh"]
"""What is measured: a credential is verified, an access decided, a user asked to connect, a connection refreshed."""

_SCOPE = "mcpauthkit"
_OUTCOME = "mcpauthkit.outcome"
_ERROR_TYPE = "error.type"
_SERVER_FAULT = 500
# One of them, and several.
_WORDS: Final[dict[Work, tuple[str, str]]] = {
    "verify": ("verification", "verifications"),
    "decide": ("decision", "decisions"),
    "elicit": ("elicitation", "elicitations"),
    "refresh": ("refresh", "refreshes"),
}
# What is not in here cannot be told.
_NAMES: Final = {
    name: f"{_SCOPE}.{name}"
    for name in ("verifier", "service", "rung", "action", "kind", "policy", "rule", "shown", "hidden")
}
# From a decision in memory to a call that is held while somebody signs in; the SDK's own are made for milliseconds.
_SECONDS = (
    *(0.000_01, 0.000_025, 0.000_05, 0.000_1, 0.000_25, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0),
)


class Attributes(TypedDict, total=False):
    """What is known at the start, for spans and metrics: few values each, whoever calls and whatever with.

    Args:
        verifier: The class of the verifier that judges.
        service: The service that a connection is to, by the name its provider was given.
        rung: The way of asking.
        action: `list`, `call`, `read` or `get`.
        kind: `tool`, `resource`, `template` or `prompt`.
    """

    verifier: str
    service: str
    rung: str
    action: str
    kind: str


class Notes(TypedDict, total=False):
    """What is known in the end, for spans alone.

    Args:
        policy: The policy that decided.
        rule: The rule in it.
        shown: How many entries of a list are shown.
        hidden: How many are not.
    """

    policy: str
    rule: str
    shown: int
    hidden: int


class Measure:
    """Measures one kind of work. Whoever does the work has one and keeps it.

    It asks OpenTelemetry for its instruments when it is made. Where no SDK is set up by then, it has stand-ins, which
    cost next to nothing and turn into real ones once there is an SDK.

    Args:
        work: What is done.
        clock: Time.
    """

    __slots__ = ("clock", "counter", "durations", "name", "tracer")

    def __init__(self, work: Work, *, clock: Clock | None = None) -> None:
        one, several = _WORDS[work]
        meter = metrics.get_meter(_SCOPE)
        self.name = f"{_SCOPE}.{work}"
        self.clock = clock or SystemClock()
        self.tracer = trace.get_tracer(_SCOPE)
        self.durations = meter.create_histogram(
            f"{self.name}.duration",
            unit="s",
            description=f"How long each {one} took.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self.counter = meter.create_counter(
            f"{_SCOPE}.{several}", unit=f"{{{one}}}", description=f"How many {several} ended how."
        )

    def begin(self, **attributes: Unpack[Attributes]) -> Measured:
        """A context manager around one piece of work: a span, a duration and a count, each with how it ended.

        Args:
            attributes: What is known at the start.
        """
        return Measured(self, {_NAMES[name]: str(value) for name, value in attributes.items()})


class Measured:
    """A piece of work under way; see `Measure.begin`.

    Attributes:
        outcome: How it ended, as one of a few words. Without one, what was raised says it: the code of an error of
            ours, `cancelled`, or `error` for everything else; and `ok` where nothing was.
    """

    __slots__ = ("_attributes", "_current", "_measure", "_span", "_started", "outcome")

    _span: Span
    _started: float

    def __init__(self, measure: Measure, attributes: dict[str, str]) -> None:
        self.outcome = ""
        self._measure = measure
        self._attributes = attributes
        self._current: Token[Context] | None = None

    def note(self, **notes: Unpack[Notes]) -> None:
        """Add to the span what is known by now; what is empty is left out."""
        if self._span.is_recording():
            known = ((name, value) for name, value in notes.items() if isinstance(value, int | str) and value != "")
            self._span.set_attributes({_NAMES[name]: value for name, value in known})

    def __enter__(self) -> Self:
        measure = self._measure
        self._span = measure.tracer.start_span(measure.name, attributes=self._attributes)
        # Without an SDK there is nothing to be current; with one, what is not sampled still has to be the parent.
        if self._span is not trace.INVALID_SPAN:
            self._current = context.attach(trace.set_span_in_context(self._span))
        self._started = measure.clock.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        measure = self._measure
        seconds = measure.clock.monotonic() - self._started
        is_fault = error is not None and not self.outcome and _is_fault(error)
        self.outcome = self.outcome or _outcome_of(error)
        attributes = {**self._attributes, _OUTCOME: self.outcome}
        # While the span is the current one, so that a measurement can name an example of it.
        measure.durations.record(seconds, attributes)
        measure.counter.add(1, attributes)
        if self._current is None:
            return
        context.detach(self._current)
        self._span.set_attribute(_OUTCOME, self.outcome)
        if is_fault and error is not None:
            self._span.set_attribute(_ERROR_TYPE, _type_of(error))
            self._span.set_status(Status(StatusCode.ERROR))
        self._span.end()


def _outcome_of(error: BaseException | None) -> str:
    if error is None:
        return "ok"
    if isinstance(error, AuthKitError):
        return error.code
    return "error" if isinstance(error, Exception) else "cancelled"


def _is_fault(error: BaseException) -> bool:
    """Whether something is broken: who is refused is no fault, and neither is who gives up."""
    if isinstance(error, AuthKitError):
        return error.status_hint >= _SERVER_FAULT
    return isinstance(error, Exception)


def _type_of(error: BaseException) -> str:
    return error.code if isinstance(error, AuthKitError) else type(error).__qualname__
