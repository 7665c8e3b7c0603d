"""The guard port: one condition on who is calling, which can say why it is not met."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Protocol, runtime_checkable

from mcpauthkit.access.request import AccessRequest


@runtime_checkable
class Guard(Protocol):
    """A condition of yours: subclass it, or write a class with these two methods."""

    def check(self, request: AccessRequest) -> bool | Awaitable[bool]:
        """Whether a request may pass; may be asynchronous."""
        ...

    def describe_denial(self, request: AccessRequest) -> str:  # noqa: ARG002  # for those who override it
        """What a caller reads who may not: what is needed, and what they have."""
        return "This needs a permission that you do not have."
