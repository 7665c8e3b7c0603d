"""The verifier around a function of the application's own."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

import anyio.to_thread

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.audience_rule import AudienceRule
from mcpauthkit.identity.endless import check_issuer_name, endless_principal_from
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.request_headers import check_header_name, only_header
from mcpauthkit.identity.token_text import check_token_text
from mcpauthkit.principal import Principal

Judgement: TypeAlias = Mapping[str, Any] | Principal | None
"""What the function says of a token: its claims, a principal, or None for "not good"."""


class CustomVerifier:
    """Asks a function who a token belongs to.

    The function gets the token's text: visible ASCII of a bounded length. It answers with claims (`sub` is required;
    `exp`, `aud`, `scope` and `roles` are understood), with a `Principal` of this issuer, or with None, which refuses.
    Errors of the kit that it raises count as its answer (`IssuerUnavailable` makes a 503); any other exception is a
    fault of the program: it goes up to the server's log, the request fails with 500, and nobody gets in.

    Args:
        function: Sync or async. A sync one runs in a thread, so it may wait for a database.
        issuer: Under which name the users are known; what the claims say of `iss` does not count.
        header: The header that carries the token, instead of the bearer token.
        prefix: Only texts that begin so are its own; give one where several verifiers share a header.
        audience: Accepted audiences; None for the URL of the resource that is called.
        accept_tokens_without_audience: Whether claims without `aud` are taken for ours. Say yes only if the function
            itself makes sure that the token was not made for somebody else.
        remember_seconds: How long its answer is relied on without asking again.
        leeway_seconds: How far clocks may differ.
        clock: Time.

    Raises:
        ConfigurationError: An argument cannot be used.
    """

    def __init__(
        self,
        function: Callable[[str], Judgement | Awaitable[Judgement]],
        *,
        issuer: str = "custom",
        header: str | None = None,
        prefix: str = "",
        audience: str | Sequence[str] | None = None,
        accept_tokens_without_audience: bool = False,
        remember_seconds: float = 0.0,
        leeway_seconds: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        if not callable(function):
            raise ConfigurationError("CustomVerifier needs a function.", hint="Give one that takes the token's text.")
        self._function = function
        self._issuer = check_issuer_name(issuer, "CustomVerifier")
        self._header = None if header is None else check_header_name(header, "header")
        self._prefix = prefix
        self._audience = AudienceRule(
            audience, accept_tokens_without_audience=accept_tokens_without_audience, verifier="CustomVerifier"
        )
        self._remember_seconds = remember_seconds
        self._leeway = leeway_seconds
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"CustomVerifier(issuer={self._issuer!r})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """The bearer token, or the value of the header, if it begins as it should; see `TokenVerifier.find`.

        Raises:
            InvalidRequest: The header came twice.
        """
        text = presented.bearer if self._header is None else only_header(presented, self._header)
        return text if text is not None and text.startswith(self._prefix) else None

    async def verify(self, token: str) -> Verified:
        """Ask the function; see `TokenVerifier.verify`.

        Raises:
            ConfigurationError: It answered with something else than claims, a principal or None.
        """
        judgement = await self._ask(check_token_text(token))
        if judgement is None:
            raise InvalidToken(reason="the function of CustomVerifier refused")
        if isinstance(judgement, Principal):
            principal = self._of_ours(judgement)
        elif isinstance(judgement, Mapping):
            principal = endless_principal_from(
                {**judgement, "iss": self._issuer},
                issuer=self._issuer,
                now=self._clock.wall(),
                leeway_seconds=self._leeway,
            )
        else:
            raise ConfigurationError(
                f"The function of CustomVerifier answered with {type(judgement).__name__}.",
                hint="Return a mapping of claims, a Principal, or None to refuse.",
            )
        return self._audience.verdict(principal, remember_seconds=self._remember_seconds)

    async def _ask(self, token: str) -> object:
        if inspect.iscoroutinefunction(self._function):
            return await self._function(token)
        answer = await anyio.to_thread.run_sync(self._function, token)
        # A partial, a lambda or an object around an async function.
        return await answer if inspect.isawaitable(answer) else answer

    def _of_ours(self, principal: Principal) -> Principal:
        if principal.issuer != self._issuer or not principal.subject or principal.get("iss") != self._issuer:
            raise ConfigurationError(
                "The function of CustomVerifier answered with a principal of another issuer.",
                hint=f"Make it with issuer={self._issuer!r} and the same in its claims, or return only claims.",
            )
        expires_at = principal.expires_at
        if expires_at is not None and not self._clock.wall() < expires_at + self._leeway:
            raise InvalidToken(reason="the principal's end has passed")
        return principal
