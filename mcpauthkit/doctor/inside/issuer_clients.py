"""Our own clients at the issuer: the one of the connect pages, and the one of the authorization proxy.

Both are set up by hand, so their ids, secrets and redirect URIs are what is copied wrongly. The issuer is asked as each
sign-in asks it, with a code that nobody has and without anybody in the browser, so nothing happens there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

from mcpauthkit.core.secret import as_secret
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.trusting import trust_of
from mcpauthkit.errors import GrantRefused, RemoteError
from mcpauthkit.oauth.authorization import AuthorizationRequest
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.metadata import IssuerMetadata
from mcpauthkit.oauth.token import OAuthClient, code_request, process_token_response
from mcpauthkit.web.browser_login import CALLBACK_PATH as LOGIN_CALLBACK_PATH
from mcpauthkit.web.deployment import Deployment
from mcpauthkit.web.proxy.upstream import CALLBACK_PATH as PROXY_CALLBACK_PATH

_NOBODYS = "mcpauthkit-doctor-asks-whether-this-client-is-known"
_CLIENT_REFUSED = frozenset({"invalid_client", "unauthorized_client"})
_PAGE_REFUSED = range(400, 500)
_ABOUT_ADDRESS = ("redirect uri", "redirecturi", "callback url", "redirect url")
_MOST_TEXT = 65_536

LOGIN_CLIENT_REFUSED = Fault(
    "issuer-refuses-login-client",
    "error",
    "The issuer does not know our client for the connect pages",
    "browser_client_id or browser_client_secret is refused at the issuer's token endpoint, so nobody who opens a "
    "connect link gets past the sign-in.",
    "Copy both anew from the issuer's page of the client, or leave them out where the issuer registers clients itself.",
)
PROXY_CLIENT_REFUSED = Fault(
    "issuer-refuses-proxy-client",
    "error",
    "The issuer does not know our client of proxy mode",
    "client_id or client_secret of oauth_meta_router is refused at the issuer's token endpoint, so every client "
    "gets to the issuer's sign-in and no further.",
    "Copy both anew from the issuer's page of the client.",
)
ADDRESS_REFUSED = Fault(
    "issuer-refuses-redirect-uri",
    "error",
    "The issuer does not know our redirect URI",
    "The issuer shows users an error page instead of its sign-in.",
    "Register the redirect URI for our client at the issuer exactly as it is here, with scheme, port and path.",
)

ISSUER_CLIENTS = (LOGIN_CLIENT_REFUSED, PROXY_CLIENT_REFUSED, ADDRESS_REFUSED)
"""The faults of this part."""


@dataclass(frozen=True, slots=True)
class _OurClient:
    client: OAuthClient
    redirect_uri: str
    place: str
    refused: Fault


async def check_clients(examination: Examination) -> AsyncIterator[Finding]:
    """Send the issuer's token endpoint a made-up code with each client's proof, and open its sign-in page for each.

    It refuses the code without any effect. A secret goes where each sign-in sends it as well, and nowhere else.
    """
    trusted = trust_of(examination)
    if trusted is None:
        return
    for ours in _our_clients(examination):
        try:
            metadata = await trusted.issuers[0].metadata.get()
            finding = await _of_proof(examination, metadata, ours) or await _of_address(examination, metadata, ours)
        except RemoteError:
            # An issuer that does not answer is told by others.
            continue
        if finding is not None:
            yield finding


def _our_clients(examination: Examination) -> Iterator[_OurClient]:
    guard, resources = examination.facts.guard, examination.facts.resources
    base_url = "" if resources is None else resources.base_url
    client_id, secret = guard.get("browser_client_id"), guard.get("browser_client_secret")
    if client_id is not None:
        client = OAuthClient(client_id)
        if secret:
            client = OAuthClient(client_id, as_secret(secret), "client_secret_basic")
        yield _OurClient(client, f"{base_url}{LOGIN_CALLBACK_PATH}", "browser_client_id", LOGIN_CLIENT_REFUSED)
    proxy = Deployment.of(examination.facts.app).proxy_client
    if proxy is not None:
        yield _OurClient(proxy, f"{base_url}{PROXY_CALLBACK_PATH}", "client_id", PROXY_CLIENT_REFUSED)


async def _of_proof(examination: Examination, metadata: IssuerMetadata, ours: _OurClient) -> Finding | None:
    request = code_request(
        metadata.need("token_endpoint"),
        ours.client,
        code=_NOBODYS,
        redirect_uri=ours.redirect_uri,
        code_verifier=_NOBODYS,
    )
    try:
        process_token_response(await examination.fetch(request))
    except GrantRefused as error:
        if error.error in _CLIENT_REFUSED:
            return ours.refused.found(evidence=f"the token endpoint answered {error.error}", place=ours.place)
    return None


async def _of_address(examination: Examination, metadata: IssuerMetadata, ours: _OurClient) -> Finding | None:
    """What the sign-in page says; only a refusal that names the redirect URI counts, as scopes are another matter."""
    page = AuthorizationRequest(
        endpoint=metadata.need("authorization_endpoint"),
        client_id=ours.client.client_id,
        redirect_uri=ours.redirect_uri,
        state=_NOBODYS,
        code_verifier=_NOBODYS,
        scopes=("openid",),
    )
    response = await examination.fetch(HttpRequest("GET", page.url, headers={"accept": "text/html"}))
    text = response.body[:_MOST_TEXT].decode("utf-8", "replace").casefold().replace("_", " ")
    if response.status not in _PAGE_REFUSED or not any(one in text for one in _ABOUT_ADDRESS):
        return None
    return ADDRESS_REFUSED.found(evidence=f"HTTP {response.status} for {ours.redirect_uri}", place=ours.place)


ISSUER_CLIENT_CHECKS = (Check("our clients at the issuer", check_clients, frozenset({"app"})),)
"""The checks of this part."""
