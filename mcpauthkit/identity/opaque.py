"""The verifier of tokens that only their issuer can read: it is asked about each of them (RFC 7662)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.log import RequestLog
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.fetch import Fetch, HttpFetch
from mcpauthkit.identity.asking import Asking
from mcpauthkit.identity.audience_rule import AudienceRule
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.endless import check_issuer_name, claim_reader, endless_principal_from
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.token_text import check_token_text, jose_header
from mcpauthkit.oauth.introspection import (
    introspection_request,
    process_introspection,
    process_tokeninfo,
    tokeninfo_request,
)
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.oauth.token import ClientAuthentication, OAuthClient
from mcpauthkit.principal import Principal

_log = RequestLog("identity")

GOOGLE_ISSUER = "https://accounts.google.com"
GOOGLE_TOKENINFO = "https://oauth2.googleapis.com/tokeninfo"


@dataclass(frozen=True, slots=True)
class _Dialect:
    request: Callable[[str, OAuthClient, Secret], HttpRequest]
    process: Callable[[HttpResponse], Mapping[str, Any] | None]


_RFC_7662 = _Dialect(introspection_request, process_introspection)
_GOOGLE = _Dialect(tokeninfo_request, process_tokeninfo)

# RFC 6750 section 2.1; what is no such text, a server or a firewall in front of it may answer in any way.
_B64TOKEN = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
_MAX_OPAQUE_LENGTH = 4096

# What servers call an access token, where they say which kind a token is. Refresh and ID tokens are active too.
_KINDS = {
    "token_type": frozenset({"bearer", "access_token", "access"}),
    "token_use": frozenset({"access_token", "access"}),
    "typ": frozenset({"bearer", "jwt", "at+jwt", "access_token"}),
}


class IntrospectionVerifier:
    """Asks the issuer about tokens that are no JWTs: at GitLab, Zitadel, Hydra, Duende and others.

    A good answer is relied on for `cache_seconds`, which is how long a revoked token may still work. Simultaneous
    requests with one token ask once; a refused token is not asked about again for `refused_seconds`. While the endpoint
    cannot be asked, or refuses our own credentials, requests are answered with 503 and nobody has to sign in again. Any
    other answer that is none (400, 403, 413) concerns the token it was given for alone. Texts that are no opaque token
    (4096 characters of RFC 6750 section 2.1 at most) are refused without asking.

    Args:
        endpoint: The introspection endpoint.
        client_id: Our client there.
        client_secret: Its secret.
        issuer: Who issued the tokens; an `iss` in an answer has to be the same.
        shares_issuer: Whether another verifier may have the same issuer, as where some clients of `issuer_url` get
            JWTs and others opaque tokens: users are the same people then, whichever kind of token they bring.
        audience: Accepted audiences; None for the URL of the resource that is called.
        client_ids: If given, only tokens that these clients obtained are accepted, and then they need not name an
            audience.
        accept_tokens_without_audience: Whether any token that names no audience is taken for ours. Then a token given
            to any other application of that issuer works here.
        accept_tokens_without_subject: Whether a token without `sub` counts as its client's own. Only where such tokens
            belong to clients alone: at a server that never tells `sub` (GitLab), all users of a client would be one.
        takes_jwt: Whether it is asked about JWTs too.
        authentication: How our client proves itself; "none" where the endpoint is not public and wants nothing.
        claims: Where scopes, roles, client and subject are, if they are elsewhere.
        cache_seconds: How long a good answer counts.
        refused_seconds: How long a refusal counts.
        leeway_seconds: How far clocks may differ.
        fetch: The fetch port, or
        http_client: an httpx client of yours; it stays open.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    def __init__(
        self,
        endpoint: str,
        *,
        client_id: str,
        client_secret: str | Secret | None = None,
        issuer: str,
        shares_issuer: bool = False,
        audience: str | Sequence[str] | None = None,
        client_ids: Sequence[str] = (),
        accept_tokens_without_audience: bool = False,
        accept_tokens_without_subject: bool = False,
        takes_jwt: bool = False,
        authentication: ClientAuthentication = "client_secret_basic",
        claims: ClaimMap | None = None,
        cache_seconds: float = 60.0,
        refused_seconds: float = 10.0,
        leeway_seconds: float = 60.0,
        fetch: Fetch | None = None,
        http_client: httpx.AsyncClient | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._endpoint = _checked_endpoint(endpoint)
        self._client = _checked_client(client_id, client_secret, authentication)
        self._issuer = check_issuer_name(issuer, "IntrospectionVerifier")
        self._shares_issuer = shares_issuer is True
        self._client_ids = _checked_clients(client_ids)
        self._audience = AudienceRule(
            audience,
            accept_tokens_without_audience=accept_tokens_without_audience,
            verifier="IntrospectionVerifier",
        )
        self._client_is_subject = accept_tokens_without_subject is True
        if self._client_is_subject:
            _log.warning("IntrospectionVerifier takes tokens without a subject for their client's own")
        self._takes_jwt = takes_jwt
        self._reader = claim_reader(claims)
        self._cache_seconds = cache_seconds
        self._leeway = leeway_seconds
        self._clock = clock or SystemClock()
        if fetch is not None and http_client is not None:
            raise ConfigurationError("Both fetch and http_client are given.", hint="Give one of them.")
        self._fetch = fetch or HttpFetch(http_client)
        self._dialect = _RFC_7662
        self._asking = Asking(self._ask, clock=self._clock, refused_seconds=refused_seconds)

    @classmethod
    def google(cls, *, client_ids: Sequence[str], **options: Any) -> Self:
        """For Google's access tokens, which tokeninfo tells about. Users have to grant the scope `openid`.

        Args:
            client_ids: Our OAuth clients at Google: what Google puts into `aud`.
            options: As of the class; `endpoint` and `issuer` are Google's unless given.
        """
        _checked_clients(client_ids, required=True)
        settings = {
            "endpoint": GOOGLE_TOKENINFO,
            "issuer": GOOGLE_ISSUER,
            "client_id": client_ids[0],
            "authentication": "none",
            "audience": list(client_ids),
            **options,
        }
        verifier = cls(settings.pop("endpoint"), **settings)
        verifier._dialect = _GOOGLE
        return verifier

    def __repr__(self) -> str:
        return f"IntrospectionVerifier({self._endpoint!r}, issuer={self._issuer!r})"

    async def aclose(self) -> None:
        """Close what was opened for asking."""
        await self._fetch.aclose()

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, unless another verifier may have it too."""
        return frozenset() if self._shares_issuer else frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """A bearer token that is no JWT, or any with `takes_jwt`; see `TokenVerifier.find`."""
        text = presented.bearer
        if text is None or (not self._takes_jwt and jose_header(text) is not None):
            return None
        return text

    async def verify(self, token: str) -> Verified:
        """Ask about one token; see `TokenVerifier.verify`."""
        claims = await self._asking.about(_checked_text(token))
        if claims is None:
            raise InvalidToken(reason="the issuer says that the token is not active")
        self._check_kind(claims)
        if claims.get("iss", self._issuer) != self._issuer:
            raise InvalidToken(reason=f"iss {claims.get('iss')!r:.200}")
        principal = self._principal(claims)
        if self._client_ids and principal.client_id not in self._client_ids:
            raise InvalidToken(
                hint="Add the client to client_ids, if it is one of yours.", reason="obtained by a client not listed"
            )
        return self._audience.verdict(
            principal, made_for_us=bool(self._client_ids), remember_seconds=self._cache_seconds
        )

    async def _ask(self, token: str) -> Mapping[str, Any] | None:
        return self._dialect.process(
            await self._fetch(self._dialect.request(self._endpoint, self._client, Secret(token)))
        )

    @staticmethod
    def _check_kind(claims: Mapping[str, Any]) -> None:
        for name, kinds in _KINDS.items():
            kind = claims.get(name)
            if kind is not None and not (isinstance(kind, str) and kind.lower() in kinds):
                raise InvalidToken(hint="Send an access token.", reason=f"{name} {kind!r:.60}")

    def _principal(self, claims: Mapping[str, Any]) -> Principal:
        members = {**claims, "iss": self._issuer}
        if self._client_is_subject and "sub" not in members and "client_id" in members:
            members["sub"] = members["client_id"]
        return endless_principal_from(
            members,
            issuer=self._issuer,
            now=self._clock.wall(),
            leeway_seconds=self._leeway,
            reader=self._reader,
        )


def _checked_text(token: str) -> str:
    text = check_token_text(token)
    if _B64TOKEN.fullmatch(text) is None or (len(text) > _MAX_OPAQUE_LENGTH and jose_header(text) is None):
        raise InvalidToken(reason="longer than an opaque token, or not of the characters a bearer token has")
    return text


def _checked_endpoint(endpoint: object) -> str:
    if not isinstance(endpoint, str) or not is_trustworthy_url(endpoint):
        raise ConfigurationError(
            f"The introspection endpoint {endpoint!r} is no https URL.",
            hint="Users' tokens and our secret travel there: use https, or loopback for development.",
        )
    return endpoint


def _checked_client(
    client_id: str, client_secret: str | Secret | None, authentication: ClientAuthentication
) -> OAuthClient:
    secret = None if client_secret is None else as_secret(client_secret)
    if not client_id or (authentication != "none" and not secret):
        raise ConfigurationError(
            "IntrospectionVerifier has no client_id or no client_secret.",
            hint='Give both; authentication="none" is for endpoints that want none, such as an admin port.',
        )
    return OAuthClient(client_id, secret, authentication)


def _checked_clients(client_ids: object, *, required: bool = False) -> frozenset[str]:
    if (
        isinstance(client_ids, str)
        or not isinstance(client_ids, Sequence)
        or not all(isinstance(one, str) and one for one in client_ids)
        or (required and not client_ids)
    ):
        raise ConfigurationError(f"client_ids={client_ids!r} is no list of clients.", hint='Write ["my-client"].')
    return frozenset(client_ids)
