"""Whether an issuer signed a token, by its keys of today."""

from __future__ import annotations

import math

from mcpauthkit.errors import InvalidToken, IssuerUnavailable, RemoteError
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.jws import UnverifiedToken


class SignatureCheck:
    """Finds the key of one issuer that made a signature, and asks the issuer for new ones when it may have any.

    Args:
        issuer: The issuer.
        leeway_seconds: How far clocks may differ.
    """

    def __init__(self, issuer: Issuer, *, leeway_seconds: float) -> None:
        self._issuer = issuer
        self._leeway = leeway_seconds

    def is_current(self, version: int) -> bool:
        """Whether a verdict made with that version of the key set still counts.

        A key set past its age has to be asked for before any verdict counts again: otherwise a withdrawn key would live
        on in remembered ones for longer than `Issuer` promises.
        """
        keys = self._issuer.keys
        return keys.version == version and keys.is_fresh

    async def check(self, token: UnverifiedToken) -> int:
        """Find the key that made the signature; gives the version of the key set it is in.

        Raises:
            InvalidToken: None of the issuer's keys did.
            IssuerUnavailable: The keys cannot be had.
        """
        documents = self._issuer.keys
        try:
            keys = await documents.get()
        except RemoteError as error:
            raise self._unavailable(error) from error
        seen = documents.version
        verdict = token.is_signed_by(keys)
        # A key set without key ids cannot tell a rotated key from a forgery, so both are worth one look.
        if verdict is None or (not verdict and token.key_id is None):
            try:
                keys = await documents.refetch(seen)
            except RemoteError as error:
                raise self._unavailable(error) from error
            if documents.version != seen:
                seen = documents.version
                verdict = token.is_signed_by(keys)
            elif verdict is None and (documents.is_failing or self._might_be_newer(token)):
                raise IssuerUnavailable(
                    self._retry_after(),
                    "The key of this access token is not known yet. Repeat the request shortly.",
                    reason=f"key id {token.key_id!r:.80} is unknown and the issuer may not be asked again yet",
                )
        if verdict is not True:
            raise InvalidToken(reason=f"signature, algorithm {token.algorithm.name}, key id {token.key_id!r:.80}")
        return seen

    def _unavailable(self, error: RemoteError) -> IssuerUnavailable:
        return IssuerUnavailable(
            self._retry_after(), hint=error.hint, reason=f"{self._issuer.issuer_url}: {error.reason}"
        )

    def _might_be_newer(self, token: UnverifiedToken) -> bool:
        """Whether the token says it was issued after we last saw the key set.

        Then its key may be a new one, and "sign in again" would be the wrong answer: somebody who floods us with
        made-up key ids uses up the cooldown, and users of a freshly rotated key must not lose their login to it.
        An older token's key would have been in the set, so that one is forged. The issuer's clock may run behind.
        """
        issued_at = token.claims.get("iat")
        if isinstance(issued_at, bool) or not isinstance(issued_at, int | float):
            return False
        # `iat` has whole seconds in most tokens, so the second of the fetch itself is undecided.
        return issued_at + self._leeway >= math.floor(self._issuer.keys.loaded_wall_time)

    def _retry_after(self) -> int:
        return max(1, math.ceil(self._issuer.keys.cooling_down_seconds))
