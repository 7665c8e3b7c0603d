"""What a decision costs by the number of rules, beside the engine of mcp-auth-guard 1.0.0 and FastMCP's scope check.

    uv run --with mcp-auth-guard==1.0.0 python benchmarks/policy.py
    uv run python benchmarks/policy.py --guard /path/to/its/site-packages

Without the other engine, what is ours and FastMCP's is measured alone. All of them get the same rules about other
tools, and one that allows what is asked for. They are called in process and in turns; the best round of each counts.
Run it on a machine that does nothing else; the exit status is 1 when an aim is missed.

A decision is warm when its caller has been seen since the policies were loaded. The cold ones are told beside it: the
first decision about a caller that resembles no other, and one about a tool nobody has asked for yet.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastmcp.server.auth import AccessToken, AuthContext, require_scopes
from fastmcp.tools import Tool
from fastmcp.utilities.authorization import run_auth_checks
from measuring import Aim, machine, report

from mcpauthkit import Principal
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.engine import PolicyEngine
from mcpauthkit.access.request import AccessRequest, Action, Caller, Kind, Target

SIZES = (10, 100, 1_000, 10_000)
ROUNDS = 7
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
ASKED = "report_read"
Ask = Callable[[], object]


def rules_about_others(count: int) -> list[dict[str, Any]]:
    """Rules of every kind of selector, none of which can match."""
    kinds: list[Callable[[int], dict[str, Any]]] = [
        lambda n: {"effect": "deny", "tools": {"names": [f"tool_{n}"]}},
        lambda n: {"effect": "allow", "agents": {"roles": ["staff"]}, "tools": {"patterns": [f"area{n}_*"]}},
        lambda n: {"effect": "deny", "agents": {"user_id": [f"user-{n}"]}, "tools": {"patterns": ["*"]}},
        lambda n: {"effect": "allow", "agents": {"roles": [f"role-{n}"]}, "tools": {"patterns": ["report_*"]}},
    ]
    return [{"name": f"rule {n}", "actions": ["list", "call"], **kinds[n % len(kinds)](n)} for n in range(count)]


ALLOWED: dict[str, Any] = {
    "name": "staff reads",
    "effect": "allow",
    "agents": {"roles": ["staff"]},
    "tools": {"patterns": ["report_*"]},
    "actions": ["list", "call"],
    "priority": 1,
}


def principal(number: int = 0) -> Principal:
    """Somebody on the staff."""
    claims = {"sub": f"staff-{number}", "email": f"staff-{number}@example.com"}
    return Principal(
        claims,
        issuer="https://issuer.example",
        subject=f"staff-{number}",
        expires_at=None,
        client_id="https://client.example/metadata.json",
        roles=frozenset({"staff", "all"}),
        scopes=frozenset({"openid", "reports"}),
    )


def engine_of(count: int) -> PolicyEngine:
    """Ours, with so many rules about others."""
    return PolicyEngine([Policy.model_validate({"name": "benchmark", "rules": [*rules_about_others(count), ALLOWED]})])


def seconds(ask: Ask, calls: int) -> float:
    """Processor time of one call, of so many."""
    turns = range(calls)
    started = time.process_time()
    for _ in turns:
        ask()
    return (time.process_time() - started) / calls


def best_of(asks: dict[str, tuple[Ask, int]]) -> dict[str, float]:
    """The best round of each, in seconds; the rounds take turns."""
    best = dict.fromkeys(asks, float("inf"))
    for _ in range(ROUNDS):
        for name, (ask, calls) in asks.items():
            best[name] = min(best[name], seconds(ask, calls))
    return best


class Coroutines:
    """Runs coroutines that never wait, without an event loop's own time in the number."""

    @staticmethod
    def run(coroutine: Any) -> Any:
        """Its result."""
        try:
            coroutine.send(None)
        except StopIteration as done:
            return done.value
        raise RuntimeError("it waits for something")


