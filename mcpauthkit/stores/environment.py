"""Where an application keeps its state, as the environment says.

The names of the variables are those of the system that this kit supersedes, so that its users go on with what they have
set; `StorageSettings` lists them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from mcpauthkit.core.clock import Clock
from mcpauthkit.core.entropy import Entropy
from mcpauthkit.core.keyring import MINIMUM_SECRET_BYTES, KeyRing
from mcpauthkit.core.log import RequestLog
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings import StorageSettings
from mcpauthkit.stores.key_file import KeyFile
from mcpauthkit.stores.keyvalue import KeyValueStore
from mcpauthkit.stores.memory import MemoryStore
from mcpauthkit.stores.port import Closable, Store
from mcpauthkit.stores.redis.store import RedisStore

_log = RequestLog("stores")
_MODES = ("memory", "redis", "file")
# What `mcpauthkit sealing-key new`, `openssl rand` and Fernet make: base64 in both spellings, and hexadecimal digits.
_MADE = re.compile(r"[A-Za-z0-9+/_=-]+")
_MAKE_A_KEY = "Make one with `openssl rand -base64 48`, and give all replicas the same."


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """A store and the key ring that seals what goes into it.

    Providers, `JwtAuthMiddleware` and `oauth_meta_router` read the same variables by themselves, each for itself. Open
    one of these where several providers are to share one store and its connections, and close it at the end:

        async with Storage.from_environment() as storage:
            github = OAuthProvider.from_preset(..., store=storage.store, key_ring=storage.key_ring)

    Args:
        store: Where credentials and flows are kept.
        key_ring: What seals them.
        owns_store: Whether `aclose` closes the store.
    """

    store: Store
    key_ring: KeyRing
    owns_store: bool = True

    @classmethod
    def from_environment(cls, *, clock: Clock | None = None) -> Self:
        """The storage that `TOKEN_STORAGE_MODE` and the variables around it describe; in memory if there are none.

        Args:
            clock: Time.

        Raises:
            ConfigurationError: Variables are missing, or contradict each other; all that are, at once.
        """
        return cls.of(None, None, clock=clock)

    @classmethod
    def of(cls, store: Store | None, key_ring: KeyRing | None, *, clock: Clock | None = None) -> Self:
        """What was given, and what the environment says for the rest.

        Args:
            store: A store that somebody else closes.
            key_ring: What seals.
            clock: Time.

        Raises:
            ConfigurationError: As for `from_environment`, where it is asked; or a store was given, and nowhere a key.
        """
        if store is not None and key_ring is not None:
            return cls(store=store, key_ring=key_ring, owns_store=False)
        settings = StorageSettings.from_environment()
        faults = [] if store is not None else list(_store_faults(settings))
        if key_ring is None:
            faults += _key_faults(settings) or ([] if store is None else _without_key(settings))
        _refuse(faults)
        ring = key_ring or _key_ring(settings) or KeyRing.ephemeral()
        kept_in = _open(settings, clock) if store is None else store
        return cls(store=kept_in, key_ring=ring, owns_store=store is None)

    async def aclose(self) -> None:
        """Close the store, if it is ours to close."""
        if self.owns_store and isinstance(self.store, Closable):
            await self.store.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        await self.aclose()


def key_ring_from_environment(entropy: Entropy | None = None) -> KeyRing:
    """The key ring that the environment describes; one that ends with the process if it describes none.

    No store is opened for it.

    Args:
        entropy: Source of chance for the latter.

    Raises:
        ConfigurationError: The variables about keys contradict each other, or there is no key for a store that lasts.
    """
    settings = StorageSettings.from_environment()
    _refuse([*_mode_faults(settings), *_key_faults(settings)])
    return _key_ring(settings) or KeyRing.ephemeral(entropy)


def storage_faults(settings: StorageSettings) -> list[ConfigurationError]:
    """What keeps `Storage.from_environment()` from opening a storage, as far as it shows before one is opened.

    Args:
        settings: What the environment says.
    """
    faults = [*_store_faults(settings), *_key_faults(settings)]
    if not faults and settings.storage_encryption_key_path is not None:
        try:
            KeyFile(settings.storage_encryption_key_path).read()
        except ConfigurationError as fault:
            faults.append(fault)
    return faults


def storage_mode(settings: StorageSettings) -> str:
    """The name of the mode: `memory`, `redis` or `file`, unless it is none.

    Args:
        settings: What the environment says.
    """
    return settings.token_storage_mode.strip().lower()


def lacks_key(settings: StorageSettings) -> bool:
    """Whether the store outlives the process, and nothing says which key seals what it keeps.

    Args:
        settings: What the environment says.
    """
    return storage_mode(settings) in {"redis", "file"} and bool(_without_key(settings))


def unused_places(settings: StorageSettings) -> list[str]:
    """The variables that name a store, where nothing says to use it and all is kept in memory.

    Args:
        settings: What the environment says.
    """
    if "token_storage_mode" in settings.model_fields_set:
        return []
    given = {"REDIS_URL": settings.redis_url, "FILE_STORAGE_PATH": settings.file_storage_path}
    return [name for name, value in given.items() if value is not None]


def _mode_faults(settings: StorageSettings) -> Iterator[ConfigurationError]:
    if storage_mode(settings) not in _MODES:
        yield ConfigurationError(
            f"TOKEN_STORAGE_MODE={settings.token_storage_mode!r:.40} is no mode.", hint="Write memory, redis or file."
        )


def _store_faults(settings: StorageSettings) -> Iterator[ConfigurationError]:
    yield from _mode_faults(settings)
    if storage_mode(settings) == "redis" and settings.redis_url is None:
        yield ConfigurationError(
            "TOKEN_STORAGE_MODE=redis needs REDIS_URL.",
            hint="Set it to the address of your Redis, such as redis://user:password@redis.internal:6379/0.",
        )
    if storage_mode(settings) == "file" and settings.file_storage_path is None:
        # No default: one in a temporary folder, where anybody may write, has been a finding elsewhere.
        yield ConfigurationError(
            "TOKEN_STORAGE_MODE=file needs FILE_STORAGE_PATH.",
            hint="Set it to a folder that lasts and is this server's alone, such as /var/lib/my-server/state.",
        )


def _key_faults(settings: StorageSettings) -> list[ConfigurationError]:
    key, old = _secret(settings), _old_secrets(settings)
    faults = []
    if settings.storage_encryption_key is not None and not key:
        faults.append(ConfigurationError("STORAGE_ENCRYPTION_KEY is blank.", hint=_MAKE_A_KEY))
    if key and settings.storage_encryption_key_path is not None:
        faults.append(
            ConfigurationError(
                "STORAGE_ENCRYPTION_KEY and STORAGE_ENCRYPTION_KEY_PATH are both set.", hint="Set one of them."
            )
        )
    if key and _is_short(key):
        faults.append(
            ConfigurationError(
                f"STORAGE_ENCRYPTION_KEY is shorter than {MINIMUM_SECRET_BYTES} bytes.", hint=_MAKE_A_KEY
            )
        )
    if any(map(_is_short, old)):
        faults.append(
            ConfigurationError(
                f"STORAGE_ENCRYPTION_OLD_KEYS has a key that is shorter than {MINIMUM_SECRET_BYTES} bytes.",
                hint="Write whole keys with commas between them; one that has a comma in it goes into a key file.",
            )
        )
    if old and not key:
        faults.append(
            ConfigurationError(
                "STORAGE_ENCRYPTION_OLD_KEYS is set without STORAGE_ENCRYPTION_KEY.",
                hint="Set the new key there; a key file of STORAGE_ENCRYPTION_KEY_PATH holds its old keys itself.",
            )
        )
    if lacks_key(settings) and not faults:
        faults += _without_key(settings)
    return faults


def _without_key(settings: StorageSettings) -> list[ConfigurationError]:
    if _secret(settings) or settings.storage_encryption_key_path is not None:
        return []
    return [
        ConfigurationError(
            "Nothing says which key seals a store that lasts: what it keeps would be unreadable after a restart.",
            hint=f"Set STORAGE_ENCRYPTION_KEY, or pass key_ring=KeyRing({{...}}, minting=...). {_MAKE_A_KEY}",
        )
    ]


def _refuse(faults: Sequence[ConfigurationError]) -> None:
    if len(faults) == 1:
        raise faults[0]
    if faults:
        lines = "".join(f"\n- {one}" for one in faults)
        raise ConfigurationError(f"The storage is not configured correctly:{lines}")


def _key_ring(settings: StorageSettings) -> KeyRing | None:
    path, key = settings.storage_encryption_key_path, _secret(settings)
    if path is not None:
        return KeyFile(path).read()
    _warn_of_commas(settings)
    return KeyRing.of_secrets(key, _old_secrets(settings)) if key else None


def _warn_of_places(settings: StorageSettings) -> None:
    if named := unused_places(settings):
        _log.warning(
            "state is kept in memory names=%s hint=%r",
            ",".join(named),
            "Set TOKEN_STORAGE_MODE to redis or file for these to be used, or to memory if that is meant.",
        )


def _warn_of_commas(settings: StorageSettings) -> None:
    """Tell of keys with a comma in them, as far as they can be told: halves that are long enough pass for keys."""
    hint = "One that has a comma in it goes into a key file: STORAGE_ENCRYPTION_KEY_PATH."
    if "," in _secret(settings):
        _log.warning("STORAGE_ENCRYPTION_KEY has a comma in it and cannot be listed as an old key hint=%r", hint)
    old = _old_secrets(settings)
    if len(old) > 1 and not all(map(_MADE.fullmatch, old)):
        _log.warning("STORAGE_ENCRYPTION_OLD_KEYS may hold parts of a key, taken for keys hint=%r", hint)


def _open(settings: StorageSettings, clock: Clock | None) -> Store:
    match storage_mode(settings):
        case "redis":
            assert settings.redis_url is not None
            url = settings.redis_url.get_secret_value()
            return RedisStore(url, key_prefix=settings.redis_key_prefix, clock=clock)
        case "file":
            assert settings.file_storage_path is not None
            return _in_files(settings.file_storage_path, clock)
        case _:
            _warn_of_places(settings)
            return MemoryStore(clock=clock)


def _in_files(folder: Path, clock: Clock | None) -> Store:
    from mcpauthkit.stores.file_tree import FileTree  # noqa: PLC0415  # what it stands on is slow to import

    try:
        return KeyValueStore(FileTree(folder, clock=clock))
    except ConfigurationError as fault:
        raise ConfigurationError(f"FILE_STORAGE_PATH: {fault.public}", hint=fault.hint) from None


def _secret(settings: StorageSettings) -> str:
    key = settings.storage_encryption_key
    return "" if key is None else key.get_secret_value().strip()


def _old_secrets(settings: StorageSettings) -> list[str]:
    old = settings.storage_encryption_old_keys
    return [] if old is None else [one.strip() for one in old.get_secret_value().split(",") if one.strip()]


def _is_short(secret: str) -> bool:
    return len(secret.encode()) < MINIMUM_SECRET_BYTES
