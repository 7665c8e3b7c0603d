"""What tokens of one trusted issuer have to be beside genuine: of the right kind, for the right client and tenant."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.claim_map import ClaimMap, ClaimReader
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.profiles import GENERIC
from mcpauthkit.principal import Principal

_ID_TOKEN_TYPES = frozenset({"jwt", "application/jwt"})
_NOT_AN_ACCESS_TOKEN = "This is another kind of token. Send the access token."  # noqa: S105  # a sentence


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRules:
    """The rules for one issuer's tokens.

    Args:
        profile: What kind of issuer it is.
        claims: Where it puts scopes, roles, client and subject; the profile's places unless given.
        audiences: The audiences its tokens may name; None for the URL of the resource that is called.
        client_ids: The clients whose tokens are accepted; empty for all.
        tenant: The tenant its tokens must name, where the profile says in which claim.
    """

    profile: IssuerProfile = GENERIC
    claims: ClaimMap | None = None
    audiences: frozenset[str] | None = None
    client_ids: frozenset[str] = frozenset()
    tenant: str | None = None
    reader: ClaimReader = field(init=False, repr=False, compare=False)
    audience_setting: str = field(init=False, repr=False, compare=False)
    _telling: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        claims = (self.claims or ClaimMap()).over(self.profile.claims)
        prefixes = sorted(f"{audience}/" for audience in self.audiences or ()) if self.profile.short_scopes else ()
        object.__setattr__(self, "reader", ClaimReader(claims, scope_prefixes=prefixes))
        setting = self.profile.audience_setting
        if self.audiences is not None and len(self.audiences) == 1:
            # Somebody has decided what the audience shall be, so that is what to configure at the issuer too.
            setting = setting.replace("{resource}", next(iter(self.audiences)))
        object.__setattr__(self, "audience_setting", setting)
        profile = self.profile
        ruled = (rule.claim for rule in profile.rules)
        object.__setattr__(self, "_telling", frozenset((*profile.marks, *profile.marks_without_scope, *ruled)))

    def check_type(self, declared: str | None, *, id_token: bool) -> None:
        """Whether the header's `typ` is right.

        Raises:
            InvalidToken: It is that of another kind of token.
        """
        if id_token:
            if declared is not None and declared.lower() not in _ID_TOKEN_TYPES:
                raise InvalidToken(reason=f"an ID token with typ {declared!r:.60}")
        elif not self.profile.accepts_type(declared):
            raise InvalidToken(
                hint=(
                    f"Send an access token. Access tokens of {self.profile.label} have the header typ "
                    f"{' or '.join(one or 'none' for one in self.profile.types)}; if that was changed at the issuer, "
                    "change `types` of its profile."
                ),
                reason=f"typ {declared!r:.60}",
            )

    def check_tenant(self, claims: Mapping[str, Any]) -> None:
        """Whether the token is of the tenant whose keys signed it, where its issuer is one tenant's.

        Raises:
            InvalidToken: It names another one, or none.
        """
        name = self.profile.tenant_claim
        if name is not None and claims.get(name) != self.tenant:
            raise InvalidToken(reason=f"{name} is not the tenant of the issuer")

    def check_access_token(self, claims: Mapping[str, Any], principal: Principal) -> None:
        """Whether it is an access token, obtained by a client we accept.

        An ID token is signed with the same keys and names a client as its audience; where that client's id is an
        accepted audience, nothing but these rules tells the two apart.

        Raises:
            InvalidToken: It is not.
        """
        profile = self.profile
        for group in profile.required:
            if not any(name in claims for name in group):
                self._refuse(f"it has no claim {' or '.join(group)}")
        if not self._telling.isdisjoint(claims):
            self._check_telling(claims)
        if self.client_ids and principal.client_id not in self.client_ids:
            raise InvalidToken(
                hint="Add the client to client_ids= of this issuer, if it may use this server.",
                reason=f"client {principal.client_id!r:.120} is not on the list",
            )

    def is_made_for_us(self, principal: Principal) -> bool:
        """Whether a token without an audience is ours because of its client."""
        return (
            self.profile.client_stands_for_audience
            and principal.client_id in self.client_ids
            and self.audiences is None
            and not principal.audience
        )

    def _check_telling(self, claims: Mapping[str, Any]) -> None:
        """The claims that tell what kind of token it is; most tokens of most issuers have none of them."""
        profile = self.profile
        for name in profile.marks:
            if name in claims:
                self._refuse(f"it has the claim {name}")
        for name in profile.marks_without_scope:
            if name in claims and "scope" not in claims and "scp" not in claims:
                self._refuse(f"it has the claim {name} and no scope")
        for rule in profile.rules:
            if not rule.allows(claims):
                self._refuse(f"{rule.claim} is {claims[rule.claim]!r:.60}")

    def _refuse(self, reason: str) -> NoReturn:
        raise InvalidToken(
            _NOT_AN_ACCESS_TOKEN,
            hint=(
                f"Send the access token, not the ID token. If it is one: it is judged as a token of "
                f"{self.profile.label} (profile {self.profile.name!r}); check profile= of this issuer."
            ),
            reason=f"not an access token: {reason}",
        )
