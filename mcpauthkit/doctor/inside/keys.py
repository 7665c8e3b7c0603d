"""The private keys that open encrypted tokens."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.files import is_open_to_others, mode_of
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.identity.decryption_keys import DecryptionKeys
from mcpauthkit.settings import DecryptionKeySettings

UNUSABLE = Fault(
    "decryption-keys-unusable",
    "error",
    "The decryption keys cannot be used",
    "The file of MCP_KEY_FILE_PATH is missing, unreadable, or holds a key that is public, too weak or of a kind that "
    "opens no tokens, so the application does not start.",
    "Make keys with `mcpauthkit keys generate`, and name the private file.",
    explains=("encrypted-only-without-keys",),
)
OPEN = Fault(
    "decryption-key-file-open",
    "warning",
    "The file with the decryption keys can be read by others",
    "Every user of this machine can open the tokens that are encrypted to this server, or a group can replace its "
    "keys.",
    "chmod 600 the file, and let it belong to the user that the server runs as.",
)
WITHOUT = Fault(
    "encrypted-only-without-keys",
    "error",
    "Only encrypted tokens are taken, and there are no keys",
    "encrypted_only refuses what is only signed, and nothing here opens what is encrypted, so the application does not "
    "start.",
    "Set MCP_KEY_FILE_PATH, or give decryption_keys=; or switch encrypted_only off.",
)

KEYS = (UNUSABLE, OPEN, WITHOUT)
"""The faults of this part."""


async def check_key_file(_: Examination) -> AsyncIterator[Finding]:
    """Read the file of `MCP_KEY_FILE_PATH` as the application does, and look at its mode."""
    path = _path()
    if path is None:
        return
    try:
        DecryptionKeys.from_file(path)
    except ConfigurationError as error:
        yield UNUSABLE.found(evidence=error.public, place="MCP_KEY_FILE_PATH", fix=error.hint)
    if is_open_to_others(path):
        yield OPEN.found(evidence=mode_of(path), place=str(path))


async def check_encrypted_only(examination: Examination) -> AsyncIterator[Finding]:
    """Look whether there are keys where only encrypted tokens are taken; asks nobody."""
    guard = examination.facts.guard
    if guard.get("encrypted_only") and guard.get("decryption_keys") is None and _path() is None:
        yield WITHOUT.found(evidence="encrypted_only=True without decryption_keys=", place="JwtAuthMiddleware")


def _path() -> Path | None:
    try:
        return DecryptionKeySettings.from_environment().mcp_key_file_path
    except ConfigurationError:
        # The check of the settings tells it.
        return None


KEY_CHECKS = (
    Check("the file with decryption keys", check_key_file, frozenset({"settings"})),
    Check("keys for encrypted tokens", check_encrypted_only, frozenset({"app"})),
)
"""The checks of this part."""
