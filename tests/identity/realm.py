"""Several issuers on a workbench, each with its own key under the same key id, and one verifier that trusts them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from mcpauthkit import Principal
from mcpauthkit.errors import RemoteUnavailable
from mcpauthkit.identity.claims import check_audience
from mcpauthkit.identity.trusted_issuer import TrustedIssuer, issuers_from
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.oauth.messages import HttpRequest, HttpResponse
from mcpauthkit.testing import FakeClock
from tests.identity.bench import NOW, claims_of, key_for, published, sign

RESOURCE = "https://mcp.example.com/mcp"


def token_of(
    issuer: str, claims: Mapping[str, Any] | None = None, *, typ: str | None = "JWT", signed_by: str | None = None
) -> str:
    """A token of one issuer for our resource, with changed claims, signed with that issuer's key or another one's."""
    key = key_for("EdDSA", signed_by or issuer)
    return sign(claims_of(**{"iss": issuer, "aud": RESOURCE, **(claims or {})}), key=key, kid="k1", typ=typ)


class Realm:
    """A verifier of many issuers, which answer from memory.

    Args:
        trusted: The issuers as configured.
        options: For `JwtVerifier`.
    """

    def __init__(self, *trusted: TrustedIssuer | str, **options: Any) -> None:
        self.clock = FakeClock(wall=NOW)
        self.down: set[str] = set()
        self.fetches: Counter[str] = Counter()
        self.issuers = issuers_from(trusted, fetch=self, clock=self.clock)
        self.verifier = JwtVerifier(self.issuers, **options)

    async def __call__(self, request: HttpRequest) -> HttpResponse:
        (issuer,) = (one.issuer_url for one in self.issuers if request.url.startswith(f"{one.issuer_url.rstrip('/')}/"))
        self.fetches[issuer] += 1
        if issuer in self.down:
            raise RemoteUnavailable
        jwks_uri = f"{issuer.rstrip('/')}/jwks"
        document: dict[str, Any] = {"issuer": issuer, "jwks_uri": jwks_uri}
        if request.url == jwks_uri:
            document = {"keys": [published(key_for("EdDSA", issuer), kid="k1")]}
        return HttpResponse(200, {}, json.dumps(document).encode())

    async def aclose(self) -> None:
        return

    async def verify(self, token: str, resource: str = RESOURCE) -> Principal:
        """Whose token it is, at a resource whose audience it names."""
        verified = await self.verifier.verify(token)
        if not verified.made_for_us:
            accepted = frozenset({resource}) if verified.audiences is None else verified.audiences
            setting = verified.audience_setting.replace("{resource}", resource)
            check_audience(verified.principal, accepted, setting=setting)
        return verified.principal
