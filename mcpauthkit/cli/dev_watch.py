"""Whether the server that `mcpauthkit dev` runs takes the issuer it was given."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import anyio

from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.messages import HttpRequest
from mcpauthkit.oauth.metadata import resource_metadata_url

if TYPE_CHECKING:
    from mcpauthkit.testing.stand import DevStand

_START_SECONDS = 60.0
_PAUSE_SECONDS = 0.25


async def warn_of_another_issuer(stand: DevStand) -> None:
    """Say so if the server sends clients to another issuer: it would refuse every token from here.

    Args:
        stand: What was given to the server, which may need a while until it answers.
    """
    issuer = stand.issuer.issuer_url
    named = await _named_at(resource_metadata_url(stand.mcp_url))
    # In proxy mode it names itself, and no issuer.
    if named and not {issuer, stand.base_url} & set(named):
        print(
            f"\nYour server does not take the settings above: it trusts {', '.join(named)} and not {issuer}.\n"
            "Write kit = AuthKit.from_settings() in it, in place of the addresses.\n",
            file=sys.stderr,
            flush=True,
        )


async def _named_at(url: str) -> list[str]:
    """The issuers that the server's metadata names; none if it does not answer, or with something else."""
    fetch = HttpFetch()
    try:
        with anyio.move_on_after(_START_SECONDS):
            while True:
                try:
                    document = (await fetch(HttpRequest("GET", url))).json_object("metadata")
                except RemoteUnavailable:
                    await anyio.sleep(_PAUSE_SECONDS)
                    continue
                found: Any = document.get("authorization_servers")
                return [str(one) for one in found] if isinstance(found, list) else []
    except RemoteMisbehaved:
        return []
    finally:
        await fetch.aclose()
    return []
