"""The two values every exchange consists of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.errors import RemoteMisbehaved, RemoteUnavailable

MAX_DOCUMENT_BYTES = 256 * 1024
TRANSIENT_ERRORS = frozenset({"temporarily_unavailable", "server_error", "slow_down"})
"""OAuth errors that say "not now" and not "no" (RFC 6749 section 4.1.2.1, RFC 8628 section 3.5)."""

# Names are words. What is none may repeat the token or code it complains about, and names end in the log.
_WORDS = re.compile(r"[A-Za-z]+(?:[ _.:-][A-Za-z]+)*\Z")
_MAX_NAME_LENGTH = 64
_TOO_MANY_REQUESTS = 429
_REQUEST_TIMEOUT = 408
_FIRST_SERVER_ERROR = 500


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """One request to an issuer or a service.

    Args:
        method: GET, POST or DELETE.
        url: Where it goes.
        headers: Header fields to send.
        form: Fields of a form body; excludes `json`. They may be secret, so they are not in the repr.
        json: A JSON body.
    """

    method: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    form: Mapping[str, str] | None = field(default=None, repr=False)
    json: Mapping[str, Any] | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """What came back, already bounded in size and time.

    Args:
        status: The HTTP status.
        headers: Header fields, names in lower case.
        body: The decompressed body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def is_transient_failure(self) -> bool:
        """Whether the server could not answer now: 5xx, 429 or 408."""
        return self.status >= _FIRST_SERVER_ERROR or self.status in {_TOO_MANY_REQUESTS, _REQUEST_TIMEOUT}

    def json_object(self, what: str) -> dict[str, Any]:
        """The body as one JSON object.

        Args:
            what: The document's name, for the message.

        Raises:
            RemoteUnavailable: The status says that the server cannot answer now.
            RemoteMisbehaved: It is not a JSON object within our limits.
        """
        if self.is_transient_failure:
            raise RemoteUnavailable(reason=f"{what}: HTTP {self.status}")
        try:
            return parse_json_object(self.body, max_bytes=MAX_DOCUMENT_BYTES)
        except ValueError as error:
            raise RemoteMisbehaved(reason=f"{what}: {error}") from error


def name_of_error(error: str) -> str:
    """What a server calls an error, fit for a log; `unreadable_error` when that is no name."""
    return error if len(error) <= _MAX_NAME_LENGTH and _WORDS.match(error) else "unreadable_error"
