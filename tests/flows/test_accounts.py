"""Tools whose callers choose one of their accounts, and callers who allowed less than a tool needs."""

from __future__ import annotations

from typing import Any

import pytest
from fastmcp import Client, Context, FastMCP

from mcpauthkit import OAuthProvider
from mcpauthkit.errors import ConfigurationError
from tests.world import Era, world

ERAS: list[Era] = ["legacy", "modern"]


async def text(client: Client[Any], tool: str, arguments: dict[str, Any] | None = None) -> str:
    """What a tool says, be it an error or not."""
    result = await client.call_tool(tool, arguments, raise_on_error=False)
    return "".join(str(getattr(one, "text", "")) for one in result.content)


def _tools(mcp: Any, forge: OAuthProvider) -> None:
    @mcp.tool()
    @forge.require_token(scopes=["repo"], account_from="account")
    async def whose(account: str = "") -> str:
        """Whose account at the forge the call uses."""
        async with forge.client() as http:
            return str((await http.get("/user")).json()["login"])

    @mcp.tool()
    @forge.require_token(account="work")
    async def at_work() -> str:
        """The account called work."""
        async with forge.client() as http:
            return str((await http.get("/user")).json()["login"])

    @mcp.tool()
    @forge.require_token(scopes=["read:user", "repo"])
    async def both() -> str:
        """Needs more than the others."""
        async with forge.client() as http:
            return str((await http.get("/user")).json()["login"])

    @mcp.tool()
    @forge.require_token(scopes=["read:user"])
    async def profile() -> str:
        """Needs less than the others."""
        async with forge.client() as http:
            return str((await http.get("/user")).json()["login"])


@pytest.mark.parametrize("era", ERAS)
@pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])
async def test_a_caller_chooses_among_their_accounts_and_is_asked_for_each_once(era: Era, flavour: Any) -> None:
    with world(flavour=flavour, build=_tools) as here:
        async with here.client(era, human=here.person(account="octo-alice")) as client:
            assert await text(client, "whose") == "octo-alice"
        async with here.client(era, human=here.person(account="octo-bob")) as client:
            assert await text(client, "whose", {"account": "work"}) == "octo-bob"
        async with here.client(era) as client:
            assert await text(client, "whose") == "octo-alice"
            assert await text(client, "whose", {"account": "Work"}) == "octo-bob"
            assert await text(client, "at_work") == "octo-bob"
        assert len(here.links) == 2


@pytest.mark.parametrize("era", ERAS)
async def test_what_is_no_name_of_an_account_is_refused_and_nobody_is_asked(era: Era) -> None:
    with world(build=_tools) as here:
        async with here.client(era, human=here.person()) as client:
            result = await client.call_tool("whose", {"account": "x\n" * 40}, raise_on_error=False)
        assert result.is_error
        assert "60 characters" in str(result.content)
        assert not here.links


@pytest.mark.parametrize("era", ERAS)
async def test_a_consent_to_less_leaves_other_tools_working_and_says_what_is_missing(era: Era) -> None:
    with world(build=_tools) as here:
        async with here.client(era, human=here.person()) as client:
            here.service.misbehave(fewer_scopes=True)
            refused = await text(client, "both")
            assert "repo" in refused
            assert "read:user" not in refused
            assert await text(client, "profile") == "octo-alice"
            assert len(here.links) == 1
            here.service.behave()
        async with here.client(era) as client:
            asked = await text(client, "both")
            assert "This needs more of your DevForge account than you have allowed: repo." in asked
        async with here.client(era, human=here.person()) as client:
            assert await text(client, "both") == "octo-alice"
        assert len(here.links) == 2
        assert "needs the permission repo of your DevForge account besides" in here.questions[-1]


async def test_a_guard_that_looks_for_a_parameter_which_is_not_there_is_refused() -> None:
    with world() as here:
        mcp = FastMCP("other")
        with pytest.raises(ConfigurationError) as refused:

            @mcp.tool
            @here.provider.require_token(account_from="acount")
            async def tool(account: str, _ctx: Context) -> str:
                return account

        assert "acount" in refused.value.public


async def test_a_guard_is_told_the_account_in_one_way_only() -> None:
    with world() as here, pytest.raises(ConfigurationError):
        here.provider.require_token(account="work", account_from="account")(
            test_a_guard_is_told_the_account_in_one_way_only
        )
