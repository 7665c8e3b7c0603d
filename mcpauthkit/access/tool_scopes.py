"""Which scopes each tool needs, in one table: for lists, for calls and for the 403 that makes clients ask for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from mcpauthkit.access.guard import SIGN_IN
from mcpauthkit.access.guards import lacking_scopes
from mcpauthkit.access.request import Decision
from mcpauthkit.errors import AccessDenied, ConfigurationError
from mcpauthkit.oauth.scopes import check_scopes, missing_scopes
from mcpauthkit.principal import Principal

Unmapped = Literal["refuse", "allow"]

_UNMAPPED = "This tool is open to nobody: no scopes are set for it"
_AS_IN = 'Write {"write_report": ["reports:write"]}.'
_NOT_NAMED = Decision(allowed=True, reason="the table of scopes does not name the tool")


class ToolScopes:
    """The scopes that tools need, by the exact names that clients see.

    Args:
        scopes: The scopes by tool, all of which are needed; an empty list lets everybody who is signed in.
        unmapped: Whether tools that are not in it are refused to everybody, or not its business.

    Raises:
        ConfigurationError: It is no mapping of names to lists of scopes.
    """

    def __init__(self, scopes: Mapping[str, Sequence[str]], *, unmapped: Unmapped = "refuse") -> None:
        if not isinstance(scopes, Mapping):
            raise _no_mapping(scopes)
        if unmapped not in {"refuse", "allow"}:
            raise ConfigurationError(f"unmapped={unmapped!r} is neither.", hint='Write "refuse" or "allow".')
        self.by_tool: Mapping[str, tuple[str, ...]] = MappingProxyType(
            {_checked_name(tool): check_scopes(needed) for tool, needed in scopes.items()}
        )
        self.unmapped: Unmapped = unmapped

    @classmethod
    def of(cls, given: ToolScopes | Mapping[str, Sequence[str]] | None) -> ToolScopes:
        """A table as given by a caller: itself, or made from a mapping, which says nothing about other tools.

        Raises:
            ConfigurationError: It is neither.
        """
        return given if isinstance(given, ToolScopes) else cls({} if given is None else given, unmapped="allow")

    @classmethod
    def from_file(cls, path: str | Path) -> ToolScopes:
        """The table in a YAML file: `tools:` with a list of scopes for each name and, if wanted, `unmapped:`.

        Raises:
            PolicyInvalid: It cannot be read or used; every fault is told with its line.
        """
        from mcpauthkit.access.tool_scopes_file import read_tool_scopes  # noqa: PLC0415  # slow, and few have a file

        file = read_tool_scopes(Path(path))
        return cls(file.tools, unmapped=file.unmapped)

    @property
    def is_empty(self) -> bool:
        """Whether it lets every call pass."""
        return not self.by_tool and self.unmapped == "allow"

    def needed(self, tool: str) -> tuple[str, ...]:
        """The scopes a tool needs; none for one that is not in the table."""
        return self.by_tool.get(tool, ())

    def is_refused(self, tool: str) -> bool:
        """Whether a tool is refused to everybody, because it is not in the table."""
        return self.unmapped == "refuse" and tool not in self.by_tool

    def check(self, principal: Principal | None, tool: str) -> tuple[str, ...]:
        """The scopes that a caller lacks for a tool; nobody lacks all of them.

        Args:
            principal: The caller.
            tool: The tool.

        Raises:
            AccessDenied: No scope would help.
        """
        decision = self.decide(principal, tool)
        if not decision.allowed and not decision.missing_scopes:
            raise AccessDenied(f"{decision.public}.", reason=decision.reason)
        return decision.missing_scopes

    def decide(self, principal: Principal | None, tool: str) -> Decision:
        """Whether a caller may see and call a tool, as far as this table goes.

        Args:
            principal: The caller.
            tool: The tool.
        """
        needed = self.by_tool.get(tool)
        if needed is None:
            if self.unmapped == "refuse":
                return Decision(allowed=False, reason="the tool is not in the table of scopes", public=_UNMAPPED)
            return _NOT_NAMED
        if principal is None:
            return Decision(allowed=False, reason="nobody is signed in", public=SIGN_IN, missing_scopes=needed)
        missing = missing_scopes(needed, principal.scopes)
        if missing:
            return Decision(
                allowed=False,
                reason=f"missing scopes {', '.join(missing)}",
                public=lacking_scopes(needed, principal.scopes),
                missing_scopes=missing,
            )
        return Decision(allowed=True, reason="the table of scopes")


def _no_mapping(given: object) -> ConfigurationError:
    hint = "Give `ToolScopes.from_file(...)` for a file." if isinstance(given, str | Path) else _AS_IN
    return ConfigurationError(f"tool_scopes={given!r} is no mapping.", hint=hint)


def _checked_name(tool: object) -> str:
    if isinstance(tool, str) and tool:
        return tool
    raise ConfigurationError(f"tool_scopes holds {tool!r}, which is no tool's name.", hint=_AS_IN)
