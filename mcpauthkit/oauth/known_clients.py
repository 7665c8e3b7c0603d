"""The catalogue of well-known MCP clients: data with a version, read when somebody asks for it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

from mcpauthkit.oauth.client_metadata import document_host
from mcpauthkit.oauth.redirects import has_owner

_FILE = "known_clients.json"


@dataclass(frozen=True, slots=True)
class KnownClient:
    """One client of the catalogue.

    Args:
        name: What people call it.
        redirect_uris: Where it takes its answers; a loopback address stands for every port.
        relays: Those of them that pass the answer on to wherever its `state` says.
        document: A copy of its metadata document, or None when it has none or nobody has seen it.
        confirmed: Whether this was seen with the program itself, rather than read somewhere.
    """

    name: str
    redirect_uris: tuple[str, ...]
    relays: tuple[str, ...]
    document: Mapping[str, Any] | None
    confirmed: bool


class KnownClients:
    """What the catalogue says.

    Args:
        clients: Its entries.
        version: Its version, which grows with every change.
        date: When it was last brought up to date.
    """

    def __init__(self, clients: Sequence[KnownClient], *, version: int, date: str) -> None:
        self.clients = tuple(clients)
        self.version = version
        self.date = date
        everything = [uri for client in clients for uri in client.redirect_uris]
        self.private_redirects = frozenset(uri for uri in everything if not uri.startswith(("https:", "http:")))
        """Addresses accepted although their private scheme is no reversed domain name."""
        self._relays = frozenset(uri for client in clients for uri in client.relays)
        self._documents = {one.document["client_id"]: one.document for one in clients if one.document is not None}
        self._names = {uri: one.name for one in clients for uri in one.redirect_uris if self.has_owner(uri)}

    @classmethod
    def bundled(cls) -> KnownClients:
        """The catalogue that comes with this version."""
        content = json.loads(resources.files("mcpauthkit.oauth").joinpath(_FILE).read_text(encoding="utf-8"))
        clients = [
            KnownClient(
                name=one["name"],
                redirect_uris=tuple(one["redirect_uris"]),
                relays=tuple(one.get("relays", ())),
                document=one["document"],
                confirmed=one["confirmed"],
            )
            for one in content["clients"]
        ]
        return cls(clients, version=content["version"], date=content["date"])

    @property
    def document_hosts(self) -> frozenset[str]:
        """The hosts of the metadata documents."""
        return frozenset(map(document_host, self._documents))

    def document(self, client_id: str) -> bytes | None:
        """The copy of the document at an address, as it would be fetched."""
        document = self._documents.get(client_id)
        return None if document is None else json.dumps(document).encode()

    def has_owner(self, redirect_uri: str) -> bool:
        """Whether what is sent to an address stays with the owner of its host."""
        return has_owner(redirect_uri) and redirect_uri.partition("?")[0] not in self._relays

    def name_behind(self, redirect_uri: str) -> str | None:
        """Which client of the catalogue owns an https address; nobody can vouch for another kind of address."""
        return self._names.get(redirect_uri)
