"""Policies that may change while a server runs: from files that are looked at, and from the program."""

from __future__ import annotations

import dataclasses
import os
import threading
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final, NamedTuple

import anyio
import anyio.to_thread

from mcpauthkit.access.policy.custom import CustomFunction, check_custom
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.policy.given import check_policy, check_source
from mcpauthkit.access.policy.policy_set import BeingWritten, PolicySet, Wanted, load
from mcpauthkit.access.policy.sources import Look, look_at
from mcpauthkit.core.audit import Event, EventName, record
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import Fault, PolicyInvalid

_PATIENCE_SECONDS: Final = 10.0
_SURELY_WRITTEN_SECONDS: Final = 60.0
_CHECKS_BEFORE_RETRY: Final = 30
_MOST_FAULTS_TOLD: Final = 5


class _Found(NamedTuple):
    """What a look at the files came to: another set, what is wrong, or neither where it has to be looked at again."""

    look: Look
    made: PolicySet | None = None
    faults: tuple[Fault, ...] = ()
    is_settled: bool = True


class Policies:
    """The policies in force, and what decides by them.

    A set takes effect as a whole: every file is read, checked and compiled, or nothing changes and the last good set
    stays in force. At construction there is none, so what is wrong then is raised and the server does not start.

    Changed files are taken by `refresh`, which enforcement calls with every request. A change has to look the same
    twice, a check apart, unless it is older than a minute: a file that is being written is not taken. A file that is
    empty or gone is a fault, never "no rules"; so is a file that vanished from a folder, unless its policy is found
    under another file's name.

    What no reader can tell is a file that was cut off for good at the end of a line: the beginning of a policy may be
    a policy, with fewer rules that deny and fewer conditions. Let a file end with a line of three dots, `...`: once a
    good one did, its successor is not taken without. At the first start nothing is known of that, so files should be
    put in place by moving them there, as deployments and `to_yaml` with a rename do.

    Args:
        sources: Policy files, folders of them (`*.yaml` and `*.yml`, without `*.test.yaml`), and policies.
        conditions: Custom conditions: functions of the application, by the names that policies use.
        clock: Time; the machine's own by default.
        check_seconds: How often files are looked at, at most.

    Raises:
        PolicyInvalid: Something cannot be read or used; `faults` has everything, with line and column.
        ConfigurationError: An argument is wrong.
    """

    def __init__(
        self,
        *sources: str | os.PathLike[str] | Policy,
        conditions: Mapping[str, CustomFunction] | None = None,
        clock: Clock | None = None,
        check_seconds: float = 1.0,
    ) -> None:
        if not check_seconds > 0:
            raise ConfigurationError("check_seconds is how often files are looked at: write a number above 0.")
        functions = MappingProxyType(dict(conditions or {}))
        check_custom(functions)
        self._clock = clock or SystemClock()
        self._check_seconds = check_seconds
        self._changing = threading.Lock()
        self._looking = threading.Lock()
        for one in sources:
            check_source(one)
        paths = tuple(Path(one) for one in sources if not isinstance(one, Policy))
        given = tuple(one for one in sources if isinstance(one, Policy))
        self._set = load(Wanted(sources=paths, given=given, conditions=functions))
        self._due = self._clock.monotonic() + check_seconds
        self._retry_at = 0.0
        self._unsettled: Look | None = None
        self._refused: Look | None = None
        self._faults: tuple[Fault, ...] = ()
        _tell_loaded(self._set)

    @property
    def engine(self) -> PolicyEngine:
        """What decides at this moment. It never changes; use one for everything that has to agree."""
        return self._set.engine

    @property
    def sources(self) -> tuple[Path, ...]:
        """The files and folders that are read."""
        return self._set.wanted.sources

    @property
    def in_force(self) -> tuple[Policy, ...]:
        """The policies that decide at this moment."""
        return self._set.policies

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the policies in force, sorted."""
        return self._set.names

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Why changed files are not in force; empty where they are."""
        return self._faults

    def faults_now(self) -> tuple[Fault, ...]:
        """What is wrong with the files as they are at this moment; what is in force stays. Waits for the disk."""
        try:
            load(self._set.wanted, self._set)
        except PolicyInvalid as error:
            return error.faults
        return ()

    def add(self, policy: Policy) -> None:
        """Add a policy. It stays beside whatever files come to say, until it is removed.

        Args:
            policy: The policy.

        Raises:
            PolicyInvalid: There is one of this name, or it cannot be used beside the others.
            ConfigurationError: It is no policy.
            AuditUnavailable: It could not be recorded, so nothing changed.
        """
        check_policy(policy)
        with self._changing:
            wanted = self._set.wanted
            self._take(self._set.with_given([*wanted.given, policy], wanted.removed))

    def remove(self, name: str) -> None:
        """Take a policy out. One that is in a file stays out, whatever the file says, until `reload`.

        Args:
            name: The policy's name.

        Raises:
            ConfigurationError: There is none of this name.
            AuditUnavailable: It could not be recorded, so nothing changed.
        """
        with self._changing:
            if name not in self._set.names:
                known = ", ".join(self._set.names) or "none"
                raise ConfigurationError(f"There is no policy named {name!r}.", hint=f"In force: {known}.")
            wanted = self._set.wanted
            given = [one for one in wanted.given if one.name != name]
            removed = wanted.removed if len(given) < len(wanted.given) else {*wanted.removed, name}
            self._take(self._set.with_given(given, removed))

    def reload(self, path: str | os.PathLike[str] | None = None) -> None:
        """Read files now, and take what they say, also where some are gone. Waits for the disk.

        Args:
            path: A file or a folder to read from now on, instead of those until now; policies given in code stay.

        Raises:
            PolicyInvalid: Something cannot be read or used; what was in force stays.
            AuditUnavailable: It could not be recorded, so nothing changed.
        """
        with self._changing:
            wanted = dataclasses.replace(self._set.wanted, removed=frozenset())
            if path is not None:
                wanted = dataclasses.replace(wanted, sources=(Path(path),))
            self._take(load(wanted, self._set))

    async def refresh(self) -> None:
        """Take files that have changed; returns at once where they were looked at a moment ago.

        Whoever calls while others look goes on with what is in force. What is wrong with changed files is recorded
        once and raises nothing: the last good set stays.

        Raises:
            AuditUnavailable: A change could not be recorded, so nothing changed.
        """
        now = self._clock.monotonic()
        current = self._set
        if now < self._due or not current.wanted.sources:
            return
        self._due = now + self._check_seconds
        found = None
        # A disk that hangs, such as one over the network, must not hold requests for ever: its thread is left behind.
        with anyio.move_on_after(_PATIENCE_SECONDS):
            found = await anyio.to_thread.run_sync(self._look, current, self._unsettled, abandon_on_cancel=True)
        if found is not None:
            self._settle(current, found)

    def _look(self, current: PolicySet, unsettled: Look | None) -> _Found | None:
        if not self._looking.acquire(blocking=False):
            return None
        try:
            look = look_at(current.wanted.sources)
            if look == current.look:
                return _Found(look)
            if look != unsettled and self._clock.wall() - look.changed_at < _SURELY_WRITTEN_SECONDS:
                return _Found(look, is_settled=False)
            if look == self._refused and self._clock.monotonic() < self._retry_at:
                return None
            return _loaded(look, current)
        finally:
            self._looking.release()

    def _settle(self, current: PolicySet, found: _Found) -> None:
        # Never waited for: whoever changes the set in another thread may be reading files.
        if not self._changing.acquire(blocking=False):
            return
        try:
            if self._set is not current:
                # Somebody changed the set meanwhile; what was found is about the one before.
                return
            self._unsettled = found.look
            if found.made is not None:
                self._take(found.made)
            elif found.faults:
                self._refuse(found)
            elif found.is_settled:
                self._refused, self._faults = None, ()
        finally:
            self._changing.release()

    def _refuse(self, found: _Found) -> None:
        self._retry_at = self._clock.monotonic() + _CHECKS_BEFORE_RETRY * self._check_seconds
        if found.look != self._refused or found.faults != self._faults:
            _tell_refused(found.faults)
            self._refused, self._faults = found.look, found.faults

    def _take(self, made: PolicySet) -> None:
        # First the record: nothing is to be in force that nobody can be shown.
        _tell_loaded(made)
        self._set = made
        self._unsettled, self._refused, self._faults = None, None, ()


def _loaded(look: Look, current: PolicySet) -> _Found:
    try:
        return _Found(look, made=load(current.wanted, current, may_vanish=False))
    except BeingWritten:
        return _Found(look, is_settled=False)
    except PolicyInvalid as error:
        return _Found(look, faults=error.faults)


def _tell_loaded(made: PolicySet) -> None:
    rules = sum(len(one.content.rules) for one in made.documents) + sum(len(one.rules) for one in made.wanted.given)
    record(
        Event(
            event=EventName.POLICY_LOADED,
            policy=", ".join(made.names),
            metadata={"files": [one.source for one in made.documents], "rules": rules},
        )
    )


def _tell_refused(faults: tuple[Fault, ...]) -> None:
    more = f"; and {len(faults) - _MOST_FAULTS_TOLD} more" if len(faults) > _MOST_FAULTS_TOLD else ""
    record(
        Event(
            event=EventName.POLICY_REFUSED,
            reason="; ".join(map(str, faults[:_MOST_FAULTS_TOLD])) + more,
            metadata={"faults": len(faults)},
            is_warning=True,
        )
    )
