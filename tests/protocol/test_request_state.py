"""A call begun at one server object goes on at another, as it must with replicas, and nowhere else."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fastmcp
import mcp_types
import pytest
from fastmcp import FastMCP
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.request_state import AESGCMRequestStateCodec, RequestStateSecurity

from mcpauthkit import KeyRing, request_state_security
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.protocol.request_state import sharing_of
from mcpauthkit.testing import LoopbackServer
from tests.requirements.wire import RawClient, messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.world import Flavour

FIRST, SECOND = "first-key-of-at-least-32-bytes-length", "second-key-of-at-least-32-bytes-length"
OLD = KeyRing({"old": FIRST}, minting="old")
PREPARED = KeyRing({"old": FIRST, "new": SECOND}, minting="old")
TURNED = KeyRing({"old": FIRST, "new": SECOND}, minting="new")
NEW = KeyRing({"new": SECOND}, minting="new")

flavours = pytest.mark.parametrize("flavour", ["fastmcp", "mcpserver"])


class OwnCodec(AESGCMRequestStateCodec):
    """A codec that an application has written down, and so answers for."""


def asking(state: str | None) -> mcp_types.InputRequiredResult | str:
    return mcp_types.InputRequiredResult(request_state="half-way") if state is None else f"resumed {state}"


def server(flavour: Flavour, policy: RequestStateSecurity | None, name: str | None = "repos") -> Any:
    if flavour == "fastmcp":
        fast: FastMCP[Any] = FastMCP(name, request_state_security=policy)

        @fast.tool(output_schema=None)
        def resumable(ctx: fastmcp.Context) -> Any:
            return asking(ctx.request_state)

        return fast
    official: MCPServer[Any] = MCPServer(name, request_state_security=policy)

    @official.tool(name="resumable", structured_output=False)
    def resumable_too(ctx: Context) -> Any:
        return asking(ctx.request_state)

    return official


@dataclass
class Replica:
    resource: str

    def call(self, **params: Any) -> dict[str, Any]:
        answer = RawClient(self, "modern").call("resumable", **params)
        return {"status": answer.status_code, **messages(answer)[0]}


def resumed(begun: Any, continued: Any) -> dict[str, Any]:
    """What the second server says to a call that the first one began."""
    with LoopbackServer(app_of(begun)) as one, LoopbackServer(app_of(continued)) as other:
        state = Replica(f"{one.base_url}/mcp").call()["result"]["requestState"]
        assert "half-way" not in state
        return Replica(f"{other.base_url}/mcp").call(requestState=state)


def app_of(mcp: Any) -> Any:
    return mcp.http_app(path="/mcp") if isinstance(mcp, FastMCP) else mcp.streamable_http_app()


def is_accepted(answer: dict[str, Any]) -> bool:
    if answer["status"] == 200:
        assert answer["result"]["content"][0]["text"] == "resumed half-way"
        return True
    assert answer["status"] == 400
    assert answer["error"]["code"] == -32602
    assert answer["error"]["data"] == {"reason": "invalid_request_state"}
    return False


def policy(ring: KeyRing, audience: str = "repos") -> RequestStateSecurity:
    return request_state_security(ring, audience=audience)


@flavours
@pytest.mark.parametrize(
    ("begun", "continued"),
    [
        (OLD, KeyRing({"old": FIRST}, minting="old")),
        (OLD, PREPARED),
        (PREPARED, TURNED),
        (TURNED, PREPARED),
        (TURNED, NEW),
    ],
    ids=["one ring", "key added", "key turned", "not turned yet", "old one dropped"],
)
def test_a_call_begun_on_one_replica_goes_on_at_another_also_while_keys_are_rotated(
    flavour: Flavour, begun: KeyRing, continued: KeyRing
) -> None:
    assert is_accepted(resumed(server(flavour, policy(begun)), server(flavour, policy(continued))))


@flavours
def test_a_call_begun_at_one_kind_of_server_goes_on_at_the_other(flavour: Flavour) -> None:
    other: Flavour = "mcpserver" if flavour == "fastmcp" else "fastmcp"
    assert is_accepted(resumed(server(flavour, policy(OLD)), server(other, policy(OLD))))


@flavours
@pytest.mark.parametrize(
    "there", [policy(NEW), policy(OLD, "wiki"), None], ids=["another ring", "another audience", "no policy"]
)
def test_anybody_elses_state_is_refused(flavour: Flavour, there: RequestStateSecurity | None) -> None:
    assert not is_accepted(resumed(server(flavour, policy(OLD)), server(flavour, there)))


@flavours
def test_servers_without_a_name_read_each_others_states(flavour: Flavour) -> None:
    # FastMCP makes up a random name where there is none, and that would be the audience.
    assert is_accepted(resumed(server(flavour, policy(OLD), None), server(flavour, policy(OLD), None)))


@flavours
def test_a_ring_that_ends_with_the_process_serves_that_process(flavour: Flavour) -> None:
    ring = KeyRing.ephemeral()
    assert is_accepted(resumed(server(flavour, policy(ring)), server(flavour, policy(ring))))
    assert not is_accepted(resumed(server(flavour, policy(ring)), server(flavour, policy(KeyRing.ephemeral()))))


def test_one_secret_under_two_names_is_one_key() -> None:
    twice = KeyRing({"b": FIRST, "a": FIRST}, minting="b")
    assert is_accepted(resumed(server("fastmcp", policy(OLD)), server("fastmcp", policy(twice))))


def test_the_time_between_two_rounds_is_the_one_that_was_given() -> None:
    assert request_state_security(OLD, audience="repos").ttl == 600
    assert request_state_security(OLD, audience="repos", ttl_seconds=60).ttl == 60


@flavours
def test_a_state_that_has_expired_is_refused(flavour: Flavour) -> None:
    begun = server(flavour, request_state_security(OLD, audience="repos", ttl_seconds=0.05))
    never = threading.Event()
    with LoopbackServer(app_of(begun)) as one:
        here = Replica(f"{one.base_url}/mcp")
        state = here.call()["result"]["requestState"]
        # The SDK keeps the time itself, by the clock of the machine.
        for _ in range(500):
            if not is_accepted(here.call(requestState=state)):
                return
            never.wait(0.01)
    pytest.fail("it is accepted for ever")


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: request_state_security(OLD, audience=""), "audience"),
        (lambda: request_state_security(OLD, audience="  "), "audience"),
        (lambda: request_state_security(OLD, audience=None), "audience"),  # type: ignore[arg-type]
        (lambda: request_state_security(None, audience="repos"), "key_ring"),  # type: ignore[arg-type]
        (lambda: request_state_security(OLD, audience="repos", ttl_seconds=0), "ttl_seconds"),
        (lambda: request_state_security(OLD, audience="repos", ttl_seconds=float("nan")), "ttl_seconds"),
        (lambda: request_state_security(OLD, audience="repos", ttl_seconds=True), "ttl_seconds"),
    ],
)
def test_what_cannot_be_shared_is_refused_with_what_to_write(make: Callable[[], object], named: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert named in refused.value.public
    assert refused.value.hint


@flavours
@pytest.mark.parametrize(
    ("given", "sharing"),
    [
        (None, "own"),
        (RequestStateSecurity.ephemeral(), "own"),
        (policy(KeyRing.ephemeral()), "own"),
        (policy(OLD), "shared"),
        (RequestStateSecurity.ephemeral(audience="repos"), "own"),
        (RequestStateSecurity(keys=[FIRST], audience="repos"), "own"),
        (RequestStateSecurity(codec=OwnCodec([FIRST]), audience="repos"), "shared"),
        (RequestStateSecurity(codec=OwnCodec([FIRST])), "own"),
    ],
    ids=[
        "default",
        "ephemeral",
        "ring of this process",
        "lasting ring",
        "ephemeral with an audience",
        "keys that nobody can see",
        "the application's own codec",
        "own codec without an audience",
    ],
)
def test_it_shows_which_servers_go_on_with_calls_of_others(
    flavour: Flavour, given: RequestStateSecurity | None, sharing: str
) -> None:
    """It fails with a release of FastMCP or of the SDK that keeps the policy elsewhere: then the start says so too."""
    assert sharing_of(server(flavour, given)) == sharing


@flavours
def test_a_server_that_does_not_show_it_is_said_to_be_unknown(flavour: Flavour) -> None:
    mcp = server(flavour, policy(OLD))
    chain = mcp._mcp_server.middleware if flavour == "fastmcp" else mcp.middleware
    chain.clear()
    assert sharing_of(mcp) == "unknown"
