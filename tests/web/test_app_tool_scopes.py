"""The scopes of tools that FastMCP's apps call by other names than lists show."""

from __future__ import annotations

import pytest
from fastmcp.server.providers.addressing import hashed_backend_name

from mcpauthkit.errors import InsufficientScope
from mcpauthkit.web.call_rules import CallRules
from mcpauthkit.web.mcp_messages import McpMessage
from tests.access.callers import someone


@pytest.mark.parametrize("listed", ["wipe", "crm_wipe"])
def test_a_tool_needs_its_scopes_by_the_name_that_its_app_calls_it_by(listed: str) -> None:
    rules = CallRules(tool_scopes={listed: ["danger"]})
    call = McpMessage(method="tools/call", tool=hashed_backend_name("app", "wipe"))
    with pytest.raises(InsufficientScope) as refused:
        rules.check(someone(), call)
    assert refused.value.required == ("danger",)
    rules.check(someone(scopes=["danger"]), call)
    rules.check(someone(), McpMessage(method="tools/call", tool=hashed_backend_name("app", "look")))
