"""The issuers an application trusts, as configured."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Any

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.urls import check_issuer_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import Fetch
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.profiles import GENERIC, profile_named
from mcpauthkit.identity.token_rules import TokenRules

_TENANT = "{tenantid}"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer whose tokens are accepted.

    Args:
        issuer_url: Its identifier, byte for byte as it spells itself. For several tenants of one issuer, each with an
            identifier of its own, `{tenantid}` stands for the tenant:
            `https://login.microsoftonline.com/{tenantid}/v2.0`.
        audience: Accepted audiences instead of the default, which is the URL of the resource that is called. At Entra
            ID, where tokens have only the short names of scopes, these are also what long names may begin with.
        profile: What kind of issuer it is: a name such as "keycloak", or a profile of your own.
        claims: Where its tokens have scopes, roles, client and subject, if elsewhere than the profile says.
        tenants: The tenants that may stand for `{tenantid}`. There is no way to trust all of them.
        client_ids: The OAuth clients whose tokens are accepted; empty for all. Amazon Cognito needs it, because its
            tokens name no audience.

    Raises:
        ConfigurationError: An argument cannot be used; the message says what to write instead.
    """

    issuer_url: str
    _: KW_ONLY
    audience: str | Sequence[str] | None = None
    profile: str | IssuerProfile = GENERIC.name
    claims: ClaimMap | None = None
    tenants: Sequence[str] = ()
    client_ids: Sequence[str] = ()

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "audience", None if self.audience is None else _texts("audience", self.audience, one=True))
        put(self, "tenants", _texts("tenants", self.tenants))
        put(self, "client_ids", _texts("client_ids", self.client_ids))
        if self.claims is not None and not isinstance(self.claims, ClaimMap):
            raise ConfigurationError(
                f"claims of the issuer {self.issuer_url!r} is no ClaimMap.", hint='Write ClaimMap(roles="groups").'
            )
        profile = self.issuer_profile
        self._check_tenants(profile)
        for url, _ in self.identifiers:
            check_issuer_url(url)
            fix = profile.wrong_address(url)
            if fix is not None:
                raise ConfigurationError(f"issuer_url={url!r} is no issuer of {profile.label}.", hint=fix)
        self._check_verifiable(profile)

    @property
    def issuer_profile(self) -> IssuerProfile:
        """The profile, looked up.

        Raises:
            ConfigurationError: There is none of that name.
        """
        if isinstance(self.profile, IssuerProfile):
            return self.profile
        return profile_named(self.profile)

    @property
    def identifiers(self) -> tuple[tuple[str, str | None], ...]:
        """Each concrete issuer identifier, with its tenant if it has one."""
        if not self.tenants:
            return ((self.issuer_url, None),)
        return tuple((self.issuer_url.replace(_TENANT, tenant), tenant) for tenant in self.tenants)

    @property
    def accepted_audiences(self) -> frozenset[str] | None:
        """What `aud` may name, with the other spellings its kind of issuer has; None for the resource's URL."""
        if self.audience is None:
            return None
        aliases = self.issuer_profile.audience_aliases
        others = [
            alias.replace("{audience}", one) for one in self.audience for alias in aliases if _GUID.fullmatch(one)
        ]
        return frozenset([*self.audience, *others])

    def _check_tenants(self, profile: IssuerProfile) -> None:
        if not isinstance(self.issuer_url, str):
            raise ConfigurationError(f"issuer_url={self.issuer_url!r} is no text.", hint="Give an absolute https URL.")
        if (_TENANT in self.issuer_url) != bool(self.tenants):
            raise ConfigurationError(
                f"issuer_url={self.issuer_url!r} and tenants={list(self.tenants)!r} do not fit together.",
                hint=f"Write {_TENANT} where the tenant stands in issuer_url, and list the trusted ones in tenants=.",
            )
        if set(self.issuer_url.replace(_TENANT, "")) & set("{}"):
            raise ConfigurationError(
                f"issuer_url={self.issuer_url!r} has an unknown placeholder.", hint=f"The only one is {_TENANT}."
            )
        for tenant in self.tenants:
            # Nothing that could end its segment or begin another: a slash, a dot, a colon, an escape.
            if not re.fullmatch(profile.tenant_pattern, tenant):
                raise ConfigurationError(
                    f"tenants= holds {tenant!r}, which is no tenant of {profile.label}.",
                    hint="Write the tenant's id as it stands in its issuer identifier; at Entra ID a lower-case GUID.",
                )

    def _check_verifiable(self, profile: IssuerProfile) -> None:
        if not profile.accepts_jwt:
            raise ConfigurationError(
                f"Access tokens of {profile.label} are no JWTs, so there is nothing to verify with its keys.",
                hint=f"{profile.opaque_setting} Use the introspection verifier for {self.issuer_url}.",
            )
        if profile.client_stands_for_audience and not self.client_ids and self.audience is None:
            raise ConfigurationError(
                f"Tokens of {profile.label} name no audience, so every client of {self.issuer_url!r} would get in.",
                hint="Name the clients of this server in client_ids=, or the resource the tokens are bound to in "
                "audience=.",
            )


def issuers_from(
    trusted: Sequence[TrustedIssuer | str],
    *,
    fetch: Fetch,
    clock: Clock | None = None,
    keys_max_age_seconds: float = 600.0,
    keys_max_stale_seconds: float = 3600.0,
    cooldown_seconds: float = 30.0,
) -> tuple[Issuer, ...]:
    """The issuers themselves, one for each tenant of a template.

    Args:
        trusted: Issuers as configured; a text is an issuer of no particular kind.
        fetch: The fetch port.
        clock: Time.
        keys_max_age_seconds: As for `Issuer`.
        keys_max_stale_seconds: As for `Issuer`.
        cooldown_seconds: As for `Issuer`.

    Raises:
        ConfigurationError: An issuer is there twice, or something is no issuer.
    """
    if isinstance(trusted, str):
        raise ConfigurationError(f"{trusted!r} is one issuer, not a list.", hint=f"Write [{trusted!r}].")
    found: dict[str, Issuer] = {}
    for one in trusted:
        configured = TrustedIssuer(one) if isinstance(one, str) else one
        for url, tenant in configured.identifiers:
            if url in found:
                raise ConfigurationError(
                    f"The issuer {url!r} is configured twice.", hint="Put everything about it into one TrustedIssuer."
                )
            found[url] = Issuer(
                url,
                fetch=fetch,
                clock=clock,
                rules=_rules_for(configured, tenant),
                keys_max_age_seconds=keys_max_age_seconds,
                keys_max_stale_seconds=keys_max_stale_seconds,
                cooldown_seconds=cooldown_seconds,
            )
    return tuple(found.values())


def _rules_for(trusted: TrustedIssuer, tenant: str | None) -> TokenRules:
    return TokenRules(
        profile=trusted.issuer_profile,
        claims=trusted.claims,
        audiences=trusted.accepted_audiences,
        client_ids=frozenset(trusted.client_ids),
        tenant=tenant,
    )


def _texts(name: str, value: Any, *, one: bool = False) -> tuple[str, ...]:
    texts = (value,) if one and isinstance(value, str) else value
    if isinstance(texts, str) or not all(isinstance(text, str) and text for text in texts):
        raise ConfigurationError(f"{name}={value!r} is not a list of texts.", hint=f'Write {name}=["..."].')
    if one and not texts:
        raise ConfigurationError(
            f"{name} is empty, which would refuse every token.",
            hint="Leave it out to accept tokens for the resource's own URL, or name what the issuer puts into aud.",
        )
    return tuple(dict.fromkeys(texts))
