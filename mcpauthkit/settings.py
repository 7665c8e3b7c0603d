"""The only reader of the environment."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from mcpauthkit.errors import ConfigurationError

_SURROGATE = re.compile("[\ud800-\udfff]")


class _Settings(BaseSettings):
    """Settings read when they are constructed.

    From the environment and, where that is silent, from a `.env` file in the working directory. An empty variable is
    one that is not set.
    """

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        # What is refused may be a secret.
        hide_input_in_errors=True,
    )

    @classmethod
    def from_environment(cls) -> Self:
        """The settings as they are now.

        Raises:
            ConfigurationError: One of them cannot be used, or the `.env` file in the working directory cannot be read.
        """
        try:
            return cls()
        except ValidationError as error:
            # Not `from error`, and no values: some of ours are secrets.
            wrong = [f"{_variable_of(one['loc'])}{one['msg']}." for one in error.errors(include_input=False)]
            raise ConfigurationError(
                "The environment, or the .env file in the working directory, has a setting that cannot be used.",
                hint=" ".join(wrong),
            ) from None
        except (OSError, UnicodeDecodeError) as error:
            # Not `from error`: that one shows the file's bytes, and there are passwords in it.
            raise ConfigurationError(
                f"The .env file in the working directory cannot be read ({type(error).__name__}).",
                hint="Save it as UTF-8 and let this process read it, or start the server in another directory.",
            ) from None


def _variable_of(place: tuple[int | str, ...]) -> str:
    # Nothing, where several variables do not go together.
    return f"{str(place[0]).upper()}: " if place else ""


class DecryptionKeySettings(_Settings):
    """Where the private keys lie that encrypted tokens are decrypted with; they seal nothing.

    Attributes:
        mcp_key_file_path: `MCP_KEY_FILE_PATH`; None when it is not set or empty.
    """

    mcp_key_file_path: Path | None = None


class StorageSettings(_Settings):
    """Where credentials and flows are kept, and what seals them.

    Attributes:
        token_storage_mode: `TOKEN_STORAGE_MODE`: `memory`, `redis` or `file`.
        redis_url: `REDIS_URL`, for `redis`.
        redis_key_prefix: `REDIS_KEY_PREFIX`; what all keys in Redis begin with.
        file_storage_path: `FILE_STORAGE_PATH`, for `file`: the folder.
        storage_encryption_key: `STORAGE_ENCRYPTION_KEY`: the secret that seals, of at least 32 bytes.
        storage_encryption_key_path: `STORAGE_ENCRYPTION_KEY_PATH`: a file that holds it instead.
        storage_encryption_old_keys: `STORAGE_ENCRYPTION_OLD_KEYS`: secrets that sealed before and only open now,
            separated by commas.
    """

    token_storage_mode: str = "memory"  # noqa: S105  # the name of a mode
    redis_url: SecretStr | None = None
    redis_key_prefix: str = "mcp:auth:"
    file_storage_path: Path | None = None
    storage_encryption_key: SecretStr | None = None
    storage_encryption_key_path: Path | None = None
    storage_encryption_old_keys: SecretStr | None = None

    @field_validator("redis_url", "storage_encryption_key", "storage_encryption_old_keys")
    @classmethod
    def _check_text(cls, value: SecretStr | None) -> SecretStr | None:
        # Whoever encodes it later would raise an error that shows it.
        if value is not None and _SURROGATE.search(value.get_secret_value()):
            raise ValueError("not UTF-8")
        return value


class DeploymentSettings(_Settings):
    """Where an application runs.

    Attributes:
        mcpauthkit_production: `MCPAUTHKIT_PRODUCTION`: whether it refuses to start with what is fit for development
            only.
        mcpauthkit_replicas: `MCPAUTHKIT_REPLICAS`: how many processes serve it in all; unless it is set, several are
            taken for possible in production.
        web_concurrency: `WEB_CONCURRENCY`: how many of them uvicorn or gunicorn start here.
    """

    mcpauthkit_production: bool = False
    mcpauthkit_replicas: int | None = Field(default=None, ge=1)
    web_concurrency: int | None = Field(default=None, ge=0)


class StdioSettings(_Settings):
    """Who the caller is on stdio, where no token comes: whoever starts the process says so.

    Attributes:
        mcpauthkit_stdio_user: `MCPAUTHKIT_STDIO_USER`: the subject; nobody when it is not set.
        mcpauthkit_stdio_issuer: `MCPAUTHKIT_STDIO_ISSUER`: who vouches for them. Name the issuer of your tokens to let
            the same user have the same connections on stdio and over HTTP.
        mcpauthkit_stdio_roles: `MCPAUTHKIT_STDIO_ROLES`: roles, separated by commas.
        mcpauthkit_stdio_scopes: `MCPAUTHKIT_STDIO_SCOPES`: scopes, separated by spaces.
        mcpauthkit_stdio_client: `MCPAUTHKIT_STDIO_CLIENT`: the client.
        mcpauthkit_stdio_agent: `MCPAUTHKIT_STDIO_AGENT`: the agent that acts.
        mcpauthkit_stdio_tenant: `MCPAUTHKIT_STDIO_TENANT`: the organisation.
        mcpauthkit_stdio_email: `MCPAUTHKIT_STDIO_EMAIL`: the e-mail address.
    """

    mcpauthkit_stdio_user: str | None = None
    mcpauthkit_stdio_issuer: str = "stdio"
    mcpauthkit_stdio_roles: str = ""
    mcpauthkit_stdio_scopes: str = ""
    mcpauthkit_stdio_client: str | None = None
    mcpauthkit_stdio_agent: str | None = None
    mcpauthkit_stdio_tenant: str | None = None
    mcpauthkit_stdio_email: str | None = None

    @property
    def stdio_roles(self) -> frozenset[str]:
        """The roles."""
        return frozenset(one.strip() for one in self.mcpauthkit_stdio_roles.split(",") if one.strip())

    @property
    def stdio_scopes(self) -> frozenset[str]:
        """The scopes."""
        return frozenset(self.mcpauthkit_stdio_scopes.split())

    @model_validator(mode="after")
    def _check_whose(self) -> Self:
        names = {name.removeprefix("mcpauthkit_stdio_") for name in self.model_fields_set}
        others = sorted(names - {"user"})
        if self.mcpauthkit_stdio_user is None and others:
            # Otherwise a misspelt name of the user would leave nobody, silently.
            raise ValueError(f"MCPAUTHKIT_STDIO_{others[0].upper()} is set, and MCPAUTHKIT_STDIO_USER is not")
        return self
