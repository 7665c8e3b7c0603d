"""Who lives in the development servers: alice and bob, with one account each at the service."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class DevUser:
    """A user of `DevIssuer`.

    Attributes:
        username: What is chosen on the login page; also `preferred_username`.
        name: The display name.
        email: The address.
        sub: The subject in tokens; the username unless given.
        claims: More claims for access tokens, ID tokens and userinfo, such as `{"roles": ["admin"]}`.
    """

    username: str
    name: str
    email: str
    sub: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)

    @property
    def subject(self) -> str:
        """The `sub` of this user's tokens."""
        return self.sub or self.username

    def profile(self) -> dict[str, Any]:
        """The claims that describe the user."""
        return {
            "name": self.name,
            "email": self.email,
            "preferred_username": self.username,
            **self.claims,
        }


@dataclass(frozen=True, slots=True)
class DevAccount:
    """An account at `DevService`.

    Attributes:
        login: The account's name.
        name: The display name.
        email: The address.
        repos: Names of the account's repositories.
    """

    login: str
    name: str
    email: str
    repos: tuple[str, ...] = ("hello-world", "notes", "dotfiles")


ALICE = DevUser("alice", "Alice Example", "alice@example.test")
BOB = DevUser("bob", "Bob Example", "bob@example.test")
OCTO_ALICE = DevAccount("octo-alice", "Alice Example", "alice@example.test")
OCTO_BOB = DevAccount("octo-bob", "Bob Example", "bob@example.test", ("compiler", "garden"))
OCTO_ROBOT = DevAccount("octo-robot", "Service account", "robot@example.test", ("deployments",))
