"""What must not stand in a record, whoever put it there: credentials by their type, by their name or by their look.

It is the second line of defence. The first one is that nobody hands a credential to the trail; a tool's arguments and
metadata are chosen by others, though, and so are addresses and names. A random text that looks like nothing, under a
name that says nothing, is not recognised.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from itertools import pairwise
from typing import Any

from mcpauthkit.core.secret import Secret

REDACTED = "[redacted]"
_SHORTEST = 8
# So much is looked at, however little of it is kept: half a token is not recognised.
_LOOKED_AT = 4
_LONGEST_KEY = 128
_DEEPEST = 8
_MOST_ITEMS = 100
# What is said of a text that was cut.
_ADDED = 40
_BIGGEST = 2**63

# Each branch begins with fixed characters and goes on with one class, so matching takes linear time. Most of a text is
# passed over by the first of them alone.
_TOKEN = re.compile(
    r"""
    (?<![A-Za-z0-9])(?:
        eyJ[\w-]{6,}(?:\.[\w-]*){0,4}                                # JSON Web Tokens, signed and encrypted
        | mk[1-9][0-9]?\.[A-Za-z0-9-]{1,64}\.[0-9a-f]{8}\.[\w-]+     # what this kit seals
        | (?:[Bb]earer|BEARER|[Bb]asic|BASIC|DPoP|dpop|[Nn]egotiate)\s+
            (?:[\w.~+/=:-]{20,}|(?=[\w.~+/:-]{0,20}[0-9=])[\w.~+/=:-]{6,})
        | gh[opsur]_[\w-]{10,} | github_pat_[\w-]{10,} | gl(?:pat|dt|rt|cbt|ptt|ft|soat|agent|imt|ffct)-[\w-]{10,}
        | xox[a-z]-[\w.-]{8,} | xapp-[\w.-]{8,} | xoxe\.[\w.-]{8,}  # Slack
        | A[KS]IA[A-Z0-9]{12,}                                       # Amazon
        | AIza[\w-]{10,} | ya29\.[\w-]{10,} | 1//0[\w-]{10,} | GOCSPX-[\w-]{10,}
        | AT(?:ATT|CTT|OA|BB)[\w=-]{10,}                             # Atlassian
    )
    | \b(?:  # behind an underscore, these are words of a name
        [srp]k[-_][\w-]{12,}                                       # Stripe, OpenAI, Anthropic
        | (?:npm_|pypi-|hf_|dop_v1_|dapi|lin_api_|ntn_|secret_|shp[a-z]{2}_|figd_|SG\.)[\w.-]{12,}
    )
    | -----BEGIN[ A-Z]{0,40}PRIVATE\ KEY-----.*                      # to the end: keys have several lines
    | ://[^\s/?\#@]{1,256}@(?:[^\s/?\#@]{0,256}@)*                  # user and password in an address
    | ://[^\s/?\#@:\[]{1,256}:(?![0-9]{1,5}(?:[/?\#]|\Z))[^\s@]{1,256}@(?:[^\s/?\#@]{0,256}@)*  # that holds / or ?
    | [?&\#;](?i:access_token|id_token|refresh_token|token|code|state|client_secret|client_assertion|assertion
        |api_?key|key|secret|password|passwd|sig|signature|x-amz-[a-z-]+|code_verifier)=[^&\#;\s]+
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_SECRET_WORDS = frozenset({
    "accesskey", "accesstoken", "apikey", "apikeys", "apitoken", "assertion", "auth", "authkey", "authorization",
    "authtoken", "bearer", "bearertoken", "clientsecret", "cookie", "cookies", "credential", "credentials", "creds",
    "csrf", "cvc", "cvv", "idtoken", "jwt", "otp", "pass", "passcode", "passphrase", "passwd", "password",
    "passwordhash", "passwords", "pat", "pin", "privatekey", "privatekeys", "pwd", "refreshtoken", "secret",
    "secretkey", "secrets", "sessid", "session", "sessionid", "sessionkey", "sessiontoken", "token", "tokens",
    "totp", "verifier",
})  # fmt: skip
_SECRET_PAIRS = frozenset(
    (first, key)
    for first in (
        "access", "account", "api", "auth", "encryption", "master", "private", "sas", "secret", "session", "shared",
        "signing",
    )
    for key in ("key", "keys")
) | {("recovery", "code"), ("recovery", "codes")}  # fmt: skip
# Under these names numbers are counted things: what a model was billed for.
_COUNTED = frozenset({"token", "tokens"})


def bounded_text(text: str, longest: int) -> str:
    """A text with so many characters at most, and one that any reader decodes; for what the operator chose.

    Args:
        text: The text.
        longest: How many characters of it are kept.
    """
    if len(text) > longest:
        text = f"{text[:longest]}... ({len(text)} characters)"
    # Half a surrogate pair is no text; strict readers would refuse the whole line.
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def redacted_text(text: str, longest: int) -> str:
    """The same for somebody else's text, without what looks like a credential.

    Args:
        text: The text.
        longest: How many characters of it are kept.
    """
    if len(text) < _SHORTEST:
        return bounded_text(text, longest)
    if len(text) <= longest:
        return bounded_text(_TOKEN.sub(_masked, text), longest)
    # What is cut off in the middle is not recognised any more, so it is looked for before.
    kept = _TOKEN.sub(_masked, text[: _LOOKED_AT * longest])[:longest]
    return bounded_text(f"{kept}... ({len(text)} characters)", longest + _ADDED)


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    if text[0] in "?&#;":
        return f"{text.partition('=')[0]}={REDACTED}"
    return f"://{REDACTED}@" if text[0] == ":" else REDACTED


def names_a_secret(name: str) -> bool:
    """Whether what stands under such a name is likely to be a credential, such as `apiKey` or `db_password`."""
    words = _words(name)
    return not _SECRET_WORDS.isdisjoint(words) or not _SECRET_PAIRS.isdisjoint(pairwise(words))


def _words(name: str) -> list[str]:
    return [word.lower() for word in _WORDS.findall(name[:_LONGEST_KEY])]


class Redactor:
    """Makes plain JSON of somebody else's values: bounded, without credentials, and without calling into them.

    Args:
        budget: How many characters all texts and names together may have.
        longest: How many one text may have.
    """

    __slots__ = ("_left", "_longest")

    def __init__(self, budget: int, longest: int) -> None:
        self._left = budget
        self._longest = longest

    def mapping(self, values: Mapping[Any, Any], depth: int = 0) -> dict[str, Any]:
        """The members, by name."""
        plain: dict[str, Any] = {}
        for count, (key, value) in enumerate(values.items()):
            if count == _MOST_ITEMS or self._left <= 0:
                plain["..."] = f"{len(values) - count} more"
                break
            name = redacted_text(key, _LONGEST_KEY) if isinstance(key, str) else _kind(key)
            self._left -= len(name)
            plain[name] = self._member(key, value, depth)
        return plain

    def _member(self, key: Any, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool) or not isinstance(key, str) or not names_a_secret(key):
            return self._value(value, depth)
        is_count = isinstance(value, int | float) and not _COUNTED.isdisjoint(_words(key))
        return self._value(value, depth) if is_count else REDACTED

    def _value(self, value: Any, depth: int) -> Any:
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, int | float):
            return _number(value)
        return self._container(value, depth + 1)

    def _container(self, value: Any, depth: int) -> Any:
        if isinstance(value, Secret):
            return REDACTED
        if depth > _DEEPEST:
            return "..."
        if isinstance(value, Mapping):
            return self.mapping(value, depth)
        if isinstance(value, Sequence | AbstractSet) and not isinstance(value, bytes | bytearray | memoryview):
            return self._items(value, depth)
        # Its own text may hold anything.
        return _kind(value)

    def _items(self, values: Sequence[Any] | AbstractSet[Any], depth: int) -> list[Any]:
        plain: list[Any] = []
        for count, value in enumerate(values):
            if count == _MOST_ITEMS or self._left <= 0:
                plain.append(f"... {len(values) - count} more")
                break
            self._left -= 1
            plain.append(self._value(value, depth))
        return plain

    def _text(self, text: str) -> str:
        kept = redacted_text(text, max(0, min(self._longest, self._left)))
        self._left -= len(kept)
        return kept


def _number(value: float) -> float | str:
    if isinstance(value, int):
        # Readers with 64 bits would take it for another one, and Python refuses to write thousands of digits.
        return int(value) if -_BIGGEST <= value < _BIGGEST else "(an integer of more than 64 bits)"
    return float(value) if math.isfinite(value) else str(float(value))


def _kind(value: object) -> str:
    return f"({type(value).__name__[:_LONGEST_KEY]})"
