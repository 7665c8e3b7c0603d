"""The WWW-Authenticate challenge."""

from __future__ import annotations

import re

from mcpauthkit.core.headers import quoted

# Clients search the whole header text for the first of these words, inside descriptions too.
_READ_AS_PARAMETERS = re.compile(r"(scope|error|resource_metadata)=", re.IGNORECASE)


def bearer_challenge(
    *,
    resource_metadata: str | None,
    scope: str = "",
    error: str | None = None,
    description: str | None = None,
) -> str:
    """A Bearer challenge (RFC 6750 section 3, RFC 9728 section 5.1).

    The scheme has a capital and stands alone: VS Code compares it as written, and TypeScript clients ignore
    the header when another scheme comes first.

    Args:
        resource_metadata: URL of the protected-resource document.
        scope: Space-separated scopes; the same in every 401, or VS Code signs the user in again.
        error: The error code; leave it out when no token was sent.
        description: What went wrong, in plain words.
    """
    parameters: list[str] = []
    if error is not None:
        parameters.append(f"error={quoted(error)}")
    if scope:
        parameters.append(f"scope={quoted(scope)}")
    if resource_metadata is not None:
        parameters.append(f"resource_metadata={quoted(resource_metadata)}")
    if description is not None:
        plain = _READ_AS_PARAMETERS.sub(r"\1 ", description)
        parameters.append(f"error_description={quoted(plain)}")
    return "Bearer " + ", ".join(parameters) if parameters else "Bearer"
