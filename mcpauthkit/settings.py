"""The only reader of the environment."""

from __future__ import annotations

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


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
