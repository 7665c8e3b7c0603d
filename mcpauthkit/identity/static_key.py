"""The verifier of tokens signed by one known key: a PEM file, a JWK or a key set that the operator holds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key
from joserfc import jwk
from joserfc.errors import JoseError, SecurityWarning

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.algorithms import ALGORITHMS
from mcpauthkit.identity.audience_rule import AudienceRule
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.endless import check_issuer_name, claim_reader
from mcpauthkit.identity.jws import read_token
from mcpauthkit.identity.key_set import KeySet, parse_key_set
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.token_text import check_token_text, signature_algorithm, unverified_claims

_GIVE_PUBLIC = (
    "Give the public half, `openssl pkey -in private.pem -pubout`, and keep the private one where tokens are made."
)
_GIVE_KEY = "Give the text of a PEM file that begins with -----BEGIN PUBLIC KEY-----, a JWK or a key set."


class StaticKeyVerifier:
    """Verifies tokens whose signing key does not come from an issuer's metadata. A change of keys is a restart.

    The key says who signed. `iss` is compared with `issuer` if that is given; otherwise it is not looked at, and the
    users are known as those of `name`, whatever a token says.

    Args:
        key: The public key: PEM text (also a certificate, of which only the key counts, not its dates or its signer), a
            JWK, or a key set for several. A token's `kid` counts only where there are several.
        algorithm: The only accepted `alg`; None for those that the key's type allows.
        issuer: The `iss` every token has to carry.
        name: Under which name the users are known when there is no `issuer`.
        audience: Accepted audiences; None for the URL of the resource that is called.
        accept_tokens_without_audience: Whether a token without `aud` is taken for ours.
        claims: Where scopes, roles, client and subject are, if they are elsewhere.
        leeway_seconds: How far clocks may differ.
        clock: Time.

    Raises:
        ConfigurationError: The key is private, symmetric, too weak or unreadable, or the algorithm does not fit it.
    """

    def __init__(
        self,
        key: str | bytes | Mapping[str, Any],
        *,
        algorithm: str | None = None,
        issuer: str | None = None,
        name: str = "static-key",
        audience: str | Sequence[str] | None = None,
        accept_tokens_without_audience: bool = False,
        claims: ClaimMap | None = None,
        leeway_seconds: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._keys = _public_keys(key)
        self._algorithms = _algorithms_for(self._keys, algorithm)
        self._checks_issuer = issuer is not None
        self._issuer = check_issuer_name(name if issuer is None else issuer, "StaticKeyVerifier")
        self._audience = AudienceRule(
            audience, accept_tokens_without_audience=accept_tokens_without_audience, verifier="StaticKeyVerifier"
        )
        self._reader = claim_reader(claims)
        self._leeway = leeway_seconds
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"StaticKeyVerifier(issuer={self._issuer!r}, algorithms={sorted(self._algorithms)!r})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """A token of the key's algorithm, and of the issuer if there is one; see `TokenVerifier.find`."""
        text = presented.bearer
        if text is None or signature_algorithm(text) not in self._algorithms:
            return None
        if self._checks_issuer and unverified_claims(text).get("iss") != self._issuer:
            return None
        return text

    async def verify(self, token: str) -> Verified:
        """Verify one token; see `TokenVerifier.verify`."""
        unverified = read_token(check_token_text(token))
        algorithm = unverified.algorithm
        if algorithm.name not in self._algorithms:
            raise InvalidToken(reason=f"algorithm {algorithm.name} is not the key's")
        key_id = unverified.key_id if len(self._keys) > 1 else None
        candidates = self._keys.candidates(algorithm, key_id)
        if not any(algorithm.verify(unverified.signing_input, unverified.signature, one.key) for one in candidates):
            raise InvalidToken(reason=f"signature, algorithm {algorithm.name}, {len(candidates)} keys tried")
        # Without a configured issuer `iss` is the sender's word: it must not make users of it that another issuer has.
        claims = unverified.claims if self._checks_issuer else {**unverified.claims, "iss": self._issuer}
        principal = principal_from(
            claims, issuer=self._issuer, now=self._clock.wall(), leeway_seconds=self._leeway, reader=self._reader
        )
        return self._audience.verdict(principal)


def _algorithms_for(keys: KeySet, wanted: str | None) -> frozenset[str]:
    fitting = frozenset(name for name, row in ALGORITHMS.items() if keys.candidates(row, None))
    if wanted is None:
        return fitting
    if wanted not in fitting:
        secret = "A shared secret belongs to SharedSecretVerifier. " if wanted.startswith("HS") else ""
        raise ConfigurationError(
            f"algorithm={wanted!r} does not fit the key.",
            hint=f"{secret}The key verifies {', '.join(sorted(fitting))}.",
        )
    return frozenset({wanted})


def _public_keys(key: str | bytes | Mapping[str, Any]) -> KeySet:
    if isinstance(key, Mapping):
        listed = key.get("keys")
        entries = listed if isinstance(listed, list) else [dict(key)]
    else:
        entries = [_from_pem(key.encode() if isinstance(key, str) else bytes(key))]
    if any(isinstance(one, dict) and ("d" in one or one.get("kty") == "oct") for one in entries):
        raise ConfigurationError("The key is private or symmetric.", hint=_GIVE_PUBLIC)
    keys = parse_key_set({"keys": entries})
    if not any(keys.candidates(row, None) for row in ALGORITHMS.values()):
        raise ConfigurationError(
            "There is no key that verifies signatures.",
            hint="Usable are RSA of at least 2048 bits, P-256, P-384, P-521 and Ed25519, not marked for encryption.",
        )
    return keys


def _from_pem(data: bytes) -> dict[str, Any]:
    if b"PRIVATE KEY-----" in data:
        raise ConfigurationError("The key is private.", hint=_GIVE_PUBLIC)
    if data.count(b"-----BEGIN ") > 1:
        raise ConfigurationError("There are several keys in one PEM text.", hint="Give a key set for several.")
    try:
        is_certificate = b"-----BEGIN CERTIFICATE-----" in data
        public = x509.load_pem_x509_certificate(data).public_key() if is_certificate else load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm) as error:
        # Nothing of the text is repeated: it may be some other secret file.
        raise ConfigurationError("The key is not readable as PEM.", hint=_GIVE_KEY) from error
    pem = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)  # a weak key is refused with the others, with a hint
            if isinstance(public, rsa.RSAPublicKey):
                return dict(jwk.RSAKey.import_key(pem).as_dict(private=False))
            if isinstance(public, ec.EllipticCurvePublicKey):
                return dict(jwk.ECKey.import_key(pem).as_dict(private=False))
            if isinstance(public, ed25519.Ed25519PublicKey):
                return dict(jwk.OKPKey.import_key(pem).as_dict(private=False))
    except (JoseError, ValueError, KeyError) as error:
        raise ConfigurationError("The key is of a kind that cannot be used.", hint=_GIVE_KEY) from error
    return {}
