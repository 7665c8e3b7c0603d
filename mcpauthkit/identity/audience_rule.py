"""Which audience a verifier's tokens have to name, and what to do with tokens that name none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.port import Verified
from mcpauthkit.principal import Principal

_log = RequestLog("identity")


class AudienceRule:
    """The audience half of a verifier's settings.

    Args:
        audience: Accepted audiences; None for the URL of the resource that is called.
        accept_tokens_without_audience: Whether a token that names no audience is taken for ours. Whoever else is
            given such a token can use it here.
        verifier: Whose setting it is, for the warning.

    Raises:
        ConfigurationError: The list is empty or holds something that is no text.
    """

    def __init__(
        self, audience: str | Sequence[str] | None, *, accept_tokens_without_audience: bool, verifier: str
    ) -> None:
        self._setting = (
            f"Put {{resource}} into the `aud` of the tokens for {verifier}, or give it what they carry as audience. "
            "For tokens without `aud` there is accept_tokens_without_audience."
        )
        self.accepted: frozenset[str] | None = None
        if audience is not None:
            names: list[object] = [audience] if isinstance(audience, str) else list(audience)
            if not names or not all(isinstance(one, str) and one for one in names):
                raise ConfigurationError(
                    f"audience={audience!r} of {verifier} names nothing.",
                    hint="Leave it out to accept tokens for the resource's own URL, or name what the tokens carry.",
                )
            self.accepted = frozenset(map(str, names))
        self._unnamed_is_ours = accept_tokens_without_audience is True
        if self._unnamed_is_ours:
            _log.warning("%s accepts tokens without an audience: a token made for another server works here", verifier)

    def verdict(self, principal: Principal, *, made_for_us: bool = False, **options: Any) -> Verified:
        """The verdict on a principal; the caller checks the audience, unless the token names none and may do so.

        Args:
            principal: Whose token was good.
            made_for_us: Whether something else has shown that a token without an audience is ours.
            options: Further fields of `Verified`.
        """
        unnamed_is_ours = not principal.audience and (made_for_us or self._unnamed_is_ours)
        return Verified(
            principal,
            audiences=self.accepted,
            made_for_us=unnamed_is_ours,
            audience_setting=self._setting,
            **options,
        )
