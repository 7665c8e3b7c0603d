"""How a token that was looked at is told, and what its issuer's keys say of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcpauthkit.cli.output import printable
from mcpauthkit.errors import AuthKitError, InvalidToken
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.description import Description
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.trusted_issuer import TrustedIssuer, issuers_from
from mcpauthkit.identity.verifier import JwtVerifier


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of verifying a token.

    Args:
        is_good: Whether it is genuine and in force; None when that could not be found out.
        text: In words.
    """

    is_good: bool | None
    text: str


async def verdict_of(
    text: str, *, issuer: str, profile: IssuerProfile, audiences: Sequence[str], keys: DecryptionKeys | None
) -> Verdict:
    """Verify a token with an issuer's keys, as a server that trusts this issuer would.

    Args:
        text: The token.
        issuer: The issuer's identifier.
        profile: Whose habits it has.
        audiences: What it has to be for; its audience is not judged here if there are none.
        keys: What opens it, if it is encrypted.

    Raises:
        ConfigurationError: The issuer cannot be one.
    """
    fetch = HttpFetch()
    trusted = TrustedIssuer(issuer, profile=profile, audience=audiences or None)
    try:
        verifier = JwtVerifier(issuers_from([trusted], fetch=fetch), decryption_keys=keys)
        verified = await verifier.verify(text)
    except InvalidToken as error:
        return Verdict(is_good=False, text=f"Refused: {_told(error)}")
    except AuthKitError as error:
        return Verdict(is_good=None, text=f"Could not be verified: {_told(error)}")
    finally:
        await fetch.aclose()
    return Verdict(is_good=True, text=f"Genuine: signed by {verified.principal.issuer}, and in force.")


def lines_of(found: Description, verdict: Verdict | None) -> Iterator[str]:
    """A description in lines.

    Args:
        found: The description.
        verdict: What came of verifying it, if that was asked for.
    """
    yield from _described(found)
    if verdict is not None:
        yield verdict.text
    elif found.kind in {"signed token", "encrypted token"}:
        yield "Nothing of this is verified. With --issuer it is."


def as_json(found: Description) -> dict[str, Any]:
    """A description as JSON has it.

    Args:
        found: The description.
    """
    return {
        "kind": found.kind,
        "length": found.length,
        "header": found.header,
        "claims": found.claims,
        "client": found.client,
        "scopes": list(found.scopes),
        "roles": list(found.roles),
        "remarks": [{"fault": one.is_fault, "text": one.text} for one in found.remarks],
        "inside": None if found.inside is None else as_json(found.inside),
    }


def _described(found: Description, margin: str = "") -> Iterator[str]:
    yield f"{margin}{found.kind.capitalize()} of {found.length:,} characters."
    for title, members in (("Header", found.header), ("Claims", found.claims)):
        if members:
            yield f"{margin}{title}:"
            yield from _members(members, margin)
    for title, names in (("Scopes", found.scopes), ("Roles", found.roles)):
        if names:
            yield f"{margin}{title}: {', '.join(map(printable, names))}"
    if found.client is not None:
        yield f"{margin}Client: {printable(found.client)}"
    yield from (f"{margin}{'Fault: ' if one.is_fault else ''}{one.text}" for one in found.remarks)
    if found.inside is not None:
        yield f"{margin}Inside:"
        yield from _described(found.inside, f"{margin}  ")


def _members(members: Mapping[str, Any], margin: str) -> Iterator[str]:
    # As JSON in ASCII: whoever made the token may have put what moves a terminal's cursor into it.
    width = max(len(printable(name)) for name in members)
    yield from (f"{margin}  {printable(name):<{width}}  {json.dumps(value)}" for name, value in members.items())


def _told(error: AuthKitError) -> str:
    return f"{error}{f' ({printable(error.reason)})' if error.reason else ''}"
