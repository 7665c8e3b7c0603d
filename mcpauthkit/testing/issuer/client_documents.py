"""Client id metadata documents: a client id that is the address of the client's own description."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlsplit

import httpx

from mcpauthkit.testing.issuer.clients import Client, checked_redirect_uris
from mcpauthkit.testing.issuer.registration import grant_types_of
from mcpauthkit.testing.wire import LOOPBACK_HOSTS, OAuthFailure, tls_for

_TIMEOUT_SECONDS = 5.0
_MAX_BYTES = 64 * 1024


def is_document_url(client_id: str) -> bool:
    """True for a client id that is a document's address: https with a path, or http on loopback for development."""
    try:
        parts = urlsplit(client_id)
        host = parts.hostname
    except ValueError:
        return False
    if parts.path in {"", "/"} or parts.fragment or parts.username is not None:
        return False
    return (parts.scheme == "https" and bool(host)) or (parts.scheme == "http" and host in LOOPBACK_HOSTS)


async def fetch_client(url: str) -> Client:
    """Fetch and check a client's document.

    Raises:
        OAuthFailure: It cannot be fetched within the limits, or is not a description of this very client.
    """
    try:
        document = json.loads(await _fetch(url))
    except (httpx.HTTPError, ValueError) as error:
        raise OAuthFailure("invalid_client", "the client's metadata document cannot be read") from error
    # The address is the identity: a document that names another one describes somebody else.
    if not isinstance(document, dict) or document.get("client_id") != url:
        raise OAuthFailure("invalid_client", "the metadata document is not about this client")
    return _client_of(url, document)


def _client_of(url: str, document: dict[str, Any]) -> Client:
    # Nobody can share a secret with us in a public document.
    if document.get("token_endpoint_auth_method", "none") != "none" or "client_secret" in document:
        raise OAuthFailure("invalid_client", "a client with a metadata document is a public client here")
    return Client(
        client_id=url,
        redirect_uris=checked_redirect_uris(document.get("redirect_uris")),
        grant_types=grant_types_of(document),
        client_name=str(document.get("client_name", url)),
    )


async def _fetch(url: str) -> bytes:
    # The environment's proxies are for other traffic. No redirects: one could lead anywhere in our network.
    async with (
        httpx.AsyncClient(
            verify=tls_for(url), timeout=_TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
        ) as client,
        client.stream("GET", url, headers={"accept": "application/json"}) as response,
    ):
        if response.status_code != httpx.codes.OK:
            raise ValueError("not found")
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _MAX_BYTES:
                raise ValueError("too large")
        return bytes(body)
