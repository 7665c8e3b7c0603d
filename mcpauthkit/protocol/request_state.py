"""What a call carries from one round to the next, sealed so that every replica reads it.

Theory of operation. A modern call that asks its user ends with a sealed `requestState`, and the client sends it back
with the answer. Unless told otherwise, both kinds of server seal it with a key of the process, so that any other
replica, and the same one after a restart, answers 400. The policy made here has its keys from the key ring. It also
names its audience, because the default one is the server's name, and a FastMCP without a name makes up a random one at
each start.
"""

from __future__ import annotations

import math
from typing import Any, Literal

from fastmcp import FastMCP
from mcp.server.mcpserver import MCPServer
from mcp.server.request_state import AESGCMRequestStateCodec, RequestStateBoundary, RequestStateSecurity

from mcpauthkit.core.keyring import KeyRing, check_key_ring
from mcpauthkit.errors import ConfigurationError

_PURPOSE = "request-state"

Sharing = Literal["shared", "own", "unknown"]
"""Whether other processes read what one seals: they do, nothing says that they do, or the policy cannot be seen."""


class _RingPolicy(RequestStateSecurity):
    """A policy with keys of a ring, which knows whether other processes can have them."""

    def __init__(self, key_ring: KeyRing, *, audience: str, ttl_seconds: float) -> None:
        names = [key_ring.minting, *key_ring.names]
        derived = (key_ring.derive(name, _PURPOSE) for name in names)
        # The SDK refuses a key that is there twice, and one secret may have two names.
        keys = list(dict.fromkeys(key for key in derived if key is not None))
        super().__init__(keys=keys, ttl=ttl_seconds, audience=audience)
        self.is_lasting = not key_ring.is_ephemeral


def request_state_security(key_ring: KeyRing, *, audience: str, ttl_seconds: float = 600.0) -> RequestStateSecurity:
    """Let every replica go on with a call that another one began, and a restarted one with those from before.

    Write `FastMCP("repos", request_state_security=request_state_security(key_ring, audience="repos"))`; `MCPServer`
    takes it alike. The ring's minting key seals and all of its keys open, so rotating the ring in two deployments
    rotates these as well. With a ring that ends with the process, so do the states.

    Args:
        key_ring: The key ring that all replicas share.
        audience: Which server the states are for, the same text on all of its replicas. Two servers with one key ring
            and one audience would accept each other's.
        ttl_seconds: How long the client may take from one round to the next, in seconds.

    Returns:
        The policy, which binds states to caller, tool and arguments as the default one does.

    Raises:
        ConfigurationError: There is no key ring, no audience, or no time.
    """
    check_key_ring(key_ring)
    named: object = audience
    if not isinstance(named, str) or not named.strip():
        raise ConfigurationError(
            f"audience={audience!r} names no server.", hint='Give each server one of its own: audience="repos".'
        )
    seconds: object = ttl_seconds
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or not 0 < seconds < math.inf:
        raise ConfigurationError(f"ttl_seconds={ttl_seconds!r} is no time.", hint="Give seconds, such as 600.")
    return _RingPolicy(key_ring, audience=audience, ttl_seconds=seconds)


def share_request_state(mcp: FastMCP[Any], key_ring: KeyRing, *, audience: str) -> None:
    """Give a server a policy as `request_state_security` makes it, unless it was given one of its own.

    Args:
        mcp: The server.
        key_ring: As for `request_state_security`.
        audience: As for `request_state_security`.

    Raises:
        ConfigurationError: As for `request_state_security`.
    """
    if getattr(mcp, "_request_state_security", None) is not None:
        return
    policy = request_state_security(key_ring, audience=audience)
    middleware = getattr(mcp, "_mcp_server").middleware  # noqa: B009  # as for `_policy`
    for place, one in enumerate(middleware):
        if isinstance(one, RequestStateBoundary):
            middleware[place] = RequestStateBoundary(policy, default_audience=audience)


def sharing_of(mcp: FastMCP[Any] | MCPServer[Any]) -> Sharing:
    """Whether other processes go on with the calls that a server asks in.

    A policy with keys of the application's own counts as one that ends with the process: keys that `ephemeral()` made
    up look no different, also where it was given an audience. A codec of the application's own is taken at its word,
    because somebody wrote it for that, but not without an audience: the default one may be random in each process.

    Args:
        mcp: The server.
    """
    match _policy(mcp):
        case None:
            return "unknown"
        case _RingPolicy(is_lasting=is_lasting):
            return "shared" if is_lasting else "own"
        case policy:
            # By the exact type: a subclass is a codec that an application has written down.
            is_built_in = type(policy.codec) is AESGCMRequestStateCodec
            return "own" if is_built_in or policy.audience is None else "shared"


def _policy(mcp: FastMCP[Any] | MCPServer[Any]) -> RequestStateSecurity | None:
    # Neither of the two tells what it was given; a test says when these places move.
    server = getattr(mcp, "_mcp_server", mcp)
    for one in getattr(server, "middleware", ()):
        if isinstance(one, RequestStateBoundary):
            policy = getattr(one, "_security", None)
            return policy if isinstance(policy, RequestStateSecurity) else None
    return None
