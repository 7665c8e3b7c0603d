"""Flows in flight.

Six kinds of records, all sealed and all with a time to live: the flow under a digest of its id, its outcome, a
pointer from (principal, service, account) to the flow in force, one record per visit of a browser to the service, taken
exactly once, the lease of who is finishing a flow, and when all flows of a principal were ended.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from mcpauthkit.connections.chronicle import elicitation_ended
from mcpauthkit.connections.names import name_digest
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.encoding import sha256_hex
from mcpauthkit.core.entropy import Entropy, SystemEntropy
from mcpauthkit.core.flow_state import Flow, FlowStatus
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import SealError, StoreBusy, StoreUnavailable
from mcpauthkit.principal import Principal, identity_digest, identity_digest_of
from mcpauthkit.stores.sealed import SealedStore

_log = RequestLog("connections")
_KEPT_AFTER_OUTCOME_SECONDS = 300.0
_CLAIM_SECONDS = 60.0
_MARK_SECONDS = 15.0
_MAX_ID_LENGTH = 128


@dataclass(frozen=True, slots=True)
class Visit:
    """One visit of a browser to the service, as we remember it.

    Args:
        flow_id: The flow it belongs to.
        browser: The browser session that started it; nobody else may finish it.
        private: What the grant needs to finish.
        scopes: What the service was asked for.
    """

    flow_id: str
    browser: str
    private: Mapping[str, Any] = field(repr=False)
    scopes: tuple[str, ...] = ()


class Ledger:
    """Opens, finds, changes and waits for flows.

    Args:
        store: The sealed store.
        namespace: Separates applications that share one store.
        flow_ttl_seconds: How long a link works.
        clock: Time.
        entropy: Source of flow ids.
    """

    def __init__(
        self,
        store: SealedStore,
        *,
        namespace: str,
        flow_ttl_seconds: float = 600.0,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        self._store = store
        self._namespace = namespace
        self._ttl = flow_ttl_seconds
        self._clock = clock or SystemClock()
        self._entropy = entropy or SystemEntropy()
        self._process = self._entropy.token(8)
        self._waiting: Counter[str] = Counter()
        self._marked: dict[str, float] = {}

    async def open(
        self,
        principal: Principal,
        service: str,
        scopes: Sequence[str],
        *,
        purpose: str,
        account: str = "",
        granted: Sequence[str] = (),
        exactly: bool = False,
        held_as: str = "",
    ) -> Flow:
        """The flow in force for a principal's connection with a service, or a new one.

        A pending flow that asks for at least these scopes is joined: ten calls of one user ask one question.

        Args:
            principal: Whose.
            service: Which service's.
            scopes: What it asks for.
            purpose: For which tool, as people know it.
            account: What the user calls the connection; empty for the default one.
            granted: What the user granted before.
            exactly: Ask for these scopes and no others, whatever pending flows ask for: the user has chosen them.
            held_as: What the service calls the account of this connection now.
        """
        pointer = self._pointer_key(service, *principal.key, account)
        current = await self._current(pointer)
        wanted = set(scopes)
        if current is not None and not await self.is_ended(principal, current):
            if wanted == set(current.scopes) or (not exactly and wanted <= set(current.scopes)):
                return current
            wanted |= set() if exactly else set(current.scopes)
        flow = Flow(
            flow_id=self._entropy.token(),
            service=service,
            issuer=principal.issuer,
            subject=principal.subject,
            scopes=tuple(sorted(wanted)),
            expires_at=self._clock.wall() + self._ttl,
            purpose=purpose,
            account=account,
            granted=tuple(sorted(granted)),
            held_as=held_as,
        )
        await self._write(flow)
        await self._store.put(pointer, {"flow_id": flow.flow_id}, ttl_seconds=self._ttl)
        return flow

    async def get(self, flow_id: str) -> Flow | None:
        """The flow of an id, or None when it never was, has expired, or was tampered with."""
        if len(flow_id) > _MAX_ID_LENGTH:
            return None
        return await self._read(self._outcome_key(flow_id)) or await self._read(self._flow_key(flow_id))

    async def mark_asked(self, flow: Flow, *, seconds: float) -> Flow:
        """Remember that somebody is looking at the question for the next seconds."""
        until = self._clock.wall() + seconds
        return await self._change(flow, lambda current: replace(current, asked_until=until))

    async def mark_opened(self, flow: Flow) -> Flow:
        """Remember that the right user has the page open."""
        return flow if flow.opened else await self._change(flow, lambda current: replace(current, opened=True))

    async def mark_tried(self, flow: Flow) -> Flow:
        """Count what was typed and not accepted."""
        return await self._change(flow, lambda current: replace(current, tries=current.tries + 1))

    async def finish(self, flow: Flow, status: FlowStatus, **told: Any) -> Flow:
        """Give a flow its outcome, unless it has one; whoever waits wakes up.

        Outcomes have a key of their own that is only ever added: nothing that changes the flow at the same time, on
        whatever replica, can undo one.

        Args:
            flow: The flow.
            status: Its outcome.
            **told: What there is to say of it besides, as for `Flow.finish`.
        """
        current = await self.get(flow.flow_id)
        if current is None or not current.is_pending:
            return current or flow.finish(status, **told)
        return await self.conclude(current, status, **told)

    async def conclude(self, current: Flow, status: FlowStatus, **told: Any) -> Flow:
        """As `finish`, for a flow that was read just now; a call waits for this, and each look takes time.

        Args:
            current: The flow, pending.
            status: Its outcome.
            **told: What there is to say of it besides, as for `Flow.finish`.
        """
        finished = current.finish(status, **told)
        outcome_key = self._outcome_key(current.flow_id)
        if not await self._store.add(outcome_key, finished.to_record(), ttl_seconds=_KEPT_AFTER_OUTCOME_SECONDS):
            return await self._read(outcome_key) or finished
        elicitation_ended(finished)
        await self._forget(finished)
        return finished

    async def abandon(self, flow: Flow) -> None:
        """Forget a flow whose call went away before anybody opened its page.

        One that the user has in front of them stays until it expires: finishing it makes the next call work. So does
        one that another call is waiting for, here or in another process.
        """
        if self._waiting[flow.flow_id]:
            return
        current = await self._change(flow, self._without_waiting)
        if not current.is_pending or current.opened or max(current.waited_until.values(), default=0) > self._now:
            return
        outcome_key = self._outcome_key(flow.flow_id)
        cancelled = current.finish(FlowStatus.CANCELLED)
        # Claimed first: somebody may be giving it another outcome at this moment.
        if await self._store.add(outcome_key, cancelled.to_record(), ttl_seconds=_CLAIM_SECONDS):
            elicitation_ended(cancelled, outcome="abandoned")
            await self._forget(cancelled)
            await self._store.delete(outcome_key)

    async def wait(self, flow: Flow, *, timeout_seconds: float) -> Flow | None:
        """Wait for an outcome; the flow as it is then, still pending when the time is over, None when it is gone."""
        current = await self.get(flow.flow_id)
        if current is None or not current.is_pending:
            return current
        self._waiting[flow.flow_id] += 1
        try:
            await self._mark_waiting(current, until=self._now + timeout_seconds)
            # Thousands may wait here, each for a minute: the record would be a tenth of what one of them takes.
            del current
            outcome = await self._store.wait_until(
                self._outcome_key(flow.flow_id), lambda found: found is not None, timeout_seconds=timeout_seconds
            )
            if outcome is not None:
                return Flow.from_record(outcome)
        except SealError:
            return None
        finally:
            self._waiting[flow.flow_id] -= 1
            if not self._waiting[flow.flow_id]:
                del self._waiting[flow.flow_id]
                self._marked.pop(flow.flow_id, None)
        return await self.get(flow.flow_id)

    async def _mark_waiting(self, flow: Flow, *, until: float) -> None:
        # Rounded up, so that many calls of this process that wait for one flow write it once, and not one each.
        rounded = math.ceil(until / _MARK_SECONDS) * _MARK_SECONDS
        if self._marked.get(flow.flow_id, 0.0) >= rounded:
            return
        self._marked[flow.flow_id] = rounded
        try:
            await self._change(
                flow, lambda current: replace(current, waited_until={**current.waited_until, self._process: rounded})
            )
        except StoreUnavailable as error:
            # It only keeps calls of other processes from forgetting the flow.
            _log.info("waiting not noted %s", error.for_log())

    def _without_waiting(self, flow: Flow) -> Flow:
        others = {process: until for process, until in flow.waited_until.items() if process != self._process}
        return replace(flow, waited_until=others)

    async def end_open(self, principal: Principal, service: str) -> None:
        """End every flow of a principal with a service that is open now, whatever links to it are about."""
        key = self._ended_key(service, principal)
        await self._store.put(key, {"until": self._clock.wall() + self._ttl}, ttl_seconds=self._ttl)

    async def is_ended(self, principal: Principal, flow: Flow) -> bool:
        """Whether a flow was open when all of its principal's were ended."""
        try:
            record = await self._store.get(self._ended_key(flow.service, principal))
        except SealError:
            # Somebody tampered with it, who may want a revoked user back.
            return True
        return record is not None and flow.expires_at <= record["until"]

    async def start_visit(self, state: str, visit: Visit) -> None:
        """Remember a visit under its state."""
        record = {
            "flow_id": visit.flow_id,
            "browser": visit.browser,
            "private": dict(visit.private),
            "scopes": list(visit.scopes),
        }
        await self._store.put(self._visit_key(state), record, ttl_seconds=self._ttl)

    async def take_visit(self, state: str) -> Visit | None:
        """The visit of a state, exactly once; None for unknown, expired and used ones."""
        if len(state) > _MAX_ID_LENGTH:
            return None
        try:
            record = await self._store.take(self._visit_key(state))
            if record is None:
                return None
            return Visit(record["flow_id"], record["browser"], record["private"], tuple(record["scopes"]))
        except (SealError, KeyError):
            return None

    @asynccontextmanager
    async def claim(self, flow: Flow, *, timeout_seconds: float = 0.0) -> AsyncIterator[bool]:
        """Have the right to finish a flow while a block runs, so that two tabs do not both exchange a code.

        Args:
            flow: The flow.
            timeout_seconds: How long to wait for somebody who has that right.

        Returns:
            Whether it was to be had.
        """
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(
                    self._store.lease(self._claim_key(flow), timeout_seconds=timeout_seconds)
                )
            except StoreBusy:
                is_ours = False
            else:
                is_ours = True
            yield is_ours

    async def _current(self, pointer: str) -> Flow | None:
        flow_id = await self._current_id(pointer)
        flow = None if flow_id is None else await self.get(flow_id)
        return flow if flow is not None and flow.is_pending else None

    async def _change(self, flow: Flow, change: Callable[[Flow], Flow]) -> Flow:
        """Change a pending flow, also while other processes change it; the flow as it is then."""
        current = await self.get(flow.flow_id)
        if current is None or not current.is_pending:
            return current or flow
        try:
            record = await self._store.update(
                self._flow_key(flow.flow_id),
                lambda found: change(Flow.from_record(found)).to_record(),
                ttl_seconds=self._seconds_left(flow),
            )
        except SealError:
            return flow
        return current if record is None else Flow.from_record(record)

    async def _read(self, key: str) -> Flow | None:
        try:
            record = await self._store.get(key)
            return None if record is None else Flow.from_record(record)
        except SealError:
            return None

    async def _write(self, flow: Flow) -> None:
        await self._store.put(self._flow_key(flow.flow_id), flow.to_record(), ttl_seconds=self._seconds_left(flow))

    def _seconds_left(self, flow: Flow) -> float:
        return max(1.0, flow.expires_at - self._now)

    @property
    def _now(self) -> float:
        return self._clock.wall()

    async def _forget(self, flow: Flow) -> None:
        await self._store.delete(self._flow_key(flow.flow_id))
        pointer = self._pointer_key(flow.service, flow.issuer, flow.subject, flow.account)
        if await self._current_id(pointer) == flow.flow_id:
            await self._store.delete(pointer)

    async def _current_id(self, pointer: str) -> str | None:
        try:
            record = await self._store.get(pointer)
        except SealError:
            return None
        return None if record is None else str(record["flow_id"])

    def _pointer_key(self, service: str, issuer: str, subject: str, account: str) -> str:
        slot = f":{name_digest(account)}" if account else ""
        return f"{self._namespace}:current:{service}:{identity_digest(issuer, subject)}{slot}"

    def _ended_key(self, service: str, principal: Principal) -> str:
        return f"{self._namespace}:ended:{service}:{identity_digest_of(principal)}"

    def _flow_key(self, flow_id: str) -> str:
        # A digest, so that reading the store's keys gives nobody a working link.
        return f"{self._namespace}:flow:{sha256_hex('flow', flow_id)}"

    def _outcome_key(self, flow_id: str) -> str:
        return f"{self._namespace}:outcome:{sha256_hex('flow', flow_id)}"

    def _visit_key(self, state: str) -> str:
        return f"{self._namespace}:visit:{sha256_hex('visit', state)}"

    def _claim_key(self, flow: Flow) -> str:
        return f"{self._namespace}:claim:{sha256_hex('flow', flow.flow_id)}"
