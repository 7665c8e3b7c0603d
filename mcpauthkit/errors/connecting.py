"""Leg 2 has no credential to give."""

from __future__ import annotations

from typing import ClassVar

from mcpauthkit.errors.root import AuthKitError


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
    nameless = ("a signed-in user,", "a signed-in user with a {service} account,")


class AccountNameRefused(AuthKitError):
    """What should name one of a user's connections is no short name."""

    code = "account_name_refused"
    status_hint = 400
    default_public = (
        "The account's name must have at most 60 characters: letters, digits, spaces, and the signs @ . _ + and -. "
        "Leave it empty for the default."
    )
    nameless = ("The account's name", "The {service} account's name")


class NoSuchConnection(AuthKitError):
    """Neither a service of this application nor one of the user's own connections has that name."""

    code = "no_such_connection"
    status_hint = 404
    default_public = "There is no such connection. List the connections to see which there are."
    nameless = ("no such connection.", "no such connection with {service}.")


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
    """The user has to connect the service first, or to allow more than they have.

    Args:
        service: The service's display name.
        connect_url: Our own page where the user does it.
        scopes: What will be asked for.
        account: What the user calls the connection; empty for the default one.
        is_more: Whether it is connected, and these scopes are missing.

    Attributes:
        missing: What is missing, in a sentence, without the way to it.
    """

    code = "connection_required"
    outcome_text = "This needs your {service} account, which is not connected."

    def __init__(
        self,
        service: str,
        *,
        connect_url: str,
        scopes: tuple[str, ...] = (),
        account: str = "",
        is_more: bool = False,
    ) -> None:
        named = f'{service} account "{account}"' if account else f"{service} account"
        self.missing = (
            f"This needs more of your {named} than you have allowed: {', '.join(scopes)}."
            if is_more
            else f"This needs your {named}, which is not connected."
        )
        super().__init__(service, f"{self.missing} Open {connect_url} in your browser, then call the tool again.")
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


class TooManyConnections(ConnectionFailed):
    """The user has as many connections with a service as are kept."""

    code = "too_many_connections"
    outcome_text = "You have as many {service} connections as are kept. Disconnect one of them first."


class ConnectionChanged(ConnectionFailed):
    """Another credential, perhaps of another account, has taken the place of the one that a running call began with."""

    code = "connection_changed"
    outcome_text = (
        "{service} was connected anew while this ran, and this does not go on under what may be another account. "
        "Call the tool again to use the account that is connected now."
    )


class PermissionMissing(ConnectionFailed):
    """The user connected the service, and left out something that this needs.

    Args:
        service: The service's display name.
        scopes: What is missing.
        remedy: What the user does about it, if it is not to be asked again.
    """

    code = "permission_missing"

    def __init__(self, service: str, *, scopes: tuple[str, ...], remedy: str = "") -> None:
        missing = "some permission" if not scopes else f"the permission{'s' * (len(scopes) > 1)} {', '.join(scopes)}"
        super().__init__(
            service,
            f"{service} is connected, but without {missing}, which this needs. "
            + (remedy or "Call the tool again to be asked for it, or use a tool that needs less."),
        )
        self.scopes = scopes


class ConnectionBroken(ConnectionFailed):
    """The exchange with the service failed for good."""

    code = "connection_broken"
    outcome_text = (
        "Connecting {service} failed because of a problem between this server and {service}; "
        "the operator finds the cause in the log. Call the tool again to try once more."
    )
