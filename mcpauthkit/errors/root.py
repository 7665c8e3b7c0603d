"""The root of the tree, and the one error that is no event but a mistake in the wiring."""

from __future__ import annotations

from typing import ClassVar, Self


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
    nameless: ClassVar[tuple[str, str]] = ("", "")
    """Words of the text that leave open which service it is about, and those that say it, as `{service}`."""

    def __init__(self, public: str | None = None, *, hint: str = "", reason: str = "") -> None:
        self.public = public or self.default_public
        self.hint = hint
        self.reason = reason
        super().__init__(self.public)

    def copy(self) -> Self:
        """The same error, never raised: one for each of several callers.

        Whatever raises an instance again lengthens its traceback, and the next one shows frames of all the others.
        """
        copied = type(self).__new__(type(self), *self.args)
        vars(copied).update({name: value for name, value in vars(self).items() if name != "__notes__"})
        return copied

    def naming(self, service: str) -> Self:
        """A copy whose text names the service: whoever reads it may have connected several.

        Args:
            service: The service's display name; empty where none is known.
        """
        named, (vague, exact) = self.copy(), self.nameless
        if service and vague:
            named.public = self.public.replace(vague, exact.replace("{service}", service))
            named.args = (named.public, *self.args[1:])
        return named

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
