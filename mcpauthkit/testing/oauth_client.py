"""A scripted OAuth client: goes through the code flow step by step, and can be told to get any step wrong."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from urllib.parse import quote_plus, urlencode

import httpx

from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.testing.issuer import DevIssuer
from mcpauthkit.testing.wire import tls_for

if TYPE_CHECKING:
    from collections.abc import Mapping

    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.testing.service import DevService

Parameter = str | Sequence[str] | None
"""A parameter to send: None leaves it out, a sequence repeats it."""

# Port 9 is "discard": nobody listens there, so a robot that forgets `stop_at` notices.
DEFAULT_REDIRECT_URI = "http://127.0.0.1:9/callback"
_TIMEOUT_SECONDS = 30.0


class OAuthClient:
    """One client of one authorization server, with one PKCE verifier.

    Args:
        authorize_url: The authorization endpoint.
        token_url: The token endpoint.
        client_id: Its id.
        client_secret: Its secret, sent by `client_secret_basic`; None for a public client.
        redirect_uri: Where it wants the browser back.
        entropy: Source of the verifier and of `state`.

    Attributes:
        state: The `state` it sends.
        code_verifier: The PKCE verifier (RFC 7636).
    """

    def __init__(
        self,
        *,
        authorize_url: str,
        token_url: str,
        client_id: str,
        client_secret: str | None = None,
        redirect_uri: str = DEFAULT_REDIRECT_URI,
        entropy: Entropy | None = None,
    ) -> None:
        entropy = entropy or SystemEntropy()
        self.authorize_url = authorize_url
        self.token_url = token_url
        self.client_id = client_id
        self.client_secret = client_secret
        self.redirect_uri = redirect_uri
        self.state = entropy.token(16)
        self.code_verifier = entropy.token()

    @classmethod
    def of(
        cls, server: DevIssuer | DevService, *, client_id: str = "", redirect_uri: str = DEFAULT_REDIRECT_URI
    ) -> OAuthClient:
        """A client of a development server: its one client at a DevService, a public one registered at a DevIssuer."""
        if isinstance(server, DevIssuer):
            client_id = client_id or "scripted-client"
            server.add_client(client_id, redirect_uris=[redirect_uri])
            return cls(
                authorize_url=f"{server.issuer_url}/authorize",
                token_url=f"{server.issuer_url}/token",
                client_id=client_id,
                redirect_uri=redirect_uri,
            )
        return cls(
            authorize_url=server.authorize_url,
            token_url=server.token_url,
            client_id=client_id or server.client_id,
            client_secret=server.client_secret,
            redirect_uri=redirect_uri,
        )

    def authorization_url(self, **parameters: Parameter) -> str:
        """The address to open in a browser; parameters are added or replace ours, and None leaves one out."""
        digest = hashlib.sha256(self.code_verifier.encode()).digest()
        ours: dict[str, Parameter] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": base64.urlsafe_b64encode(digest).rstrip(b"=").decode(),
            "code_challenge_method": "S256",
        }
        return f"{self.authorize_url}?{_encoded({**ours, **parameters})}"

    async def exchange(self, code: str, /, **parameters: Parameter) -> httpx.Response:
        """Redeem a code."""
        ours: dict[str, Parameter] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.code_verifier,
        }
        return await self.post(self.token_url, **{**ours, **parameters})

    async def refresh(self, refresh_token: str, /, **parameters: Parameter) -> httpx.Response:
        """Use a refresh token."""
        ours: dict[str, Parameter] = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        return await self.post(self.token_url, **{**ours, **parameters})

    async def post(self, url: str, /, **parameters: Parameter) -> httpx.Response:
        """Send a form as this client, authenticated the way it does, for example to a revocation endpoint."""
        headers: dict[str, str] = {"content-type": "application/x-www-form-urlencoded"}
        ours: dict[str, Parameter] = {}
        if self.client_secret is None:
            ours["client_id"] = self.client_id
        else:
            # Form-encoded before base64 (RFC 6749 section 2.3.1).
            pair = f"{quote_plus(self.client_id)}:{quote_plus(self.client_secret)}"
            headers["authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
        async with httpx.AsyncClient(verify=tls_for(url), timeout=_TIMEOUT_SECONDS, trust_env=False) as http:
            return await http.post(url, content=_encoded({**ours, **parameters}), headers=headers)


def _encoded(parameters: Mapping[str, Any]) -> str:
    return urlencode({name: value for name, value in parameters.items() if value is not None}, doseq=True)
