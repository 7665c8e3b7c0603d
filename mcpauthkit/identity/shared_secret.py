"""The verifier of tokens signed with a secret that both sides hold (RFC 7518 section 3.2)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from joserfc import jwk
from joserfc.jws import JWSRegistry

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.algorithms import MAC_ALGORITHMS
from mcpauthkit.identity.audience_rule import AudienceRule
from mcpauthkit.identity.claim_map import GENERIC_CLAIMS, ClaimMap
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.endless import check_issuer_name, claim_reader
from mcpauthkit.identity.jws import HeaderMemory, read_token
from mcpauthkit.identity.known_secrets import weakness_of
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.token_text import check_token_text, signature_algorithm, unverified_claims

DEFAULT_ISSUER = "shared-secret"
# RFC 7518 section 3.2: a key at least as long as the hash.
_KEY_BYTES = {"HS256": 32, "HS384": 48, "HS512": 64}
_JWS = JWSRegistry(algorithms=list(_KEY_BYTES))
_CLAIMS = ClaimMap(client_id=("client_id", "azp", "cid", "appid", "sub"), scopes=("scope", "scp", "scopes")).over(
    GENERIC_CLAIMS
)
_KEY_FILE = "A public key is no secret. Give it to StaticKeyVerifier, which checks signatures with it."
_MAKE_ONE = "Make one with `python -c 'import secrets; print(secrets.token_urlsafe(64))'`."


class SharedSecretVerifier:
    """Verifies tokens signed with HMAC. Whoever holds the secret can be anybody, so no client may ever hold it.

    `exp` is required. The subject is `sub`, else `client_id`; the client is `client_id`, else the subject.

    Args:
        secret: At least 32 bytes that nobody can guess (48 for HS384, 64 for HS512).
        issuer: Who signs. A token that carries `iss` has to carry this one. Without it `iss` is not looked at, and the
            users are known as those of "shared-secret", whatever a token says.
        audience: Accepted audiences; None for the URL of the resource that is called.
        accept_tokens_without_audience: Whether a token without `aud` is taken for ours. With one secret for several
            servers, it then works at all of them.
        algorithms: Accepted `alg` values, of HS256, HS384 and HS512.
        claims: Where scopes, roles, client and subject are, if they are elsewhere.
        leeway_seconds: How far clocks may differ.
        clock: Time.

    Raises:
        ConfigurationError: The secret is too short, a known sample or a public key; or another argument is unusable.
    """

    def __init__(
        self,
        secret: str | bytes | Secret,
        *,
        issuer: str | None = None,
        audience: str | Sequence[str] | None = None,
        accept_tokens_without_audience: bool = False,
        algorithms: Sequence[str] = ("HS256",),
        claims: ClaimMap | None = None,
        leeway_seconds: float = 60.0,
        clock: Clock | None = None,
    ) -> None:
        self._algorithms = _checked_algorithms(algorithms)
        self._headers = HeaderMemory({name: MAC_ALGORITHMS[name] for name in self._algorithms})
        self._key = _checked_secret(secret, max(_KEY_BYTES[one] for one in self._algorithms))
        self._checks_issuer = issuer is not None
        self._issuer = check_issuer_name(DEFAULT_ISSUER if issuer is None else issuer, "SharedSecretVerifier")
        self._audience = AudienceRule(
            audience,
            accept_tokens_without_audience=accept_tokens_without_audience,
            verifier="SharedSecretVerifier",
        )
        self._reader = claim_reader(claims, _CLAIMS)
        self._leeway = leeway_seconds
        self._clock = clock or SystemClock()

    def __repr__(self) -> str:
        return f"SharedSecretVerifier(issuer={self._issuer!r}, algorithms={self._algorithms!r})"

    @property
    def own_issuers(self) -> frozenset[str]:
        """The name its users are known by, which no other verifier may have."""
        return frozenset({self._issuer})

    def find(self, presented: Presented) -> str | None:
        """A signed token whose header names an HMAC; see `TokenVerifier.find`."""
        text = presented.bearer
        if text is None or not (signature_algorithm(text) or "").startswith("HS"):
            return None
        if self._checks_issuer and unverified_claims(text).get("iss", self._issuer) != self._issuer:
            return None
        return text

    async def verify(self, token: str) -> Verified:
        """Verify one token; see `TokenVerifier.verify`."""
        unverified = read_token(check_token_text(token), self._headers)
        algorithm, claims = unverified.algorithm, unverified.claims
        if not algorithm.verify(unverified.signing_input, unverified.signature, self._key):
            raise InvalidToken(reason=f"signature, algorithm {algorithm.name}")
        if self._checks_issuer and claims.get("iss", self._issuer) != self._issuer:
            raise InvalidToken(reason="iss is not the configured issuer")
        # Not the sender's `iss`: its users would pass for those of an issuer of that name.
        members = {**claims, "iss": self._issuer}
        if "client_id" in members:
            members.setdefault("sub", members["client_id"])
        principal = principal_from(
            members,
            issuer=self._issuer,
            now=self._clock.wall(),
            leeway_seconds=self._leeway,
            reader=self._reader,
        )
        return self._audience.verdict(principal)

    def create_token(self, claims: Mapping[str, Any], *, expires_in: float = 3600.0) -> str:
        """A token signed with the secret: for tests and development, where there is no issuer.

        Unless this verifier has an `audience`, the token needs an `aud` to be accepted: the URL of the MCP server.

        Args:
            claims: Its claims; they replace the ones that are filled in (`iss`, `aud` if configured, `iat`, `exp`).
            expires_in: Seconds until it expires.
        """
        now = int(self._clock.wall())
        accepted = {"aud": sorted(self._audience.accepted)} if self._audience.accepted else {}
        members = {"iss": self._issuer, **accepted, "iat": now, "exp": int(now + expires_in), **claims}
        header = {"alg": self._algorithms[0], "typ": "JWT"}
        first = ".".join(base64url_encode(json.dumps(one).encode()) for one in (header, members))
        signature = _JWS.get_alg(self._algorithms[0]).sign(first.encode("ascii"), self._key)
        return f"{first}.{base64url_encode(signature)}"


def _checked_algorithms(algorithms: Sequence[str]) -> tuple[str, ...]:
    if isinstance(algorithms, str) or not algorithms or not set(algorithms) <= _KEY_BYTES.keys():
        raise ConfigurationError(
            f"algorithms={algorithms!r} is no list of HMAC algorithms.",
            hint='Write ("HS256",). For RS256, ES256 and the like there are StaticKeyVerifier and issuer_url.',
        )
    return tuple(dict.fromkeys(algorithms))


def _checked_secret(secret: str | bytes | Secret, minimum: int) -> jwk.OctKey:
    text = secret.reveal() if isinstance(secret, Secret) else secret
    data = text.encode() if isinstance(text, str) else bytes(text)
    if b"-----BEGIN" in data or data.startswith((b"ssh-", b"ecdsa-")):
        raise ConfigurationError("The shared secret is a key file.", hint=_KEY_FILE)
    if len(data) < minimum:
        raise ConfigurationError(f"The shared secret is shorter than {minimum} bytes.", hint=_MAKE_ONE)
    weakness = weakness_of(data)
    if weakness is not None:
        raise ConfigurationError(f"The shared secret can be guessed: {weakness}.", hint=_MAKE_ONE)
    try:
        return jwk.OctKey.import_key(data)
    except ValueError as error:
        # joserfc knows key files in binary forms too.
        raise ConfigurationError("The shared secret is a key file.", hint=_KEY_FILE) from error
