"""Which rules can match: found by what they ask for, so that those which ask for other things cost nothing.

A set of rules is an integer with a bit for each. For every attribute that rules select by, such as a tool's name, a
table says which rules a value satisfies; those that do not select by it are satisfied by any. What is left when all of
these sets are intersected are the rules whose selectors are met: the machine does so for 64 rules at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from mcpauthkit.access.policy.addresses import pattern_written_as, written_as
from mcpauthkit.access.policy.document import Rule
from mcpauthkit.access.policy.matching import actions_of, kinds_of, scheme_of
from mcpauthkit.access.policy.patterns import Glob
from mcpauthkit.access.request import Action, Kind, Target

RuleSet = int
"""A set of rules; bit number n is the rule number n."""

_BITS_OF_A_POINTER: Final = 64


def rule_set(numbers: Iterable[int]) -> RuleSet:
    """The set of these rules.

    Args:
        numbers: Their numbers.
    """
    listed = list(numbers)
    if not listed:
        return 0
    if len(listed) == 1:
        return 1 << listed[0]
    bits = bytearray(max(listed) // 8 + 1)
    for number in listed:
        bits[number >> 3] |= 1 << (number & 7)
    return int.from_bytes(bits, "little")


def numbers_of(rules: RuleSet) -> list[int]:
    """The rules in a set, the lowest first.

    Args:
        rules: The set.
    """
    digits = bin(rules)[:1:-1]
    found = []
    at = digits.find("1")
    while at >= 0:
        found.append(at)
        at = digits.find("1", at + 1)
    return found


class Values:
    """For each value of an attribute, the rules that ask for exactly it.

    Args:
        asked: The numbers of the rules that ask for a value.
    """

    __slots__ = ("_rules", "known")

    def __init__(self, asked: Mapping[str, Sequence[int]]) -> None:
        # A set is as large as its highest number; for a rule among thousands that is far more than the number itself.
        self._rules: dict[str, RuleSet | tuple[int, ...]] = {
            value: rule_set(numbers) if len(numbers) * _BITS_OF_A_POINTER > max(numbers) else tuple(numbers)
            for value, numbers in asked.items()
        }
        self.known = frozenset(asked)
        """All values that any rule asks for."""

    def satisfied_by(self, value: str) -> RuleSet:
        """The rules that ask for this value.

        Args:
            value: What was found.
        """
        found = self._rules.get(value, 0)
        return found if isinstance(found, int) else rule_set(found)

    def satisfied_by_any(self, values: Iterable[str]) -> RuleSet:
        """The rules that ask for one of these values or more.

        Args:
            values: What was found.
        """
        rules = 0
        for value in values:
            rules |= self.satisfied_by(value)
        return rules


class Globs:
    """For each glob of an attribute, the rules that ask for it; found by what texts begin with.

    Args:
        asked: The numbers of the rules that ask for a glob.
    """

    __slots__ = ("_beginnings", "_exact", "_lengths", "_others")

    def __init__(self, asked: Mapping[str, Sequence[int]]) -> None:
        globs = [(Glob(text), numbers) for text, numbers in asked.items()]
        self._exact = Values({one.text: numbers for one, numbers in globs if one.is_exact})
        self._beginnings = Values({one.prefix: numbers for one, numbers in globs if one.is_prefix})
        others: dict[str, list[tuple[Glob, RuleSet]]] = defaultdict(list)
        for one, numbers in globs:
            if not (one.is_exact or one.is_prefix):
                others[one.prefix].append((one, rule_set(numbers)))
        self._others = dict(others)
        self._lengths = tuple(sorted({len(prefix) for prefix in (*self._beginnings.known, *others)}))

    def satisfied_by(self, text: str) -> RuleSet:
        """The rules with a glob that matches this text.

        Args:
            text: What was found.
        """
        rules = self._exact.satisfied_by(text)
        for length in self._lengths:
            if length > len(text):
                break
            prefix = text[:length]
            rules |= self._beginnings.satisfied_by(prefix)
            for glob, numbers in self._others.get(prefix, ()):
                if glob.matches(text):
                    rules |= numbers
        return rules


class Asked:
    """Collects which rules ask for what in one attribute, and which do not ask.

    Args:
        rules: All rules, by number.
    """

    __slots__ = ("free", "values")

    def __init__(self, rules: Iterable[tuple[int, Sequence[str] | None]]) -> None:
        values: dict[str, list[int]] = defaultdict(list)
        free = []
        for number, wanted in rules:
            if wanted is None:
                free.append(number)
            for value in dict.fromkeys(wanted or ()):
                values[value].append(number)
        self.values: Mapping[str, Sequence[int]] = values
        self.free = rule_set(free)
        """The rules that do not select by it."""


class TargetIndex:
    """Which rules are about a target and an action.

    Args:
        rules: The rules, by number.
    """

    __slots__ = ("_actions", "_addresses", "_kinds", "_named")

    def __init__(self, rules: Sequence[Rule]) -> None:
        numbered = list(enumerate(rules))
        self._actions = {
            action: rule_set(number for number, rule in numbered if action in actions_of(rule)) for action in Action
        }
        self._kinds = {kind: rule_set(number for number, rule in numbered if kind in kinds_of(rule)) for kind in Kind}
        self._named = {
            Kind.TOOL: _Named([(number, rule.tools) for number, rule in numbered]),
            Kind.PROMPT: _Named([(number, rule.prompts) for number, rule in numbered]),
        }
        self._addresses = _Addressed([(number, rule.resources) for number, rule in numbered])

    def about(self, target: Target, action: Action) -> RuleSet:
        """The rules whose selectors of targets and actions are met.

        Args:
            target: What is wanted.
            action: What is to be done with it.
        """
        rules = self._actions[action] & self._kinds[target.kind]
        if not rules:
            return 0
        index = self._named.get(target.kind)
        return rules & (index.about(target) if index is not None else self._addresses.about(target.uri))


class _Named:
    """Rules about tools, or about prompts."""

    __slots__ = ("_names", "_namespaces", "_patterns", "_tags")

    def __init__(self, selectors: Iterable[tuple[int, object]]) -> None:
        names, patterns, namespaces, tags = _attributes(selectors, "names", "patterns", "namespaces", "tags")
        self._names = names.free, Values(names.values)
        self._patterns = patterns.free, Globs(patterns.values)
        self._namespaces = namespaces.free, Values(namespaces.values)
        self._tags = tags.free, Values(tags.values)

    def about(self, target: Target) -> RuleSet:
        free, values = self._names
        rules = free | values.satisfied_by(target.name)
        free, globs = self._patterns
        rules &= free | globs.satisfied_by(target.name)
        free, values = self._namespaces
        rules &= free | values.satisfied_by(target.namespace)
        free, values = self._tags
        return rules & (free | values.satisfied_by_any(target.tags))


class _Addressed:
    """Rules about resources and templates."""

    __slots__ = ("_patterns", "_schemes", "_uris")

    def __init__(self, selectors: Iterable[tuple[int, object]]) -> None:
        uris, patterns, schemes = _attributes(selectors, "uris", "patterns", "schemes")
        self._uris = uris.free, Values(_also(uris.values, written_as))
        self._patterns = patterns.free, Globs(_also(patterns.values, pattern_written_as))
        self._schemes = schemes.free, Values(schemes.values)

    def about(self, uri: str) -> RuleSet:
        free, values = self._uris
        rules = free | values.satisfied_by(uri)
        free, globs = self._patterns
        rules &= free | globs.satisfied_by(uri)
        free, values = self._schemes
        return rules & (free | values.satisfied_by(scheme_of(uri)))


def _also(asked: Mapping[str, Sequence[int]], forms: Callable[[str], Iterable[str]]) -> Mapping[str, Sequence[int]]:
    """The same rules for every form that a value has."""
    found: dict[str, set[int]] = defaultdict(set)
    for value, numbers in asked.items():
        for form in forms(value):
            found[form].update(numbers)
    return {form: sorted(numbers) for form, numbers in found.items()}


def _attributes(selectors: Iterable[tuple[int, object]], *names: str) -> list[Asked]:
    listed = list(selectors)
    return [Asked((number, getattr(selector, name, None)) for number, selector in listed) for name in names]
