"""Policies, guards and the record: whether they can do what they are there for."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

from fastmcp import FastMCP

from mcpauthkit.access.audit.sinks import JsonFile
from mcpauthkit.access.audit.trail import AuditTrail
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import allow_by_default
from mcpauthkit.access.policy.policy_set import Wanted, load
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.anatomy import policies_of, servers_of
from mcpauthkit.doctor.inside.files import is_readable_by_others, is_writable_by_others, mode_of
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.errors.access import Fault as PolicyFault
from mcpauthkit.errors.access import PolicyInvalid
from mcpauthkit.protocol.access.middleware import AccessMiddleware
from mcpauthkit.protocol.access.order import has_cache_before, has_several
from mcpauthkit.protocol.require import refuse_misplaced
from mcpauthkit.providers.misplaced import check_routes, check_server
from mcpauthkit.settings import AppSettings

_MOST_FAULTS = 3
_NO_FILES = frozenset({"off", "log", "stdout"})

INVALID = Fault(
    "policy-invalid",
    "error",
    "A policy cannot be used",
    "A policy file is wrong as it is now. A server that runs goes on with the last good one; the next start fails.",
    "Correct it at the line that is named; `mcpauthkit policy validate` tries it without a server.",
)
DENIES_ALL = Fault(
    "policy-denies-everything",
    "error",
    "The policies deny everything",
    "No rule allows anything, and what no rule allows is denied, so every list is empty and every call is refused.",
    'Add a rule with effect: allow, or write "default_effect: allow" in every policy.',
)
WRITABLE = Fault(
    "policy-file-writable",
    "error",
    "Others can change the policies",
    "Who can write to a policy file, or to its folder, decides who may do what; changes take effect without a restart.",
    "chmod go-w the file and its folder, and let them belong to who deploys, not to the server.",
)
GUARD_MISPLACED = Fault(
    "guard-misplaced",
    "error",
    "A guard stands where it guards nothing",
    "The server got the function from below the guard, and calls it without, or nothing would be injected into it.",
    "Put @mcp.tool, @mcp.resource or @mcp.prompt above the guards.",
)
CACHE_FIRST = Fault(
    "cache-before-access",
    "error",
    "A cache answers before the rules are asked",
    "It would give one caller's results to others, so the server serves nothing while it stands there.",
    "Add AccessMiddleware before ResponseCachingMiddleware: middleware=[AccessMiddleware(...), "
    "ResponseCachingMiddleware()].",
)
ACCESS_TWICE = Fault(
    "access-middleware-twice",
    "error",
    "A server has more than one AccessMiddleware",
    "Each would decide and record by itself, so the server serves nothing.",
    "Keep one; it takes several policies: policies=[...].",
)
RECORD_UNWRITABLE = Fault(
    "audit-file-unwritable",
    "error",
    "The audit file cannot be written",
    "Events are lost, or, with a trail that is closed on failure, nothing works.",
    "Name a file in a folder that belongs to the user that the server runs as.",
)
RECORD_READABLE = Fault(
    "audit-file-readable",
    "warning",
    "Others can read the audit file",
    "It says who did what and when; names of people may be in it.",
    "chmod 600 it; whoever collects it should do so as its owner or through a group of their own.",
)

RULES = (
    INVALID,
    DENIES_ALL,
    WRITABLE,
    GUARD_MISPLACED,
    CACHE_FIRST,
    ACCESS_TWICE,
    RECORD_UNWRITABLE,
    RECORD_READABLE,
)
"""The faults of this part."""


async def check_policies(examination: Examination) -> AsyncIterator[Finding]:
    """Read the policy files as they are now, and look whether anything is allowed; what is in force stays."""
    for policies in policies_of(examination):
        place = ", ".join(map(str, policies.sources)) or "policies"
        for finding in _of_policies(policies.faults_now(), policies.in_force, place):
            yield finding
    path = _settings().mcpauthkit_policies
    if path is not None and path not in _sources(examination):
        try:
            found: Sequence[Policy] = load(Wanted(sources=(path,), given=())).policies
            faults: Sequence[PolicyFault] = ()
        except PolicyInvalid as error:
            found, faults = (), error.faults
        for finding in _of_policies(faults, found, "MCPAUTHKIT_POLICIES"):
            yield finding


async def check_policy_files(examination: Examination) -> AsyncIterator[Finding]:
    """Look at the modes of policy files and their folders, and at nothing inside of them."""
    path = _settings().mcpauthkit_policies
    sources = _sources(examination) | ({path} if path is not None else set())
    for source in sorted(sources):
        for file in _files_of(source):
            if is_writable_by_others(file):
                yield WRITABLE.found(evidence=mode_of(file), place=str(file))


async def check_guards(examination: Examination) -> AsyncIterator[Finding]:
    """Look at the functions of the MCP servers and routes, as the start does; asks nobody."""
    for server in servers_of(examination):
        for look in (refuse_misplaced, check_server):
            try:
                look(server)
            except ConfigurationError as error:
                yield GUARD_MISPLACED.found(evidence=error.public, place=server.name, fix=error.hint)
                break
    try:
        check_routes(getattr(examination.facts.app, "routes", ()))
    except ConfigurationError as error:
        yield GUARD_MISPLACED.found(evidence=error.public, place="routes", fix=error.hint)


async def check_order(examination: Examination) -> AsyncIterator[Finding]:
    """Look at the order of each FastMCP server's middleware; asks nobody."""
    for server in servers_of(examination):
        if not isinstance(server, FastMCP) or not any(isinstance(one, AccessMiddleware) for one in server.middleware):
            continue
        order = ", ".join(type(one).__name__ for one in server.middleware)
        if has_several(server, AccessMiddleware):
            yield ACCESS_TWICE.found(evidence=order, place=server.name)
        if has_cache_before(server, AccessMiddleware):
            yield CACHE_FIRST.found(evidence=order, place=server.name)


