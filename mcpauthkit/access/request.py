"""What is decided about: somebody wants to see or to use something."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, NamedTuple

from mcpauthkit.principal import Principal


class Kind(StrEnum):
    """What an MCP server offers."""

    TOOL = "tool"
    RESOURCE = "resource"
    TEMPLATE = "template"
    PROMPT = "prompt"


class Action(StrEnum):
    """What is done with it: seen in a list, or used. A tool is called, a resource read, a prompt got."""

    LIST = "list"
    CALL = "call"
    READ = "read"
    GET = "get"


class Target(NamedTuple):
    """One thing that a server offers.

    A named tuple because lists of thousands are filtered on each request, and it is the key of what is remembered.

    Args:
        kind: What it is.
        name: Its name as clients see it, with the prefix of a mounted server.
        uri: A resource's address, or a template's pattern; empty for tools and prompts.
        namespace: The namespace of the mounted server it comes from; empty for the server's own.
        tags: Its tags.
    """

    kind: Kind
    name: str
    uri: str = ""
    namespace: str = ""
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who wants it, and what is known of the moment.

    Args:
        principal: The verified caller; None for nobody.
        now: The time, with a zone.
        connected: The services the caller has connected; None where nobody looked.
        transport: `http`, `sse`, `stdio` or `memory`.
    """

    principal: Principal | None
    now: datetime
    connected: frozenset[str] | None = None
    transport: str = "http"

    @property
    def agent_id(self) -> str:
        """The agent that acts: the verified claim `agent_id`, else the OAuth client.

        Never what a client or a header says of itself: whoever could choose it would choose a trusted one.
        """
        if self.principal is None:
            return ""
        claimed = self.principal.claims.get("agent_id")
        return claimed if isinstance(claimed, str) and claimed else self.principal.client_id or ""

    @property
    def tenant(self) -> str:
        """The caller's organisation, from the first of the claims `tenant`, `tenant_id`, `tid` and `org_id`."""
        if self.principal is None:
            return ""
        found = (self.principal.claims.get(name) for name in ("tenant", "tenant_id", "tid", "org_id"))
        return next((one for one in found if isinstance(one, str) and one), "")


class AccessRequest(NamedTuple):
    """One thing to decide.

    Args:
        caller: Who wants it.
        target: What.
        action: What to do with it.
        arguments: A call's arguments; None in a list, where nobody knows them.
    """

    caller: Caller
    target: Target
    action: Action
    arguments: Mapping[str, Any] | None = None

    @property
    def principal(self) -> Principal | None:
        """Who wants it."""
        return self.caller.principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What was decided, and why.

    Args:
        allowed: Whether it may be.
        reason: Why, for the operator.
        policy: The policy that decided; empty where none did.
        rule: The rule in it; empty where none did.
        public: What the caller reads when it may not be.
        missing_scopes: Scopes that would make the difference.
    """

    allowed: bool
    reason: str
    policy: str = ""
    rule: str = ""
    public: str = ""
    missing_scopes: tuple[str, ...] = ()
