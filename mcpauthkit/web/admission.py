"""Whether a request is admitted, and as whom."""

from __future__ import annotations

from typing import NamedTuple

from starlette.requests import HTTPConnection
from starlette.types import Receive, Scope

from mcpauthkit.core.audit import Event, EventName, record_refusal
from mcpauthkit.core.clock import Clock
from mcpauthkit.core.headers import HeaderFields
from mcpauthkit.errors import (
    InsufficientScope,
    InvalidToken,
    IssuerUnavailable,
    MissingToken,
    RequestError,
    WrongAudience,
)
from mcpauthkit.identity.judge import Judge
from mcpauthkit.principal import Principal, actor_of
from mcpauthkit.protocol.sinks import SdkIdentity
from mcpauthkit.web.anonymous_sessions import AnonymousSessions
from mcpauthkit.web.call_rules import CallRules
from mcpauthkit.web.enrichment import OnAuthenticate, enrich
from mcpauthkit.web.mcp_messages import MAX_BODY_BYTES_OF_NOBODY, read_message
from mcpauthkit.web.presented import presented_by
from mcpauthkit.web.resources import ProtectedResource

_SESSION_ID = b"mcp-session-id"


class Admission(NamedTuple):
    """An admitted request.

    Args:
        receive: Its body, from the beginning.
        identity: The caller in the SDK's words; None for an anonymous one.
        principal: The caller as seen on this request; None for an anonymous one.
        in_anonymous_session: Whether it continues a session that began without a token.
        opens_session: Whether an anonymous one opens a session.
        session_id: The session an anonymous one continues.
    """

    receive: Receive
    identity: SdkIdentity | None = None
    principal: Principal | None = None
    in_anonymous_session: bool = False
    opens_session: bool = False
    session_id: str | None = None


class Admissions:
    """Admits requests or refuses them.

    Args:
        judge: Who is calling.
        elsewhere: What routes count for that belong to no resource.
        rules: What a message needs.
        on_authenticate: The application's hook.
        clock: Time.
    """

    def __init__(
        self,
        judge: Judge[SdkIdentity],
        elsewhere: ProtectedResource,
        rules: CallRules,
        on_authenticate: OnAuthenticate | None,
        clock: Clock,
    ) -> None:
        self._judge = judge
        self._elsewhere = elsewhere
        self._rules = rules
        self._hook = on_authenticate
        self.anonymous_sessions = AnonymousSessions(clock)

    async def admit(
        self, scope: Scope, headers: HeaderFields, receive: Receive, resource: ProtectedResource | None
    ) -> Admission:
        """Decide on one request.

        Args:
            scope: Its ASGI scope.
            headers: Its header fields.
            receive: Its body.
            resource: The MCP server it is for, or None for the application's other routes.

        Raises:
            RequestError: It is refused.
            AuditUnavailable: Its token is good, which cannot be recorded.
        """
        called = resource or self._elsewhere
        try:
            presented = presented_by(scope, headers)
            identity = await self._judge.judge(presented, called.url, called.accepted)
        except MissingToken:
            if resource is None or not self._rules.allow_anonymous:
                raise
            return await self._admit_nobody(scope, headers, receive)
        except RequestError as error:
            tell_refusal(error)
            raise
        principal = identity.principal.on_request(presented.peer, headers.first(b"user-agent"))
        try:
            return await self._admit_somebody(scope, headers, receive, resource, identity, principal)
        except RequestError as error:
            tell_refusal(error, principal)
            raise

    async def _admit_somebody(
        self,
        scope: Scope,
        headers: HeaderFields,
        receive: Receive,
        resource: ProtectedResource | None,
        identity: SdkIdentity,
        principal: Principal,
    ) -> Admission:
        message = None
        if resource is not None and self._rules.read_calls and _has_message(scope):
            message, receive = await read_message(receive)
        self._rules.check(principal, message)
        if self._hook is not None:
            await enrich(self._hook, principal, HTTPConnection(scope))
        continues = False
        if self._rules.allow_anonymous:
            # Last, because it binds the session: whoever is refused before has not touched it.
            continues = self.anonymous_sessions.enter(headers.first(_SESSION_ID), principal)
        return Admission(receive, identity, principal, continues)

    async def _admit_nobody(self, scope: Scope, headers: HeaderFields, receive: Receive) -> Admission:
        if scope["type"] != "http":
            raise MissingToken
        session_id = headers.first(_SESSION_ID)
        opens_session = False
        if _has_message(scope):
            message, receive = await read_message(receive, max_bytes=MAX_BODY_BYTES_OF_NOBODY)
            if not self._rules.is_public(message):
                raise MissingToken
            opens_session = message.opens_session and session_id is None
        if session_id is not None:
            self.anonymous_sessions.enter_as_nobody(session_id)
        elif opens_session:
            self.anonymous_sessions.may_open()
        return Admission(receive, opens_session=opens_session, session_id=session_id)


def tell_refusal(error: RequestError, principal: Principal | None = None) -> None:
    """Record that a request was refused; nothing is told of one without a token, which is how every client begins.

    Args:
        error: Why.
        principal: Who sent it, if that was found out.
    """
    if isinstance(error, MissingToken | IssuerUnavailable):
        return
    record_refusal(
        Event(
            event=EventName.TOKEN_REFUSED if isinstance(error, InvalidToken) else EventName.REQUEST_REFUSED,
            decision="deny",
            actor=actor_of(principal),
            # Its code only: the rest may quote a token that nobody has vouched for.
            reason=error.code,
            metadata={"required": list(error.required)} if isinstance(error, InsufficientScope) else {},
            # Only a genuine token gets as far as its audience, so nobody can fill the log with these.
            is_warning=isinstance(error, WrongAudience),
        )
    )


def _has_message(scope: Scope) -> bool:
    return bool(scope["type"] == "http" and scope["method"] == "POST")
