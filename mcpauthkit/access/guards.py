"""The guards that come with the kit; what they say stands in docs/guards.md."""

from __future__ import annotations

from collections.abc import Collection

from mcpauthkit.access.guard import SIGN_IN, Guard
from mcpauthkit.access.request import AccessRequest
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.oauth.scopes import check_scopes, missing_scopes

_MOST_SHOWN = 20


class RequireAuth(Guard):
    """Met by whoever is signed in."""

    def check(self, request: AccessRequest) -> bool:
        """Whether somebody is signed in."""
        return request.principal is not None

    def describe(self) -> str:
        """What it asks for."""
        return "authentication"

    def describe_denial(self, request: AccessRequest) -> str:  # noqa: ARG002  # nobody has nothing to be told of
        """What to do."""
        return SIGN_IN


class HasRole(Guard):
    """Met by callers with one of the roles.

    Args:
        roles: The roles.

    Raises:
        ConfigurationError: There is none, or one is no text.
    """

    def __init__(self, *roles: str) -> None:
        self.roles = _names(roles, "HasRole", "admin")

    def check(self, request: AccessRequest) -> bool:
        """Whether the caller has one."""
        return not _roles(request).isdisjoint(self.roles)

    def describe(self) -> str:
        """What it asks for."""
        return f"any of roles {_listed(self.roles)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What is needed, and what the caller has."""
        return f"Requires {self.describe()}, but client has {_shown(_roles(request))}"


class HasAllRoles(Guard):
    """Met by callers with all of the roles.

    Args:
        roles: The roles.

    Raises:
        ConfigurationError: There is none, or one is no text.
    """

    def __init__(self, *roles: str) -> None:
        self.roles = _names(roles, "HasAllRoles", "admin")

    def check(self, request: AccessRequest) -> bool:
        """Whether the caller has all."""
        return _roles(request).issuperset(self.roles)

    def describe(self) -> str:
        """What it asks for."""
        return f"all roles {_listed(self.roles)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What is needed, what the caller has, and what is missing."""
        has = _roles(request)
        missing = [one for one in self.roles if one not in has]
        return f"Requires {self.describe()}, client has {_shown(has)}, missing {_listed(missing)}"


class HasScope(Guard):
    """Met by callers who were granted one of the scopes.

    Args:
        scopes: The scopes.

    Raises:
        ConfigurationError: There is none, or one is no scope.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = check_scopes(_names(scopes, "HasScope", "read"))

    def check(self, request: AccessRequest) -> bool:
        """Whether the caller has one."""
        return not _scopes(request).isdisjoint(self.scopes)

    def describe(self) -> str:
        """What it asks for."""
        return f"any of scopes {_listed(self.scopes)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What is needed, and what the caller has."""
        return f"Requires {self.describe()}, but client has {_shown(_scopes(request))}"


class HasAllScopes(Guard):
    """Met by callers who were granted all of the scopes.

    Args:
        scopes: The scopes.

    Raises:
        ConfigurationError: There is none, or one is no scope.
    """

    def __init__(self, *scopes: str) -> None:
        self.scopes = check_scopes(_names(scopes, "HasAllScopes", "read"))

    def check(self, request: AccessRequest) -> bool:
        """Whether the caller has all."""
        return _scopes(request).issuperset(self.scopes)

    def describe(self) -> str:
        """What it asks for."""
        return f"all scopes {_listed(self.scopes)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What is needed, what the caller has, and what is missing."""
        return lacking_scopes(self.scopes, _scopes(request))


class RequireClientId(Guard):
    """Met by callers that use one of the OAuth clients; an API key counts as the client it stands for.

    Args:
        client_ids: The clients.

    Raises:
        ConfigurationError: There is none, or one is no text.
    """

    def __init__(self, *client_ids: str) -> None:
        self.client_ids = _names(client_ids, "RequireClientId", "cron-service")

    def check(self, request: AccessRequest) -> bool:
        """Whether the caller uses one."""
        return request.principal is not None and request.principal.client_id in self.client_ids

    def describe(self) -> str:
        """What it asks for."""
        return f"any of clients {_listed(self.client_ids)}"

    def describe_denial(self, request: AccessRequest) -> str:
        """What is needed, and what the caller uses."""
        used = request.principal.client_id if request.principal is not None else None
        return f"Requires {self.describe()}, but client is {_shown([used] if used else ())}"


def lacking_scopes(needed: Collection[str], has: Collection[str]) -> str:
    """What is said to a caller who lacks scopes.

    Args:
        needed: All that are needed.
        has: All that were granted.
    """
    missing = missing_scopes(needed, has)
    return f"Requires all scopes {_listed(needed)}, client has {_shown(has)}, missing {_listed(missing)}"


def _roles(request: AccessRequest) -> frozenset[str]:
    return request.principal.roles if request.principal is not None else frozenset()


def _scopes(request: AccessRequest) -> frozenset[str]:
    return request.principal.scopes if request.principal is not None else frozenset()


def _names(given: tuple[object, ...], guard: str, example: str) -> tuple[str, ...]:
    names = tuple(one for one in given if isinstance(one, str) and one.strip())
    if not names or len(names) != len(given):
        inner = given[0] if len(given) == 1 and isinstance(given[0], list | tuple | set | frozenset) else names
        meant = ", ".join(f'"{one}"' for one in inner) or f'"{example}"'
        raise ConfigurationError(f"{guard}{given!r} does not list names.", hint=f"Write {guard}({meant}).")
    return tuple(sorted(dict.fromkeys(names)))


def _listed(names: Collection[str]) -> str:
    return f"[{', '.join(_printable(one) for one in names)}]"


def _shown(names: Collection[str]) -> str:
    """What a caller has. Some people have hundreds of roles, and a model reads this."""
    if not names:
        return "[(none)]"
    first = sorted(names)[:_MOST_SHOWN]
    more = len(names) - len(first)
    return _listed([*first, f"and {more} more"] if more else first)


def _printable(name: str) -> str:
    # Issuers choose these names; a line break in one could look like a text of ours.
    return name if name.isprintable() else ascii(name)
