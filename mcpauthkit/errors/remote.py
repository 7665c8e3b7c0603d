"""An HTTP exchange with an issuer or a service went wrong."""

from __future__ import annotations

from mcpauthkit.errors.root import AuthKitError

_SOMEBODY = "The remote service"


class RemoteError(AuthKitError):
    """An HTTP exchange with an issuer or a service went wrong."""

    code = "remote_error"
    status_hint = 502
    nameless = (_SOMEBODY, "{service}")


class RemoteUnavailable(RemoteError):
    """No usable answer this time; what we hold stays, and a retry may succeed."""

    code = "remote_unavailable"
    default_public = f"{_SOMEBODY} cannot be reached at the moment."


class RemoteMisbehaved(RemoteError):
    """The answer breaks the protocol or exceeds our limits; a retry will not help."""

    code = "remote_misbehaved"
    default_public = f"{_SOMEBODY} gave an answer that cannot be used."


class GrantRefused(RemoteError):
    """The authorization server refused with an OAuth error (RFC 6749 section 5.2).

    Args:
        error: The OAuth error code it sent; `invalid_grant` where the service has a word of its own for that.
        public: Text that may be shown to anyone.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "grant_refused"
    default_public = f"{_SOMEBODY} refused the request."

    def __init__(self, error: str, public: str | None = None, *, hint: str = "", reason: str = "") -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.error = error

    @property
    def is_gone(self) -> bool:
        """Whether the code or refresh token is no good any more; other refusals are about our client or request."""
        return self.error == "invalid_grant"
