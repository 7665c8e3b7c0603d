"""A set of policies as it is in force: files and policies given in code, read and compiled together or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mcpauthkit.access.policy.custom import CustomFunction
from mcpauthkit.access.policy.document import CustomCondition, Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.policy.location import KeyPath
from mcpauthkit.access.policy.reading import Document
from mcpauthkit.access.policy.sources import Look, look_at, read_all
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import Fault, PolicyInvalid


class BeingWritten(PolicyInvalid):
    """A file changed while it was read; a moment later it may be fine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a set is made of.

    Args:
        sources: Files, and folders of them.
        given: Policies given in code.
        removed: Names of policies that are in files and are to be left out.
        conditions: The functions of custom conditions, by name.
    """

    sources: tuple[Path, ...]
    given: tuple[Policy, ...]
    removed: frozenset[str] = frozenset()
    conditions: Mapping[str, CustomFunction] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class PolicySet:
    """What is in force.

    Args:
        wanted: What it is made of.
        engine: What decides by it.
        documents: What was read from files.
        look: How the files looked.
    """

    wanted: Wanted
    engine: PolicyEngine
    documents: tuple[Document[Policy], ...]
    look: Look

    @property
    def policies(self) -> tuple[Policy, ...]:
        """The policies in force."""
        return tuple(_policies(self.wanted, self.documents))

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the policies in force, sorted."""
        return tuple(sorted(one.name for one in self.policies))

    def with_given(self, given: Sequence[Policy], removed: Iterable[str]) -> PolicySet:
        """The same files with other policies beside them, and others left out; nothing is read again.

        Args:
            given: Policies given in code.
            removed: Names of policies in files that are left out.

        Raises:
            PolicyInvalid: They cannot be used together.
        """
        wanted = dataclasses.replace(self.wanted, given=tuple(given), removed=frozenset(removed))
        return _compiled(wanted, self.documents, self.look)


def load(wanted: Wanted, before: PolicySet | None = None, *, may_vanish: bool = True) -> PolicySet:
    """Read and compile a set.

    Args:
        wanted: What it is made of.
        before: What is in force, if anything is.
        may_vanish: Whether files of a folder may be gone, and their policies with them.

    Raises:
        PolicyInvalid: Something is wrong; has every fault.
    """
    look = look_at(wanted.sources)
    documents = tuple(read_all(wanted.sources))
    if look_at(wanted.sources) != look:
        raise BeingWritten([Fault("policies", 0, 0, "A file changed while it was read. Try again in a moment.")])
    if before is not None:
        faults = [*_cut_off(before, documents), *(() if may_vanish else _vanished(before, documents))]
        if faults:
            raise PolicyInvalid(faults)
    return _compiled(wanted, documents, look)


def _compiled(wanted: Wanted, documents: tuple[Document[Policy], ...], look: Look) -> PolicySet:
    faults = [*_same_names(wanted, documents), *_unregistered(wanted, documents)]
    if faults:
        raise PolicyInvalid(faults)
    try:
        engine = PolicyEngine(_policies(wanted, documents), conditions=wanted.conditions)
    except PolicyInvalid:
        raise
    except ConfigurationError as error:
        raise PolicyInvalid([Fault("policies", 0, 0, str(error))]) from error
    return PolicySet(wanted=wanted, engine=engine, documents=documents, look=look)


def _policies(wanted: Wanted, documents: Iterable[Document[Policy]]) -> list[Policy]:
    read = (one.content for one in documents)
    return [*(one for one in read if one.name not in wanted.removed), *wanted.given]


def _same_names(wanted: Wanted, documents: Iterable[Document[Policy]]) -> Iterator[Fault]:
    first: dict[str, str] = {}
    for one in documents:
        name = one.content.name
        if name in first:
            yield one.fault_at(("name",), f"There is a policy named {name!r} in {first[name]} too.")
        first.setdefault(name, one.source)
    for name in wanted.removed:
        first.pop(name, None)
    for policy in wanted.given:
        if policy.name in first:
            text = f"There is a policy of this name in {first[policy.name]} too."
            yield Fault(f"policy {policy.name!r}", 0, 0, text)
        first.setdefault(policy.name, "the program")


def _unregistered(wanted: Wanted, documents: Iterable[Document[Policy]]) -> Iterator[Fault]:
    for one in documents:
        for path, name in _custom_conditions(one.content):
            if name not in wanted.conditions:
                yield one.fault_at(path, _register(name))
    for policy in wanted.given:
        for path, name in _custom_conditions(policy):
            if name not in wanted.conditions:
                rule = policy.rules[int(path[1])].name
                yield Fault(f"policy {policy.name!r}, rule {rule!r}", 0, 0, _register(name))


def _custom_conditions(policy: Policy) -> Iterator[tuple[KeyPath, str]]:
    for number, rule in enumerate(policy.rules):
        for place, condition in enumerate(rule.conditions):
            if isinstance(condition, CustomCondition):
                yield ("rules", number, "conditions", place, "custom"), condition.custom


def _register(name: str) -> str:
    return f"No condition {name!r} is registered: add it to `Policies(..., conditions={{{name!r}: your_function}})`."


def _cut_off(before: PolicySet, documents: Iterable[Document[Policy]]) -> Iterator[Fault]:
    ended = {key for one in before.documents if one.is_ended for key in (one.source, one.content.name)}
    for one in documents:
        if not one.is_ended and not ended.isdisjoint((one.source, one.content.name)):
            yield Fault(
                one.source, 0, 0, "It ended with a line of three dots before and no longer does: it may be cut off."
            )


def _vanished(before: PolicySet, documents: Iterable[Document[Policy]]) -> Iterator[Fault]:
    """What is gone since. Whoever moves a file or takes its place by another way keeps the policy's name."""
    paths = {one.source for one in documents}
    names = {one.content.name for one in documents}
    for one in before.documents:
        name = one.content.name
        if one.source not in paths and name not in names and name not in before.wanted.removed:
            yield Fault(
                one.source, 0, 0, f"It is gone, and with it the policy {name!r}: reload on purpose, or start again."
            )
