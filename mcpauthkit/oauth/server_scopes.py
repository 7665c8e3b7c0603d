"""The scopes an authorization server lets clients ask for, and what of them they got (RFC 6749 section 3.3)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from mcpauthkit.errors import OAuthFault

SIGN_IN_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
"""What a login itself is made of; issuers add them to a grant or leave them out as they like."""

# Entra ID: everything of one API that was consented to beforehand. What is granted then has other names.
_ALL_OF_AN_API = "/.default"


@dataclass(frozen=True, slots=True)
class ScopeRules:
    """Which scopes clients may ask for. Our one client at the issuer may be allowed far more, for others' APIs too.

    Args:
        base: What a request without scopes asks for.
        further: What clients may ask for besides, when a tool needs it.
        short_names: Whether the issuer grants `read` to who asked for `api://reports/read`.
    """

    base: tuple[str, ...]
    further: tuple[str, ...] = ()
    short_names: bool = False

    def allows(self, scope: str) -> bool:
        """Whether clients may ask for a scope."""
        return scope in self.base or scope in self.further or scope in SIGN_IN_SCOPES

    def check(self, scopes: Iterable[str]) -> None:
        """Check all scopes of a request.

        Raises:
            OAuthFault: `invalid_scope`, because one of them is not offered here.
        """
        refused = [one for one in scopes if not self.allows(one)]
        if refused:
            raise OAuthFault(
                "invalid_scope",
                "A scope that was asked for is not offered here.",
                hint="List scopes that tools need in allowed_scopes of oauth_meta_router.",
                reason=f"not offered: {' '.join(refused)[:200]}",
            )

    def granted(self, asked: Iterable[str], given: Iterable[str] | None) -> tuple[str, ...]:
        """Which of the scopes that were asked for the issuer granted, in the words of the question.

        Args:
            asked: Scopes of the request.
            given: What the issuer says; None when it says nothing, which means all of them (section 5.1).
        """
        if given is None:
            return tuple(asked)
        names = frozenset(given)
        return tuple(one for one in asked if names & self._names(one) or one.endswith(_ALL_OF_AN_API))

    def beyond(self, asked: Iterable[str], given: Iterable[str] | None) -> tuple[str, ...]:
        """What the issuer granted without having been asked, apart from the scopes of the login itself."""
        asked = tuple(asked)
        if not asked or any(one.endswith(_ALL_OF_AN_API) for one in asked):
            return ()
        expected = SIGN_IN_SCOPES.union(*map(self._names, asked))
        return tuple(one for one in given or () if one not in expected)

    def _names(self, scope: str) -> frozenset[str]:
        return frozenset({scope, scope.rpartition("/")[2]} if self.short_names and "://" in scope else {scope})
