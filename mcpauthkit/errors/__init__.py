"""Every error the kit raises.

AuthKitError
├── ConfigurationError          the program wired us wrongly (also a ValueError); mostly at construction
│   └── PolicyInvalid           a policy document cannot be used; carries every fault with its line and column
├── AccessDenied                a guard or a policy forbids it; signing in again would not help
├── AuditUnavailable            it could not be recorded, and was not done for that reason
├── RequestError                leg 1: the HTTP request is not served; the edge turns it into a response
│   ├── MissingToken            401 without an error code
│   ├── InvalidToken            401 invalid_token
│   │   ├── ExpiredToken        401 invalid_token; the client should refresh
│   │   └── WrongAudience       401 invalid_token; a good token, but not for us: often a setting
│   ├── InvalidRequest          400 invalid_request
│   ├── InsufficientScope       403 insufficient_scope
│   ├── ToolNotOpen             403 without a challenge; the table of scopes does not name the tool
│   ├── ForbiddenOrigin         403 without a challenge; signing in again would not help
│   ├── UnknownSession          404; the MCP session is somebody else's, or gone
│   └── IssuerUnavailable       503; we could not check, so nobody has to sign in again
├── RemoteError                 an HTTP exchange with an issuer or a service went wrong
│   ├── RemoteUnavailable       transient: no answer, 5xx, 429, too slow; keep what you have, try again
│   ├── RemoteMisbehaved        the answer breaks the protocol or our limits
│   └── GrantRefused            a definite OAuth error, such as invalid_grant
├── OAuthFault                  we are the authorization server, and a client's request is not in order
├── SealError                   a sealed value does not open; says nothing about why
│   ├── SealExpired             it was ours and its time is over
│   └── SealedElsewhere         under a key, or of a version, that others may know
├── StoreUnavailable            the store failed; nothing was decided
│   └── StoreBusy               somebody else is changing the same thing, and did not come to an end in time
├── CredentialsRejected         what a user typed into a form does not work at the service
├── NotSignedIn                 leg 2: no principal on this call
├── AccountNameRefused          leg 2: what should name one of a user's connections is no name
├── NoSuchConnection            leg 2: neither a service of this application nor one of the user's connections
└── ConnectionFailed            leg 2: the user's credential was not obtained
    ├── ConnectionRequired      the user has to connect or to allow more; carries the link
    ├── ConnectionDeclined      the user said no in the client
    ├── ConnectionCancelled     the user dismissed the question
    ├── ConnectionExpired       nobody finished in time
    ├── ConnectionRefused       the service answered access_denied
    ├── ConnectionChanged       another credential has taken its place while a call ran
    ├── TooManyConnections      the user has as many with this service as are kept
    ├── PermissionMissing       connected, but without something this needs
    └── ConnectionBroken        the exchange with the service failed

Three audiences, three fields: `public` is safe on the wire and for a model, `hint` tells the developer
or operator what to change, `reason` is for the log only and never leaves the process.
"""

from mcpauthkit.errors.access import (
    AccessDenied,
    AuditUnavailable,
    Fault,
    PolicyInvalid,
)
from mcpauthkit.errors.connecting import (
    AccountNameRefused,
    ConnectionBroken,
    ConnectionCancelled,
    ConnectionChanged,
    ConnectionDeclined,
    ConnectionExpired,
    ConnectionFailed,
    ConnectionRefused,
    ConnectionRequired,
    CredentialsRejected,
    NoSuchConnection,
    NotSignedIn,
    PermissionMissing,
    TooManyConnections,
)
from mcpauthkit.errors.remote import (
    GrantRefused,
    RemoteError,
    RemoteMisbehaved,
    RemoteUnavailable,
)
from mcpauthkit.errors.requests import (
    ExpiredToken,
    ForbiddenOrigin,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    IssuerUnavailable,
    MissingToken,
    OAuthFault,
    RequestError,
    ToolNotOpen,
    UnknownSession,
    WrongAudience,
)
from mcpauthkit.errors.root import (
    AuthKitError,
    ConfigurationError,
)
from mcpauthkit.errors.state import (
    SealedElsewhere,
    SealError,
    SealExpired,
    StoreBusy,
    StoreUnavailable,
)

__all__ = [
    "AccessDenied",
    "AccountNameRefused",
    "AuditUnavailable",
    "AuthKitError",
    "ConfigurationError",
    "ConnectionBroken",
    "ConnectionCancelled",
    "ConnectionChanged",
    "ConnectionDeclined",
    "ConnectionExpired",
    "ConnectionFailed",
    "ConnectionRefused",
    "ConnectionRequired",
    "CredentialsRejected",
    "ExpiredToken",
    "Fault",
    "ForbiddenOrigin",
    "GrantRefused",
    "InsufficientScope",
    "InvalidRequest",
    "InvalidToken",
    "IssuerUnavailable",
    "MissingToken",
    "NoSuchConnection",
    "NotSignedIn",
    "OAuthFault",
    "PermissionMissing",
    "PolicyInvalid",
    "RemoteError",
    "RemoteMisbehaved",
    "RemoteUnavailable",
    "RequestError",
    "SealError",
    "SealExpired",
    "SealedElsewhere",
    "StoreBusy",
    "StoreUnavailable",
    "TooManyConnections",
    "ToolNotOpen",
    "UnknownSession",
    "WrongAudience",
]