@dataclass(frozen=True, slots=True)
class OtherEngine:
    """The engine of mcp-auth-guard 1.0.0."""

    engine: Any
    schemas: Any

    @classmethod
    def load(cls, path: Path | None) -> OtherEngine | None:
        """It, from a path or from what is installed; None where it is not."""
        if path is not None:
            sys.path.append(str(path))
        try:
            policy, schemas = (importlib.import_module(f"mcp_auth_guard.{name}") for name in ("policy", "schemas"))
        except ImportError:
            return None
        return cls(policy.PolicyEngine, schemas)

    def of(self, count: int) -> Any:
        """An engine with so many rules about others."""
        rules = [*rules_about_others(count), ALLOWED]
        return self.engine([self.schemas.PolicyConfig(name="benchmark", rules=rules)])

    def asks(self, count: int) -> Ask:
        """One decision."""
        engine, user = self.of(count), self._user()
        resource = self._resource(ASKED, "call")
        assert Coroutines.run(engine.evaluate(user, resource)).allowed
        return lambda: Coroutines.run(engine.evaluate(user, resource))

    def filters(self, count: int, names: Sequence[str]) -> Ask:
        """One list."""
        engine, user = self.of(count), self._user()
        resources = [self._resource(name, "list") for name in names]
        return lambda: [Coroutines.run(engine.evaluate(user, one)).allowed for one in resources]

    def _user(self) -> Any:
        return self.schemas.AuthContext(user_id="staff-0", roles=["staff", "all"], authenticated=True)

    def _resource(self, name: str, action: str) -> Any:
        # What its own middleware says of a tool; `tool` would be denied whatever the rules are.
        return self.schemas.ResourceContext(
            resource_type="tools",
            resource=self.schemas.ToolResource(name=name),
            action=action,
            method=f"tools/{action}",
        )


class ScopeCheck:
    """FastMCP's `require_scopes`, as its server runs it for each component."""

    def __init__(self) -> None:
        self._token = AccessToken(token="t", client_id="c", scopes=["openid", "reports"])  # noqa: S106  # no secret
        self._check = require_scopes("reports")

    def asks(self) -> Ask:
        """One decision."""
        context = AuthContext(token=self._token, component=self._tool(ASKED))
        return lambda: Coroutines.run(run_auth_checks(self._check, context))

    def filters(self, names: Sequence[str]) -> Ask:
        """One list."""
        tools = [self._tool(name) for name in names]
        return lambda: [
            Coroutines.run(run_auth_checks(self._check, AuthContext(token=self._token, component=one))) for one in tools
        ]

    @staticmethod
    def _tool(name: str) -> Tool:
        return Tool(name=name, parameters={})


def asks_of_ours(engine: PolicyEngine) -> Ask:
    """One warm decision, with a request made for it as for each call."""
    user, target = principal(), Target(Kind.TOOL, ASKED)
    assert engine.decide(AccessRequest(Caller(principal=user, now=NOW), target, Action.CALL, {})).allowed
    caller = Caller(principal=user, now=NOW)
    return lambda: engine.decide(AccessRequest(caller, target, Action.CALL, {}))


def cold(count: int) -> tuple[float, float, float]:
    """Seconds to load so many rules, for the first decision of all, and for one about a caller unlike any other."""
    loads: list[float] = []
    firsts: list[float] = []
    others: list[float] = []
    for _ in range(5):
        started = time.perf_counter()
        engine = engine_of(count)
        loads.append(time.perf_counter() - started)
        firsts.append(first_decision(engine, principal()))
        # Each of them is named in a rule of their own, so none has the rules of another.
        named = (f"user-{number}" for number in range(2, min(count, 400), 4))
        others.extend(first_decision(engine, Principal.bare("https://issuer.example", one)) for one in named)
    return statistics.median(loads), statistics.median(firsts), statistics.median(others)


