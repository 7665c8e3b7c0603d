"""Claims encrypted straight to our public key, without a signature.

Encryption hides the claims from others and proves nothing about who wrote them: whoever can fetch our public key can
make a token that says anything. This is for servers that only their trusted gateway can reach, and for moving away
from such a system step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.audience_rule import AudienceRule
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.endless import check_issuer_name, claim_reader
from mcpauthkit.identity.jwe import MAX_ENCRYPTED_TOKEN_LENGTH
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.token_text import is_encrypted, says_token_inside

DEFAULT_ISSUER = "unsigned-encrypted"
_MAX_CLAIMS_DEPTH = 12
_log = RequestLog("identity")


class UnsignedEncryptedVerifier:
    """Believes what anybody encrypted to our public key. Put a network policy in front of it, or leave it out.

    Its principals have an issuer of their own, whatever `iss` says, so none of them is ever a user of a real issuer. A
    token that names an audience must name ours; one that names none was still encrypted for us. `exp` and `iat` are
    required. The claims may also stand in a member `data`, beside `exp` and `iat`.

    It takes every token of five segments. Encrypted tokens of an issuer, which are signed inside, are refused here.

    Args:
        keys: What opens the tokens.
        accept_tokens_anybody_can_make: Must be True; the name is the warning.
        issuer: The name its users are known by; not a URL.
        audience: Accepted audiences; None for the URL of the resource that is called.
        claims: Where scopes, roles, client and subject are, if they are elsewhere: `ClaimMap(subject="email")` for
            producers that send no `sub`. A token without a subject is refused: all its senders would be one user.
        clock: Time.
        leeway_seconds: How far clocks may differ.

    Raises:
        ConfigurationError: `accept_tokens_anybody_can_make` is not True, or the name might be a real issuer's.
    """

    def __init__(
        self,
        keys: DecryptionKeys,
        *,
        accept_tokens_anybody_can_make: bool,
        issuer: str = DEFAULT_ISSUER,
        audience: str | Sequence[str] | None = None,
        claims: ClaimMap | None = None,
        clock: Clock | None = None,
        leeway_seconds: float = 60.0,
    ) -> None:
        if accept_tokens_anybody_can_make is not True:
            raise ConfigurationError(
                "Tokens without a signature prove nothing about who made them.",
                hint="Let an issuer sign the tokens, or pass accept_tokens_anybody_can_make=True and know why.",
            )
        self._issuer = check_issuer_name(issuer, "UnsignedEncryptedVerifier")
        if ":" in issuer:
            raise ConfigurationError(
                f"issuer={issuer!r:.80} of UnsignedEncryptedVerifier could be a real issuer.",
                hint="Use a plain word without a colon.",
            )
        self._keys = keys
        self._audience = AudienceRule(
            audience, accept_tokens_without_audience=False, verifier="UnsignedEncryptedVerifier"
        )
        self._reader = claim_reader(claims)
        self._clock = clock or SystemClock()
        self._leeway = leeway_seconds
        _log.warning(
            "unsigned tokens are accepted: whoever can fetch the public key can be any user of issuer=%s", issuer
        )

    def __repr__(self) -> str:
        return f"UnsignedEncryptedVerifier(issuer={self._issuer!r}, keys={self._keys!r})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """An encrypted bearer token that does not say that there is a signed one inside; see `TokenVerifier.find`."""
        token = presented.bearer
        if token is None or not is_encrypted(token) or says_token_inside(token):
            return None
        return token

    async def verify(self, token: str) -> Verified:
        """Open one token and believe it; see `TokenVerifier.verify`."""
        decrypted = self._keys.decrypt(token)
        if decrypted.is_nested:
            # Nobody here checks its signature, so its claims must not pass for checked ones.
            raise InvalidToken(
                hint="Give decryption_keys to the verifier of that issuer, and leave this one out.",
                reason="a signed token was encrypted where unsigned claims are expected",
            )
        claims = self._claims(decrypted.payload)
        if "iat" not in claims:
            raise InvalidToken(hint="Let the producer put `iat` into its tokens.", reason="iat is missing")
        principal = principal_from(
            claims, issuer=self._issuer, now=self._clock.wall(), leeway_seconds=self._leeway, reader=self._reader
        )
        return self._audience.verdict(principal, made_for_us=True)

    def _claims(self, payload: bytes) -> dict[str, Any]:
        try:
            members = parse_json_object(payload, max_bytes=MAX_ENCRYPTED_TOKEN_LENGTH, max_depth=_MAX_CLAIMS_DEPTH)
        except ValueError as error:
            raise InvalidToken(reason=f"claims not readable: {error}") from error
        wrapped = members.get("data")
        if isinstance(wrapped, dict):
            # What stands outside wins: the times of the token are there.
            members = {**wrapped, **members}
        # Whoever reads the two claims must see the same user as whoever reads the principal.
        return {**members, "iss": self._issuer, "sub": self._reader.subject(members)}
