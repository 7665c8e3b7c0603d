"""Header fields that verifiers read credentials from."""

from __future__ import annotations

import re

from mcpauthkit.core.headers import header_values
from mcpauthkit.errors import ConfigurationError, InvalidRequest
from mcpauthkit.identity.port import Presented

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+")
# These mean something else already, to us or to every proxy on the way.
_TAKEN = frozenset({"authorization", "proxy-authorization", "cookie", "host", "origin", "forwarded", "mcp-session-id"})


def check_header_name(name: object, argument: str) -> str:
    """A header field name (RFC 9110 section 5.1) in lower case, as ASGI has it.

    Raises:
        ConfigurationError: It is no field name, or has another meaning.
    """
    lower = name.strip().lower() if isinstance(name, str) else ""
    if not _TOKEN.fullmatch(lower):
        raise ConfigurationError(f"{argument} {name!r} is no header name.", hint='Give one such as "x-api-key".')
    if lower in _TAKEN:
        raise ConfigurationError(
            f"{argument} {name!r} has another meaning.", hint='Use a header of its own, such as "x-api-key".'
        )
    return lower


def only_header(presented: Presented, name: str, *, encoding: str = "latin-1") -> str | None:
    """The one value of a header, or None when it is absent or empty.

    Args:
        presented: What the request presents.
        name: The header, in lower case.
        encoding: How its text is written.

    Raises:
        InvalidRequest: It came twice, or is no text. Which of two is meant could be decided differently by a proxy and
            by us.
    """
    values = header_values(presented.headers, name.encode("ascii"))
    if len(values) > 1:
        raise InvalidRequest(f"Send the header {name} once.", reason=f"{len(values)} headers {name}")
    try:
        text = values[0].decode(encoding).strip(" \t") if values else ""
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"Send the header {name} as {encoding}.", reason=f"{name} is no {encoding}") from error
    return text or None
