"""Fetching the metadata documents of clients, whose addresses strangers choose, without being led astray."""

from __future__ import annotations

import anyio
from fastmcp.server.auth.ssrf import SSRFError, SSRFFetchError, ssrf_safe_fetch

from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.oauth.client_metadata import MAX_DOCUMENT_BYTES

_STEP_SECONDS = 3.0
_WHOLE_SECONDS = 6.0


class SafeClientDocuments:
    """Fetches over https from public addresses only.

    FastMCP resolves the host once, refuses private, loopback and link-local addresses, connects to the address it has
    checked, follows no redirect and reads no more than a document's size. That module is not among FastMCP's documented
    ones (4.1.2, seen November 2026), so nothing else of the kit knows it.
    """

    async def fetch(self, url: str) -> bytes:
        """The document at an address.

        Raises:
            RemoteMisbehaved: The address is not one we may go to.
            RemoteUnavailable: There is no document within our limits.
        """
        try:
            with anyio.fail_after(_WHOLE_SECONDS):
                return await ssrf_safe_fetch(
                    url,
                    require_path=True,
                    max_size=MAX_DOCUMENT_BYTES,
                    timeout=_STEP_SECONDS,
                    overall_timeout=_WHOLE_SECONDS,
                )
        except SSRFError as error:
            raise RemoteMisbehaved(reason=f"client document: {type(error).__name__}: {error}") from error
        except (SSRFFetchError, TimeoutError) as error:
            raise RemoteUnavailable(reason=f"client document: {type(error).__name__}: {error}") from error
