"""The authorization request as an authorization server reads it (RFC 6749 section 4.1.1, RFC 7636, RFC 8707)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mcpauthkit.errors import OAuthFault
from mcpauthkit.oauth.parameters import Parameters
from mcpauthkit.oauth.server_scopes import ScopeRules

_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}\Z")
# The whole request travels in a cookie while the user signs in, and browsers drop cookies beyond 4096 bytes.
_MAX_BYTES = 2300
# `consent` is answered by our own page. Passed on to Entra ID, it may ask for an administrator who has agreed already.
_PROMPTS_PASSED_ON = ("login", "none", "select_account")

ERRORS_PASSED_ON = frozenset(
    {"access_denied", "invalid_scope", "invalid_target", "login_required", "interaction_required", "consent_required"}
    | {"account_selection_required", "temporarily_unavailable"}
)
"""What an issuer's refusal may tell a client; any other is our own trouble and becomes `server_error`."""


@dataclass(frozen=True, slots=True)
class AskedAuthorization:
    """A request that is in order. Only texts, so that it can travel in a sealed value.

    Args:
        client: The digest of the client's id.
        redirect_uri: Where the answer goes; one of the client's.
        state: The client's `state`, empty when it sent none.
        code_challenge: Its PKCE challenge, always S256.
        scope: Space-separated scopes.
        resource: The protected resource.
        prompt: What the issuer is told about prompting, empty for nothing.
    """

    client: str
    redirect_uri: str
    state: str = field(repr=False)
    code_challenge: str = field(repr=False)
    scope: str
    resource: str
    prompt: str = ""

    @property
    def scopes(self) -> tuple[str, ...]:
        """The scopes one by one."""
        return tuple(self.scope.split())


@dataclass(frozen=True, slots=True)
class Prompting:
    """What the client wants of the pages in between (OpenID Connect Core 1.0 section 3.1.2.1).

    Args:
        ask_again: Show the consent page although the user has agreed before.
        no_pages: Show no page at all.
    """

    ask_again: bool
    no_pages: bool


def parse_authorization(
    parameters: Parameters,
    *,
    client: str,
    redirect_uri: str,
    resources: Mapping[str, str],
    scopes: ScopeRules,
) -> tuple[AskedAuthorization, Prompting]:
    """Read a request whose client and redirect URI are known to belong together.

    Args:
        parameters: All of it.
        client: The digest of the client's id.
        redirect_uri: Where faults may be sent from now on.
        resources: The protected resources by the spellings accepted for them.
        scopes: What may be asked for, and what a request without `scope` asks for.

    Raises:
        OAuthFault: To be sent to the redirect URI.
    """
    parameters.check_single()
    for name in ("request", "request_uri"):
        if parameters.get(name):
            raise OAuthFault(f"{name}_not_supported", "Send plain parameters.")
    if parameters.need("response_type") != "code":
        raise OAuthFault("unsupported_response_type", "The only response type is code.")
    if parameters.get("response_mode") not in {"", "query"}:
        raise OAuthFault("invalid_request", "The only response mode is query.")
    if parameters.get("code_challenge_method") != "S256" or not _CHALLENGE.match(parameters.get("code_challenge")):
        raise OAuthFault("invalid_request", "PKCE with S256 is required.")
    if parameters.state() != parameters.get("state"):
        raise OAuthFault("invalid_request", "state is too long or holds unusual characters.")
    prompts = frozenset(parameters.get("prompt").split())
    if "none" in prompts and len(prompts) > 1:
        raise OAuthFault("invalid_request", "prompt=none stands alone.")
    wanted = parameters.scopes() or scopes.base
    scopes.check(wanted)
    asked = AskedAuthorization(
        client=client,
        redirect_uri=redirect_uri,
        state=parameters.state(),
        code_challenge=parameters.get("code_challenge"),
        scope=" ".join(wanted),
        resource=target(parameters.resources, resources),
        prompt=" ".join(one for one in _PROMPTS_PASSED_ON if one in prompts),
    )
    if len(json.dumps(asdict(asked))) > _MAX_BYTES:
        raise OAuthFault("invalid_request", "The request is too large.")
    return asked, Prompting("consent" in prompts, "none" in prompts)


def target(asked: tuple[str, ...], resources: Mapping[str, str]) -> str:
    """The one protected resource a request is for (RFC 8707 section 2).

    Raises:
        OAuthFault: It names another, several, or none where there are several.
    """
    # A token for whichever resource the issuer thinks of would be a token nobody has agreed to.
    found = {resources.get(one, "") for one in asked} if asked else set(resources.values())
    if len(found) != 1 or "" in found:
        raise OAuthFault("invalid_target", "resource must be the address of one of the MCP servers here.")
    return found.pop()


def asked_from(content: Mapping[str, Any]) -> AskedAuthorization:
    """The request as it came out of a sealed value of ours.

    Raises:
        TypeError: Another version of ours sealed it.
    """
    return AskedAuthorization(**content)
