"""What a request presents: the one bearer token, the headers and the peer."""

from __future__ import annotations

from starlette.types import Scope

from mcpauthkit.core.headers import HeaderFields
from mcpauthkit.errors import InvalidRequest
from mcpauthkit.identity.port import Presented

_BEARER = b"bearer"


def presented_by(scope: Scope, headers: HeaderFields) -> Presented:
    """Read it from a request: the token from its Authorization header only (RFC 6750 section 2.1).

    Args:
        scope: Its ASGI scope.
        headers: Its header fields.

    Raises:
        InvalidRequest: There are several Authorization headers, or a token in the address.
    """
    query: bytes = scope.get("query_string", b"")
    if b"access_token=" in query and any(pair.startswith(b"access_token=") for pair in query.split(b"&")):
        raise InvalidRequest("Send the access token in the Authorization header, never in the address.")
    values = headers.values(b"authorization")
    if len(values) > 1:
        raise InvalidRequest(reason=f"{len(values)} Authorization headers")
    scheme, _, token = values[0].partition(b" ") if values else (b"", b"", b"")
    bearer = token.strip(b" ").decode("latin-1") if scheme.lower() == _BEARER else None
    client = scope.get("client")
    return Presented(bearer, headers.raw, client[0] if client else None)
