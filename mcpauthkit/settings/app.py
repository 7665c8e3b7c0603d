"""The settings of an application that is put together by `AuthKit.from_settings()`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BeforeValidator, Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from mcpauthkit.core.urls import check_base_url, check_issuer_url
from mcpauthkit.settings.base import Settings

_SCOPE = re.compile(r"[!#-\[\]-~]+")
"""RFC 6749 section 3.3."""
_SPACES_OR_COMMAS = re.compile(r"[\s,]+")


def _by_commas(value: object) -> object:
    return tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value


def _by_spaces(value: object) -> object:
    return tuple(filter(None, _SPACES_OR_COMMAS.split(value))) if isinstance(value, str) else value


Listed = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_by_commas)]
"""Several texts with commas between; each may hold spaces."""

Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_by_spaces)]
"""Several words with spaces or commas between."""


class AppSettings(Settings):
    """Who is let in, and where: what `AuthKit` takes as arguments of the same names."""

    mcpauthkit_server_base_url: str | None = Field(
        None, description="the public address of the application, such as `https://mcp.example.com`"
    )
    mcpauthkit_issuer_url: str | None = Field(
        None, description="the OIDC issuer, byte for byte as it spells itself, trailing slash included"
    )
    mcpauthkit_profile: str | None = Field(
        None, description="whose habits the issuer has, such as `keycloak`, `okta`, `entra` or `auth0`"
    )
    mcpauthkit_audience: Listed = Field(
        (), description="what the issuer writes into `aud`, where that is not the address of the MCP server"
    )
    mcpauthkit_tenants: Listed = Field(
        (), description="the tenants whose users are let in, where the issuer's address holds `{tenantid}`"
    )
    mcpauthkit_scopes: Words = Field((), description="what clients ask for at sign-in")
    mcpauthkit_require_scopes: Words = Field((), description="scopes that every request needs")
    mcpauthkit_client_id: str | None = Field(
        None, description="our client at the issuer; with it, clients register and sign in here (proxy mode)"
    )
    mcpauthkit_client_secret: SecretStr | None = Field(None, description="its secret")
    mcpauthkit_allowed_scopes: Words = Field(
        (), description="in proxy mode, what clients may ask for besides the scopes above"
    )
    mcpauthkit_browser_client_id: str | None = Field(
        None, description="our client at the issuer for the connect pages; unless given, one registers itself"
    )
    mcpauthkit_browser_client_secret: SecretStr | None = Field(None, description="its secret")
    mcpauthkit_mcp_path: str = Field("/mcp", description="where the MCP server is")
    mcpauthkit_open_paths: Listed = Field((), description="paths of yours that need no token")
    mcpauthkit_public_tools: Listed = Field((), description="tools that need no token")
    mcpauthkit_allowed_origins: Words = Field((), description="web pages that may call the MCP server")
    mcpauthkit_encrypted_only: bool = Field(
        default=False, description="whether tokens that are only signed are refused"
    )
    mcpauthkit_policies: Path | None = Field(None, description="a policy file, or a folder of them")
    mcpauthkit_audit: str = Field(
        "log",
        description="where events go: `log` for the logger `mcpauthkit.audit`, `stdout` for JSON lines there, a path "
        "for JSON lines in that file, `off` for nowhere",
    )

    @field_validator("mcpauthkit_server_base_url")
    @classmethod
    def _check_base_url(cls, value: str | None) -> str | None:
        return None if value is None else check_base_url(_without_credentials(value), "server_base_url")

    @field_validator("mcpauthkit_issuer_url")
    @classmethod
    def _check_issuer_url(cls, value: str | None) -> str | None:
        return None if value is None else check_issuer_url(_without_credentials(value))

    @field_validator("mcpauthkit_scopes", "mcpauthkit_require_scopes", "mcpauthkit_allowed_scopes")
    @classmethod
    def _check_scopes(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not all(map(_SCOPE.fullmatch, value)):
            # Some readers of such files, Docker's among them, take quotes around a value for a part of it.
            raise ValueError("quotes, backslashes and letters outside of ASCII are no part of a scope")
        return tuple(dict.fromkeys(value))

    @field_validator("mcpauthkit_mcp_path")
    @classmethod
    def _check_path(cls, value: str) -> str:
        if not value.startswith("/"):
            raise ValueError("a path begins with a slash, such as /mcp")
        return value

    def contradictions(self) -> Iterator[str]:
        """Secrets without the client they belong to."""
        for id_name in ("mcpauthkit_client_id", "mcpauthkit_browser_client_id"):
            secret_name = id_name.replace("_id", "_secret")
            if getattr(self, id_name) is None and getattr(self, secret_name) is not None:
                yield f"{secret_name.upper()} is set, and {id_name.upper()} is not."


def _without_credentials(url: str) -> str:
    # The check itself would quote them.
    if urlsplit(url).username is not None:
        raise ValueError("an address without user and password is needed")
    return url
