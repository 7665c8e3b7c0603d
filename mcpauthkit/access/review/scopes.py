"""Which scopes policies ask for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from mcpauthkit.access.policy.document import Policy, Rule

_OPERATORS = frozenset({"equals", "in", "contains"})


def scopes_of(policies: Iterable[Policy]) -> Iterator[tuple[str, str]]:
    """Every scope that a rule names, with the rule: `policy/rule`.

    Args:
        policies: The policies.
    """
    for one in policies:
        for rule in one.rules:
            for scope in dict.fromkeys(_named(rule)):
                yield scope, f"{one.name}/{rule.name}"


def _named(rule: Rule) -> Iterator[str]:
    if rule.agents is not None:
        yield from rule.agents.scopes or ()
    for one in rule.comparisons:
        if one.field == "user.scopes" and one.operator in _OPERATORS:
            values = one.value if isinstance(one.value, tuple) else (one.value,)
            yield from (value for value in values if isinstance(value, str))
