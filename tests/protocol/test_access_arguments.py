"""What `AccessMiddleware` and `attach_access` are given: mistakes are told at once, with what to write instead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer

from mcpauthkit import AccessMiddleware, attach_access
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.policies import policy, rule
from tests.protocol.access_room import EVERYTHING, client_of, names, rules, someone

NEEDY = rules("{name: r, effect: allow, tools: {names: [read]}, services: [forge]}").model_copy(
    update={"name": "needy"}
)


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        ({"policies": {"name": "x", "rules": []}}, "policy(...)"),
        ({"policies": policy("x").add_rule(rule("r").allow())}, ".build()"),
        ({"policies": "name: x\nrules: []"}, "read_policy(text)"),
        ({"policies": [rules(EVERYTHING), 7]}, "load_policy"),
        ({"policies": ""}, "Check where it comes from"),
        ({"require_auth": "yes"}, "True or False"),
        ({"tool_scopes": "scopes.yaml"}, "ToolScopes.from_file"),
        ({"tool_scopes": Path("scopes.yaml")}, "ToolScopes.from_file"),
        ({"policies": NEEDY}, "Connections(app).connected_services"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_to_write(wrong: dict[str, Any], fix: str) -> None:
    with pytest.raises(ConfigurationError) as fastmcp:
        AccessMiddleware(**wrong)
    with pytest.raises(ConfigurationError) as official:
        attach_access(MCPServer("room"), **wrong)
    assert fix in fastmcp.value.hint
    assert fix in official.value.hint


@pytest.mark.parametrize(
    ("wrong", "fix"),
    [
        ("extra.yaml", "load_policy(path)"),
        ({"name": "x"}, "policy(...)"),
        (policy("x").add_rule(rule("r").allow()), ".build()"),
        (None, "policy(...)"),
    ],
)
def test_what_is_added_later_has_to_be_a_policy(wrong: Any, fix: str) -> None:
    access = AccessMiddleware(rules(EVERYTHING))
    with pytest.raises(ConfigurationError) as refused:
        access.add_policy(wrong)
    assert fix in refused.value.hint


async def test_a_rule_about_services_that_comes_later_matches_nothing_and_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    access = AccessMiddleware(rules("{name: r, effect: allow, tools: {names: [other]}}"))
    mcp: FastMCP = FastMCP("room", middleware=[access])
    mcp.tool(lambda: "read", name="read")
    access.add_policy(NEEDY)
    async with client_of(mcp, someone()) as client:
        assert await names(client) == set()
        assert await names(client) == set()
    told = [one.getMessage() for one in caplog.records if "connected services" in one.getMessage()]
    assert len(told) == 1
    assert "Connections(app).connected_services" in told[0]