async def check_record(examination: Examination) -> AsyncIterator[Finding]:
    """Look at the files that events are written to, and write nothing."""
    for path in _audit_files(examination):
        if not _can_be_written(path):
            yield RECORD_UNWRITABLE.found(evidence=_state_of(path), place=str(path))
        elif is_readable_by_others(path):
            yield RECORD_READABLE.found(evidence=_state_of(path), place=str(path))


def _of_policies(faults: Sequence[PolicyFault], policies: Sequence[Policy], place: str) -> Iterator[Finding]:
    if faults:
        yield _invalid(faults, place)
    elif _denies_all(policies):
        yield DENIES_ALL.found(evidence=f"policies: {', '.join(one.name for one in policies)}", place=place)


def _sources(examination: Examination) -> set[Path]:
    return {source for policies in policies_of(examination) for source in policies.sources}


def _invalid(faults: Sequence[PolicyFault], place: str) -> Finding:
    more = f" and {len(faults) - _MOST_FAULTS} more" if len(faults) > _MOST_FAULTS else ""
    return INVALID.found(evidence="; ".join(map(str, faults[:_MOST_FAULTS])) + more, place=place)


def _denies_all(policies: Sequence[Policy]) -> bool:
    return not allow_by_default(policies) and not any(rule.effect == "allow" for one in policies for rule in one.rules)


def _files_of(source: Path) -> Iterator[Path]:
    if source.is_dir():
        yield source
        yield from sorted((*source.glob("*.yaml"), *source.glob("*.yml")))
    elif source.exists():
        yield source


def _audit_files(examination: Examination) -> Sequence[Path]:
    trail: Any = examination.facts.guard.get("audit")
    sinks = trail.sinks if isinstance(trail, AuditTrail) else ()
    named = _settings().mcpauthkit_audit
    by_setting = () if named in _NO_FILES else (Path(named),)
    return list(dict.fromkeys([*(one.path for one in sinks if isinstance(one, JsonFile)), *by_setting]))


def _can_be_written(path: Path) -> bool:
    if path.exists():
        return path.is_file() and os.access(path, os.W_OK)
    there = next((one for one in path.parents if one.exists()), path.parent)
    # Folders that are missing are made.
    return there.is_dir() and os.access(there, os.W_OK)


def _state_of(path: Path) -> str:
    if not path.exists():
        return "it is not there, and cannot be made"
    return mode_of(path) if path.is_file() else "it is no file"


def _settings() -> AppSettings:
    try:
        return AppSettings.from_environment()
    except ConfigurationError:
        # The check of the settings tells it.
        return AppSettings.model_construct()


RULE_CHECKS = (
    Check("the policies", check_policies, frozenset({"settings"})),
    Check("who can change the policies", check_policy_files, frozenset({"settings"})),
    Check("where guards stand", check_guards, frozenset({"app"})),
    Check("the order of MCP middleware", check_order, frozenset({"app"})),
    Check("where events go", check_record, frozenset({"settings"})),
)
"""The checks of this part."""
