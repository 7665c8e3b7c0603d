"""From a guarded call, or a plain request, to a credential, a question, or a text."""

from __future__ import annotations

import mcp_types

from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.service_account import ServiceAccount
from mcpauthkit.core.flow_state import Flow
from mcpauthkit.errors import ConnectionFailed
from mcpauthkit.protocol.ask import Asker, Need
from mcpauthkit.protocol.ask_legacy import ask_blocking, join_blocking
from mcpauthkit.protocol.ask_modern import RoundState, ask_in_rounds, continue_rounds
from mcpauthkit.protocol.call import Call
from mcpauthkit.protocol.ladder import Rung, choose_rung
from mcpauthkit.protocol.sinks import SIGN_IN_ISSUERS_KEY
from mcpauthkit.telemetry import Measured


async def obtain(asker: Asker, call: Call, need: Need) -> Credential | mcp_types.InputRequiredResult:
    """A credential for this call, or the modern era's question.

    Raises:
        ConnectionFailed: The user did not or could not connect; the text says which and what to do.
        RemoteError: The service cannot answer.
        Exception: Error -32042, on that rung.
    """
    state = RoundState.read(call.request_state, asker.broker.grant.service)
    found = await _found(asker, call, need, state)
    if state is not None and isinstance(found, Credential):
        # Our question is answered; the tool may have questions and states of its own.
        call.end_round(state.service)
    return found


async def obtain_or_link(asker: Asker, need: Need) -> Credential:
    """A credential for a request that cannot carry a question, such as that of a plain HTTP route.

    Raises:
        ConnectionRequired: There is none yet; it carries the link.
        RemoteError: The service cannot answer.
    """
    credential = await asker.lookup(need)
    if credential is None:
        _check_asks_users(asker)
        with asker.measured(Rung.LINK):
            raise asker.link(await _opened(asker, need, Rung.LINK))
    return credential


async def _found(
    asker: Asker, call: Call, need: Need, state: RoundState | None
) -> Credential | mcp_types.InputRequiredResult:
    credential = await asker.lookup(need)
    if credential is not None and state is None:
        return credential
    rung = choose_rung(call, fail_fast=need.fail_fast)
    with asker.measured(rung) as work:
        # A later round may find that the user has been through with the page meanwhile.
        answer = credential or await _asked(asker, call, need, state, rung, work)
        if isinstance(answer, mcp_types.InputRequiredResult):
            work.outcome = "asked" if answer.input_requests else "waiting"
        return answer


async def _asked(
    asker: Asker, call: Call, need: Need, state: RoundState | None, rung: Rung, work: Measured
) -> Credential | mcp_types.InputRequiredResult:
    if state is not None and rung is Rung.ROUNDS:
        # A later round of a question asked before: it must come to that flow's outcome and open no other.
        return await continue_rounds(asker, call, state, need)
    _check_asks_users(asker)
    _check_can_sign_in(asker, call, need)
    flow = await _opened(asker, need, rung)
    match rung:
        case Rung.ROUNDS:
            return await ask_in_rounds(asker, flow, need)
        case Rung.BLOCKING:
            asked = await asker.broker.take_question(need.principal, flow, seconds=asker.patience.hold_seconds)
            if asked is None:
                return await join_blocking(asker, flow, need)
            return await ask_blocking(asker, call, asked, need)
        case Rung.URL_ERROR:
            # The SDK's own error, which says nothing about how the question went.
            work.outcome = "asked"
            raise asker.url_error(call, flow, need)
        case Rung.LINK:
            raise asker.link(flow)


def _check_asks_users(asker: Asker) -> None:
    if isinstance(asker.broker.grant, ServiceAccount):
        raise ConnectionFailed(
            asker.service_name,
            f"{asker.service_name} refused this server's own account, and there is nothing you can do about it. "
            "The server's operator finds the cause in the log.",
            hint="Check what the client may do at the service, and the scopes that this tool asks for.",
            reason="no way without the user gave a credential",
        )


def _check_can_sign_in(asker: Asker, call: Call, need: Need) -> None:
    # A link would lead an API key's owner to a login that can never make them that key.
    issuers = None if call.scope is None else call.scope.get(SIGN_IN_ISSUERS_KEY)
    if issuers is not None and need.principal.issuer not in issuers:
        service = asker.broker.grant.display_name
        raise ConnectionFailed(
            service,
            f"This needs somebody's own {service} account, and this caller is nobody who can sign in in a browser. "
            "Call it as a user.",
            hint="Leg 2 is for users of issuer_url= and issuers=; give service accounts their credentials another way.",
            reason=f"callers of {need.principal.issuer!r} have no browser login",
        )


async def _opened(asker: Asker, need: Need, rung: Rung) -> Flow:
    flow = await asker.open_flow(need)
    asker.log_rung(rung, need, flow)
    return flow
