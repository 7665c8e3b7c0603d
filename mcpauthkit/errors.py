"""Every error the kit raises.

AuthKitError
├── ConfigurationError          the program wired us wrongly (also a ValueError); mostly at construction
├── RequestError                leg 1: the HTTP request is not served; the edge turns it into a response
│   ├── MissingToken            401 without an error code
│   ├── InvalidToken            401 invalid_token
│   │   ├── ExpiredToken        401 invalid_token; the client should refresh
│   │   └── WrongAudience       401 invalid_token; a good token, but not for us: often a setting
│   ├── InvalidRequest          400 invalid_request
│   ├── InsufficientScope       403 insufficient_scope
│   ├── ForbiddenOrigin         403 without a challenge; signing in again would not help
│   ├── UnknownSession          404; the MCP session is somebody else's, or gone
│   └── IssuerUnavailable       503; we could not check, so nobody has to sign in again
├── RemoteError                 an HTTP exchange with an issuer or a service went wrong
│   ├── RemoteUnavailable       transient: no answer, 5xx, 429, too slow; keep what you have, try again
│   ├── RemoteMisbehaved        the answer breaks the protocol or our limits
│   └── GrantRefused            a definite OAuth error, such as invalid_grant
├── OAuthFault                  we are the authorization server, and a client's request is not in order
├── SealError                   a sealed value does not open; says nothing about why
│   └── SealExpired             it was ours and its time is over
├── StoreUnavailable            the store failed; nothing was decided
├── CredentialsRejected         what a user typed into a form does not work at the service
├── NotSignedIn                 leg 2: no principal on this call
├── AccountNameRefused          leg 2: what should name one of a user's connections is no name
├── NoSuchConnection            leg 2: neither a service of this application nor one of the user's connections
└── ConnectionFailed            leg 2: the user's credential was not obtained
    ├── ConnectionRequired      the user has not connected yet; carries the link
    ├── ConnectionDeclined      the user said no in the client
    ├── ConnectionCancelled     the user dismissed the question
    ├── ConnectionExpired       nobody finished in time
    ├── ConnectionRefused       the service answered access_denied
    ├── PermissionMissing       connected, but without something this needs
    └── ConnectionBroken        the exchange with the service failed

Three audiences, three fields: `public` is safe on the wire and for a model, `hint` tells the developer
or operator what to change, `reason` is for the log only and never leaves the process.
"""

from __future__ import annotations

from typing import ClassVar


class AuthKitError(Exception):
    """Root of the kit's errors.

    Args:
        public: Text that may be shown to anyone; defaults to the class's own sentence.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code: ClassVar[str] = "authkit_error"
    status_hint: ClassVar[int] = 500
    oauth_error: ClassVar[str | None] = None
    default_public: ClassVar[str] = "The request could not be completed."

    def __init__(self, public: str | None = None, *, hint: str = "", reason: str = "") -> None:
        self.public = public or self.default_public
        self.hint = hint
        self.reason = reason
        super().__init__(self.public)

    def for_log(self) -> str:
        """Everything for the operator, as fields; what is empty is left out."""
        fields = {"code": self.code, "reason": self.reason, "hint": self.hint}
        return " ".join(
            f"{name}={value!r}" if " " in value else f"{name}={value}" for name, value in fields.items() if value
        )

    def __str__(self) -> str:
        return f"{self.public} {self.hint}".rstrip()


class ConfigurationError(AuthKitError, ValueError):
    """The kit was wired wrongly; the message names the argument and the fix."""

    code = "configuration_error"
    default_public = "The authentication kit is not configured correctly."


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


class RemoteError(AuthKitError):
    """An HTTP exchange with an issuer or a service went wrong."""

    code = "remote_error"
    status_hint = 502

    def name_service(self, service: str) -> None:
        """Put a service's name into the text: whoever reads it may have connected several.

        Args:
            service: The service's display name.
        """
        self.public = self.public.replace("The remote service", service)


class RemoteUnavailable(RemoteError):
    """No usable answer this time; what we hold stays, and a retry may succeed."""

    code = "remote_unavailable"
    default_public = "The remote service cannot be reached at the moment."


class RemoteMisbehaved(RemoteError):
    """The answer breaks the protocol or exceeds our limits; a retry will not help."""

    code = "remote_misbehaved"
    default_public = "The remote service gave an answer that cannot be used."


class GrantRefused(RemoteError):
    """The authorization server refused with an OAuth error (RFC 6749 section 5.2).

    Args:
        error: The OAuth error code it sent; `invalid_grant` where the service has a word of its own for that.
        public: Text that may be shown to anyone.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "grant_refused"
    default_public = "The remote service refused the request."

    def __init__(self, error: str, public: str | None = None, *, hint: str = "", reason: str = "") -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.error = error

    @property
    def is_gone(self) -> bool:
        """Whether the code or refresh token is no good any more; other refusals are about our client or request."""
        return self.error == "invalid_grant"


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


