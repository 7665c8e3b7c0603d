"""Sending a browser back to a client: always to a redirect URI of that client, always with our own `iss`."""

from __future__ import annotations

from starlette.responses import Response

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import OAuthFault
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.redirects import answer_url
from mcpauthkit.oauth.server_authorization import AskedAuthorization, is_state
from mcpauthkit.web.pages import redirect

_log = RequestLog("web")


class ClientAnswers:
    """Authorization responses (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207).

    Args:
        issuer: Our own identifier, byte for byte.
    """

    def __init__(self, issuer: str) -> None:
        self._issuer = issuer

    def to(self, asked: AskedAuthorization, **answer: str) -> Response:
        """Answer a request that was in order."""
        return self._send(asked.redirect_uri, asked.state, answer)

    def fault(self, redirect_uri: str, parameters: Parameters, fault: OAuthFault) -> Response:
        """Refuse a request that was not, at an address that belongs to its client."""
        _log.info("authorization request refused error=%s %s", fault.error, fault.for_log())
        state = parameters.get("state")
        usable = is_state(state) and "state" not in parameters.repeated
        answer = {"error": fault.error, "error_description": fault.public}
        return self._send(redirect_uri, state if usable else "", answer)

    def _send(self, redirect_uri: str, state: str, answer: dict[str, str]) -> Response:
        return redirect(answer_url(redirect_uri, {**answer, "state": state, "iss": self._issuer}))
