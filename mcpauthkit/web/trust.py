"""Whose credentials the middleware accepts, put together from its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Protocol, runtime_checkable

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.identity.chain import VerifierChain
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.port import TokenVerifier
from mcpauthkit.identity.trusted_issuer import TrustedIssuer, issuers_from
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.web.browser_login import CALLBACK_PATH, BrowserLogin
from mcpauthkit.web.issuer_client import IssuerClient
from mcpauthkit.web.limits import Limits


@runtime_checkable
class _Closable(Protocol):
    async def aclose(self) -> None: ...


def check_keys(keys: object) -> DecryptionKeys | None:
    """Keys as configured, or those of the file that `MCP_KEY_FILE_PATH` names.

    Args:
        keys: What was given as `decryption_keys=`.

    Raises:
        ConfigurationError: It is something else, or the file cannot be used.
    """
    if keys is not None and not isinstance(keys, DecryptionKeys):
        raise ConfigurationError(
            f"decryption_keys= is a {type(keys).__name__}.",
            hint="Load them: DecryptionKeys.from_file(path), .from_pem(text) or .from_jwks(document).",
        )
    return keys or DecryptionKeys.from_settings()


def trusted_issuers(
    issuer_url: str | None,
    *,
    audience: str | Sequence[str] | None,
    profile: str | IssuerProfile | None,
    issuers: Sequence[TrustedIssuer],
    tenants: Sequence[str] = (),
) -> list[TrustedIssuer]:
    """The issuers as configured: the one of the short form first, then the others.

    Args:
        issuer_url: The issuer of the short form.
        audience: What its tokens name, if not the resource.
        profile: What kind it is.
        issuers: The others.
        tenants: Where `issuer_url` holds `{tenantid}`, the tenants that may stand for it.

    Raises:
        ConfigurationError: Something is said of an issuer that is not there.
    """
    if isinstance(issuers, TrustedIssuer | str):
        raise ConfigurationError("issuers= is one issuer.", hint="Write issuers=[TrustedIssuer(...)].")
    if issuer_url is not None:
        return [TrustedIssuer(issuer_url, audience=audience, profile=profile or "generic", tenants=tenants), *issuers]
    about_it = {"audience": audience, "profile": profile, "tenants": tenants or None}
    if said := [f"{name}=" for name, value in about_it.items() if value is not None]:
        raise ConfigurationError(
            f"issuer_url= is not there, and {' and '.join(said)} would be about it.",
            hint="Put them into the TrustedIssuer or the verifier they are meant for.",
        )
    return list(issuers)


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose credentials are accepted, and within which limits.

    Args:
        configured: The issuers.
        verifiers: Other ways to prove who is calling, in order.
        decryption_keys: What opens encrypted tokens.
        encrypted_only: Whether a token that is only signed is refused.
        limits: How long things hold.
    """

    configured: Sequence[TrustedIssuer]
    verifiers: Sequence[TokenVerifier]
    _: KW_ONLY
    decryption_keys: DecryptionKeys | None
    encrypted_only: bool
    limits: Limits

    def issuers(self, fetch: Fetch, clock: Clock) -> tuple[Issuer, ...]:
        """The issuers themselves.

        Args:
            fetch: How they are talked to.
            clock: Time.

        Raises:
            ConfigurationError: One of them is there twice.
        """
        return issuers_from(
            self.configured,
            fetch=fetch,
            clock=clock,
            keys_max_age_seconds=self.limits.keys_max_age_seconds,
            keys_max_stale_seconds=self.limits.keys_max_stale_seconds,
            cooldown_seconds=self.limits.cooldown_seconds,
        )

    def chain(self, issuers: Sequence[Issuer]) -> VerifierChain:
        """Who judges what a request presents: the issuers' tokens first, then the other verifiers in their order.

        Args:
            issuers: What `issuers` returned.

        Raises:
            ConfigurationError: There is nobody to judge.
        """
        if not issuers:
            if self.encrypted_only:
                raise ConfigurationError(
                    "encrypted_only= is about issuers' tokens, and no issuer is configured.", hint="Give issuer_url=."
                )
            return VerifierChain(self.verifiers)
        signed = self.issuers_verifier(issuers)
        return VerifierChain([signed, *self.verifiers], fallback=signed)

    def issuers_verifier(self, issuers: Sequence[Issuer]) -> JwtVerifier:
        """Who judges the issuers' tokens.

        Args:
            issuers: What `issuers` returned; not empty.

        Raises:
            ConfigurationError: Only encrypted tokens are accepted, and there are no keys.
        """
        return JwtVerifier(
            issuers,
            leeway_seconds=self.limits.leeway_seconds,
            decryption_keys=self.decryption_keys,
            encrypted_only=self.encrypted_only,
            takes_any_bearer=not self.verifiers,
        )


async def close_verifiers(verifiers: Sequence[TokenVerifier]) -> None:
    """Close what verifiers opened: those that ask somebody over HTTP have an `aclose()`."""
    for verifier in verifiers:
        if isinstance(verifier, _Closable):
            await verifier.aclose()


def browser_login(
    issuers: Sequence[Issuer],
    *,
    base_url: str,
    key_ring: KeyRing,
    clock: Clock,
    client: tuple[str | None, str | Secret | None],
) -> BrowserLogin | None:
    """Browser login at the issuers, or None where there is none to sign in at.

    Args:
        issuers: Where users are known.
        base_url: The public address of the application.
        key_ring: What seals the cookies.
        clock: Time.
        client: Our client at the first issuer, and its secret.
    """
    if not issuers:
        return None
    redirect_uri = f"{base_url}{CALLBACK_PATH}"
    client_id, client_secret = client
    clients = [
        IssuerClient(issuers[0], redirect_uri=redirect_uri, client_id=client_id, client_secret=client_secret),
        *(IssuerClient(one, redirect_uri=redirect_uri) for one in issuers[1:]),
    ]
    return BrowserLogin(clients, base_url=base_url, key_ring=key_ring, clock=clock)
