"""The verifier of tokens that issuers sign."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal

from mcpauthkit.core.clock import Clock
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.algorithms import ALGORITHMS
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.jws import MAX_TOKEN_LENGTH, HeaderMemory, UnverifiedToken, read_token
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.profiles import GENERIC
from mcpauthkit.identity.signature_check import SignatureCheck
from mcpauthkit.identity.token_text import is_encrypted, says_token_inside, signature_algorithm, unverified_claims

_NAMED_ISSUERS = 5

TokenKind = Literal["access_token", "id_token"]


class JwtVerifier:
    """Verifies signed tokens of the issuers it is given, and encrypted ones with a signed one inside.

    The unverified `iss` of a token says which issuer's keys and rules it is judged by; one that names none of them
    costs nobody anything.

    Args:
        issuers: The issuer, or several.
        clock: Time.
        leeway_seconds: How far clocks may differ.
        decryption_keys: Our private keys, if tokens may be encrypted to us (RFC 7516).
        encrypted_only: Whether a token that is only signed is refused. This says nothing of other verifiers: beside
            one that takes signed tokens, such as a StaticKeyVerifier, those still get in there.
        takes_any_bearer: Whether every bearer token is judged here, so that a refusal can say what is wrong with it.
            False leaves to other verifiers what does not look like a token of an issuer.
        expects: What kind of token it is. An ID token is for the client that asked for it: whoever expects one checks
            its audience, `azp` and `nonce`.

    Raises:
        ConfigurationError: There is no issuer, one is there twice, or `encrypted_only` lacks keys.
    """

    def __init__(
        self,
        issuers: Issuer | Sequence[Issuer],
        *,
        clock: Clock | None = None,
        leeway_seconds: float = 60.0,
        decryption_keys: DecryptionKeys | None = None,
        encrypted_only: bool = False,
        takes_any_bearer: bool = True,
        expects: TokenKind = "access_token",
    ) -> None:
        trusted = (issuers,) if isinstance(issuers, Issuer) else tuple(issuers)
        self._issuers = {one.issuer_url: (one, SignatureCheck(one, leeway_seconds=leeway_seconds)) for one in trusted}
        if not trusted or len(self._issuers) != len(trusted):
            raise ConfigurationError("JwtVerifier needs issuers, each of them once.", hint="Check issuers=.")
        if encrypted_only and decryption_keys is None:
            raise ConfigurationError(
                "encrypted_only= would refuse every token.",
                hint="Give the keys that open them as decryption_keys=, or their file in MCP_KEY_FILE_PATH.",
            )
        self._clock = clock or trusted[0].clock
        self._leeway = leeway_seconds
        self._decryption_keys = decryption_keys
        self._encrypted_only = encrypted_only
        self._takes_any = takes_any_bearer
        self._expects_id_token = expects == "id_token"
        self._headers = HeaderMemory()

    @property
    def own_issuers(self) -> frozenset[str]:
        """The issuers it trusts, whose users no other verifier may speak for."""
        return frozenset(self._issuers)

    def find(self, presented: Presented) -> str | None:
        """A bearer token that looks like one an issuer signed, or any; see `TokenVerifier.find`."""
        token = presented.bearer
        if token is None or self._takes_any:
            return token
        if is_encrypted(token):
            return token if self._decryption_keys is not None and says_token_inside(token) else None
        # Another verifier may hold the key of a token that names none of our issuers.
        is_ours = self._is_signed_by_key_pair(token) and self._names_ours(token)
        return token if is_ours else None

    async def verify(self, token: str) -> Verified:
        """Verify one token; see `TokenVerifier.verify`."""
        if is_encrypted(token):
            unverified = read_token(self._decrypted(token), self._headers, any_type=True)
        else:
            unverified = self._read(token)
        issuer, signature = self._issuer_of(unverified)
        rules = issuer.rules
        rules.check_type(unverified.declared_type, id_token=self._expects_id_token)
        version = await signature.check(unverified)
        claims = unverified.claims
        principal = principal_from(
            claims,
            issuer=issuer.issuer_url,
            now=self._clock.wall(),
            leeway_seconds=self._leeway,
            reader=rules.reader,
        )
        if rules.tenant is not None:
            rules.check_tenant(claims)
        if not self._expects_id_token:
            rules.check_access_token(claims, principal)
        return Verified(
            principal,
            audiences=rules.audiences,
            made_for_us=rules.is_made_for_us(principal),
            is_current=partial(signature.is_current, version),
            audience_setting=rules.audience_setting,
        )

    def _issuer_of(self, token: UnverifiedToken) -> tuple[Issuer, SignatureCheck]:
        # Before any key is fetched: strangers' tokens cost the issuers nothing. And compared as plain text: an issuer
        # that almost has the name of another one is another one.
        name = token.claims.get("iss")
        found = self._issuers.get(name) if isinstance(name, str) else None
        if found is None:
            for known in self._issuers:
                if isinstance(name, str) and name.rstrip("/") == known.rstrip("/"):
                    raise InvalidToken(hint=f"Write issuer_url={name!r}, byte for byte.", reason=f"iss {name!r:.200}")
            some = ", ".join(list(self._issuers)[:_NAMED_ISSUERS])
            more = " or another configured issuer" if len(self._issuers) > _NAMED_ISSUERS else ""
            raise InvalidToken(hint=f"Sign in at {some}{more}.", reason=f"iss {name!r:.200}")
        return found

    def _read(self, token: str) -> UnverifiedToken:
        if self._encrypted_only:
            raise InvalidToken(
                "This server takes only access tokens that are encrypted for it.",
                hint="Have the issuer encrypt access tokens with our public key, or switch encrypted_only off.",
                reason="the token is not encrypted",
            )
        try:
            return read_token(token, self._headers, any_type=True)
        except InvalidToken:
            if 0 < len(token) <= MAX_TOKEN_LENGTH and token.isascii() and signature_algorithm(token) is None:
                raise self._opaque(token) from None
            raise

    def _decrypted(self, token: str) -> bytes:
        keys = self._decryption_keys
        if keys is None:
            raise InvalidToken(
                "The access token is encrypted, and this server has no decryption_keys to open it.",
                hint="Give them as decryption_keys=, or switch encryption off at the issuer.",
                reason="an encrypted token without keys to open it",
            )
        opened = keys.decrypt(token)
        if not opened.is_nested:
            raise InvalidToken(
                hint="Have the issuer sign tokens before it encrypts them: our public key is known to everybody.",
                reason="an encrypted token that nobody signed",
            )
        return opened.payload

    def _opaque(self, token: str) -> InvalidToken:
        profiles = {issuer.rules.profile.name: issuer.rules.profile for issuer, _ in self._issuers.values()}
        setting = (next(iter(profiles.values())) if len(profiles) == 1 else GENERIC).opaque_setting
        return InvalidToken(
            f"The access token is opaque, and this server needs a JWT. {setting}",
            hint=setting,
            reason=f"token of {token.count('.') + 1} segments, no readable JOSE header",
        )

    def _names_ours(self, token: str) -> bool:
        name = unverified_claims(token).get("iss")
        return isinstance(name, str) and name in self._issuers

    def _is_signed_by_key_pair(self, token: str) -> bool:
        first, _, rest = token.partition(".")
        if first.encode("ascii", "replace") in self._headers:
            return rest.count(".") == 1
        return signature_algorithm(token) in ALGORITHMS
