"""What the environment and the `.env` file say, and the files they lead to."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib.util import find_spec
from pathlib import Path

from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.inside.files import is_open_to_others, mode_of
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings import Given, StorageSettings, every_fault, every_setting, misspelt_variables
from mcpauthkit.stores.environment import lacks_key, storage_faults, storage_mode, unused_places

_DOTENV = Path(".env")
_SERVERS = ("uvicorn", "hypercorn", "granian", "gunicorn")

UNREADABLE = Fault(
    "env-file-unreadable",
    "error",
    "The .env file cannot be read",
    "A .env file in the working directory is no UTF-8 text, or this process may not read it, so nothing starts.",
    "Save it as UTF-8 and let this process read it, or start the server in another directory.",
    explains=("settings-invalid", "storage-settings-invalid"),
)
INVALID = Fault(
    "settings-invalid",
    "error",
    "A setting cannot be used",
    "A variable holds something it cannot hold, so the application does not start, or not as it is meant.",
    "Correct the variables; `mcpauthkit settings` lists all of them with what they may hold.",
)
MISSPELT = Fault(
    "settings-misspelt",
    "warning",
    "A variable is set that nothing reads",
    "It looks like one of the kit's variables and is none, so what it was meant to switch on is off.",
    "Write its name as `mcpauthkit settings` does, or take it out.",
)
STORAGE_INVALID = Fault(
    "storage-settings-invalid",
    "error",
    "The variables about the store contradict each other",
    "The variables about where connections are kept are incomplete, or say two things at once.",
    "Set TOKEN_STORAGE_MODE and what belongs to it; docs/state.md has the table.",
    explains=("lost-keys",),
)
KEY_MISSING = Fault(
    "storage-key-missing",
    "error",
    "No key seals a store that lasts",
    "TOKEN_STORAGE_MODE names a store that outlives the process, and nothing says which key seals what it keeps.",
    "Set STORAGE_ENCRYPTION_KEY, the same on all replicas; `openssl rand -base64 48` makes one.",
    explains=("storage-settings-invalid", "lost-keys"),
)
PLACE_UNUSED = Fault(
    "store-address-unused",
    "warning",
    "A store is named and not used",
    "REDIS_URL or FILE_STORAGE_PATH is set, and TOKEN_STORAGE_MODE is not, so connections are kept in memory.",
    "Set TOKEN_STORAGE_MODE to redis or file, or to memory if that is meant.",
)
SECRETS_OPEN = Fault(
    "secret-file-open",
    "warning",
    "A file with secrets can be read by others",
    "Every user of this machine, or of a group, can read a file with secrets.",
    "chmod 600 it, and let it belong to the user that the server runs as.",
)
EXTRA_MISSING = Fault(
    "extra-missing",
    "error",
    "A package is not installed that the settings need",
    "TOKEN_STORAGE_MODE=redis needs redis-py.",
    'Write: pip install "mcpauthkit[redis]".',
    explains=("storage-settings-invalid",),
)
NO_SERVER = Fault(
    "no-http-server",
    "note",
    "No HTTP server is installed here",
    "None of uvicorn, hypercorn, granian and gunicorn can be imported, so nothing here can serve the application.",
    'Write: pip install "uvicorn>=0.35", or whichever server you use.',
)

ENVIRONMENT = (
    UNREADABLE,
    INVALID,
    MISSPELT,
    STORAGE_INVALID,
    KEY_MISSING,
    PLACE_UNUSED,
    SECRETS_OPEN,
    EXTRA_MISSING,
    NO_SERVER,
)
"""The faults of this part."""


async def check_settings(_: Examination) -> AsyncIterator[Finding]:
    """Read every setting the way the application does, and look for names that nothing reads; asks nobody."""
    try:
        given = Given.now()
    except ConfigurationError as error:
        yield UNREADABLE.found(evidence=error.public, place=str(_DOTENV))
        return
    for fault in every_fault(given):
        yield INVALID.found(evidence=fault, place="environment")
    for one in misspelt_variables(given):
        yield MISSPELT.found(evidence=one.text, place=one.source)


async def check_storage_settings(_: Examination) -> AsyncIterator[Finding]:
    """Put the variables about the store together without opening it; asks nobody."""
    try:
        settings = StorageSettings.from_environment()
    except ConfigurationError:
        # The check of all settings tells it.
        return
    mode = storage_mode(settings)
    if lacks_key(settings):
        yield KEY_MISSING.found(evidence=f"TOKEN_STORAGE_MODE={mode}", place="STORAGE_ENCRYPTION_KEY")
    if mode == "redis" and find_spec("redis") is None:
        yield EXTRA_MISSING.found(evidence="redis cannot be imported", place="TOKEN_STORAGE_MODE")
    for fault in storage_faults(settings):
        yield STORAGE_INVALID.found(evidence=fault.public, place="environment", fix=fault.hint)
    for name in unused_places(settings):
        yield PLACE_UNUSED.found(evidence=f"{name} is set, TOKEN_STORAGE_MODE is not", place=name)


async def check_secret_files(_: Examination) -> AsyncIterator[Finding]:
    """Look at the modes of files with secrets, and at nothing inside of them."""
    try:
        given = Given.now()
    except ConfigurationError:
        return
    secrets = [one.variable.lower() for one in every_setting() if one.is_secret]
    if any(one in given.dotenv for one in secrets) and is_open_to_others(_DOTENV):
        yield SECRETS_OPEN.found(evidence=mode_of(_DOTENV), place=str(_DOTENV))
    for name in [*(f"{one}_file" for one in secrets), "storage_encryption_key_path"]:
        found = given.find(name)
        if found is not None and is_open_to_others(Path(found[0])):
            yield SECRETS_OPEN.found(evidence=mode_of(Path(found[0])), place=name.upper())


async def check_servers(_: Examination) -> AsyncIterator[Finding]:
    """Look whether something is installed that can serve an application; imports nothing."""
    if not any(find_spec(one) is not None for one in _SERVERS):
        yield NO_SERVER.found(evidence="none of them can be imported", place="this Python environment")


ENVIRONMENT_CHECKS = (
    Check("settings", check_settings, frozenset({"settings"})),
    Check("settings of the store", check_storage_settings, frozenset({"settings"})),
    Check("files with secrets", check_secret_files, frozenset({"settings"})),
    Check("installed servers", check_servers, frozenset({"settings"})),
)
"""The checks of this part."""
