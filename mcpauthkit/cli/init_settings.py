"""The settings that a new server begins with, as the text of a `.env` file."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import KW_ONLY, dataclass
from typing import Final

from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import new_secret
from mcpauthkit.core.urls import check_base_url
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.trusted_issuer import TrustedIssuer
from mcpauthkit.oauth.scopes import check_scopes

MCP_PATH: Final = "/mcp"
_QUOTED: Final = frozenset(" #\"'\\$")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a server is to be.

    Args:
        server_base_url: Its public address.
        issuer_url: The issuer's identifier.
        profile: Whose habits the issuer has.
        scopes: What clients ask for.
        audiences: What the issuer writes into `aud`; empty for the address of the MCP endpoint.
        browser_client_id: Our public client for the connect pages, where the issuer is told of it otherwise.
        is_proxy: Whether clients register at the server, which signs users in with a client of its own.
        wants_browser_client: Whether an operator makes a client for the connect pages.

    Raises:
        ConfigurationError: A value cannot be used; the hint says what to write.
    """

    _: KW_ONLY
    server_base_url: str
    issuer_url: str
    profile: str
    scopes: Sequence[str]
    audiences: Sequence[str] = ()
    browser_client_id: str | None = None
    is_proxy: bool = False
    wants_browser_client: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "server_base_url", check_base_url(self.server_base_url, "--server-base-url"))
        check_scopes(self.scopes, "--scope")
        for one in (self.server_base_url, self.issuer_url, self.profile, *self.scopes, *self.audiences):
            # In single quotes as well: python-dotenv, and Keycloak in a realm, put what the environment has in there.
            if not one.isprintable() or "${" in one:
                raise ConfigurationError(
                    f"{one!r:.80} cannot stand in a .env file.", hint="Write it on one line, without ${."
                )
        # As the server would: what is wrong with the issuer is told now, with the fix.
        TrustedIssuer(self.issuer_url, profile=self.profile, audience=tuple(self.audiences) or None)

    @property
    def resource(self) -> str:
        """The address of the MCP endpoint, which tokens have to name."""
        return f"{self.server_base_url}{MCP_PATH}"


def settings_text(plan: Plan, entropy: Entropy | None = None) -> str:
    """The text of a `.env` file, with a new key for what is kept.

    Args:
        plan: What the server is to be.
        entropy: Source of the key.
    """
    return "\n".join([*_on_issuer(plan), *_on_clients(plan), *_on_state(entropy)]) + "\n"


def _on_issuer(plan: Plan) -> Iterator[str]:
    yield "# Settings of mcpauthkit, read in the working directory. `mcpauthkit settings` says what is in force."
    yield _line("MCPAUTHKIT_SERVER_BASE_URL", plan.server_base_url)
    yield _line("MCPAUTHKIT_ISSUER_URL", plan.issuer_url)
    yield _line("MCPAUTHKIT_PROFILE", plan.profile)
    yield _line("MCPAUTHKIT_SCOPES", " ".join(plan.scopes))
    if plan.audiences:
        yield _line("MCPAUTHKIT_AUDIENCE", ",".join(plan.audiences))
    if plan.browser_client_id is not None:
        yield _line("MCPAUTHKIT_BROWSER_CLIENT_ID", plan.browser_client_id)


def _on_clients(plan: Plan) -> Iterator[str]:
    if plan.is_proxy:
        yield ""
        yield "# The server's client at the issuer: fill in and uncomment. Without it there is no proxy mode."
        yield from _missing("MCPAUTHKIT_CLIENT_ID", "MCPAUTHKIT_CLIENT_SECRET")
    if plan.is_proxy or plan.wants_browser_client:
        yield ""
        yield "# The client of the server's own pages, which may be the same one: fill in and uncomment."
        yield from _missing("MCPAUTHKIT_BROWSER_CLIENT_ID", "MCPAUTHKIT_BROWSER_CLIENT_SECRET")


def _on_state(entropy: Entropy | None) -> Iterator[str]:
    yield ""
    yield "# What is kept of users lies in files here, sealed with this key. With several processes: redis, REDIS_URL."
    yield _line("TOKEN_STORAGE_MODE", "file")
    yield _line("FILE_STORAGE_PATH", ".mcpauthkit-state")
    yield _line("STORAGE_ENCRYPTION_KEY", new_secret(entropy).reveal())
    yield ""
    yield "# Where it serves users: refuse to start with what is fit for development only."
    yield "# MCPAUTHKIT_PRODUCTION=1"


def _missing(*names: str) -> Iterator[str]:
    yield from (f"# {name}=" for name in names)


def _line(name: str, value: str) -> str:
    if _QUOTED.isdisjoint(value):
        return f"{name}={value}"
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"{name}='{escaped}'"
