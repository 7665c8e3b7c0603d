"""What an answer of a service's API says about the token that was sent: dead, too narrow, or nothing at all."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from mcpauthkit.connections.preset import Refusal
from mcpauthkit.core.encoding import parse_json
from mcpauthkit.oauth.json_paths import text_of, values_at, words_of

MAX_BODY_BYTES = 64 * 1024
"""Refusals are short. A longer answer is data, and none of our business."""

_HEADER = "header:"
_JSON_TYPE = re.compile(r"\s*[\w.+-]+/(?:[\w.+-]+\+)?json\s*(?:;|\Z)", re.IGNORECASE)
# RFC 6750 section 3: the scopes stand in one attribute of the challenge.
_SCOPE_ATTRIBUTE = re.compile(r'(?:^|[\s,])scope="([^"]*)"', re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is wrong with a token.

    Args:
        meaning: `dead`, renew or connect again; `narrow`, it lacks a scope.
        scopes: The scopes that are needed, where the service names them.
        any_of: Whether one of them is enough.
        granted: What the token permits by the answer itself; None where it does not say.
        is_told: Whether the answer's body says so, and not its status only, which may have other reasons.
    """

    meaning: Literal["dead", "narrow"]
    scopes: tuple[str, ...] = ()
    any_of: bool = False
    granted: tuple[str, ...] | None = None
    is_told: bool = field(default=False, compare=False)


def needs_body(refusals: Iterable[Refusal], *, status: int, headers: Mapping[str, str]) -> bool:
    """Whether the body has to be read to know.

    Args:
        refusals: How the service says that a token is no good.
        status: The HTTP status.
        headers: Header fields, names in lower case.
    """
    if _JSON_TYPE.match(headers.get("content-type", "")) is None:
        return False
    length = headers.get("content-length", "")
    if length.isdecimal() and int(length[:20]) > MAX_BODY_BYTES:
        return False
    for rule in refusals:
        if rule.status == status:
            if rule.path or (rule.needed and not rule.needed.startswith(_HEADER)):
                return True
            if not rule.needed or headers.get(rule.needed.removeprefix(_HEADER).lower()):
                # This one counts already, whatever the body says.
                return False
    return False


def judge(
    refusals: Iterable[Refusal], *, status: int, headers: Mapping[str, str], body: bytes | None = None
) -> Verdict | None:
    """What an answer says about the token; None when it is the tool's own business.

    Args:
        refusals: How the service says that a token is no good; the first that fits counts.
        status: The HTTP status.
        headers: Header fields, names in lower case.
        body: The body, if it was read.
    """
    candidates = [one for one in refusals if one.status == status]
    document = _document(body) if candidates else None
    for rule in candidates:
        if not _fits(rule, document) or _has_another_reason(rule, headers):
            continue
        needed = _needed(rule, headers, document)
        if rule.needed.startswith(_HEADER) and not needed:
            # The header is what tells this refusal from everything else that has its status.
            continue
        return Verdict(rule.meaning, needed, rule.any_of, _granted(rule, headers), is_told=bool(rule.path))
    return None


def _document(body: bytes | None) -> Any:
    try:
        return None if body is None else parse_json(body, max_bytes=MAX_BODY_BYTES)
    except ValueError:
        return None


def _fits(rule: Refusal, document: Any) -> bool:
    if not rule.path:
        return True
    found = [value for value in values_at(document, rule.path) if value not in (None, False)]
    if not rule.values:
        return bool(found)
    wanted = tuple(one.casefold() for one in rule.values)
    texts = [text_of(value).casefold() for value in found]
    return any(one.startswith(wanted) if rule.by_beginning else one in wanted for one in texts)


def _has_another_reason(rule: Refusal, headers: Mapping[str, str]) -> bool:
    for one in rule.unless:
        name, separator, value = one.partition(": ")
        if name in headers and (not separator or headers[name].strip() == value):
            return True
    return False


def _granted(rule: Refusal, headers: Mapping[str, str]) -> tuple[str, ...] | None:
    value = headers.get(rule.granted.removeprefix(_HEADER).lower()) if rule.granted else None
    return None if value is None else words_of(value)


def _needed(rule: Refusal, headers: Mapping[str, str], document: Any) -> tuple[str, ...]:
    if not rule.needed:
        return ()
    if not rule.needed.startswith(_HEADER):
        return next((words for one in values_at(document, rule.needed) if (words := words_of(one))), ())
    name = rule.needed.removeprefix(_HEADER).lower()
    value = headers.get(name, "")
    if name == "www-authenticate":
        attribute = _SCOPE_ATTRIBUTE.search(value)
        value = attribute[1] if attribute else ""
    return words_of(value) or ()
