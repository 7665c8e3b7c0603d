"""The metadata documents of clients whose id is an address: whose are read, and how long they are remembered."""

from __future__ import annotations

from collections import OrderedDict
from functools import partial
from typing import Protocol

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import CachedDocument
from mcpauthkit.oauth.client_metadata import document_host, is_document_url
from mcpauthkit.oauth.known_clients import KnownClients

_MAX_DOCUMENTS = 100
_MAX_AT_ONCE = 8
_FRESH_SECONDS = 3600.0
_STALE_SECONDS = 86_400.0
_RETRY_SECONDS = 60.0


class ClientDocuments(Protocol):
    """Fetches a document from an address that a stranger chose."""

    async def fetch(self, url: str) -> bytes:
        """The document.

        Raises:
            RemoteError: It cannot be had, or not safely.
        """
        ...


class DocumentShelf:
    """Documents of the hosts we trust to describe clients.

    The catalogue's own copies come first: logins then work in a network that reaches nothing outside, and a change of
    theirs is a change of version here, which somebody has read. Other documents are fetched and kept for an hour. What
    is kept is bounded, and losing it costs a fetch.

    Args:
        documents: How to fetch.
        known: The catalogue.
        hosts: Whose documents are read.
        clock: Time.
    """

    def __init__(self, documents: ClientDocuments, *, known: KnownClients, hosts: frozenset[str], clock: Clock) -> None:
        self._documents = documents
        self._known = known
        self._hosts = hosts
        self._clock = clock
        self._kept: OrderedDict[str, CachedDocument[bytes]] = OrderedDict()
        self._fetching = 0

    @property
    def is_open(self) -> bool:
        """Whether any document is read at all."""
        return bool(self._hosts)

    def may_read(self, client_id: str) -> bool:
        """Whether a client id is the address of a document we would read."""
        return is_document_url(client_id) and document_host(client_id) in self._hosts

    async def read(self, client_id: str) -> bytes:
        """The document of a client.

        Raises:
            RemoteUnavailable: It cannot be had now.
            RemoteMisbehaved: Its address leads where we do not go.
        """
        if not self.may_read(client_id):
            raise RemoteMisbehaved(reason="client document of a host that is not listed")
        bundled = self._known.document(client_id)
        if bundled is not None:
            return bundled
        kept = self._kept.get(client_id)
        if kept is None:
            kept = self._kept[client_id] = CachedDocument(
                partial(self._fetch, client_id),
                clock=self._clock,
                max_age_seconds=_FRESH_SECONDS,
                max_stale_seconds=_STALE_SECONDS,
                retry_seconds=_RETRY_SECONDS,
            )
            while len(self._kept) > _MAX_DOCUMENTS:
                self._kept.popitem(last=False)
        else:
            self._kept.move_to_end(client_id)
        return await kept.get()

    async def _fetch(self, url: str) -> bytes:
        # Strangers choose the paths; they must not make us knock everywhere at once.
        if self._fetching >= _MAX_AT_ONCE:
            raise RemoteUnavailable(reason=f"{_MAX_AT_ONCE} client documents are being fetched already")
        self._fetching += 1
        try:
            return await self._documents.fetch(url)
        finally:
            self._fetching -= 1
