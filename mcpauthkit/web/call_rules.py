"""What a message to an MCP server needs before it is dispatched: a caller, or scopes.

FastMCP's own check of a tool's scopes hides the tool and answers 200; only an HTTP 403 that names scopes makes clients
ask their user for more (seen November 2026). So the scopes of a call are checked here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.errors import ConfigurationError, InsufficientScope, ToolNotOpen
from mcpauthkit.oauth.scopes import check_scopes, missing_scopes
from mcpauthkit.principal import Principal
from mcpauthkit.web.mcp_messages import McpMessage

# What a client says and asks before it calls anything, in both eras. Lists tell names and descriptions only.
_PREPARATIONS = frozenset(
    {
        "initialize",
        "server/discover",
        "ping",
        "tools/list",
        "resources/list",
        "resources/templates/list",
        "prompts/list",
        "logging/setLevel",
    }
)
_NOTIFICATION = "notifications/"
# The apps of FastMCP call a tool by a digest and its name, whatever it is listed as.
_HASHED = re.compile(r"[0-9a-f]{12}_(.+)", re.DOTALL)


class CallRules:
    """The scopes every request and certain tools need, and what needs no caller at all.

    Args:
        scopes: Base scopes that clients ask for at sign-in.
        require_scopes: Scopes every request needs.
        tool_scopes: Further scopes by tool; a plain mapping says nothing about tools that are not in it.
        public_tools: Tools that anybody may call without a token.

    Raises:
        ConfigurationError: Scopes or names are not lists of texts, or a public tool has scopes.
    """

    def __init__(
        self,
        *,
        scopes: Sequence[str] = (),
        require_scopes: Sequence[str] = (),
        tool_scopes: ToolScopes | Mapping[str, Sequence[str]] | None = None,
        public_tools: Sequence[str] = (),
    ) -> None:
        self._base = check_scopes([*check_scopes(scopes), *check_scopes(require_scopes)])
        self._required = check_scopes(require_scopes)
        self._tools = ToolScopes.of(tool_scopes)
        if isinstance(public_tools, str):
            raise ConfigurationError(f"public_tools={public_tools!r} is one text.", hint='Write ["health"].')
        self._public = frozenset(public_tools)
        both = self._public & self._tools.by_tool.keys()
        if both:
            raise ConfigurationError(
                f"public_tools and tool_scopes both hold {', '.join(sorted(both))}.",
                hint="A tool that anybody may call has no scopes; leave it out of one of them.",
            )

    @property
    def sign_in_scopes(self) -> str:
        """What every 401 names: the base scopes and those every request needs."""
        return " ".join(self._base)

    @property
    def allow_anonymous(self) -> bool:
        """Whether there is anything to do here without a token."""
        return bool(self._public)

    @property
    def read_calls(self) -> bool:
        """Whether the message of an authenticated request makes a difference."""
        return not self._tools.is_empty

    def is_public(self, message: McpMessage) -> bool:
        """Whether a message may come without a token."""
        if message.is_call:
            return message.tool in self._public
        # An answer to a request of the server's has no method; without a session it leads nowhere.
        return message.method in _PREPARATIONS or message.method.startswith(_NOTIFICATION) or not message.method

    def check(self, principal: Principal, message: McpMessage | None = None) -> None:
        """Let a caller pass who has every scope a request needs.

        Args:
            principal: Who is calling.
            message: What they send, where it was read.

        Raises:
            InsufficientScope: It names the full set, base scopes included: several clients replace what they have by
                what it names, and would lose the rest.
            ToolNotOpen: No scope would help.
        """
        tool = message.tool if message is not None else None
        if tool is None and not self._required:
            return
        by_tool = self._needed(tool) if tool is not None else ()
        missing = missing_scopes((*self._required, *by_tool), principal.scopes)
        if not missing:
            if tool is not None and tool not in self._public and self._tools.is_refused(tool):
                raise ToolNotOpen(
                    hint="Add the tool to the table of scopes, with an empty list if signing in is enough.",
                    reason=f"tool {tool!r:.80}",
                )
            return
        needed = tuple(dict.fromkeys((*self._base, *by_tool)))
        raise InsufficientScope(
            needed,
            hint="Grant the client these scopes at the issuer.",
            reason=f"missing {list(missing)!r:.200}, tool {tool!r:.80}",
        )

    def _needed(self, tool: str) -> tuple[str, ...]:
        own, hashed = self._tools.needed(tool), _HASHED.fullmatch(tool)
        if hashed is None:
            return own
        # The name that the tool has in its app; where that is mounted, the table has it behind a namespace.
        names = (one for one in self._tools.by_tool if one == hashed[1] or one.endswith(f"_{hashed[1]}"))
        return (*own, *(scope for one in names for scope in self._tools.needed(one)))
