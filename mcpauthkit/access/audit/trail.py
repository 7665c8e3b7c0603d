"""The trail: every event to every sink, and what is done when one of them fails."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import replace
from typing import Literal

from mcpauthkit.access.audit.appended_file import End
from mcpauthkit.access.audit.chain import GENESIS, ArgumentHasher, ChainMaker, link_of
from mcpauthkit.access.audit.entry import Arguments, Entry, EntryMaker
from mcpauthkit.access.audit.sinks import Continued, JsonLines, Sink, SinkRefused
from mcpauthkit.core.audit import Event, EventName
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.keyring import KeyRing, check_key_ring
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuditUnavailable, ConfigurationError

_log = RequestLog("audit")
_SECONDS_BETWEEN_NEWS = 60.0
_WRITER_BYTES = 9
_KEY_RING_HINT = "Give key_ring=, a KeyRing that this server keeps; that of the application will do."


class AuditTrail:
    """Keeps events as JSON records: who did what, whether they might, by which rule, and why.

    Every sink gets every event, whatever becomes of the others. Records hold no credentials: the kit hands none to
    them, and what looks like one in somebody else's text is taken out.

    Args:
        sinks: Where the records go, such as `JsonLines()` or `JsonFile("audit.jsonl")`.
        names: Whether people's names and addresses of mail go in; without them, a digest says who it was.
        arguments: What becomes of a tool's arguments: `off`; `hashed`, so that equal calls can be told (needs
            `key_ring`); `full`, without what looks like a credential.
        chain: Whether each record holds the hash of the one before, so that `verify_chain` finds any that was changed,
            removed or put in.
        key_ring: Makes the hashes of the chain, and of arguments, under its minting key: who does not have it cannot
            make a chain that fits. Without it a chain finds accidents, and forgers who change a part of a file only.
        on_failure: `open` goes on without a record and says so in the log once a minute; `closed` raises, so that
            nothing happens that is not recorded.
        clock: Time.
        entropy: Source of the trail's own name.

    Raises:
        ConfigurationError: No sinks, arguments to be hashed without a key, a key that ends with the process, or a value
            that is none of those named here.
    """

    def __init__(
        self,
        *sinks: Sink,
        names: bool = False,
        arguments: Arguments = "off",
        chain: bool = False,
        key_ring: KeyRing | None = None,
        on_failure: Literal["open", "closed"] = "open",
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        _check(sinks, arguments, on_failure, key_ring)
        self._clock = clock or SystemClock()
        self._is_closed_on_failure = on_failure == "closed"
        self._maker = EntryMaker(
            names=names,
            arguments=arguments,
            hasher=ArgumentHasher(key_ring) if arguments == "hashed" and key_ring is not None else None,
            writer=(entropy or SystemEntropy()).token(_WRITER_BYTES),
            clock=self._clock,
        )
        links = ChainMaker(key_ring) if chain else None
        self._streams = [_Stream(sink, links, self._maker, self._clock) for sink in sinks]

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where the records go."""
        return tuple(one.sink for one in self._streams)

    @property
    def is_on_stdout(self) -> bool:
        """Whether a sink writes to standard output, which belongs to the protocol where a server runs on stdio."""
        return any(isinstance(one.sink, JsonLines) and one.sink.is_on_stdout for one in self._streams)

    def record(self, event: Event) -> None:
        """Keep an event in every sink.

        Raises:
            AuditUnavailable: A sink has not got it, and the trail is closed on failure.
        """
        entry = self._entry(event)
        failed = [one.sink for one in self._streams if not one.keep(entry)]
        if failed and self._is_closed_on_failure:
            raise AuditUnavailable(reason=f"not recorded by {', '.join(map(repr, failed))}")

    def _entry(self, event: Event) -> Entry:
        try:
            return self._maker.make(event)
        except Exception as error:  # noqa: BLE001  # values of a tool may be anything; the event is kept without them
            return self._maker.make(replace(event, arguments=None, metadata={"unreadable": type(error).__name__}))


def _check(sinks: tuple[Sink, ...], arguments: str, on_failure: str, key_ring: KeyRing | None) -> None:
    if not sinks:
        raise ConfigurationError("AuditTrail has no sinks.", hint='Write AuditTrail(JsonFile("audit.jsonl")).')
    for sink in sinks:
        if not callable(getattr(sink, "write", None)):
            raise ConfigurationError(
                f"AuditTrail got a {type(sink).__name__} where a sink belongs.",
                hint="Give JsonLines(), JsonFile(path), ToLogging(), ToOpenTelemetry() or ToCallable(function).",
            )
    if arguments not in {"off", "hashed", "full"}:
        raise ConfigurationError(f"arguments is {arguments!r}.", hint='Write "off", "hashed" or "full".')
    if on_failure not in {"open", "closed"}:
        raise ConfigurationError(f"on_failure is {on_failure!r}.", hint='Write "open" or "closed".')
    if key_ring is not None:
        check_key_ring(key_ring)
        if key_ring.is_ephemeral:
            raise ConfigurationError("The key of the audit trail ends with this process.", hint=_KEY_RING_HINT)
    elif arguments == "hashed":
        # Account numbers and names are few enough to try them all.
        raise ConfigurationError('arguments="hashed" needs a key, or they could be guessed.', hint=_KEY_RING_HINT)


