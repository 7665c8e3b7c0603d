"""The metadata documents of clients whose id is an address: whose are read, and how long they are remembered."""

from __future__ import annotations

import copy
from collections import OrderedDict
from functools import partial
from typing import Protocol

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import OAuthFault, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import CachedDocument
from mcpauthkit.oauth.client_metadata import Registration, document_host, is_document_url, parse_client_document
from mcpauthkit.oauth.known_clients import KnownClients

_MAX_DOCUMENTS = 100
_MAX_FAILURES = 200
_MAX_AT_ONCE = 8
_MAX_NEW_PER_MINUTE = 30
_MINUTE = 60.0
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

    Strangers choose the addresses. Only a good document is kept; failures stand elsewhere, so that any number of them
    pushes no good one out. New addresses are few at a time and few a minute for each host; documents that were good are
    fetched again whatever strangers do.

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
        self._kept: OrderedDict[str, CachedDocument[Registration]] = OrderedDict()
        self._new: dict[str, CachedDocument[Registration]] = {}
        self._failures: OrderedDict[str, tuple[float, RemoteError]] = OrderedDict()
        self._spent: dict[str, tuple[int, int]] = {}

    @property
    def is_open(self) -> bool:
        """Whether any document is read at all."""
        return bool(self._hosts)

    def may_read(self, client_id: str) -> bool:
        """Whether a client id is the address of a document we would read."""
        return is_document_url(client_id) and document_host(client_id) in self._hosts

    async def read(self, client_id: str) -> Registration:
        """What the document of a client says.

        Raises:
            RemoteUnavailable: It cannot be had now.
            RemoteMisbehaved: There is none, it describes no client of ours, or its address leads where we do not go.
        """
        if not self.may_read(client_id):
            raise RemoteMisbehaved(reason="client document of a host that is not listed")
        bundled = self._known.document(client_id)
        if bundled is not None:
            return self._parsed(client_id, bundled)
        self._check_failures(client_id)
        kept = self._kept.get(client_id)
        if kept is None:
            return await self._first(client_id)
        self._kept.move_to_end(client_id)
        document = await kept.get()
        # It may have been withdrawn just now, and then the old one must not go on serving.
        self._check_failures(client_id)
        return document

    async def _first(self, client_id: str) -> Registration:
        new = self._new.get(client_id)
        if new is not None:
            return await new.get()
        if len(self._new) >= _MAX_AT_ONCE:
            raise RemoteUnavailable(reason=f"{_MAX_AT_ONCE} client documents are being fetched already")
        self._spend(document_host(client_id))
        new = self._new[client_id] = CachedDocument(
            partial(self._fetch, client_id),
            clock=self._clock,
            max_age_seconds=_FRESH_SECONDS,
            max_stale_seconds=_STALE_SECONDS,
            retry_seconds=_RETRY_SECONDS,
        )
        try:
            document = await new.get()
        except RemoteError as error:
            self._remember_failure(client_id, error)
            raise
        finally:
            del self._new[client_id]
        self._kept[client_id] = new
        while len(self._kept) > _MAX_DOCUMENTS:
            self._kept.popitem(last=False)
        return document

    async def _fetch(self, url: str) -> Registration:
        try:
            return self._parsed(url, await self._documents.fetch(url))
        except RemoteMisbehaved as error:
            if self._kept.pop(url, None) is not None:
                self._remember_failure(url, error)
            raise

    def _parsed(self, url: str, body: bytes) -> Registration:
        try:
            return parse_client_document(url, body, private=self._known.private_redirects)
        except OAuthFault as fault:
            raise RemoteMisbehaved(reason=f"client document: {fault.public} {fault.reason}".rstrip()) from fault

    def _spend(self, host: str) -> None:
        minute = int(self._clock.monotonic() // _MINUTE)
        last, count = self._spent.get(host, (minute, 0))
        count = count + 1 if last == minute else 1
        if count > _MAX_NEW_PER_MINUTE:
            raise RemoteUnavailable(
                reason=f"more than {_MAX_NEW_PER_MINUTE} new client documents of {host} in a minute"
            )
        self._spent[host] = (minute, count)

    def _remember_failure(self, client_id: str, error: RemoteError) -> None:
        self._failures[client_id] = (self._clock.monotonic() + _RETRY_SECONDS, error)
        while len(self._failures) > _MAX_FAILURES:
            self._failures.popitem(last=False)

    def _check_failures(self, client_id: str) -> None:
        until, error = self._failures.get(client_id, (0.0, None))
        if error is None:
            return
        if self._clock.monotonic() < until:
            # A fresh error each time: raising one object from many tasks would mix their tracebacks.
            raise copy.copy(error).with_traceback(None) from None
        del self._failures[client_id]
