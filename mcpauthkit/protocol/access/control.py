"""Deciding what a server shows and does, and keeping a record of it: the part that both kinds of servers share.

Everything here fails closed. Whatever goes wrong in deciding is a refusal, an unknown is never taken for a yes, and
with a trail that must not miss anything, what cannot be recorded does not happen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import anyio

from mcpauthkit.access.auth_check import use_of
from mcpauthkit.access.guard import GuardLike, denied_by
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Kind, Target
from mcpauthkit.access.rules import AccessRules
from mcpauthkit.core.application_code import check_async_function, place_of
from mcpauthkit.core.audit import Event, EventName, Recorder, checked_recorder, current_recorder, record
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from mcpauthkit.principal import Principal, actor_of, current_user
from mcpauthkit.telemetry import Measure

_log = RequestLog("access")

ConnectedServices = Callable[[Principal], Awaitable[Collection[str]]]
"""Tells which services a user has connected."""

PolicySources = str | Path | Policy | Policies | Sequence[str | Path | Policy]
"""What policies can be given as: a file, a folder, a policy, several of these, or a set that the application keeps."""

SERVICES_SECONDS = 10.0
"""How long the question for connected services may take."""

UNDECIDED = "Whether you may do this could not be checked, so it was not done. Try again in a moment."
_GIVE_CONNECTED = "Give connected_services=Connections(app).connected_services."
_MOST_NAMES = 100


class AccessControl:
    """Decides by rules, and records each decision.

    Args:
        rules: What has to agree.
        connected_services: Tells which services a user has connected; asked only where a rule needs it.
        audit: Where events go; None for where the request's other events go.
        clock: Time.

    Raises:
        ConfigurationError: `connected_services` is no async function of one argument, or a rule needs it and it is
            not there.
    """

    def __init__(
        self,
        rules: AccessRules,
        *,
        connected_services: ConnectedServices | None = None,
        audit: Recorder | None = None,
        clock: Clock | None = None,
    ) -> None:
        if connected_services is not None:
            check_async_function(
                connected_services, "connected_services", example="async def connected(user: Principal) -> set[str]:"
            )
        elif rules.needs_services:
            raise ConfigurationError("A policy asks which services its caller has connected.", hint=_GIVE_CONNECTED)
        self.rules = rules
        self._connected = connected_services
        self._audit = audit
        self._clock = clock or SystemClock()
        self._measure = Measure("decide", clock=clock)
        self._is_lack_told = False

    @contextmanager
    def serving(self, principal: Principal | None) -> Iterator[None]:
        """Let what runs inside be this caller's, and be recorded where this server's events go.

        Some servers run a call in the context of the request that began its session, so that `current_user` would be
        whoever sent that one.
        """
        user = current_user.set(principal)
        try:
            with recording_to(self._audit):
                yield
        finally:
            current_user.reset(user)

    async def decide(
        self,
        principal: Principal | None,
        transport: str,
        target: Target,
        action: Action,
        arguments: Mapping[str, Any] | None = None,
        *,
        guards: Sequence[GuardLike] = (),
        unknown: str = "",
    ) -> Decision:
        """Decide one request and record it.

        Args:
            principal: Who asks; None for nobody.
            transport: `http`, `sse`, `stdio` or `memory`.
            target: For what.
            action: What to do with it.
            arguments: A call's arguments; None where nobody knows them.
            guards: Guards that have to be met as well.
            unknown: What is said, where rules allow it, of a name that nothing goes by; empty where something does.
        """
        with self._measure.begin(action=action, kind=target.kind) as measured:
            decision = await self._decided(principal, transport, target, action, arguments, guards)
            if unknown and decision.allowed:
                decision = Decision(allowed=False, reason="nothing goes by this name", public=unknown)
            decision = self.told(decision, principal, target, action, arguments)
            measured.outcome = "allow" if decision.allowed else "deny"
            measured.note(policy=decision.policy, rule=decision.rule)
            return decision

    async def decide_all(
        self,
        principal: Principal | None,
        transport: str,
        targets: Sequence[Target],
        *,
        guards: Sequence[Sequence[GuardLike]] = (),
    ) -> list[bool]:
        """Decide what of a list is shown; `tell_list` records it.

        Args:
            principal: Who asks; None for nobody.
            transport: `http`, `sse`, `stdio` or `memory`.
            targets: What the list would show.
            guards: For each of them, guards that have to be met as well.
        """
        if not targets:
            return []
        with self._measure.begin(action=Action.LIST, kind=targets[0].kind) as measured:
            shown = await self._shown(principal, transport, targets, guards)
            measured.outcome = "allow"
            measured.note(shown=sum(shown), hidden=len(shown) - sum(shown))
            return shown

    async def _shown(
        self,
        principal: Principal | None,
        transport: str,
        targets: Sequence[Target],
        guards: Sequence[Sequence[GuardLike]],
    ) -> list[bool]:
        try:
            await self.rules.refresh()
            caller = await self._caller(principal, transport)
            shown = [one.allowed for one in self.rules.decide_all(caller, targets, Action.LIST)]
            for at, on_target in enumerate(guards):
                if on_target and shown[at]:
                    request = AccessRequest(caller, targets[at], use_of(targets[at].kind))
                    shown[at] = await denied_by(on_target, request) is None
        except Exception as error:  # noqa: BLE001  # an edge: whatever fails in deciding shows nothing
            _undecided(error)
            return [False] * len(targets)
        return shown

    async def denial_of(
        self,
        guards: Sequence[GuardLike],
        principal: Principal | None,
        transport: str,
        target: Target,
        arguments: Mapping[str, Any] | None = None,
    ) -> str | None:
        """What guards say that are not met; None when all are. It is not recorded: another decision is.

        Args:
            guards: The guards.
            principal: Who asks.
            transport: How.
            target: For what.
            arguments: With what.
        """
        if not guards:
            return None
        caller = await self._caller(principal, transport)
        return await denied_by(guards, AccessRequest(caller, target, use_of(target.kind), arguments))

    def tell_list(self, principal: Principal | None, kind: Kind, shown: Sequence[str], hidden: Sequence[str]) -> None:
        """Record what a list shows.

        Raises:
            AuditUnavailable: It cannot be recorded, and nothing may happen without a record.
        """
        with self._measure.begin(action=Action.LIST, kind=kind) as measured:
            measured.outcome = "allow"
            measured.note(shown=len(shown), hidden=len(hidden))
            names = sorted(set(hidden))
            record(
                Event(
                    event=EventName.ACCESS_DECIDED,
                    decision="allow",
                    actor=actor_of(principal),
                    action=Action.LIST,
                    kind=kind,
                    reason=f"{len(names)} hidden" if names else "",
                    metadata={"shown": len(shown), "hidden": len(names), "hidden_names": names[:_MOST_NAMES]},
                )
            )

    def told(
        self,
        decision: Decision,
        principal: Principal | None,
        target: Target,
        action: Action,
        arguments: Mapping[str, Any] | None,
    ) -> Decision:
        """Record a decision, and take it back if that fails."""
        metadata: dict[str, Any] = {"namespace": target.namespace} if target.namespace else {}
        if decision.missing_scopes:
            metadata["missing_scopes"] = list(decision.missing_scopes)
        event = Event(
            event=EventName.ACCESS_DECIDED,
            decision="allow" if decision.allowed else "deny",
            actor=actor_of(principal),
            action=action,
            kind=target.kind,
            target=target.uri or target.name,
            policy=decision.policy,
            rule=decision.rule,
            reason=decision.reason,
            arguments=arguments,
            metadata=metadata,
            is_warning=not decision.allowed,
        )
        try:
            record(event)
        except AuditUnavailable as error:
            _log.error("decision not recorded %s", error.for_log())
            return replace(decision, allowed=False, reason="it could not be recorded", public=error.public)
        return decision

    async def _decided(
        self,
        principal: Principal | None,
        transport: str,
        target: Target,
        action: Action,
        arguments: Mapping[str, Any] | None,
        guards: Sequence[GuardLike],
    ) -> Decision:
        try:
            await self.rules.refresh()
            request = AccessRequest(await self._caller(principal, transport), target, action, arguments)
            decision = self.rules.decide(request)
            denial = await denied_by(guards, request) if decision.allowed else None
        except Exception as error:  # noqa: BLE001  # an edge: whatever fails in deciding is a refusal
            return _undecided(error)
        if denial is not None:
            return Decision(allowed=False, reason=f"a guard is not met: {denial}", public=denial)
        return decision

    async def _caller(self, principal: Principal | None, transport: str) -> Caller:
        return Caller(
            principal=principal,
            now=datetime.fromtimestamp(self._clock.wall(), UTC),
            connected=await self._services_of(principal),
            transport=transport,
        )

    async def _services_of(self, principal: Principal | None) -> frozenset[str] | None:
        if principal is None or not self.rules.needs_services:
            return None
        if self._connected is None:
            # Of policies that came later, as those of the start are refused; their rules cannot be evaluated.
            if not self._is_lack_told:
                _log.error("a policy asks for connected services, and nobody knows them hint=%r", _GIVE_CONNECTED)
            self._is_lack_told = True
            return None
        try:
            with anyio.fail_after(SERVICES_SECONDS):
                return frozenset(await self._connected(principal))
        except Exception as error:  # noqa: BLE001  # an edge: the application's own code; then nobody knows them
            _log.error("connected services not known error=%s", place_of(error))
            return None


def _undecided(error: Exception) -> Decision:
    # Where, and not what: the text of somebody else's exception may hold what a caller sent.
    _log.error("access not decided, so it was refused error=%s", place_of(error))
    public = error.public if isinstance(error, AuditUnavailable) else UNDECIDED
    return Decision(allowed=False, reason=f"the decision failed with {type(error).__name__}", public=public)


@contextmanager
def recording_to(audit: Recorder | None) -> Iterator[None]:
    """Let events go to a trail; None for where they go anyway."""
    if audit is None:
        yield
        return
    token = current_recorder.set(audit)
    try:
        yield
    finally:
        current_recorder.reset(token)


def policies_from(
    given: PolicySources | None, *, audit: Recorder | None = None, clock: Clock | None = None
) -> Policies | None:
    """Policies as given by a caller.

    Args:
        given: What was given.
        audit: Where it is recorded that they were loaded.
        clock: Time, for files that are looked at again.

    Raises:
        ConfigurationError: It is something else, or an empty list, or `audit` records nothing.
        PolicyInvalid: A file or a policy cannot be used.
    """
    audit = checked_recorder(audit)
    if given is None or isinstance(given, Policies):
        return given
    # A policy can be gone through too, by its fields, and so can a mapping, which is none.
    is_one = isinstance(given, str | Path | Policy | Mapping) or not isinstance(given, Iterable)
    sources: list[Any] = [given] if is_one else list(cast("Iterable[Any]", given))
    if not sources:
        raise ConfigurationError("policies= is empty.", hint="Name a file, or leave it out for no policies at all.")
    with recording_to(audit):
        return Policies(*sources, clock=clock)


class ChangeablePolicies:
    """What changes the policies of a server while it runs. Whoever calls these decides what everybody may do.

    Args:
        policies: The policies; None where there are none.
        audit: Where changes are recorded.
    """

    def __init__(self, policies: Policies | None, audit: Recorder | None) -> None:
        self._policies = policies
        self._audit = audit

    @property
    def policies(self) -> Policies | None:
        """The policies; None where there are none."""
        return self._policies

    def add_policy(self, policy: Policy) -> None:
        """Add a policy to those in force; it stays, whatever files say, until it is removed.

        Raises:
            PolicyInvalid: There is one of this name, or it cannot be used beside the others.
            ConfigurationError: This server has no policies.
        """
        with recording_to(self._audit):
            self._there_are().add(policy)

    def remove_policy(self, name: str) -> None:
        """Take a policy out; one that is in a file stays out until `reload_policies`.

        Raises:
            ConfigurationError: There is none of this name, or this server has no policies.
        """
        with recording_to(self._audit):
            self._there_are().remove(name)

    def reload_policies(self, path: str | Path | None = None) -> None:
        """Read policy files again. Changed files are taken without it, within a second or two.

        Args:
            path: A file or a folder to read from now on instead.

        Raises:
            PolicyInvalid: Something cannot be used; what was in force stays.
            ConfigurationError: This server has no policies.
        """
        with recording_to(self._audit):
            self._there_are().reload(path)

    def _there_are(self) -> Policies:
        if self._policies is None:
            raise ConfigurationError(
                "There are no policies to change here.", hint="Give policies=..., such as a folder."
            )
        return self._policies
