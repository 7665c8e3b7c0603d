"""The shape of a row, and the answers there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tests.attacks.forge import Token

Theme = Literal[
    "algorithms",
    "kid",
    "embedded keys",
    "crit",
    "typ",
    "audience",
    "issuer",
    "claim types",
    "duplicate keys",
    "encoding",
    "size and depth",
    "requests",
    "paths",
    "jwe",
    "key set",
    "discovery",
]
Headers = tuple[tuple[bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes over the wire, and what the operator's log says.

    Args:
        status: The HTTP status.
        error: The `error` of the body.
        challenge: The `error` of the WWW-Authenticate challenge; empty for a challenge without one, None for none.
        code: The `code` of the one line in the log.
        user: Whom the application behind saw; None when nobody, or when it was not reached.
        reached: Whether the application behind was reached.
        says: More of what the application saw.
    """

    status: int
    error: str | None = None
    challenge: str | None = None
    code: str | None = None
    user: str | None = None
    reached: bool = False
    says: Mapping[str, Any] = field(default_factory=dict)

    def saying(self, **says: Any) -> Answer:
        """The same answer, with more of what the application must have seen."""
        return replace(self, says=says)


SERVED = Answer(200, user="alice", reached=True)
OPEN = Answer(200, reached=True)
NO_TOKEN = Answer(401, "missing_token", "", "missing_token")
INVALID = Answer(401, "invalid_token", "invalid_token", "invalid_token")
EXPIRED = Answer(401, "invalid_token", "invalid_token", "expired_token")
OTHER_AUDIENCE = Answer(401, "invalid_token", "invalid_token", "wrong_audience")
MALFORMED = Answer(400, "invalid_request", None, "invalid_request")
OTHER_ORIGIN = Answer(403, "forbidden_origin", None, "forbidden_origin")
PREFLIGHT = Answer(204)
"""A preflight that is told nothing; nobody's code is reached."""
UNAVAILABLE = Answer(503, "issuer_unavailable", None, "issuer_unavailable")
NOT_HTTP = Answer(400)
"""The HTTP server itself refuses what is no HTTP; nobody's code is reached."""


@dataclass(frozen=True, slots=True)
class Row:
    """One attack.

    Args:
        id: Its name, which never changes.
        theme: Which theme of the table it belongs to.
        tries: What it tries, in a sentence.
        answer: What must come of it.
    """

    id: str
    theme: Theme
    tries: str
    answer: Answer


@dataclass(frozen=True, slots=True)
class TokenRow(Row):
    """An attack by what stands behind `Authorization: Bearer`.

    Args:
        token: Makes it.
    """

    token: Token


def attacks(theme: Theme, *rows: tuple[str, str, Answer, Token]) -> tuple[TokenRow, ...]:
    """The token rows of one theme, each told by its id, what it tries, the answer and what makes the token."""
    return tuple(TokenRow(name, theme, tries, answer, token) for name, tries, answer, token in rows)


@dataclass(frozen=True, slots=True)
class RequestRow(Row):
    """An attack by the request around the token. In its values, `TOKEN` stands for a good token.

    Args:
        headers: Its header fields, in order.
        method: Its method.
        target: Its path and query.
        body: Its body.
    """

    headers: Headers = ()
    method: str = "GET"
    target: str = "/mcp"
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class PathRow(Row):
    """An attack by the request line, sent as these very bytes.

    Args:
        target: The request target.
        method: The method.
        bearer: Whether a good token comes along.
        headers: Further header fields.
    """

    target: bytes
    method: bytes = b"GET"
    bearer: bool = False
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Document:
    """What an issuer answers. In its bytes, `ISSUER` stands for its own address.

    Args:
        body: The body.
        status: The HTTP status.
        headers: Further header fields.
    """

    body: bytes
    status: int = 200
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class IssuerRow(Row):
    """An attack by the issuer's documents, or by whoever can answer in its place; the token itself is good.

    Args:
        metadata: Its metadata; the usual one unless given.
        keys: Its key set; one with the token's key unless given.
        openid: What it serves as OpenID metadata; the same as `metadata` unless given.
    """

    metadata: Document | None = None
    keys: Document | None = None
    openid: Document | None = None
