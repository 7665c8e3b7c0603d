"""The issuer as seen from the proxy: one fixed client of ours, and our own PKCE verifier for every login."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.oauth.authorization import AuthorizationRequest, process_authorization_response
from mcpauthkit.oauth.revocation import TokenKind, may_be_access_token, process_revocation_response, revocation_request
from mcpauthkit.oauth.server_authorization import AskedAuthorization
from mcpauthkit.oauth.server_token import CodeGrant
from mcpauthkit.oauth.token import TokenSet, code_request, process_token_response, refresh_request
from mcpauthkit.web.proxy.options import ProxySettings

_log = RequestLog("web")
CALLBACK_PATH = "/oauth/callback"


@dataclass(frozen=True, slots=True)
class Departure:
    """A browser about to leave for the issuer.

    Args:
        url: Where to.
        state: What the issuer will give back.
        code_verifier: What redeems its code.
    """

    url: str = field(repr=False)
    state: str = field(repr=False)
    code_verifier: str = field(repr=False)


class Upstream:
    """Sends requests to the issuer as our client there.

    Args:
        issuer: The issuer.
        settings: The proxy's settings.
        base_url: The public address of the application.
    """

    def __init__(self, issuer: Issuer, settings: ProxySettings, *, base_url: str) -> None:
        self._issuer = issuer
        self._settings = settings
        self._redirect_uri = f"{base_url}{CALLBACK_PATH}"
        self._has_warned = False

    async def departure(self, asked: AskedAuthorization) -> Departure:
        """Prepare a login.

        Raises:
            RemoteError: The issuer's metadata cannot be had.
        """
        metadata = await self._issuer.metadata.get()
        if metadata.lacks_s256 and not self._has_warned:
            self._has_warned = True
            _log.warning("the issuer's metadata lists PKCE methods without S256, so it may ignore what protects codes")
        state, verifier = self._settings.entropy.token(), self._settings.entropy.token()
        request = AuthorizationRequest(
            endpoint=metadata.need("authorization_endpoint"),
            client_id=self._settings.client.client_id,
            redirect_uri=self._redirect_uri,
            state=state,
            code_verifier=verifier,
            scopes=asked.scopes,
            extra={**self._target(asked.resource), **_prompt(asked.prompt), **self._settings.extra},
        )
        return Departure(request.url, state, verifier)

    async def code_of(self, query: Mapping[str, str]) -> str:
        """The code of the issuer's answer.

        Raises:
            RemoteError: There is none, or somebody else answered.
        """
        metadata = await self._issuer.metadata.get()
        return process_authorization_response(query, expected_issuer=metadata.issuer, iss_required=metadata.sends_iss)

    async def exchange(self, grant: CodeGrant) -> TokenSet:
        """Redeem the issuer's code inside one of ours.

        Raises:
            RemoteError: It gave no tokens.
        """
        request = code_request(
            await self._token_endpoint(),
            self._settings.client,
            code=grant.upstream_code,
            redirect_uri=self._redirect_uri,
            code_verifier=grant.upstream_verifier,
            resource=self._forwarded(grant.resource),
        )
        return process_token_response(await self._issuer.fetch(request))

    async def refresh(self, token: Secret, *, scopes: tuple[str, ...], resource: str) -> TokenSet:
        """Use the issuer's refresh token.

        Raises:
            RemoteError: It gave no tokens.
        """
        request = refresh_request(
            await self._token_endpoint(),
            self._settings.client,
            refresh_token=token,
            scopes=scopes,
            resource=self._forwarded(resource),
        )
        return process_token_response(await self._issuer.fetch(request))

    def may_have_issued(self, token: str) -> bool:
        """Whether a text looks like an access token of the issuer that still works."""
        profile = self._settings.profile
        return may_be_access_token(
            token,
            issuer=self._issuer.issuer_url,
            now=self._settings.clock.wall(),
            opaque=profile.opaque_by_default or not profile.accepts_jwt,
        )

    async def revoke(self, token: Secret, kind: TokenKind) -> bool:
        """Revoke a token at the issuer; False when it has no endpoint for that.

        Raises:
            RemoteError: It could not, or would not.
        """
        endpoint = (await self._issuer.metadata.get()).revocation_endpoint
        if endpoint is None:
            return False
        request = revocation_request(endpoint, self._settings.client, token=token, kind=kind)
        process_revocation_response(await self._issuer.fetch(request))
        return True

    async def aclose(self) -> None:
        """Close what was opened."""
        await self._issuer.fetch.aclose()

    async def _token_endpoint(self) -> str:
        return (await self._issuer.metadata.get()).need("token_endpoint")

    def _target(self, resource: str) -> dict[str, str]:
        match self._settings.profile.resource_parameter:
            case "forward":
                return {"resource": resource} if resource else {}
            case "audience":
                return {"audience": resource} if resource else {}
            case "omit":
                return {}

    def _forwarded(self, resource: str) -> str:
        return resource if self._settings.profile.resource_parameter == "forward" else ""


def _prompt(prompt: str) -> dict[str, str]:
    return {"prompt": prompt} if prompt else {}
