"""What can be said of a credential by looking at it, without believing it and without showing what is secret."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, Literal

from mcpauthkit.errors import InvalidToken
from mcpauthkit.identity.algorithms import ALGORITHMS
from mcpauthkit.identity.claim_map import ClaimMap, ClaimReader
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.identity.encryption import CONTENT_ENCRYPTION, KEY_MANAGEMENT
from mcpauthkit.identity.issuer_profile import IssuerProfile
from mcpauthkit.identity.jws import MAX_TOKEN_LENGTH
from mcpauthkit.identity.profiles import GENERIC
from mcpauthkit.identity.token_text import is_encrypted, jose_header, unverified_claims

CredentialKind = Literal["signed token", "encrypted token", "opaque token", "private key", "sealed value"]
"""What a text can be."""

NOT_SHOWN: Final = "(not shown)"
_SECRET_NAME = re.compile(
    r"secret|passw|api_?key|private|cookie|credential|(access|refresh|id|bearer|session)_?token|^token$", re.IGNORECASE
)
_TOKEN_VALUE = re.compile(r"^(Bearer )?eyJ[\w-]+\.[\w.-]+$|-----BEGIN|^mk[1-9]\d?\.")
_MAX_TEXT = 300
_MAX_DEPTH = 12
_LATEST = 253_402_300_799
# Of services: such a one belongs into Leg 2, and no issuer of Leg 1 has made it.
_SERVICES: Final = {
    "GitHub": ("ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_"),
    "GitLab": ("glpat-",),
    "Slack": ("xoxb-", "xoxp-", "xoxe", "xapp-"),
    "Google": ("ya29.",),
    "Atlassian": ("ATATT",),
    "Notion": ("ntn_", "secret_"),
    "Linear": ("lin_",),
}


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is worth knowing about a credential.

    Args:
        is_fault: Whether a server refuses it for that.
        text: What it is.
    """

    is_fault: bool
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """A credential, described. Nothing here is verified; secrets and the credential itself are left out.

    Args:
        kind: What it is.
        length: How many characters it has.
        header: Its header, where it has one.
        claims: Its claims, where they can be read; values that look like secrets are replaced.
        client: The client it was made for, or None.
        scopes: What it allows.
        roles: The roles in it.
        remarks: What is worth knowing, in no order of weight.
        inside: What is in it, if it is encrypted and was opened.
    """

    kind: CredentialKind
    length: int
    header: Mapping[str, Any] = field(default_factory=dict)
    claims: Mapping[str, Any] = field(default_factory=dict)
    client: str | None = None
    scopes: Sequence[str] = ()
    roles: Sequence[str] = ()
    remarks: Sequence[Remark] = ()
    inside: Description | None = None

    @property
    def is_faultless(self) -> bool:
        """Whether nothing was found for which a server refuses it."""
        return not any(one.is_fault for one in self.remarks) and (self.inside is None or self.inside.is_faultless)


def describe(
    text: str,
    *,
    now: float,
    profile: IssuerProfile = GENERIC,
    audiences: Sequence[str] = (),
    keys: DecryptionKeys | None = None,
) -> Description:
    """Say what a text is.

    Args:
        text: The credential, without `Bearer` in front.
        now: Wall time in seconds.
        profile: Whose habits it has.
        audiences: What its `aud` has to name one of; empty for no question about that.
        keys: What opens it, if it is encrypted.
    """
    if "PRIVATE KEY" in text or text.startswith("{"):
        warning = "This is a key, or what holds one, and no token. Whoever has seen it may use it: make a new one."
        return Description(kind="private key", length=len(text), remarks=[Remark(is_fault=True, text=warning)])
    if re.match(r"mk[1-9]\d?\.", text):
        told = "This was sealed by mcpauthkit for itself: a record, a cookie, or a token of its authorization proxy."
        return Description(kind="sealed value", length=len(text), remarks=[Remark(is_fault=False, text=told)])
    header = jose_header(text)
    if header is None:
        return Description(kind="opaque token", length=len(text), remarks=list(_on_opaque(text)))
    if is_encrypted(text):
        return _encrypted(text, header, now=now, profile=profile, audiences=audiences, keys=keys)
    return _signed(text, header, now=now, profile=profile, audiences=audiences)


def _signed(
    text: str, header: dict[str, Any], *, now: float, profile: IssuerProfile, audiences: Sequence[str]
) -> Description:
    claims = unverified_claims(text)
    reader = ClaimReader(ClaimMap().over(profile.claims))
    remarks = [*_on_header(header, profile), *_on_claims(claims, profile), *_on_time(claims, now)]
    remarks += _on_audience(claims, audiences)
    return Description(
        kind="signed token",
        length=len(text),
        header=_shown(header),
        claims=_shown(claims),
        client=reader.client_id(claims),
        scopes=_names(reader.scopes, claims),
        roles=_names(reader.roles, claims),
        remarks=remarks,
    )


def _encrypted(
    text: str,
    header: dict[str, Any],
    *,
    now: float,
    profile: IssuerProfile,
    audiences: Sequence[str],
    keys: DecryptionKeys | None,
) -> Description:
    remarks = list(_on_encryption(header))
    inside = None
    if keys is None:
        remarks.append(Remark(is_fault=False, text="What is in it can be read with the server's key: --key-file"))
    else:
        try:
            opened = keys.decrypt(text)
        except InvalidToken:
            mine = ", ".join(keys.key_ids)
            remarks.append(Remark(is_fault=True, text=f"None of these keys opens it: {mine}."))
        else:
            if opened.is_nested:
                inner = opened.payload.decode("ascii")
                inside = describe(inner, now=now, profile=profile, audiences=audiences)
            else:
                remarks.append(Remark(is_fault=False, text="It holds claims that nobody has signed."))
    return Description(kind="encrypted token", length=len(text), header=_shown(header), remarks=remarks, inside=inside)


