"""Who a client id stands for: registered by hand, by itself (the id carries it), or described by a document."""

from __future__ import annotations

from dataclasses import dataclass

from mcpauthkit.errors import OAuthFault, RemoteMisbehaved, SealError
from mcpauthkit.oauth.client_metadata import Registration, document_host
from mcpauthkit.oauth.redirects import has_owner, is_loopback_redirect, redirect_matches
from mcpauthkit.oauth.server_token import digest
from mcpauthkit.web.proxy.documents import DocumentShelf
from mcpauthkit.web.proxy.options import ProxySettings
from mcpauthkit.web.proxy.seals import ProxySeals, SealedClient

_NO_DOCUMENT = "The metadata document of this client cannot be used."
_UNKNOWN = "This client is not known here. It has to register again."


@dataclass(frozen=True, slots=True)
class Client:
    """A client as its id resolves.

    Args:
        client_id: Its id.
        redirect_uris: Where it may be answered.
        name: What it is called.
        vouched_by: Who says that it is called so, in words for a person; empty when only the client does.
        origin: Where its https addresses are its own: `*` for anywhere, empty for nowhere.
    """

    client_id: str
    redirect_uris: tuple[str, ...]
    name: str
    vouched_by: str
    origin: str

    @property
    def digest(self) -> str:
        """What stands for the id in sealed values and logs."""
        return digest(self.client_id)

    def check_return(self, redirect_uri: str) -> None:
        """Check that it may be answered at an address.

        Raises:
            OAuthFault: The address is none of its own.
        """
        if not redirect_matches(redirect_uri, self.redirect_uris):
            raise OAuthFault("invalid_request", "The redirect URI is not one this client has registered.")


class Clients:
    """All clients there can be; none is kept.

    Args:
        settings: The proxy's settings.
        seals: What opens the ids of clients that registered themselves.
        shelf: The metadata documents.
    """

    def __init__(self, settings: ProxySettings, *, seals: ProxySeals, shelf: DocumentShelf) -> None:
        self._settings = settings
        self._seals = seals
        self._shelf = shelf

    def register(self, registration: Registration) -> str:
        """The id of a client that registers itself."""
        return self._seals.clients.close(SealedClient(registration.distinct_redirect_uris, registration.name))

    def check_known(self, client_id: str) -> None:
        """Check that an id can be a client's, without asking anybody.

        Raises:
            OAuthFault: `invalid_client`, on which clients register again.
        """
        if client_id in self._settings.clients or self._shelf.may_read(client_id):
            return
        self._self_registered(client_id)

    async def find(self, client_id: str) -> Client:
        """The client with this id.

        Raises:
            OAuthFault: There is none.
            RemoteUnavailable: Its document cannot be had now.
        """
        by_hand = self._settings.clients.get(client_id)
        if by_hand is not None:
            name = by_hand.name or by_hand.client_id
            return Client(client_id, tuple(by_hand.redirect_uris), name, "the operator of this server", "*")
        if self._shelf.may_read(client_id):
            return await self._described(client_id)
        sealed = self._self_registered(client_id)
        return Client(client_id, tuple(sealed.r), sealed.n, "", "")

    def described(self, client: Client, redirect_uri: str) -> tuple[str, str]:
        """The name of a client that is answered at an address, and who vouches for it.

        A program that registered itself says of itself what it likes; but who owns an https address of the catalogue
        gets the answer, whatever the name.
        """
        owner = None if client.vouched_by else self._settings.known.name_behind(redirect_uri)
        return (client.name, client.vouched_by) if owner is None else (owner, "the list of known clients")

    def is_trusted(self, client: Client, redirect_uri: str) -> bool:
        """Whether an address leads to a client somebody vouches for, or to this very computer."""
        if has_owner(redirect_uri) and not self._settings.known.has_owner(redirect_uri):
            return False
        return is_loopback_redirect(redirect_uri) or bool(self.described(client, redirect_uri)[1])

    def may_remember(self, client: Client, redirect_uri: str) -> bool:
        """Whether agreement may be remembered: only where nobody but that client can get the answer.

        A program on the same machine can ask under the id of another one and listen on a loopback port or claim a
        scheme (RFC 8252 section 8.6), a relay passes the answer on, and who registered itself may be anybody.
        """
        if not self._settings.known.has_owner(redirect_uri):
            return False
        return client.origin == "*" or bool(client.origin and redirect_uri.startswith(client.origin))

    def caution(self, redirect_uri: str) -> str:
        """What a person has to know about an address whose owner need not be who gets the answer."""
        if not has_owner(redirect_uri):
            return (
                "Any program on this computer can use this name and this address. Continue only if you started this "
                "sign-in just now, in a program you trust."
            )
        if not self._settings.known.has_owner(redirect_uri):
            return "This address passes the sign-in on to an app on this computer, whichever was asked for."
        return ""

    def _self_registered(self, client_id: str) -> SealedClient:
        if not self._settings.dynamic_registration:
            raise OAuthFault("invalid_client", _UNKNOWN)
        try:
            return self._seals.clients.open(client_id)
        except SealError as error:
            raise OAuthFault("invalid_client", _UNKNOWN, reason=error.reason) from error

    async def _described(self, client_id: str) -> Client:
        try:
            registration = await self._shelf.read(client_id)
        except RemoteMisbehaved as error:
            raise OAuthFault("invalid_client", _NO_DOCUMENT, reason=error.reason) from error
        host = document_host(client_id)
        return Client(client_id, registration.redirect_uris, registration.name or host, host, f"https://{host}/")
