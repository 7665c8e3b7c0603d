"""Everything that has to agree before somebody sees or uses something: sign-in, scopes of tools, policies."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from mcpauthkit.access.auth_check import use_of
from mcpauthkit.access.guard import SIGN_IN
from mcpauthkit.access.policy.policies import Policies
from mcpauthkit.access.request import AccessRequest, Action, Caller, Decision, Kind, Target
from mcpauthkit.access.tool_scopes import ToolScopes
from mcpauthkit.errors import ConfigurationError


class AccessRules:
    """One answer from several parts, all of which must allow.

    Args:
        policies: The policies; None where there are none, which forbids nothing.
        tool_scopes: The scopes that tools need; a mapping says nothing of other tools.
        require_auth: Whether everything needs a signed-in caller.
        public_tools: The names of tools that need none all the same.

    Attributes:
        tool_scopes: The table of scopes; empty where none was given.

    Raises:
        ConfigurationError: `require_auth` is neither true nor false; or `public_tools` is one text, stands there
            without `require_auth`, or names a tool that has scopes.
    """

    def __init__(
        self,
        policies: Policies | None = None,
        *,
        tool_scopes: ToolScopes | Mapping[str, Sequence[str]] | None = None,
        require_auth: bool = False,
        public_tools: Collection[str] = (),
    ) -> None:
        if not isinstance(require_auth, bool):
            # As a text, "no" would be a yes.
            raise ConfigurationError(f"require_auth={require_auth!r} is neither.", hint="Write True or False.")
        if isinstance(public_tools, str):
            raise ConfigurationError(f"public_tools={public_tools!r} is one text.", hint='Write ["health"].')
        if public_tools and not require_auth:
            raise ConfigurationError(
                "public_tools says which tools need no sign-in, and without require_auth none does.",
                hint="Add require_auth=True, or leave public_tools out.",
            )
        table = ToolScopes.of(tool_scopes)
        both = sorted(one for one in public_tools if table.needed(one))
        if both:
            raise ConfigurationError(
                f"public_tools and tool_scopes both hold {', '.join(both)}.",
                hint="A tool that anybody may call has no scopes; leave it out of one of them.",
            )
        self._policies = policies
        self.tool_scopes = table
        self._require_auth = require_auth
        self._public = frozenset(public_tools)
        # Most have only policies, and lists ask for each of a thousand tools.
        self._asks_before = require_auth or not table.is_empty

    @property
    def needs_services(self) -> bool:
        """Whether it has to be known which services a caller has connected."""
        return self._policies is not None and self._policies.engine.needs_services

    async def refresh(self) -> None:
        """Take policies that have changed; to be called before decisions."""
        if self._policies is not None:
            await self._policies.refresh()

    def decide(self, request: AccessRequest) -> Decision:
        """Decide one request."""
        before = self._before_policies(request.caller, request.target)
        if before is not None:
            return before
        if self._policies is None:
            return _NOTHING_FORBIDS
        decision = self._policies.engine.decide(request)
        return decision if decision.allowed else replace(decision, public=_denial_of(request.target))

    def decide_all(self, caller: Caller, targets: Sequence[Target], action: Action) -> list[Decision]:
        """Decide about many targets, in their order: what a list shows is what `decide` would allow."""
        before = [self._before_policies(caller, target) for target in targets]
        if self._policies is None:
            return [one or _NOTHING_FORBIDS for one in before]
        # Policies that change in between must not give a list of two minds, so one engine decides all of it.
        decided = self._policies.engine.decide_all(caller, targets, action)
        return [first or second for first, second in zip(before, decided, strict=True)]

    def _before_policies(self, caller: Caller, target: Target) -> Decision | None:
        if not self._asks_before:
            return None
        is_public = target.kind is Kind.TOOL and target.name in self._public
        if self._require_auth and caller.principal is None and not is_public:
            return Decision(
                allowed=False,
                reason="nobody is signed in, and everything here needs somebody",
                public=SIGN_IN,
            )
        if target.kind is not Kind.TOOL or is_public:
            return None
        by_scopes = self.tool_scopes.decide(caller.principal, target.name)
        return None if by_scopes.allowed else by_scopes


_NOTHING_FORBIDS = Decision(allowed=True, reason="there is no policy")


def _denial_of(target: Target) -> str:
    """What a caller reads whom a policy forbids something: neither rules nor whether it exists at all."""
    named = target.name if target.kind in {Kind.TOOL, Kind.PROMPT} else target.uri
    return f"The access policy of this server does not allow you to {use_of(target.kind)} {named!r}."