def _on_opaque(text: str) -> Iterator[Remark]:
    if len(text) > MAX_TOKEN_LENGTH:
        yield Remark(is_fault=True, text=f"It is longer than the {MAX_TOKEN_LENGTH:,} characters that servers read.")
    for service, beginnings in _SERVICES.items():
        if text.startswith(beginnings):
            yield Remark(
                is_fault=True,
                text=f"It looks like a token of {service}: tools call that service with it, and nobody this server.",
            )
            return
    yield Remark(is_fault=False, text="Only whoever made it can say what it means: by introspection (RFC 7662).")


def _on_header(header: Mapping[str, Any], profile: IssuerProfile) -> Iterator[Remark]:
    algorithm = header.get("alg")
    if isinstance(algorithm, str) and algorithm.startswith("HS"):
        yield Remark(is_fault=False, text="It is signed with a shared secret: only a SharedSecretVerifier takes it.")
    elif not _is_one_of(algorithm, ALGORITHMS):
        yield Remark(is_fault=True, text=f"It is signed with {algorithm!a:.40}, which no server takes.")
    declared = header.get("typ")
    if not (declared is None or isinstance(declared, str)) or not profile.accepts_type(declared):
        taken = " or ".join(one or "none" for one in profile.types)
        yield Remark(is_fault=True, text=f"The typ of its header is that of another kind of token; taken is {taken}.")
    if "crit" in header:
        yield Remark(is_fault=True, text="Its header has an extension that has to be understood (crit).")
    if {"jwk", "jku", "x5u", "x5c"} & header.keys():
        yield Remark(is_fault=False, text="It brings a key along, which no server looks at.")


def _on_encryption(header: Mapping[str, Any]) -> Iterator[Remark]:
    management, content = header.get("alg"), header.get("enc")
    if not (_is_one_of(management, KEY_MANAGEMENT) and _is_one_of(content, CONTENT_ENCRYPTION)):
        named = f"{management!a:.40} and {content!a:.40}"
        yield Remark(is_fault=True, text=f"It is encrypted with {named}, which no server takes together.")
    if "zip" in header:
        yield Remark(is_fault=True, text="It is compressed, which no server takes.")
    if "kid" not in header:
        yield Remark(is_fault=False, text="It does not say with which key (kid): three of the server's are tried.")


def _on_claims(claims: Mapping[str, Any], profile: IssuerProfile) -> Iterator[Remark]:
    if not claims:
        yield Remark(is_fault=True, text="Its claims cannot be read.")
        return
    marks = [one for one in profile.marks if one in claims]
    broken = [rule.claim for rule in profile.rules if not rule.allows(claims)]
    if marks or broken:
        yield Remark(
            is_fault=True,
            text=f"It is another kind of token, perhaps an ID token (its {', '.join(marks or broken)} says so).",
        )
    for name in ("iss", "sub"):
        if name not in claims:
            yield Remark(is_fault=False, text=f"It has no {name}.")


def _on_time(claims: Mapping[str, Any], now: float) -> Iterator[Remark]:
    end, begin = _moment(claims, "exp"), _moment(claims, "nbf")
    if end is None:
        yield Remark(is_fault=True, text="It has no end (exp).")
    elif end <= now:
        yield Remark(is_fault=True, text=f"It ended {_span(now - end)} ago, at {_date(end)}.")
    else:
        yield Remark(is_fault=False, text=f"It ends in {_span(end - now)}, at {_date(end)}.")
    if begin is not None and begin > now:
        yield Remark(is_fault=True, text=f"It begins only in {_span(begin - now)}, at {_date(begin)}.")


def _on_audience(claims: Mapping[str, Any], audiences: Sequence[str]) -> Iterator[Remark]:
    named = claims.get("aud")
    values = [named] if isinstance(named, str) else named if isinstance(named, list) else []
    if not values:
        yield Remark(is_fault=bool(audiences), text="It does not say which server it is for (aud).")
    elif audiences and not set(audiences).intersection(one for one in values if isinstance(one, str)):
        yield Remark(is_fault=True, text=f"It is for another server: its aud does not name {' or '.join(audiences)}.")


def _moment(claims: Mapping[str, Any], name: str) -> float | None:
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if 0 <= value <= _LATEST else None


def _date(moment: float) -> str:
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _span(seconds: float) -> str:
    for unit, length in (("day", 86_400), ("hour", 3_600), ("minute", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length:,.0f} {unit}s"
    return f"{seconds:.0f} s"


def _names(read: Any, claims: Mapping[str, Any]) -> Sequence[str]:
    try:
        return sorted(read(claims))
    except InvalidToken:
        return ()


def _shown(members: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _shown_value(name, value) for name, value in members.items()}


def _shown_value(name: str, value: Any, depth: int = 0) -> Any:
    if _SECRET_NAME.search(name) or depth > _MAX_DEPTH:
        return NOT_SHOWN
    if isinstance(value, dict):
        # A key that somebody has put into a claim: its public members are of no interest here.
        if "kty" in value and {"d", "k"} & value.keys():
            return NOT_SHOWN
        return {inner: _shown_value(inner, one, depth + 1) for inner, one in value.items()}
    if isinstance(value, list):
        return [_shown_value("", one, depth + 1) for one in value]
    return _shown_text(value) if isinstance(value, str) else value


def _shown_text(text: str) -> str:
    if _TOKEN_VALUE.search(text):
        return NOT_SHOWN
    return text if len(text) <= _MAX_TEXT else f"{text[:_MAX_TEXT]}..."


def _is_one_of(value: object, names: Mapping[str, object]) -> bool:
    return isinstance(value, str) and value in names
