"""What an application was told, read from its middleware without starting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.web.middleware import JwtAuthMiddleware
from mcpauthkit.web.resources import DEFAULT_RESOURCE_PATHS, ProtectedResources

_MOST_LAYERS = 20


@dataclass(frozen=True, slots=True)
class AppFacts:
    """What an application was told.

    Args:
        app: The application with routes and middleware; what was given may be wrapped around it.
        guards: The options of each `JwtAuthMiddleware`, the outermost first.
        resources: The protected resources; None where there is no usable guard.
    """

    app: Any = None
    guards: Sequence[Mapping[str, Any]] = ()
    resources: ProtectedResources | None = field(default=None, repr=False)

    @property
    def guard(self) -> Mapping[str, Any]:
        """The options of the outermost `JwtAuthMiddleware`; empty without one."""
        return self.guards[0] if self.guards else {}


def read_facts(app: Any) -> AppFacts:
    """Look at an application.

    Args:
        app: A FastAPI or Starlette application, or ASGI middleware around one.
    """
    for inner in _layers(app):
        added: Sequence[Any] | None = getattr(inner, "user_middleware", None)
        if added is not None:
            guards = tuple(one.kwargs for one in added if one.cls is JwtAuthMiddleware)
            return AppFacts(inner, guards, _resources(guards[0]) if guards else None)
    return AppFacts(app)


def _resources(guard: Mapping[str, Any]) -> ProtectedResources | None:
    try:
        return ProtectedResources(guard["server_base_url"], guard.get("resource_paths", DEFAULT_RESOURCE_PATHS))
    except (ConfigurationError, KeyError, TypeError):
        # The start refuses it and says why.
        return None


def _layers(app: Any) -> Iterator[Any]:
    for _ in range(_MOST_LAYERS):
        if app is None:
            return
        yield app
        app = getattr(app, "app", None)
