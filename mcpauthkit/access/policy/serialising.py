"""From a policy to text. What is written is read back as the same policy."""

from __future__ import annotations

import re
from typing import Any, Final

import yaml
from pydantic import BaseModel

from mcpauthkit.access.policy.document import Policy, Rule
from mcpauthkit.access.policy.tree import REORDERING
from mcpauthkit.access.policy.values import Scalar

# Built without libyaml, PyYAML has no C dumper; the slower one writes the same.
_DUMPER: Final[Any] = getattr(yaml, "CSafeDumper", yaml.SafeDumper)
_TAG: Final = "tag:yaml.org,2002:"
# A text is never broken over lines.
_WIDTH: Final = 1 << 30
_REORDERING: Final = re.compile(f"[{REORDERING}]")
_BAREWORDS: Final = frozenset({"effect", "default_effect", "operator"})


def to_yaml(policy: Policy) -> str:
    """A policy as a YAML document, with the line at its end by which a file that is cut off is noticed.

    Write it beside the file's place and move it there, so that no reader sees half of it.

    Args:
        policy: The policy.
    """
    said = _said(policy)
    ordered = {"name": policy.name, "default_effect": policy.default_effect, **said}
    ordered["rules"] = [_with_conditions(rule) for rule in policy.rules]
    text: str = yaml.serialize(
        _node(ordered), Dumper=_DUMPER, allow_unicode=True, explicit_end=True, width=_WIDTH, encoding=None
    )
    # They stand in quotes, as all but keys and numbers does, and are not to be shown in another order there.
    return _REORDERING.sub(lambda found: f"\\u{ord(found[0]):04X}", text)


def _said(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(by_alias=True, exclude_none=True, exclude_defaults=True)


def _with_conditions(rule: Rule) -> dict[str, Any]:
    """A rule with all of its conditions: to Python, a value of 1 is the same as true, which is the default."""
    said = _said(rule)
    if rule.conditions:
        said["conditions"] = [condition.model_dump() for condition in rule.conditions]
    return said


def _node(value: Any, key: str = "") -> yaml.Node:
    if isinstance(value, dict):
        pairs = [(_scalar(name, plain=True), _node(one, name)) for name, one in value.items()]
        return yaml.MappingNode(f"{_TAG}map", pairs, flow_style=False)
    if isinstance(value, list | tuple):
        items = [_node(one) for one in value]
        is_short = all(isinstance(one, yaml.ScalarNode) for one in items)
        return yaml.SequenceNode(f"{_TAG}seq", items, flow_style=is_short)
    return _scalar(value, plain=key in _BAREWORDS)


def _scalar(value: Scalar, *, plain: bool) -> yaml.ScalarNode:
    if isinstance(value, bool):
        return yaml.ScalarNode(f"{_TAG}bool", "true" if value else "false")
    if isinstance(value, int):
        return yaml.ScalarNode(f"{_TAG}int", str(value))
    if isinstance(value, float):
        whole, exponent, power = repr(value).partition("e")
        # Without a point, `1e+16` is a text to some readers.
        return yaml.ScalarNode(f"{_TAG}float", f"{whole}{'' if '.' in whole else '.0'}{exponent}{power}")
    return yaml.ScalarNode(f"{_TAG}str", value, style=None if plain else '"')
