"""What is peculiar to the tokens of one kind of issuer, as data."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.claim_map import GENERIC_CLAIMS, ClaimMap
from mcpauthkit.identity.claims import plain_text

ResourceParameter = Literal["forward", "omit", "audience"]
NO_TYPE = ""
"""Stands among a profile's `types` for a token whose header has no `typ`."""
ACCESS_TOKEN_TYPES = (NO_TYPE, "jwt", "at+jwt")
# No access token has a hash of itself or of a code; `events` makes it a logout token or another security event.
ID_TOKEN_MARKS = ("at_hash", "c_hash", "events")


@dataclass(frozen=True, slots=True)
class ClaimRule:
    """What a claim must be if it is there.

    Args:
        claim: Its name.
        one_of: The texts it may be; empty for any text.
        never: Texts it must not be.
    """

    claim: str
    one_of: Sequence[str] = ()
    never: Sequence[str] = ()

    def allows(self, claims: Mapping[str, Any]) -> bool:
        """Whether the claims keep the rule."""
        if self.claim not in claims:
            return True
        value = claims[self.claim]
        return isinstance(value, str) and value not in self.never and (not self.one_of or value in self.one_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerProfile:
    """One kind of issuer. Change a field with `dataclasses.replace(profile_named("keycloak"), ...)`.

    Texts of settings may hold `{resource}`, which stands for the URL of the MCP server that is called.

    Args:
        name: What `profile=` is given.
        label: What people call it.
        claims: Where its access tokens have scopes, roles, client and subject.
        types: Accepted `typ` values of the header, in lower case and without `application/`; see `NO_TYPE`.
        required: Groups of claims; an access token has at least one of each group.
        rules: What claims must be.
        marks: Claims that no access token of it has.
        marks_without_scope: Claims that no access token of it has unless it has a scope claim too.
        accepts_jwt: Whether its access tokens can be JWTs at all.
        opaque_by_default: Whether they are opaque until somebody changes that.
        tenant_claim: The claim that names the tenant, for issuers with one identifier per tenant.
        tenant_pattern: What a tenant's name looks like, as a regular expression.
        issuer_url_rules: Pairs of a regular expression that the identifier must match, and what to write otherwise.
        client_stands_for_audience: Whether a token without `aud` counts as ours when its client is on the list.
        audience_aliases: Other spellings of an audience that is a GUID, with `{audience}` for it.
        short_scopes: Whether clients ask there for a scope with the audience in front (`api://reports/write`) and
            tokens hold only its own name (`write`). Where audiences are configured, such a token then has the scope
            under its own name and with each of them in front, so they have to be those of one API.
        audience_setting: What to configure there so that its tokens name the MCP server.
        opaque_setting: What to configure there so that its access tokens are JWTs.
        resource_parameter: How it learns which resource a token is for (RFC 8707): `resource` is forwarded, left out,
            or sent under the name `audience`.

    Raises:
        ConfigurationError: A text cannot stand in an error description, or a value is none of those possible.
    """

    name: str
    label: str
    claims: ClaimMap = GENERIC_CLAIMS
    types: Sequence[str] = ACCESS_TOKEN_TYPES
    required: Sequence[Sequence[str]] = ()
    rules: Sequence[ClaimRule] = ()
    marks: Sequence[str] = ID_TOKEN_MARKS
    marks_without_scope: Sequence[str] = ("nonce",)
    accepts_jwt: bool = True
    opaque_by_default: bool = False
    tenant_claim: str | None = None
    tenant_pattern: str = r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}"
    issuer_url_rules: Sequence[tuple[str, str]] = ()
    client_stands_for_audience: bool = False
    audience_aliases: Sequence[str] = ()
    short_scopes: bool = False
    audience_setting: str = ""
    opaque_setting: str = (
        "Let the issuer issue JWT access tokens, or check its tokens by introspection (RFC 7662) here."
    )
    resource_parameter: ResourceParameter = "forward"
    _type_set: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for text in (self.audience_setting, self.opaque_setting):
            if text != plain_text(text):
                raise ConfigurationError(
                    f"A setting's text of the profile {self.name!r} cannot stand in an error description: {text!r}.",
                    hint="Use printable ASCII without quotation marks, backslashes, `scope=` and `error=`.",
                )
        if self.resource_parameter not in get_args(ResourceParameter):
            raise ConfigurationError(
                f"resource_parameter={self.resource_parameter!r} is not known.",
                hint=f"Write one of {', '.join(get_args(ResourceParameter))}.",
            )
        object.__setattr__(self, "_type_set", frozenset(self.types))

    def accepts_type(self, declared: str | None) -> bool:
        """Whether the header's `typ` is that of an access token; media types know no case."""
        text = NO_TYPE if declared is None else declared.lower().removeprefix("application/")
        # An empty `typ` that is there is none of those an issuer leaves out.
        return text in self._type_set and (declared is None or text != NO_TYPE)

    def wrong_address(self, issuer_url: str) -> str | None:
        """What to write instead of an identifier that no issuer of this kind has; None for a good one."""
        return next((fix for pattern, fix in self.issuer_url_rules if not re.search(pattern, issuer_url)), None)
