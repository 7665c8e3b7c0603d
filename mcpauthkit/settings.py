"""The only reader of the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic_settings import BaseSettings, SettingsConfigDict

from mcpauthkit.errors import ConfigurationError


class KeyFileSettings(BaseSettings):
    """Where the keys lie that encrypted tokens are opened with.

    Read when it is constructed, from the environment and, where that is silent, from a `.env` file in the working
    directory.

    Attributes:
        mcp_key_file_path: `MCP_KEY_FILE_PATH`; None when it is not set or empty.
    """

    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    mcp_key_file_path: Path | None = None

    @classmethod
    def from_environment(cls) -> Self:
        """The settings as they are now.

        Raises:
            ConfigurationError: The `.env` file in the working directory cannot be read.
        """
        try:
            return cls()
        except (OSError, UnicodeDecodeError) as error:
            # Not `from error`: that one shows the file's bytes, and there are passwords in it.
            raise ConfigurationError(
                f"The .env file in the working directory cannot be read ({type(error).__name__}).",
                hint="Save it as UTF-8 and let this process read it, or start the server in another directory.",
            ) from None
