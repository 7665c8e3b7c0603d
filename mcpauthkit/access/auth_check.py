"""From what FastMCP hands to its `auth=` checks to a request that guards judge.

It is read by its attributes, because this room does not know FastMCP. The token is the one of the request that is being
served, also in sessions of the 2025-11-25 era, and carries our principal.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, NamedTuple, Protocol

from mcpauthkit.access.request import AccessRequest, Action, Caller, Kind, Target
from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.principal import Principal

ROLES_CLAIM = "mcpauthkit.roles"
"""The claim under which roles travel with the SDK's token, which has no field for them, into background tasks."""

UNKNOWN_CLIENT = "unknown"
"""What stands in the SDK's token where no client is known; it has to name one."""

_USES = {Kind.TOOL: Action.CALL, Kind.RESOURCE: Action.READ, Kind.TEMPLATE: Action.READ, Kind.PROMPT: Action.GET}


class ComponentCheck(Protocol):
    """What FastMCP gives to an `auth=` check: its `AuthContext`."""

    @property
    def token(self) -> Any:
        """The caller's token; None for nobody."""
        ...

    @property
    def component(self) -> Any:
        """The tool, resource, template or prompt."""
        ...


class Asking(NamedTuple):
    """The request in which FastMCP asks its `auth=` checks, where our own middleware is around it.

    Args:
        principal: Who sent it; FastMCP knows tokens only, and where there is no HTTP there is none.
        postponed: Takes guards that somebody else is going to judge; None where they have to answer.
        hidden: Takes the names of what they have hidden.
    """

    principal: Principal | None
    postponed: list[Any] | None
    hidden: list[str]

    def taken(self) -> list[str]:
        """The names of what was hidden, for whoever records them."""
        found = self.hidden[:]
        self.hidden.clear()
        return found


asking: ContextVar[Asking | None] = ContextVar("mcpauthkit_asking", default=None)
"""Set by our middleware around lookups and lists, and what runs."""


@contextmanager
def asked_for(principal: Principal | None, *, postponed: list[Any] | None = None) -> Iterator[Asking]:
    """Let `auth=` checks of ours judge the one who sent this request.

    Args:
        principal: Who did; None for nobody.
        postponed: Where guards go that whoever calls this is going to judge; without it, they answer.
    """
    here = Asking(principal, postponed, [])
    token = asking.set(here)
    try:
        yield here
    finally:
        asking.reset(token)


def is_own_check(context: ComponentCheck, guard: object) -> bool:
    """Whether a guard stands in a component's own `auth=`, and not in FastMCP's middleware."""
    given = getattr(context.component, "auth", None)
    return any(one is guard for one in (given if isinstance(given, list) else [given]))


def request_of(context: ComponentCheck, clock: Clock | None = None) -> AccessRequest:
    """The request that an `auth=` check decides: whether the caller may use a component.

    FastMCP asks the same for lists, so what is listed may be used. It tells neither arguments nor transport.

    Args:
        context: What FastMCP gives to its checks.
        clock: Time.
    """
    now = datetime.fromtimestamp((clock or SystemClock()).wall(), UTC)
    target = target_of(context.component)
    here = asking.get()
    principal = principal_of_token(context.token) if here is None else here.principal
    caller = Caller(principal=principal, now=now, transport="")
    return AccessRequest(caller, target, use_of(target.kind))


def use_of(kind: Kind) -> Action:
    """What using a thing of some kind is called."""
    return _USES[kind]


def target_of(component: Any) -> Target:
    """A component of FastMCP's as what is decided about."""
    kind = Kind(getattr(component, "KEY_PREFIX", Kind.TOOL))
    uri = {Kind.RESOURCE: "uri", Kind.TEMPLATE: "uri_template"}.get(kind)
    return Target(
        kind,
        str(component.name),
        uri="" if uri is None else str(getattr(component, uri)),
        tags=frozenset(component.tags or ()),
    )


def principal_of_token(token: Any) -> Principal | None:
    """The caller whose token FastMCP has: the principal in it, else one from its fields.

    A background task gets a copy of the token, restored from text. What the verifier found stands in its fields: its
    issuer may keep the subject in another claim than `sub`, and roles in one that only the verifier's claim map knows.
    Expiry was judged when the call came: a queue may take longer than a token lives.

    Args:
        token: FastMCP's `AccessToken`, or None for nobody.

    Returns:
        The principal; None for nobody, and for a token that does not say who vouches for whom.
    """
    if token is None:
        return None
    carried = getattr(token, "principal", None)
    if isinstance(carried, Principal):
        return carried
    issuer, subject = token.claims.get("iss"), token.subject
    if not isinstance(issuer, str) or not subject or not subject.isprintable():
        return None
    claims = dict(token.claims)
    roles = claims.pop(ROLES_CLAIM, None)
    is_ours = isinstance(roles, list) and all(isinstance(one, str) for one in roles)
    return Principal(
        claims,
        issuer=issuer,
        subject=subject,
        client_id=None if token.client_id == UNKNOWN_CLIENT else token.client_id,
        scopes=frozenset(token.scopes),
        roles=frozenset(roles) if isinstance(roles, list) and is_ours else frozenset(),
        expires_at=token.expires_at,
    )
