"""Who is calling, and how a call ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import mcp_types
import pytest
from fastmcp import Context, FastMCP
from fastmcp.server.auth import AccessToken
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser

from mcpauthkit import Principal, current_user
from mcpauthkit.errors import NotSignedIn
from mcpauthkit.protocol.call import CallRefused, UrlElicitationNeeded, current_call
from mcpauthkit.protocol.ladder import Rung, choose_rung
from mcpauthkit.protocol.sinks import PRINCIPAL_KEY, access_token_of
from tests.protocol.calls import FakeSession, a_call, capabilities, someone

CLAIMS: dict[str, Any] = {"iss": "https://i.example", "sub": "worker", "exp": 1}
OWN: ContextVar[Any] = ContextVar("own", default=None)
UNSET: ContextVar[Any] = ContextVar("unset")


def token(claims: dict[str, Any]) -> AccessToken:
    return AccessToken(token="t", client_id="c", scopes=[], subject=claims.get("sub"), claims=claims)


@contextmanager
def around(
    *, own: Any = None, current: Principal | None = None, claims: dict[str, Any] | None = None
) -> Iterator[None]:
    """What stands in the context while a call runs."""
    restored = None if claims is None else AuthenticatedUser(token(claims))
    tokens = OWN.set(own), current_user.set(current), auth_context_var.set(restored)
    try:
        yield
    finally:
        OWN.reset(tokens[0])
        current_user.reset(tokens[1])
        auth_context_var.reset(tokens[2])


def test_the_request_itself_comes_first() -> None:
    # E2, E3, E5: the context of whoever opened the session counted, and its opening token.
    with around(own=someone("own"), current=someone("context"), claims=CLAIMS):
        call = a_call(scope={PRINCIPAL_KEY: someone("request")})
        assert call.principal(OWN).subject == "request"


@pytest.mark.parametrize(
    "scope",
    [{}, {"user": None}, {"user": "alice"}, {"user": AuthenticatedUser(token(CLAIMS))}],
    ids=["none", "empty", "text", "somebody else's middleware"],
)
def test_with_a_request_nothing_but_the_request_counts(scope: dict[str, Any]) -> None:
    with around(own=someone("own"), current=someone("context"), claims=CLAIMS), pytest.raises(NotSignedIn):
        a_call(scope=scope).principal(OWN)


def test_without_a_request_the_applications_variable_then_ours_then_the_workers_token_count() -> None:
    with around(own=someone("own"), current=someone("context"), claims=CLAIMS):
        assert a_call().principal(OWN).subject == "own"
        assert a_call().principal(None).subject == "context"
        assert a_call().principal(UNSET).subject == "context"
    with around(own="not a principal", claims=CLAIMS):
        found = a_call().principal(OWN)
    assert found.key == ("https://i.example", "worker")


def test_a_queue_may_take_longer_than_the_token_lived() -> None:
    with around(claims={**CLAIMS, "exp": 1}):
        assert a_call(in_background=True).principal(None).subject == "worker"


def test_the_workers_caller_is_whom_the_verifier_found_and_not_what_the_claims_say() -> None:
    # Entra ID keeps the user in `oid`; an API key has no `exp`.
    claims = {"iss": "https://i.example", "sub": "pairwise"}
    principal = worker_of(AccessToken(token="t", client_id="c", scopes=["read"], subject="oid-1", claims=claims))
    assert principal.key == ("https://i.example", "oid-1")
    assert principal.scopes == {"read"}


def worker_of(found: AccessToken) -> Principal:
    restored = auth_context_var.set(AuthenticatedUser(found))
    try:
        return a_call(in_background=True).principal(None)
    finally:
        auth_context_var.reset(restored)


def test_the_workers_caller_has_the_roles_that_the_verifier_found() -> None:
    # The operator's claim map reads `groups` alone here, and users choose what is in `roles`.
    claims = {"iss": "https://i.example", "sub": "alice", "roles": ["admin"], "mcpauthkit.roles": ["root"]}
    front = Principal(
        claims, issuer="https://i.example", subject="alice", roles=frozenset({"staff", "b"}), expires_at=None
    )
    carried = AccessToken.model_validate_json(access_token_of(front, "t", "https://m.example/mcp").model_dump_json())
    worker = worker_of(carried)
    assert worker.key == front.key
    assert worker.roles == front.roles
    assert "mcpauthkit.roles" not in worker
    assert worker["roles"] == ["admin"]


@pytest.mark.parametrize("carried", [..., None, "admin", {"admin": {"1": "d"}}, ["admin", 5], 5], ids=str)
def test_a_token_that_carries_no_roles_of_ours_gives_a_worker_none(carried: Any) -> None:
    claims = {"iss": "https://i.example", "sub": "alice", "roles": ["admin"], "realm_access": {"roles": ["admin"]}}
    more = {} if carried is ... else {"mcpauthkit.roles": carried}
    assert worker_of(token({**claims, **more})).roles == frozenset()


@pytest.mark.parametrize(
    "claims",
    [
        None,
        {},
        {"iss": 7, "sub": "x", "exp": 1},
        {"iss": "https://i.example", "exp": 1},
        {"iss": "https://i.example", "sub": "two\nlines", "exp": 1},
        {"iss": "https://i.example", "sub": "", "exp": 1},
    ],
    ids=str,
)
def test_nobody_is_nobody(claims: dict[str, Any] | None) -> None:
    # K8: without `sub` everybody was "unknown", and shared credentials.
    with around(claims=claims), pytest.raises(NotSignedIn) as refused:
        a_call().principal(OWN)
    assert refused.value.hint


@pytest.mark.parametrize("fail_fast", [True, False])
def test_a_background_task_is_never_held(*, fail_fast: bool) -> None:
    call = a_call(FakeSession(capabilities(url=True), can_send_request=True), in_background=True)
    assert choose_rung(call, fail_fast=fail_fast) is Rung.LINK


async def test_a_call_in_a_worker_is_told_apart_and_has_no_request() -> None:
    mcp = FastMCP("worker")
    session: Any = FakeSession(capabilities(url=True))
    session.protocol_version = "2026-07-28"
    async with Context(mcp, session=session, task_id="task-1"):
        call = current_call((), {})
    assert call.in_background
    assert call.scope is None
    assert call.request_id is None
    assert choose_rung(call, fail_fast=False) is Rung.LINK
    call.end_round("forge")


def test_outside_a_call_there_is_none() -> None:
    with pytest.raises(NotSignedIn) as refused:
        current_call((1, "x"), {"a": object()})
    assert "register" in refused.value.hint


def test_the_errors_that_end_a_call_say_what_they_have_to() -> None:
    assert str(CallRefused("text for the model")) == "text for the model"
    params = mcp_types.ElicitRequestURLParams(message="m", url="https://mcp.example/connect", elicitation_id="e")
    wire = UrlElicitationNeeded(params).to_wire()
    assert wire.error.code == -32042
    assert wire.error.data["elicitations"][0]["url"] == "https://mcp.example/connect"
