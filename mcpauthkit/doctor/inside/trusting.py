"""Whom the application trusts, put together as its middleware does, to judge a token beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpauthkit.doctor.examination import Examination
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.port import TokenVerifier
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.web.limits import LimitOptions, Limits
from mcpauthkit.web.resources import ProtectedResource
from mcpauthkit.web.trust import Trust, check_keys, trusted_issuers


@dataclass(frozen=True, slots=True)
class Trusted:
    """What the application believes.

    Args:
        issuers: Whose tokens.
        verifier: What judges them.
        others: What else it believes.
        keys: What opens encrypted tokens.
        encrypted_only: Whether signed ones are refused.
        leeway_seconds: How far clocks may differ.
    """

    issuers: Sequence[Issuer]
    verifier: JwtVerifier
    others: Sequence[TokenVerifier]
    keys: DecryptionKeys | None
    encrypted_only: bool
    leeway_seconds: float

    @property
    def issuer_urls(self) -> Sequence[str]:
        """The identifiers of the issuers."""
        return [one.issuer_url for one in self.issuers]

    @property
    def can_decrypt(self) -> bool:
        """Whether there are keys."""
        return self.keys is not None

    @property
    def takes_others(self) -> bool:
        """Whether there are verifiers of other tokens, which only they can judge."""
        return bool(self.others)

    def has_issuer(self, name: object) -> bool:
        """Whether an issuer of that name is trusted."""
        return name in self.issuer_urls

    def audiences(self, issuer: object, resource: ProtectedResource) -> frozenset[str] | None:
        """What `aud` may name; None where another claim stands for it."""
        rules = next(one.rules for one in self.issuers if one.issuer_url == issuer)
        if rules.profile.client_stands_for_audience:
            return None
        return resource.accepted if rules.audiences is None else rules.audiences

    def decrypted(self, token: str) -> str:
        """What is inside of an encrypted token.

        Raises:
            InvalidToken: No key opens it.
        """
        assert self.keys is not None
        return self.keys.decrypt(token).payload.decode("ascii", "replace")


def trust_of(examination: Examination) -> Trusted | None:
    """Whom the application trusts; None where it trusts no issuer, or was told so in a way that cannot be used.

    Args:
        examination: The examination, whose way to others the issuers are asked by.
    """
    guard: Mapping[str, Any] = examination.facts.guard
    limit_names = LimitOptions.__optional_keys__ | LimitOptions.__required_keys__
    try:
        keys = check_keys(guard.get("decryption_keys"))
        limits = Limits(**{name: guard[name] for name in limit_names & guard.keys()})
        configured = trusted_issuers(
            guard.get("issuer_url"),
            audience=guard.get("audience"),
            profile=guard.get("profile"),
            issuers=guard.get("issuers", ()),
        )
        encrypted_only, others = bool(guard.get("encrypted_only")), tuple(guard.get("verifiers", ()))
        trust = Trust(configured, others, decryption_keys=keys, encrypted_only=encrypted_only, limits=limits)
        issuers = trust.issuers(examination.fetch, examination.clock)
        if not issuers:
            return None
        verifier = trust.issuers_verifier(issuers)
    except ConfigurationError:
        # The start refuses it and says why.
        return None
    return Trusted(issuers, verifier, others, keys, encrypted_only, limits.leeway_seconds)
