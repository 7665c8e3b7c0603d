"""Several verifiers in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from mcpauthkit.errors import ConfigurationError, InvalidToken, MissingToken
from mcpauthkit.identity.port import Presented, TokenVerifier


@runtime_checkable
class OwnsIssuers(Protocol):
    """A verifier that says under which names it knows users. One that does not say so is not checked."""

    @property
    def own_issuers(self) -> frozenset[str]:
        """The issuers of its principals that no other verifier may have."""
        ...


class VerifierChain:
    """Verifiers that are asked in order; the first that recognises something in a request judges it, alone.

    Its refusal is final: if the next one were tried, a token refused under one rule could pass under a weaker one.

    No two of them may know users under one name: (issuer, subject) is the identity that credentials are stored by, and
    whoever can be Alice at one verifier would have what belongs to Alice of the other.

    Args:
        verifiers: At least one.
        fallback: Who refuses a bearer token that none of them recognises, and so can say what is wrong with it.

    Raises:
        ConfigurationError: There is none, or two of them have the same issuer.
    """

    def __init__(self, verifiers: Sequence[TokenVerifier], *, fallback: TokenVerifier | None = None) -> None:
        if not verifiers:
            raise ConfigurationError(
                "There is nothing to verify callers with.", hint="Give issuer_url=, or at least one of verifiers=."
            )
        for verifier in verifiers:
            if not callable(getattr(verifier, "find", None)) or not callable(getattr(verifier, "verify", None)):
                raise ConfigurationError(
                    f"verifiers= holds a {type(verifier).__name__}, which is no verifier.",
                    hint="Take one of mcpauthkit.verifiers; a function goes into CustomVerifier, and an issuer into "
                    "issuers=.",
                )
        _check_issuers([*verifiers] if fallback is None or fallback in verifiers else [*verifiers, fallback])
        self._verifiers = tuple(verifiers)
        self._fallback = fallback

    def choose(self, presented: Presented) -> tuple[TokenVerifier, str]:
        """Who judges a request, and which text of it.

        Raises:
            MissingToken: It presents nothing.
            InvalidToken: It presents a bearer token that none of them recognises.
        """
        for verifier in self._verifiers:
            text = verifier.find(presented)
            if text is not None:
                return verifier, text
        if presented.bearer is None:
            raise MissingToken
        if self._fallback is not None:
            return self._fallback, presented.bearer
        raise InvalidToken(reason="a bearer token of a kind that no verifier here recognises")


def _check_issuers(verifiers: Sequence[TokenVerifier]) -> None:
    owners: dict[str, TokenVerifier] = {}
    for verifier in verifiers:
        for issuer in verifier.own_issuers if isinstance(verifier, OwnsIssuers) else ():
            other = owners.setdefault(issuer, verifier)
            if other is not verifier:
                kinds = " and ".join(sorted({type(other).__name__, type(verifier).__name__}))
                raise ConfigurationError(
                    f"Two verifiers ({kinds}) know users as those of {issuer!r}, so Alice of the one would have what "
                    "belongs to Alice of the other.",
                    hint="Give each an issuer= (StaticKeyVerifier: or a name=) that no other has. Where an issuer's "
                    "opaque tokens are of the same users as its JWTs, say IntrospectionVerifier(shares_issuer=True).",
                )
