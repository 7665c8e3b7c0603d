"""What the example server is told from outside: environment variables, or the values the stand-ins bring."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Self

from pydantic import Field, IPvAnyAddress, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the example, read from environment variables of the same name in capitals.

    Without `ISSUER_URL` the quickstart starts an issuer of its own, without `GITHUB_CLIENT_ID` a service of its own.
    """

    # An empty variable means none. A complaint about a value must not print it: it may be a secret.
    model_config = SettingsConfigDict(env_ignore_empty=True, frozen=True, hide_input_in_errors=True)

    port: int = Field(default=8700, ge=1, le=65535)
    listen_host: IPvAnyAddress = ip_address("127.0.0.1")
    """The address to listen on. In a container it is 0.0.0.0, and the port is published on the machine's loopback."""

    server_base_url: str | None = None
    """The public address, when it is not `http://127.0.0.1:PORT`; for example that of a tunnel."""

    issuer_url: str = ""
    """The OIDC issuer, byte for byte as it spells itself, trailing slash included."""

    scopes: str = "openid profile"
    """What clients ask for at sign-in, with spaces between. The scopes of a tool's service are another matter: those
    stand at the tool."""

    audience: str | None = None
    """What the issuer writes into `aud`, when that is not the address of the MCP endpoint."""

    browser_client_id: str | None = None
    """Our own client at the issuer for the connect pages; without one we register it where the issuer lets us."""
    browser_client_secret: str | None = Field(default=None, repr=False)

    github_client_id: str = ""
    github_client_secret: str = Field(default="", repr=False)
    github_name: str = "GitHub"
    github_issuer: str | None = "https://github.com/login/oauth"
    github_authorize_url: str = "https://github.com/login/oauth/authorize"
    github_token_url: str = "https://github.com/login/oauth/access_token"  # noqa: S105  # an address
    github_api_url: str = "https://api.github.com"

    @model_validator(mode="after")
    def _secrets_belong_to_ids(self) -> Self:
        if bool(self.github_client_id) != bool(self.github_client_secret):
            raise ValueError("GITHUB_CLIENT_ID and GITHUB_CLIENT_SECRET go together; set both or neither")
        if self.browser_client_secret and not self.browser_client_id:
            raise ValueError("BROWSER_CLIENT_SECRET is set, so BROWSER_CLIENT_ID is needed too")
        return self

    @model_validator(mode="after")
    def _strangers_do_not_sign_in_as_alice(self) -> Self:
        if not self.listen_host.is_loopback and not self.issuer_url:
            raise ValueError(
                "LISTEN_HOST lets other machines in, and the embedded issuer signs everybody in; set ISSUER_URL too"
            )
        return self

    @property
    def base_scopes(self) -> tuple[str, ...]:
        """The scopes one by one."""
        return tuple(self.scopes.split())

    @property
    def base_url(self) -> str:
        """The public address of the server, without a trailing slash."""
        return (self.server_base_url or f"http://127.0.0.1:{self.port}").rstrip("/")

    @property
    def mcp_url(self) -> str:
        """The address people enter in their MCP client."""
        return f"{self.base_url}/mcp"
