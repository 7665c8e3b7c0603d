"""The kinds of MCP clients that there are, as far as a server has to treat them differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Self

Elicitation = Literal["url", "form", "none"]
Era = Literal["modern", "legacy", "stateless"]

_MODERN = "2026-07-28"


@dataclass(frozen=True, slots=True)
class ClientProfile:
    """One kind of client: how it can ask its user, and which protocol it speaks.

    Attributes:
        elicitation: `url` for clients that open a link for their user, `form` for those that know only forms, `none`
            for those that cannot ask at all. The last two get the link as a text.
        era: `modern` speaks 2026-07-28. `legacy` speaks 2025-11-25 with a session. `stateless` is the same at a server
            that keeps no sessions and answers in JSON; serve the application with `server_options` for it.
    """

    elicitation: Elicitation = "url"
    era: Era = "modern"

    @classmethod
    def named(cls, name: str) -> Self:
        """The profile of a name such as `url-modern`.

        Raises:
            ConfigurationError: There is none of this name.
        """
        for elicitation, era in PAIRS:
            if name == f"{elicitation}-{era}":
                return cls(elicitation, era)
        # Every run of pytest reads this module, and most of them need no error.
        from mcpauthkit.errors import ConfigurationError  # noqa: PLC0415

        raise ConfigurationError(f"There is no client profile {name!r}.", hint=f"There are {', '.join(PROFILES)}.")

    @property
    def name(self) -> str:
        """What it is called: `url-modern`."""
        return f"{self.elicitation}-{self.era}"

    @property
    def mode(self) -> str:
        """The `mode=` of the clients of FastMCP and of the SDK."""
        return _MODERN if self.era == "modern" else "legacy"

    @property
    def server_options(self) -> dict[str, bool]:
        """What a server has to be served with for it: options of `http_app()` and `streamable_http_app()`."""
        return {"stateless_http": True, "json_response": True} if self.era == "stateless" else {}


_ELICITATIONS: tuple[Elicitation, ...] = ("url", "form", "none")
_ERAS: tuple[Era, ...] = ("modern", "legacy", "stateless")
PAIRS = tuple((elicitation, era) for elicitation in _ELICITATIONS for era in _ERAS)
PROFILES = tuple(f"{elicitation}-{era}" for elicitation, era in PAIRS)
"""The names of all profiles."""
