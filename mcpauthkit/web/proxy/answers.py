"""Sending a browser back to a client: always to a redirect URI of that client, always with our own `iss`."""

from __future__ import annotations

from starlette.responses import Response

from mcpauthkit.oauth.redirects import answer_url, destination
from mcpauthkit.oauth.server_authorization import AskedAuthorization
from mcpauthkit.web.pages import Pages, redirect


class ClientAnswers:
    """Authorization responses (RFC 6749 sections 4.1.2 and 4.1.2.1, RFC 9207).

    Args:
        issuer: Our own identifier, byte for byte.
        pages: The renderer.
    """

    def __init__(self, issuer: str, *, pages: Pages) -> None:
        self._issuer = issuer
        self._pages = pages

    def to(self, asked: AskedAuthorization, **answer: str) -> Response:
        """Answer a request that was in order."""
        return self._send(asked.redirect_uri, asked.state, answer)

    def refuse(self, redirect_uri: str, state: str, *, error: str, description: str = "", is_trusted: bool) -> Response:
        """Refuse a request to which the person here has not agreed.

        Anybody can register an address of theirs and send a request that fails; were that redirected without a word,
        this server's good name would lead people to any site (RFC 9700 section 4.11.2).

        Args:
            redirect_uri: Where the answer goes; one of the client's.
            state: The client's state.
            error: The OAuth error.
            description: What is wrong.
            is_trusted: Whether the address is known to lead to no stranger; otherwise a page says where it leads.
        """
        answer = {"error": error, "error_description": description}
        if is_trusted:
            return self._send(redirect_uri, state, answer)
        return self._pages.message(
            "Nobody was signed in",
            description or "The request ended here.",
            "The program that asked can be told so, if you know it.",
            status=400,
            action=f"Go to {destination(redirect_uri)}",
            action_url=self._url(redirect_uri, state, answer),
        )

    def _send(self, redirect_uri: str, state: str, answer: dict[str, str]) -> Response:
        return redirect(self._url(redirect_uri, state, answer))

    def _url(self, redirect_uri: str, state: str, answer: dict[str, str]) -> str:
        return answer_url(redirect_uri, {**answer, "state": state, "iss": self._issuer})
