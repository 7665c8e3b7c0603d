"""DevIssuer: wires the endpoints, serves them and gives tests their switches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing.conduct import Conduct, IssuerMisbehaviour
from mcpauthkit.testing.faults import Faults
from mcpauthkit.testing.issuer.account import AccountEndpoints
from mcpauthkit.testing.issuer.authorize import AuthorizeEndpoint
from mcpauthkit.testing.issuer.client_tokens import ClientTokenEndpoint, token_clients
from mcpauthkit.testing.issuer.clients import (
    EXCHANGE_GRANT_TYPES,
    GRANT_TYPES,
    Client,
    ClientRegistry,
    static_client,
)
from mcpauthkit.testing.issuer.context import IssuerContext, IssuerSettings
from mcpauthkit.testing.issuer.discovery import DiscoveryEndpoints, discovery_paths
from mcpauthkit.testing.issuer.encryption import TokenEncryption
from mcpauthkit.testing.issuer.grants import Grants
from mcpauthkit.testing.issuer.keys import SigningKeys
from mcpauthkit.testing.issuer.registration import RegistrationEndpoint
from mcpauthkit.testing.issuer.token import TokenEndpoint
from mcpauthkit.testing.issuer.tokens import TokenMint
from mcpauthkit.testing.loopback import LoopbackServer
from mcpauthkit.testing.people import ALICE, BOB
from mcpauthkit.testing.requests import Instruments, RequestRecord
from mcpauthkit.testing.wire import CorsFor

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mcpauthkit.core.clock import Clock
    from mcpauthkit.core.entropy import Entropy
    from mcpauthkit.testing.faults import Endpoint
    from mcpauthkit.testing.issuer.keys import SigningAlgorithm
    from mcpauthkit.testing.people import DevUser

DEFAULT_ENCRYPTION = ("RSA-OAEP-256", "A256GCM")
DEFAULT_SCOPES = ("openid", "profile", "email", "offline_access", "mcp:tools")


class DevIssuer(LoopbackServer):
    """A small OpenID provider on 127.0.0.1, for tests, demos and development; it asks nobody for a password.

    A `LoopbackServer`, so a sync or async context manager. Everything a client looks at is real: discovery, signed
    tokens, PKCE, refresh rotation with reuse detection, registration, client id metadata documents, resource
    indicators.

    Args:
        port: The port; 0 takes a free one.
        path: Path of the issuer, such as `/realms/dev`; without it the issuer is a bare origin.
        users: Who can sign in.
        scopes: The scopes it knows; others are ignored.
        access_token_ttl_seconds: Lifetime of access and ID tokens.
        audience: `aud` of access tokens asked for without `resource`; the client's id unless given.
        algorithm: What tokens are signed with.
        signing_key: The private key to begin with, as JWK, for an issuer whose tokens outlive it; generated unless
            given.
        dynamic_registration: Whether clients may register themselves (RFC 7591).
        client_metadata_documents: Whether a client id may be the address of the client's metadata document.
        encrypt_access_tokens_to: The public key set of a resource server, or one public JWK; access tokens are signed
            only unless given. `/userinfo` and `/revoke` do not take encrypted ones: this issuer cannot open them.
        encryption: The `alg` and `enc` of encrypted tokens.
        clock: Time for lifetimes.
        entropy: Source of codes, tokens and ids.

    Attributes:
        requests: What was asked of it: `issuer.requests.count("jwks")`.
        faults: Errors and delays: `issuer.faults.respond("token", status=503, times=1)`.

    Raises:
        ValueError: The path does not start with a slash or ends with one, or there is no key for `encryption`.
        OSError: The port is taken.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        path: str = "",
        users: Sequence[DevUser] = (ALICE, BOB),
        scopes: Sequence[str] = DEFAULT_SCOPES,
        access_token_ttl_seconds: int = 300,
        audience: str | None = None,
        algorithm: SigningAlgorithm = "RS256",
        signing_key: Mapping[str, Any] | None = None,
        dynamic_registration: bool = True,
        client_metadata_documents: bool = True,
        encrypt_access_tokens_to: Mapping[str, Any] | None = None,
        encryption: tuple[str, str] = DEFAULT_ENCRYPTION,
        clock: Clock | None = None,
        entropy: Entropy | None = None,
    ) -> None:
        if path and (not path.startswith("/") or path.endswith("/")):
            raise ValueError("path starts with a slash and does not end with one")
        clock, entropy = clock or SystemClock(), entropy or SystemEntropy()
        self.requests = RequestRecord()
        self.faults = Faults()
        super().__init__(port=port)
        self._context = IssuerContext(
            settings=IssuerSettings(
                issuer=self.base_url + path,
                path=path,
                scopes=tuple(scopes),
                access_token_ttl_seconds=access_token_ttl_seconds,
                audience=audience,
                dynamic_registration=dynamic_registration,
                client_metadata_documents=client_metadata_documents,
            ),
            users={user.username: user for user in users},
            keys=SigningKeys(algorithm, entropy, signing_key),
            clients=ClientRegistry(),
            grants=Grants(clock, entropy),
            conduct=Conduct(IssuerMisbehaviour()),
            clock=clock,
            entropy=entropy,
        )
        self._mint = TokenMint(self._context)
        self.encrypt_to(encrypt_access_tokens_to, encryption)
        self._names: dict[str, Endpoint] = {}
        self._starlette = self._app()
        self.app = self._starlette

    @property
    def issuer_url(self) -> str:
        """The issuer identifier, byte for byte; no trailing slash."""
        return self._context.settings.issuer

    @property
    def jwks_url(self) -> str:
        """Address of the key set."""
        return f"{self.issuer_url}/jwks"

    @property
    def kid(self) -> str:
        """Id of the key that signs now."""
        return self._context.keys.kid

    def jwks(self) -> dict[str, Any]:
        """The key set as published, without asking over HTTP."""
        return self._context.keys.document()

    def token(
        self,
        *,
        sub: str = "alice",
        scope: str = "mcp:tools",
        audience: str | Sequence[str] | None = None,
        client_id: str = "test-client",
        expires_in: float = 300,
        headers: Mapping[str, Any] | None = None,
        **claims: Any,
    ) -> str:
        """A signed access token of type `at+jwt`, encrypted if the issuer encrypts, without any flow.

        Args:
            sub: The subject; name, e-mail and username are added if it is one of the users.
            scope: Scopes, separated by spaces.
            audience: `aud`; the issuer's `audience` or the client id unless given.
            client_id: The client.
            expires_in: Lifetime in seconds; negative for an expired token.
            headers: Header members of the signed token to add or replace; None removes one.
            **claims: Claims to add or replace; None removes one.
        """
        return self._mint.access_token(
            sub=sub,
            client_id=client_id,
            scope=scope,
            audience=audience or self._context.settings.audience or client_id,
            expires_in=expires_in,
            headers=headers or {},
            claims=claims,
        )

    def encrypt_to(
        self, public_keys: Mapping[str, Any] | None, encryption: tuple[str, str] = DEFAULT_ENCRYPTION
    ) -> None:
        """Encrypt access tokens from now on, or to another key, or no more.

        Args:
            public_keys: As `encrypt_access_tokens_to`; None stops encrypting.
            encryption: The `alg` and `enc`.

        Raises:
            ValueError: An algorithm we do not know, or no key that suits it.
        """
        self._mint.encryption = None if public_keys is None else TokenEncryption(public_keys, encryption)

    def add_client(
        self,
        client_id: str,
        client_secret: str | None = None,
        redirect_uris: Sequence[str] = (),
        *,
        grant_types: Sequence[str] = GRANT_TYPES,
        post_logout_redirect_uris: Sequence[str] = (),
    ) -> None:
        """Register a client by hand; without a secret it is a public one."""
        self._context.clients.add(
            static_client(client_id, client_secret, redirect_uris, grant_types, post_logout_redirect_uris)
        )

    def add_exchange_client(
        self, client_id: str, client_secret: str, *, targets: Sequence[str], called_as: Sequence[str] = ()
    ) -> None:
        """Register a confidential client that may exchange its callers' tokens (RFC 8693, or Entra's on-behalf-of).

        Scopes are granted as asked. In on-behalf-of they begin with their target: `https://api.example/read`.

        Args:
            client_id: The client's id.
            client_secret: Its secret.
            targets: The services it may get tokens for; the first one unless it names some.
            called_as: The audiences that tokens of its callers have to have one of; any if there are none.
        """
        self._context.clients.add(
            Client(
                client_id=client_id,
                redirect_uris=(),
                client_secret=client_secret,
                auth_method="client_secret_basic",
                grant_types=EXCHANGE_GRANT_TYPES,
                client_name=client_id,
                targets=tuple(targets),
                called_as=tuple(called_as),
            )
        )

    def enable_token_endpoint(
        self,
        clients: Mapping[str, Mapping[str, Any]],
        *,
        path: str = "/auth/token",
        default_expires_in: int = 86400,
        audience: str | Sequence[str] | None = None,
    ) -> None:
        """Give clients tokens for their id and secret, asked for in JSON: `{"client_id": ..., "client_secret": ...}`.

        No page in a browser can ask there, other than the issuer's endpoints: no origin is let in.

        Args:
            clients: By id: `{"agent": {"secret": "...", "roles": ["admin"], "scopes": ["read"]}}`.
            path: Where.
            default_expires_in: Lifetime of their tokens, in seconds.
            audience: `aud` of their tokens; the issuer's `audience` or the client's id unless given.

        Raises:
            ConfigurationError: A client has no secret or something unknown, or the path or the lifetime is none.
        """
        if not path.startswith("/") or path in self._names:
            raise ConfigurationError(f"path={path!r} is no path that is free.", hint='Write path="/auth/token".')
        if not default_expires_in > 0:
            raise ConfigurationError("Tokens live for more than no time.", hint="Give default_expires_in in seconds.")
        endpoint = ClientTokenEndpoint(
            self._context,
            self._mint,
            clients=token_clients(clients),
            audience=audience,
            expires_in=default_expires_in,
        )
        self._names[path] = "token"
        self._starlette.router.routes.append(Route(path, endpoint.answer, methods=["POST"]))

    def remove_client(self, client_id: str) -> None:
        """Forget a client, as providers do that clean up registrations."""
        self._context.clients.remove(client_id)

    def rotate_keys(self, *, keep_old: bool = True) -> str:
        """Sign with a new key from now on; gives its id.

        Args:
            keep_old: Keep publishing the old keys, so that tokens out there stay good; False withdraws them.
        """
        return self._context.keys.rotate(keep_old=keep_old)

    def revoke_refresh_tokens(self, sub: str | None = None) -> int:
        """Revoke the refresh tokens of a subject, or everybody's; gives the number of grants that died."""
        return self._context.grants.revoke_subject(sub)

    def misbehave(
        self,
        *,
        wrong_iss: bool | None = None,
        omit_iss: bool | None = None,
        wrong_discovery_issuer: bool | None = None,
        wrong_nonce: bool | None = None,
        wrong_audience: bool | None = None,
        expired_access_tokens: bool | None = None,
        oversized_jwks: bool | None = None,
        jwks_redirect: bool | None = None,
        needs_interaction: bool | None = None,
    ) -> None:
        """Switch lies on or off; those not named stay as they are.

        Args:
            wrong_iss: The authorization response names another issuer.
            omit_iss: The authorization response names none, although the metadata promises it.
            wrong_discovery_issuer: The metadata names another issuer.
            wrong_nonce: ID tokens carry another nonce.
            wrong_audience: Access tokens are for another audience than asked.
            expired_access_tokens: Access tokens are expired when issued.
            oversized_jwks: The key set is several megabytes long.
            jwks_redirect: The key set's address redirects.
            needs_interaction: Token exchange and on-behalf-of are refused until the user has signed in again.
        """
        switches = {
            "wrong_iss": wrong_iss,
            "omit_iss": omit_iss,
            "wrong_discovery_issuer": wrong_discovery_issuer,
            "wrong_nonce": wrong_nonce,
            "wrong_audience": wrong_audience,
            "expired_access_tokens": expired_access_tokens,
            "oversized_jwks": oversized_jwks,
            "jwks_redirect": jwks_redirect,
            "needs_interaction": needs_interaction,
        }
        self._context.conduct.change(switches)

    def behave(self) -> None:
        """Switch all misbehaviour and faults off."""
        self._context.conduct.reset()
        self.faults.clear()

    def stop(self) -> None:
        """Stop serving. Started again it comes back at the same address, with its memory."""
        self.faults.clear()
        super().stop()

    def _app(self) -> Starlette:
        path = self._context.settings.path
        discovery = DiscoveryEndpoints(self._context)
        authorize = AuthorizeEndpoint(self._context)
        account = AccountEndpoints(self._context)
        well_known = discovery_paths(path)
        names = self._names
        names |= dict.fromkeys(well_known, "discovery")
        endpoints: tuple[Endpoint, ...] = (
            "jwks",
            "authorize",
            "token",
            "register",
            "userinfo",
            "logout",
            "revoke",
        )
        names |= {f"{path}/{name}": name for name in endpoints}
        routes = [
            *(Route(address, discovery.metadata) for address in well_known),
            Route(f"{path}/jwks", discovery.jwks),
            Route(f"{path}/authorize", authorize.show, methods=["GET"]),
            Route(f"{path}/authorize", authorize.submit, methods=["POST"]),
            Route(f"{path}/token", TokenEndpoint(self._context, self._mint).exchange, methods=["POST"]),
            Route(f"{path}/register", RegistrationEndpoint(self._context).register, methods=["POST"]),
            Route(f"{path}/userinfo", account.userinfo, methods=["GET", "POST"]),
            Route(f"{path}/logout", account.logout),
            Route(f"{path}/revoke", account.revoke, methods=["POST"]),
        ]
        pages = {f"{path}/authorize", f"{path}/logout"}
        middleware = [
            Middleware(CorsFor, paths=names.keys() - pages),
            Middleware(Instruments, endpoints=names, record=self.requests, faults=self.faults),
        ]
        return Starlette(routes=routes, middleware=middleware)
