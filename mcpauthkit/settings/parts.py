"""What parts of the kit read by themselves, whether or not there is an `AuthKit`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from pydantic import Field, SecretStr, field_validator

from mcpauthkit.settings.base import Settings

_SURROGATE = re.compile("[\ud800-\udfff]")


class DecryptionKeySettings(Settings):
    """Where the private keys lie that encrypted tokens are decrypted with; they seal nothing."""

    mcp_key_file_path: Path | None = Field(
        None, description="a file with the private keys that open encrypted tokens, as `mcpauthkit keys generate` makes"
    )


class StorageSettings(Settings):
    """Where credentials and flows are kept, and what seals them."""

    token_storage_mode: str = Field(
        "memory",  # the name of a mode
        description="where connections are kept: `memory`, `redis` or `file`",
    )
    redis_url: SecretStr | None = Field(None, description="the address of Redis, for `redis`; it may hold a password")
    redis_key_prefix: str = Field("mcp:auth:", description="what all keys and channels in Redis begin with")
    file_storage_path: Path | None = Field(None, description="the folder, for `file`")
    storage_encryption_key: SecretStr | None = Field(
        None, description="the secret that seals what is kept, of at least 32 bytes, the same for all replicas"
    )
    storage_encryption_key_path: Path | None = Field(
        None, description="a key file instead, which can hold several keys: see `mcpauthkit sealing-key`"
    )
    storage_encryption_old_keys: SecretStr | None = Field(
        None, description="secrets that sealed before and only open now, with commas between"
    )

    @field_validator("redis_url", "storage_encryption_key", "storage_encryption_old_keys")
    @classmethod
    def _check_text(cls, value: SecretStr | None) -> SecretStr | None:
        # Whoever encodes it later would raise an error that shows it.
        if value is not None and _SURROGATE.search(value.get_secret_value()):
            raise ValueError("not UTF-8")
        return value


class DeploymentSettings(Settings):
    """Where an application runs."""

    mcpauthkit_production: bool = Field(
        default=False, description="whether it refuses to start with what is fit for development only"
    )
    mcpauthkit_replicas: int | None = Field(
        None,
        ge=1,
        description="how many processes serve it in all; in production several are assumed unless it says 1",
    )
    web_concurrency: int | None = Field(
        None, ge=0, description="how many of them uvicorn or gunicorn start here; those servers read it themselves"
    )


class StdioSettings(Settings):
    """Who the caller is on stdio, where no token comes: whoever starts the process says so."""

    mcpauthkit_stdio_user: str | None = Field(
        None, description="on stdio, the subject of the caller; nobody unless it is set"
    )
    mcpauthkit_stdio_issuer: str = Field(
        "stdio",
        description="on stdio, who vouches for the caller; the issuer of your tokens gives the same user the same "
        "connections on stdio and over HTTP",
    )
    mcpauthkit_stdio_roles: str = Field("", description="on stdio, the caller's roles, with commas between")
    mcpauthkit_stdio_scopes: str = Field("", description="on stdio, the caller's scopes, with spaces between")
    mcpauthkit_stdio_client: str | None = Field(None, description="on stdio, the client")
    mcpauthkit_stdio_agent: str | None = Field(None, description="on stdio, the agent that acts")
    mcpauthkit_stdio_tenant: str | None = Field(None, description="on stdio, the caller's organisation")
    mcpauthkit_stdio_email: str | None = Field(None, description="on stdio, the caller's e-mail address")

    @property
    def stdio_roles(self) -> frozenset[str]:
        """The roles."""
        return frozenset(one.strip() for one in self.mcpauthkit_stdio_roles.split(",") if one.strip())

    @property
    def stdio_scopes(self) -> frozenset[str]:
        """The scopes."""
        return frozenset(self.mcpauthkit_stdio_scopes.split())

    def contradictions(self) -> Iterator[str]:
        """Something about a caller who is not there: a misspelt name of the user would leave nobody, silently."""
        names = {name.removeprefix("mcpauthkit_stdio_") for name in self.model_fields_set}
        others = sorted(names - {"user"})
        if self.mcpauthkit_stdio_user is None and others:
            yield f"MCPAUTHKIT_STDIO_{others[0].upper()} is set, and MCPAUTHKIT_STDIO_USER is not."


class DoctorSettings(Settings):
    """What `mcpauthkit doctor` is told besides its arguments."""

    mcpauthkit_doctor_token: SecretStr | None = Field(
        None, description="an access token for `mcpauthkit doctor` to examine and to call the server with"
    )