def first_decision(engine: PolicyEngine, user: Principal) -> float:
    """Seconds for one decision about somebody."""
    request = AccessRequest(Caller(principal=user, now=NOW), Target(Kind.TOOL, ASKED), Action.CALL, {})
    started = time.perf_counter()
    engine.decide(request)
    return time.perf_counter() - started


def print_decisions(other: OtherEngine | None) -> list[Aim]:
    """The table of single decisions; gives the aims."""
    aims, check = [], ScopeCheck().asks()
    print(f"{'microseconds a decision, of rules':<34}{'ours':>9}{'guard':>11}{'FastMCP':>9}{'ours/guard':>12}")
    for count in SIZES:
        asks: dict[str, tuple[Ask, int]] = {"ours": (asks_of_ours(engine_of(count)), 20_000), "scopes": (check, 20_000)}
        if other is not None:
            asks["guard"] = (other.asks(count), max(10, 20_000 // count))
        best = {name: cost * 1e6 for name, cost in best_of(asks).items()}
        print(f"{count:<34,}{best['ours']:>9.2f}{_beside(best)}")
        aims.append(Aim(f"microseconds a warm decision under {count:,} rules", best["ours"], 5))
    return aims


def print_lists(other: OtherEngine | None) -> list[Aim]:
    """The table of lists; gives the aims."""
    names = [f"{area}_{number}" for number, area in zip(range(1_000), itertools.cycle(("report", "tool", "area1")))]
    engine, caller = engine_of(100), Caller(principal=principal(), now=NOW)
    targets = [Target(Kind.TOOL, name) for name in names]
    asks: dict[str, tuple[Ask, int]] = {
        "ours": (lambda: engine.decide_all(caller, targets, Action.LIST), 20),
        "scopes": (ScopeCheck().filters(names), 20),
    }
    if other is not None:
        asks["guard"] = (other.filters(100, names), 2)
    best = {name: cost * 1e3 for name, cost in best_of(asks).items()}
    print(f"\n{'milliseconds a list of 1,000 tools':<34}{'ours':>9}{'guard':>11}{'FastMCP':>9}{'ours/guard':>12}")
    print(f"{'under 100 rules':<34}{best['ours']:>9.2f}{_beside(best)}")
    fresh = []
    for _ in range(ROUNDS):
        engine = engine_of(100)
        started = time.perf_counter()
        engine.decide_all(caller, targets, Action.LIST)
        fresh.append(time.perf_counter() - started)
    print(f"{'under 100 rules, the first of all':<34}{statistics.median(fresh) * 1e3:>9.2f}")
    return [Aim("milliseconds to filter 1,000 tools under 100 rules", best["ours"], 2)]


def _beside(best: dict[str, float]) -> str:
    guard = best.get("guard")
    shown = ("-", "-") if guard is None else (f"{guard:.1f}", f"{best['ours'] / guard:.5f}")
    return f"{shown[0]:>11}{best['scopes']:>9.2f}{shown[1]:>12}"


def print_cold() -> None:
    """What is not warm. No aim: it is what a caller's first request pays, beside a verified token's milliseconds."""
    print(f"\n{'cold, of rules':<34}{'load, ms':>9}{'first decision, us':>21}{'unlike any other, us':>22}")
    for count in SIZES:
        load, first, other = cold(count)
        print(f"{count:<34,}{load * 1e3:>9.1f}{first * 1e6:>21.1f}{other * 1e6:>22.1f}")


def main() -> int:
    """Measure, print, and say how the aims stand."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--guard", type=Path, help="where mcp_auth_guard can be imported from")
    print(machine(), "\n")
    other = OtherEngine.load(arguments.parse_args().guard)
    if other is None:
        print("mcp-auth-guard is not installed: its numbers are left out\n")
    aims = [*print_decisions(other), *print_lists(other)]
    print_cold()
    return report(aims)


if __name__ == "__main__":
    sys.exit(main())