class _Stream:
    """One sink, its place in the chain, and how it has been doing."""

    def __init__(self, sink: Sink, links: ChainMaker | None, maker: EntryMaker, clock: Clock) -> None:
        self.sink = sink
        self._links = links
        self._continued = sink if isinstance(sink, Continued) else None
        self._maker = maker
        self._clock = clock
        self._sequence = 0
        self._previous = GENESIS
        # The line at the end of a file, if nobody else has added one. An empty file has none.
        self._last = (b"", 0, GENESIS)
        self._lost = 0
        self._unreported = 0
        self._bad_news, self._good_news = _OnceAMinute(), _OnceAMinute()
        self._turn = threading.Lock()
        self._holder = 0

    def keep(self, entry: Entry) -> bool:
        """Hand a record to the sink; False if it has not got it."""
        if self._holder == threading.get_ident():
            # The sink does something that is itself recorded: that would go on for ever.
            return True
        with self._turn:
            self._holder = threading.get_ident()
            try:
                if self._lost:
                    self._write(self._maker.make(_lost_event(self._lost)))
                    self._recovered()
                self._write(entry)
            except Exception as error:  # noqa: BLE001  # a sink may be anybody's code; the others still get the event
                self._failed(error)
                return False
            finally:
                self._holder = 0
        return True

    def _write(self, entry: Entry) -> None:
        if self._continued is not None and self._links is not None:
            links = self._links
            self._continued.write_after(lambda end: self._behind(end, entry, links))
            return
        sequence = self._sequence + 1
        if self._links is None:
            line, added = f'{entry.body},"sequence":{sequence}}}', {"sequence": sequence}
        else:
            line, added = self._links.close(entry.body, sequence, self._previous)
        self.sink.write(line, {**entry.fields, **added})
        self._sequence, self._previous = sequence, str(added.get("hash", GENESIS))

    def _behind(self, end: End, entry: Entry, links: ChainMaker) -> str:
        """The line that goes behind what is at the end of a file, and one that tells of half a line there."""
        sequence, previous = self._place_of(end.last)
        lines = []
        torn = link_of(end.torn) if end.torn else None
        if torn is not None:
            # Only its end was lost, which it gets now.
            sequence, previous = torn.sequence, torn.hash
        elif end.torn:
            sequence += 1
            line, added = links.close(self._maker.make(_resumed_event(end.torn)).body, sequence, previous)
            lines.append(line)
            previous = added["hash"]
        line, added = links.close(entry.body, sequence + 1, previous)
        self._last = (line.encode("ascii"), sequence + 1, added["hash"])
        return "\n".join([*lines, line])

    def _place_of(self, line: bytes) -> tuple[int, str]:
        """The number and the hash of the last line of a file."""
        known, sequence, own = self._last
        if line in {known, b""}:
            return sequence, own
        link = link_of(line)
        if link is None:
            raise SinkRefused("its last line is no record of a chain; move the file away, or write chain=False")
        return link.sequence, link.hash

    def _recovered(self) -> None:
        lost, self._lost, self._unreported = self._lost, 0, 0
        if self._good_news.is_due(self._clock.monotonic()):
            _log.warning("audit sink works again sink=%r lost=%s", self.sink, lost)

    def _failed(self, error: Exception) -> None:
        self._lost += 1
        self._unreported += 1
        if self._bad_news.is_due(self._clock.monotonic()):
            _log.error(
                "audit records lost sink=%r lost=%s new=%s error=%s",
                self.sink,
                self._lost,
                self._unreported,
                _told(error),
            )
            self._unreported = 0


class _OnceAMinute:
    def __init__(self) -> None:
        self._last: float | None = None

    def is_due(self, now: float) -> bool:
        if self._last is not None and now - self._last < _SECONDS_BETWEEN_NEWS:
            return False
        self._last = now
        return True


def _lost_event(lost: int) -> Event:
    return Event(event=EventName.AUDIT_LOST, metadata={"lost": lost}, is_warning=True)


def _resumed_event(torn: bytes) -> Event:
    digest = hashlib.sha256(torn).hexdigest()
    return Event(event=EventName.AUDIT_RESUMED, metadata={"torn": digest, "bytes": len(torn)}, is_warning=True)


def _told(error: Exception) -> str:
    """What may be said of a failure: texts of other people's errors hold addresses and passwords."""
    if isinstance(error, SinkRefused | ConfigurationError):
        return repr(str(error))
    reason = error.strerror if isinstance(error, OSError) else ""
    return f"{type(error).__name__} {reason or ''}".rstrip()