class SealError(AuthKitError):
    """A sealed value does not open here. The text is frozen: the reason would help a forger."""

    code = "seal_error"
    status_hint = 400
    default_public = "This value is not valid here or not any more."


class SealExpired(SealError):
    """A sealed value of ours whose time is over; on the wire it looks like any other that does not open."""

    code = "seal_expired"


class StoreUnavailable(AuthKitError):
    """The store failed. What it said stays private: such texts hold addresses and passwords."""

    code = "store_unavailable"
    status_hint = 503
    default_public = "This server cannot reach its storage at the moment. Try again shortly."


class CredentialsRejected(AuthKitError):
    """What a user typed into a form does not work at the service; a validator raises it, and the form shows it.

    Args:
        public: What the user should do about it, shown on the form. It does not repeat what was typed.
        field: The name of the field to show it beside; empty for the whole form.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "credentials_rejected"
    status_hint = 422
    default_public = "The service does not accept this. Check that it was copied completely and has not expired."

    def __init__(self, public: str | None = None, *, field: str = "", hint: str = "", reason: str = "") -> None:
        super().__init__(public, hint=hint, reason=reason)
        self.field = field


class NotSignedIn(AuthKitError):
    """Leg 2 was asked for a credential, but no principal came with the call."""

    code = "not_signed_in"
    status_hint = 401
    default_public = "This needs a signed-in user, and the call came without one. Sign in in your client first."


class AccountNameRefused(AuthKitError):
    """What should name one of a user's connections is no short printable text."""

    code = "account_name_refused"
    status_hint = 400
    default_public = "The account's name must be a short text of at most 60 characters. Leave it empty for the default."


class NoSuchConnection(AuthKitError):
    """Neither a service of this application nor one of the user's own connections has that name."""

    code = "no_such_connection"
    status_hint = 404
    default_public = "There is no such connection."


class ConnectionFailed(AuthKitError):
    """The user's credential for a service was not obtained.

    Args:
        service: The service's display name.
        public: Text that may be shown to anyone.
        hint: What the developer or operator can change.
        reason: The private cause, for the log only.
    """

    code = "connection_failed"
    status_hint = 200
    outcome_text: ClassVar[str] = "Connecting {service} did not work."

    def __init__(self, service: str, public: str | None = None, *, hint: str = "", reason: str = "") -> None:
        super().__init__(public or self.outcome_text.format(service=service), hint=hint, reason=reason)
        self.service = service


class ConnectionRequired(ConnectionFailed):
    """The user has to connect the service first.

    Args:
        service: The service's display name.
        connect_url: Our own page where the user does it.
        scopes: What will be asked for.
    """

    code = "connection_required"
    outcome_text = "This needs your {service} account, which is not connected yet."

    def __init__(self, service: str, *, connect_url: str, scopes: tuple[str, ...] = ()) -> None:
        text = self.outcome_text.format(service=service)
        super().__init__(service, f"{text} Open {connect_url} in your browser, then call the tool again.")
        self.connect_url = connect_url
        self.scopes = scopes


class ConnectionDeclined(ConnectionFailed):
    """The user said no when the client asked."""

    code = "connection_declined"
    outcome_text = "The user declined to connect {service}, so nothing was done. Call the tool again to be asked again."


class ConnectionCancelled(ConnectionFailed):
    """The user dismissed the question without an answer."""

    code = "connection_cancelled"
    outcome_text = (
        "The question about connecting {service} was cancelled without an answer, so nothing was done. "
        "Call the tool again to be asked again."
    )


class ConnectionExpired(ConnectionFailed):
    """Nobody finished connecting before the time was over."""

    code = "connection_expired"
    outcome_text = "The time to connect {service} has expired, so nothing was done. Call the tool again for a new link."


class ConnectionRefused(ConnectionFailed):
    """The service's own page answered access_denied."""

    code = "connection_refused"
    outcome_text = (
        "{service} reported that access was refused there, so nothing was connected. "
        "Call the tool again to try once more."
    )


class PermissionMissing(ConnectionFailed):
    """The user connected the service, and left out something that this needs.

    Args:
        service: The service's display name.
        scopes: What is missing.
    """

    code = "permission_missing"

    def __init__(self, service: str, *, scopes: tuple[str, ...]) -> None:
        missing = "some permission" if not scopes else f"the permission{'s' * (len(scopes) > 1)} {', '.join(scopes)}"
        super().__init__(
            service,
            f"{service} is connected, but without {missing}, which this needs. "
            "Call the tool again to be asked for it, or use a tool that needs less.",
        )
        self.scopes = scopes


class ConnectionBroken(ConnectionFailed):
    """The exchange with the service failed for good."""

    code = "connection_broken"
    outcome_text = (
        "Connecting {service} failed because of a problem between this server and {service}; "
        "the operator finds the cause in the log. Call the tool again to try once more."
    )
