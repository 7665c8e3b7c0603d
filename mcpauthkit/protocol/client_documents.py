"""Fetching the metadata documents of clients, whose addresses strangers choose, without being led astray."""

from __future__ import annotations

import socket

import anyio
from fastmcp.server.auth.ssrf import SSRFError, SSRFFetchError, SSRFFetchResponse, ssrf_safe_fetch_response

from mcpauthkit.core.headers import media_type
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.client_metadata import MAX_DOCUMENT_BYTES

_STEP_SECONDS = 3.0
_WHOLE_SECONDS = 6.0
_OK, _NOT_FOUND, _GONE = 200, 404, 410


class SafeClientDocuments:
    """Fetches over https from public addresses only.

    FastMCP resolves the host once, refuses private, loopback and link-local addresses, connects to the address it has
    checked, follows no redirect and reads no more than a document's size. That module is not among FastMCP's documented
    ones (4.1.2, seen November 2026), so nothing else of the kit knows it.
    """

    async def fetch(self, url: str) -> bytes:
        """The document at an address.

        Raises:
            RemoteMisbehaved: The address is not one we may go to, or there is no document there.
            RemoteUnavailable: The document cannot be had now within our limits.
        """
        try:
            with anyio.fail_after(_WHOLE_SECONDS):
                response = await ssrf_safe_fetch_response(
                    url,
                    require_path=True,
                    max_size=MAX_DOCUMENT_BYTES,
                    timeout=_STEP_SECONDS,
                    overall_timeout=_WHOLE_SECONDS,
                    request_headers={"accept": "application/json"},
                    allowed_status_codes={_OK, _NOT_FOUND, _GONE},
                )
        except SSRFError as error:
            reason = f"client document: {type(error).__name__}: {error}"
            if isinstance(error.__cause__, socket.gaierror):
                # Names fail to resolve for a while; that says nothing about the client.
                raise RemoteUnavailable(reason=reason) from error
            raise RemoteMisbehaved(reason=reason) from error
        except (SSRFFetchError, TimeoutError) as error:
            raise RemoteUnavailable(reason=f"client document: {type(error).__name__}: {error}") from error
        return document_in(response)


def document_in(response: SSRFFetchResponse) -> bytes:
    """The document that an answer holds.

    Raises:
        RemoteMisbehaved: There is none: what is there is something else, or nothing any more.
    """
    if response.status_code != _OK:
        raise RemoteMisbehaved(reason=f"client document: HTTP {response.status_code}")
    declared = media_type(response.headers.get("content-type", ""))
    # Some people upload files to a host, and a page of theirs is no statement of its owner.
    if declared != "application/json" and not (declared.startswith("application/") and declared.endswith("+json")):
        raise RemoteMisbehaved(reason=f"client document: content-type {declared!r:.60} is not JSON")
    return response.content
