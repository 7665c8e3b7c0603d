"""Policies: who may see and call what, in files or in code."""

from mcpauthkit.access.policy.builder import PolicyBuilder, RuleBuilder, policy, rule
from mcpauthkit.access.policy.document import (
    Agents,
    Condition,
    CustomCondition,
    Policy,
    Prompts,
    Resources,
    Rule,
    TimeWindow,
    Tools,
)
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.policy.explaining import Explanation, RuleAnswer
from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.access.policy.reading import load_policy, read_policy
from mcpauthkit.access.policy.schema import json_schema
from mcpauthkit.access.policy.serialising import to_yaml
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Kind, Target
from mcpauthkit.errors.access import Fault, PolicyInvalid

__all__ = [
    "AccessRequest",
    "Action",
    "Agents",
    "Caller",
    "Condition",
    "CustomCondition",
    "Decision",
    "Explanation",
    "Fault",
    "Kind",
    "Policies",
    "Policy",
    "PolicyBuilder",
    "PolicyEngine",
    "PolicyInvalid",
    "Prompts",
    "Resources",
    "Rule",
    "RuleAnswer",
    "RuleBuilder",
    "Target",
    "TimeWindow",
    "Tools",
    "json_schema",
    "load_policy",
    "policy",
    "read_policy",
    "rule",
    "to_yaml",
]
