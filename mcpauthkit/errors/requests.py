"""Leg 1 and the proxy refuse an HTTP request."""

from __future__ import annotations

from mcpauthkit.errors.root import AuthKitError


class RequestError(AuthKitError):
    """Leg 1 refuses an HTTP request."""

    code = "request_refused"
    status_hint = 401


class MissingToken(RequestError):
    """No bearer token came with the request (RFC 6750 section 3.1: no error code then)."""

    code = "missing_token"
    default_public = "This server needs a bearer token. Sign in at the issuer its metadata names."


class InvalidToken(RequestError):
    """The token is malformed, forged, or meant for somebody else."""

    code = "invalid_token"
    oauth_error = "invalid_token"
    default_public = "The access token is not valid here. Sign in again to get a new one."


class ExpiredToken(InvalidToken):
    """The token was good once; its `exp` has passed."""

    code = "expired_token"
    default_public = "The access token has expired. Refresh it and repeat the request."


class WrongAudience(InvalidToken):
    """The token is genuine and was issued for somebody else, which is a wrong setting more often than an attack."""

    code = "wrong_audience"
    default_public = "The access token was issued for another audience. Sign in again for this server."


class InvalidRequest(RequestError):
    """The request itself is malformed (RFC 6750 section 3.1)."""

    code = "invalid_request"
    status_hint = 400
    oauth_error = "invalid_request"
    default_public = "Send exactly one Authorization header with the scheme Bearer."


class InsufficientScope(RequestError):
    """The token is good but does not carry the scopes this needs.

    Args:
        required: Every scope the request needs, not only the missing ones: clients replace theirs by it.
        public: Text that may be shown to anyone.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "insufficient_scope"
    status_hint = 403
    oauth_error = "insufficient_scope"
    default_public = "The access token lacks a permission this needs. Sign in again and grant it."

    def __init__(
        self, required: tuple[str, ...], public: str | None = None, *, hint: str = "", reason: str = ""
    ) -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.required = required


class ToolNotOpen(RequestError):
    """The table of scopes refuses tools it does not name; signing in again would not help, so no challenge says so."""

    code = "tool_not_open"
    status_hint = 403
    default_public = "This tool is open to nobody: no scopes are set for it."


class ForbiddenOrigin(RequestError):
    """A web page that is not on the list calls the MCP endpoint (MCP, Streamable HTTP, "Security Warning")."""

    code = "forbidden_origin"
    status_hint = 403
    default_public = "Web pages of this origin may not call this server."


class UnknownSession(RequestError):
    """The MCP session belongs to somebody else; told in the words for one that does not exist."""

    code = "unknown_session"
    status_hint = 404
    default_public = "The session was not found. Begin a new one."


class IssuerUnavailable(RequestError):
    """The issuer cannot be asked and nothing usable is cached, so the token could not be judged.

    Args:
        retry_after_seconds: When it is worth trying again.
        public: Text that may be shown to anyone.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "issuer_unavailable"
    status_hint = 503
    default_public = "The sign-in service cannot be reached at the moment. Repeat the request shortly."

    def __init__(
        self, retry_after_seconds: int, public: str | None = None, *, hint: str = "", reason: str = ""
    ) -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.retry_after_seconds = retry_after_seconds


class OAuthFault(AuthKitError):
    """A client's request to our own authorization server is refused (RFC 6749 sections 4.1.2.1 and 5.2).

    Args:
        error: The OAuth error code to answer with.
        public: Text that may be shown to anyone; it becomes `error_description`.
        status: The HTTP status where the answer is not a redirect.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "oauth_fault"
    status_hint = 400

    def __init__(
        self, error: str, public: str | None = None, *, status: int = 400, hint: str = "", reason: str = ""
    ) -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.error = error
        self.status = status
