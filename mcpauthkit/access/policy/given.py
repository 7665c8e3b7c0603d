"""What programs give as policies: checked, so that what is something else is told with what to write instead."""

from __future__ import annotations

import os

from mcpauthkit.access.policy.builder import PolicyBuilder
from mcpauthkit.access.policy.document import Policy
from mcpauthkit.errors import ConfigurationError


def check_source(given: object) -> None:
    """Refuse what is neither a policy nor the name of a file or a folder.

    Args:
        given: What was given.

    Raises:
        ConfigurationError: It is something else.
    """
    if isinstance(given, str) and "\n" in given:
        raise ConfigurationError(
            "The text of a policy stands where the name of a file belongs.", hint="Give `read_policy(text)`."
        )
    if isinstance(given, str | os.PathLike) and not os.fspath(given):
        # It would be the folder that the process happens to run in.
        raise ConfigurationError("A policy file or folder has an empty name.", hint="Check where it comes from.")
    if not isinstance(given, str | os.PathLike):
        check_policy(given)


def check_policy(given: object) -> None:
    """Refuse what is no policy.

    Args:
        given: What was given.

    Raises:
        ConfigurationError: It is something else.
    """
    if isinstance(given, Policy):
        return
    if isinstance(given, PolicyBuilder):
        hint = "End it with `.build()`."
    elif isinstance(given, str | os.PathLike):
        hint = "Give `load_policy(path)` for a file, `read_policy(text)` for a text."
    else:
        hint = "Make one with `policy(...)` and `rule(...)`, or read YAML with `load_policy` or `read_policy`."
    raise ConfigurationError(f"A {type(given).__name__} stands where a policy belongs.", hint=hint)
