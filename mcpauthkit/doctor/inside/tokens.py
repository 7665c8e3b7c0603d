"""The given token, explained: which of the things that a token can be it is not."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from typing import Any

from mcpauthkit.core.urls import is_loopback_host
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.trusting import Trusted, trust_of
from mcpauthkit.errors import InvalidToken, IssuerUnavailable
from mcpauthkit.identity.token_text import is_encrypted, signature_algorithm, unverified_claims
from mcpauthkit.web.resources import ProtectedResource

_REFUSED = ("token-refused", "authorization-header-lost", "bad-token-served")

OPAQUE = Fault(
    "token-opaque",
    "error",
    "The given token is opaque",
    "It is no JWT, so no key of the issuer can verify it, and no verifier of the application takes such tokens.",
    "Let the issuer give JWTs for this server: most do once the client asks for its audience. Or add an "
    "IntrospectionVerifier.",
    explains=_REFUSED,
)
ENCRYPTED = Fault(
    "token-encrypted",
    "error",
    "The given token is encrypted, and nothing here opens it",
    "The issuer encrypts access tokens, and the application has no decryption keys, or others than the issuer knows.",
    "Set MCP_KEY_FILE_PATH, or give decryption_keys=, and let the issuer encrypt to /.well-known/jwks.json.",
    explains=_REFUSED,
)
NOT_ENCRYPTED = Fault(
    "token-not-encrypted",
    "error",
    "The given token is only signed, and encrypted ones are wanted",
    "encrypted_only is on, and the issuer does not encrypt tokens for this client.",
    "Let the issuer encrypt access tokens with our public key, or switch encrypted_only off.",
    explains=_REFUSED,
)
OTHER_ISSUER = Fault(
    "token-of-other-issuer",
    "error",
    "The given token is of another issuer",
    "Its iss is none of the issuers the application trusts. They are compared as plain text, so a "
    "slash makes another one.",
    "Write issuer_url= exactly as iss spells it, or sign in at the issuer that is configured.",
    explains=_REFUSED,
)
EXPIRED = Fault(
    "token-expired",
    "error",
    "The given token has expired",
    "Its exp has passed, by the clock of this machine.",
    "Give a fresh one. If it is fresh, one of the two clocks is wrong.",
    explains=_REFUSED,
)
OTHER_AUDIENCE = Fault(
    "token-for-other-audience",
    "error",
    "The given token is for somebody else",
    "Its aud names none of the audiences that this server takes, so every token from there is refused.",
    "Let the issuer write the resource's URL into aud (Keycloak: an audience mapper), or name in audience= what it "
    "writes.",
    explains=_REFUSED,
)
UNVERIFIED = Fault(
    "token-does-not-verify",
    "error",
    "The given token does not verify",
    "It names the right issuer and audience and is in time, and is refused all the same.",
    "Look whether it was changed on the way, or signed by a key that the issuer does not publish.",
    explains=_REFUSED,
)
AUDIENCE_NEAR_MISS = Fault(
    "audience-almost-resource",
    "warning",
    "audience= is almost the URL of the server",
    "audience= replaces the URL of the resource, which clients ask tokens for, and differs from it by very little, so "
    "it may never match.",
    "Leave audience= out where tokens name the resource's URL, or write exactly what stands in their aud.",
)

TOKENS = (OPAQUE, ENCRYPTED, NOT_ENCRYPTED, OTHER_ISSUER, EXPIRED, OTHER_AUDIENCE, UNVERIFIED, AUDIENCE_NEAR_MISS)
"""The faults of this part."""


async def check_token(examination: Examination) -> AsyncIterator[Finding]:
    """Judge the token as the application would, and say what is wrong with it.

    Asks the issuer for its metadata and keys where the token is of one of ours; shows the token to nobody.
    """
    trusted, resource = trust_of(examination), _resource(examination)
    if trusted is None or resource is None or examination.token is None:
        return
    text = examination.token.reveal()
    kind = _kind(text, trusted)
    if kind is not None:
        yield kind.found(evidence=f"{text.count('.') + 1} segments", place="the token")
        return
    try:
        claims = unverified_claims(trusted.decrypted(text) if is_encrypted(text) else text)
    except InvalidToken as error:
        yield ENCRYPTED.found(evidence=error.reason or error.public, place="the token")
        return
    told = list(_claims_at_odds(claims, trusted, resource, examination))
    for finding in told:
        yield finding
    if told or not trusted.has_issuer(claims.get("iss")):
        return
    try:
        await trusted.verifier.verify(text)
    except InvalidToken as error:
        yield UNVERIFIED.found(evidence=f"{error.public} {error.hint}".strip(), place="the token")
    except IssuerUnavailable:
        # The view from outside says so, with the address that does not answer.
        return


async def check_audience(examination: Examination) -> AsyncIterator[Finding]:
    """Compare `audience=` with the URLs of the resources; asks nobody."""
    resources, given = examination.facts.resources, examination.facts.guard.get("audience")
    if resources is None or given is None:
        return
    audiences: Sequence[str] = (given,) if isinstance(given, str) else tuple(given)
    urls = [one.url for one in resources.all]
    for one in audiences:
        near = next((url for url in urls if url not in audiences and _is_near(one, url)), None)
        if near is not None:
            yield AUDIENCE_NEAR_MISS.found(evidence=f"audience={one!r}, and the server is {near}", place="audience")


def _kind(text: str, trusted: Trusted) -> Fault | None:
    if is_encrypted(text):
        return None if trusted.can_decrypt else ENCRYPTED
    if signature_algorithm(text) is None:
        return None if trusted.takes_others else OPAQUE
    return NOT_ENCRYPTED if trusted.encrypted_only else None


def _claims_at_odds(
    claims: Mapping[str, Any], trusted: Trusted, resource: ProtectedResource, examination: Examination
) -> Iterator[Finding]:
    issuer, exp = claims.get("iss"), claims.get("exp")
    if not trusted.has_issuer(issuer):
        if not trusted.takes_others:
            known = ", ".join(trusted.issuer_urls)
            yield OTHER_ISSUER.found(evidence=f"iss is {issuer!r:.200}, trusted: {known}", place="iss of the token")
        return
    late = examination.clock.wall() - exp if isinstance(exp, int | float) else 0.0
    if late > trusted.leeway_seconds:
        yield EXPIRED.found(evidence=f"exp passed {late:.0f} s ago", place="exp of the token")
    named, accepted = _listed(claims.get("aud")), trusted.audiences(issuer, resource)
    if accepted is not None and accepted.isdisjoint(named):
        evidence = f"aud is {named!r:.200}, accepted: {', '.join(sorted(accepted))}"
        yield OTHER_AUDIENCE.found(evidence=evidence, place="aud of the token")


def _resource(examination: Examination) -> ProtectedResource | None:
    resources = examination.facts.resources
    if resources is None:
        return None
    return next((one for one in resources.all if one.url == examination.resource_url), resources.all[0])


def _listed(value: object) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [one for one in values if isinstance(one, str)]


def _is_near(audience: str, url: str) -> bool:
    return audience != url and _folded(audience) == _folded(url)


def _folded(url: str) -> str:
    """A URL without what people get wrong: scheme, case, `www.`, a slash at the end, the names of this machine."""
    scheme, _, rest = url.lower().rstrip("/").partition("://")
    host, _, path = rest.removeprefix("www.").partition("/")
    name, _, port = host.partition(":")
    port = "" if port in {"443", "80"} else port
    return f"{'this machine' if is_loopback_host(name) else name}:{port}/{path}" if rest else scheme


TOKEN_CHECKS = (
    Check("the token", check_token, frozenset({"app", "token"})),
    Check("audience", check_audience, frozenset({"app"})),
)
"""The checks of this part."""
