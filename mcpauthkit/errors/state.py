"""What is sealed or stored cannot be had."""

from __future__ import annotations

from mcpauthkit.errors.root import AuthKitError


class SealError(AuthKitError):
    """A sealed value does not open here. The text is frozen: the reason would help a forger."""

    code = "seal_error"
    status_hint = 400
    default_public = "This value is not valid here or not any more."


class SealExpired(SealError):
    """A sealed value of ours whose time is over; on the wire it looks like any other that does not open."""

    code = "seal_expired"


class SealedElsewhere(SealError):
    """A sealed value under a key, or of a version, that is not known here; another replica may well open it.

    Whatever else does not open is lost: nobody can read it any more.

    Args:
        reason: The private cause, for the log only.
        sealed_under: The key as the sealed text calls it, `name.fingerprint`; empty where a newer version of ours may
            have written something else there.
    """

    code = "sealed_elsewhere"

    def __init__(self, *, reason: str, sealed_under: str = "") -> None:
        self.sealed_under = sealed_under
        super().__init__(reason=reason)


class StoreUnavailable(AuthKitError):
    """The store failed. What it said stays private: such texts hold addresses and passwords."""

    code = "store_unavailable"
    status_hint = 503
    default_public = "This server cannot reach its storage at the moment. Try again shortly."
    nameless = ("its storage at the moment", "its storage for {service} at the moment")


class StoreBusy(StoreUnavailable):
    """Somebody else, perhaps in another process, is changing the same thing, and was waited for in vain."""

    code = "store_busy"
    default_public = "This server is still busy with an earlier request about the same thing. Try again shortly."
    nameless = ("about the same thing", "about {service}")
