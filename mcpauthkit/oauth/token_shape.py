"""How a service's token answers differ from the standard, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcpauthkit.oauth.account import AccountPaths


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenShape:
    """How a token answer differs from RFC 6749 section 5.1.

    Args:
        blocks: Dotted paths to the object with the token; the first that holds one counts, empty for the top.
        scope_names: Members that may hold the granted scopes, as a text or a list.
        lifetime_seconds: How long tokens live where the answer never says, or None for an unknown time.
        ok_flag: A boolean member that is false in refusals.
        error_paths: Dotted paths to the name of an error; the first that holds a text counts.
        gone: Further names of errors that mean that the grant is over.
        message_path: A dotted path to what refusals say in words.
        gone_phrases: Words in there that mean that the grant is over, where no error is named; without case, and with
            `_` for a space.
        transient: Further names of errors that mean "not now".
        foreign_types: Values of `token_type` of tokens that are not the user's, such as those of an app's own bot; they
            are refused.
        details: Values to keep with the credential, by name, and their dotted paths.
        account: Where it says whose account it is.
    """

    blocks: tuple[str, ...] = ("",)
    scope_names: tuple[str, ...] = ("scope", "scopes")
    lifetime_seconds: float | None = None
    ok_flag: str = ""
    error_paths: tuple[str, ...] = ("error",)
    gone: frozenset[str] = frozenset()
    message_path: str = "message"
    gone_phrases: frozenset[str] = frozenset()
    transient: frozenset[str] = frozenset()
    foreign_types: frozenset[str] = frozenset()
    details: Mapping[str, str] = field(default_factory=dict)
    account: AccountPaths | None = None
