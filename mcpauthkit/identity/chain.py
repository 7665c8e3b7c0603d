"""Several verifiers in order."""

from __future__ import annotations

from collections.abc import Sequence

from mcpauthkit.errors import ConfigurationError, InvalidToken, MissingToken
from mcpauthkit.identity.port import Presented, TokenVerifier


class VerifierChain:
    """Verifiers that are asked in order; the first that recognises something in a request judges it, alone.

    Its refusal is final: if the next one were tried, a token refused under one rule could pass under a weaker one.

    Args:
        verifiers: At least one.
        fallback: Who refuses a bearer token that none of them recognises, and so can say what is wrong with it.

    Raises:
        ConfigurationError: There is none.
    """

    def __init__(self, verifiers: Sequence[TokenVerifier], *, fallback: TokenVerifier | None = None) -> None:
        if not verifiers:
            raise ConfigurationError(
                "There is nothing to verify callers with.", hint="Give issuer_url=, or at least one of verifiers=."
            )
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
