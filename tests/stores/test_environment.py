"""Where state is kept, as the environment says."""

from __future__ import annotations

import logging
import os
from pathlib import Path

import pytest

from mcpauthkit import KeyRing, KeyValueStore, MemoryStore, RedisStore, Storage
from mcpauthkit.errors import ConfigurationError, SealError
from mcpauthkit.settings import StorageSettings
from mcpauthkit.stores.environment import key_ring_from_environment
from mcpauthkit.stores.port import is_shared
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.testing import FakeClock

KEY = "a-canary-key-of-at-least-32-bytes"
OTHER = "another-canary-key-of-32-bytes-too"
FERNET = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4="
FILE = {"TOKEN_STORAGE_MODE": "file", "STORAGE_ENCRYPTION_KEY": KEY}
REDIS = {"TOKEN_STORAGE_MODE": "redis", "REDIS_URL": "redis://user:canary-password@127.0.0.1:1/0"}
RING = KeyRing({"given": "given-key-of-at-least-32-bytes-length"}, minting="given")


class Environment:
    """The environment of a test, in an empty working directory."""

    def __init__(self, patch: pytest.MonkeyPatch, folder: Path) -> None:
        self._patch = patch
        self.folder = folder
        patch.chdir(folder)

    def set(self, **variables: str | None) -> None:
        for name, value in variables.items():
            if value is None:
                self._patch.delenv(name, raising=False)
            else:
                self._patch.setenv(name, value)


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Environment:
    return Environment(monkeypatch, tmp_path)


def text_of_refusal() -> str:
    with pytest.raises(ConfigurationError) as refused:
        Storage.from_environment()
    assert "canary" not in f"{refused.value!r}{vars(refused.value)}"
    return str(refused.value)


@pytest.mark.usefixtures("environment")
async def test_with_nothing_set_state_and_keys_end_with_the_process() -> None:
    async with Storage.from_environment() as storage:
        assert isinstance(storage.store, MemoryStore)
        assert storage.key_ring.is_ephemeral
    async with Storage.from_environment() as another:
        assert another.key_ring.derive("ephemeral", "x") != storage.key_ring.derive("ephemeral", "x")


@pytest.mark.parametrize("mode", ["file", "FILE", " File "])
async def test_what_is_in_files_is_there_after_a_restart(environment: Environment, mode: str) -> None:
    environment.set(**FILE | {"TOKEN_STORAGE_MODE": mode, "FILE_STORAGE_PATH": str(environment.folder / "a" / "b")})
    async with Storage.from_environment() as storage:
        assert isinstance(storage.store, KeyValueStore)
        await SealedStore(storage.store, storage.key_ring).put("k", {"token": "t"}, ttl_seconds=600)
    async with Storage.from_environment() as restarted:
        assert await SealedStore(restarted.store, restarted.key_ring).get("k") == {"token": "t"}


async def test_redis_is_chosen_without_connecting_to_it(environment: Environment) -> None:
    environment.set(**REDIS, STORAGE_ENCRYPTION_KEY=FERNET)
    async with Storage.from_environment() as storage:
        assert isinstance(storage.store, RedisStore)
        assert is_shared(storage.store)
        assert not storage.key_ring.is_ephemeral


def test_a_dotenv_file_says_it_too(environment: Environment) -> None:
    folder = environment.folder / "state"
    lines = [f"{name}={value}" for name, value in (FILE | {"FILE_STORAGE_PATH": str(folder)}).items()]
    (environment.folder / ".env").write_text("\n".join(lines))
    assert isinstance(Storage.from_environment().store, KeyValueStore)
    environment.set(TOKEN_STORAGE_MODE="memory")
    assert isinstance(Storage.from_environment().store, MemoryStore)


async def test_a_key_is_rotated_by_naming_the_old_one_beside_the_new(environment: Environment) -> None:
    environment.set(**FILE, FILE_STORAGE_PATH=str(environment.folder / "state"))
    before = Storage.from_environment()
    await SealedStore(before.store, before.key_ring).put("k", {"token": "t"}, ttl_seconds=600)
    environment.set(STORAGE_ENCRYPTION_KEY=OTHER)
    without = Storage.from_environment()
    with pytest.raises(SealError):
        await SealedStore(without.store, without.key_ring).get("k")
    environment.set(STORAGE_ENCRYPTION_OLD_KEYS=f" {KEY} ,, {FERNET},")
    rotated = Storage.from_environment()
    assert await SealedStore(rotated.store, rotated.key_ring).get("k") == {"token": "t"}
    assert rotated.key_ring.minting == without.key_ring.minting != before.key_ring.minting
    assert len(rotated.key_ring.names) == 3


def test_a_key_has_one_name_wherever_it_stands(environment: Environment) -> None:
    environment.set(STORAGE_ENCRYPTION_KEY=f" {KEY}\n")
    by_variable = key_ring_from_environment()
    file = environment.folder / "key"
    file.write_text(f"{KEY}\n")
    file.chmod(0o600)
    environment.set(STORAGE_ENCRYPTION_KEY=None, STORAGE_ENCRYPTION_KEY_PATH=str(file))
    by_file = key_ring_from_environment()
    assert by_variable.minting == by_file.minting
    assert by_variable.derive(by_file.minting, "x") == by_file.derive(by_file.minting, "x")


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({"TOKEN_STORAGE_MODE": "reddis"}, ("TOKEN_STORAGE_MODE", "memory", "redis", "file")),
        ({"TOKEN_STORAGE_MODE": "redis", "STORAGE_ENCRYPTION_KEY": KEY}, ("REDIS_URL", "redis://")),
        ({"TOKEN_STORAGE_MODE": "file", "STORAGE_ENCRYPTION_KEY": KEY}, ("FILE_STORAGE_PATH",)),
        (REDIS, ("STORAGE_ENCRYPTION_KEY", "openssl rand -base64 48", "restart")),
        (FILE | {"STORAGE_ENCRYPTION_KEY": "", "FILE_STORAGE_PATH": "state"}, ("STORAGE_ENCRYPTION_KEY", "openssl")),
        (
            {"STORAGE_ENCRYPTION_KEY": KEY, "STORAGE_ENCRYPTION_KEY_PATH": "key"},
            ("STORAGE_ENCRYPTION_KEY", "STORAGE_ENCRYPTION_KEY_PATH", "one of them"),
        ),
        ({"STORAGE_ENCRYPTION_KEY": "short-canary"}, ("STORAGE_ENCRYPTION_KEY", "32", "openssl rand")),
        ({"STORAGE_ENCRYPTION_KEY_PATH": "nowhere/key"}, ("key",)),
        (
            {"STORAGE_ENCRYPTION_KEY": KEY, "STORAGE_ENCRYPTION_OLD_KEYS": f"{OTHER},short-canary"},
            ("STORAGE_ENCRYPTION_OLD_KEYS", "32", "comma"),
        ),
        ({"STORAGE_ENCRYPTION_OLD_KEYS": KEY}, ("STORAGE_ENCRYPTION_OLD_KEYS", "STORAGE_ENCRYPTION_KEY_PATH")),
        (REDIS | {"REDIS_URL": "http://canary@db", "STORAGE_ENCRYPTION_KEY": KEY}, ("redis://",)),
    ],
)
def test_what_cannot_work_is_refused_with_the_fix(
    environment: Environment, variables: dict[str, str], words: tuple[str, ...]
) -> None:
    environment.set(**variables)
    text = text_of_refusal()
    assert [word for word in words if word not in text] == []


def test_a_variable_that_is_no_text_is_refused_by_its_name(environment: Environment) -> None:
    environment.set(STORAGE_ENCRYPTION_KEY="canary" * 8 + "\udcff")
    assert "STORAGE_ENCRYPTION_KEY" in text_of_refusal()


@pytest.mark.parametrize("name", ["REDIS_URL", "FILE_STORAGE_PATH"])
def test_where_to_keep_state_without_the_mode_for_it_is_warned_of(
    environment: Environment, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    environment.set(**{name: "redis://:canary@127.0.0.1:1/0"})
    assert isinstance(Storage.from_environment().store, MemoryStore)
    assert [word for word in (name, "TOKEN_STORAGE_MODE", "memory") if word not in caplog.text] == []
    assert "canary" not in caplog.text
    caplog.clear()
    environment.set(TOKEN_STORAGE_MODE="memory")
    assert isinstance(Storage.from_environment().store, MemoryStore)
    assert caplog.text == ""


@pytest.mark.parametrize("mode", [None, "memory", "redis"])
def test_a_blank_key_is_no_key_and_not_left_out(environment: Environment, mode: str | None) -> None:
    environment.set(**REDIS | {"TOKEN_STORAGE_MODE": mode}, STORAGE_ENCRYPTION_KEY="  \t")
    assert "STORAGE_ENCRYPTION_KEY is blank" in text_of_refusal()


MADE = "mzZ2r0WkqBv1c7YxJtGd5hLs9pQnEa3UfOi8RgTjKbHw4yXeVu6M"


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"STORAGE_ENCRYPTION_KEY": f"{MADE},{MADE}"}, "STORAGE_ENCRYPTION_KEY "),
        ({"STORAGE_ENCRYPTION_KEY": KEY, "STORAGE_ENCRYPTION_OLD_KEYS": f"{MADE}!,{MADE}"}, "STORAGE_ENCRYPTION_OLD_"),
        ({"STORAGE_ENCRYPTION_KEY": KEY, "STORAGE_ENCRYPTION_OLD_KEYS": f"{MADE}, {FERNET},{OTHER}"}, ""),
        ({"STORAGE_ENCRYPTION_KEY": KEY, "STORAGE_ENCRYPTION_OLD_KEYS": f"{MADE}! {MADE}"}, ""),
    ],
    ids=["one that cannot be listed later", "halves that no command makes", "whole keys", "one key"],
)
def test_a_key_with_a_comma_in_it_is_warned_of(
    environment: Environment, caplog: pytest.LogCaptureFixture, variables: dict[str, str], told: str
) -> None:
    environment.set(**variables)
    key_ring_from_environment()
    assert [(told in one.getMessage(), "key file" in one.getMessage()) for one in caplog.records] == (
        [(True, True)] if told else []
    )
    assert MADE not in caplog.text


def test_all_faults_are_told_at_once(environment: Environment) -> None:
    environment.set(TOKEN_STORAGE_MODE="redis", STORAGE_ENCRYPTION_KEY="short", STORAGE_ENCRYPTION_KEY_PATH="key")
    lines = text_of_refusal().splitlines()
    assert len(lines) == 4
    assert [name for name in ("REDIS_URL", "both", "32 bytes") if not any(name in line for line in lines[1:])] == []


def test_a_folder_of_everybodys_is_refused_by_the_name_of_the_variable(environment: Environment) -> None:
    environment.folder.chmod(0o777)
    environment.set(**FILE, FILE_STORAGE_PATH=str(environment.folder))
    assert text_of_refusal().startswith("FILE_STORAGE_PATH")


@pytest.mark.skipif(os.name != "posix", reason="folders have owners elsewhere too, and no numbers for them")
def test_a_folder_of_another_users_is_refused_also_to_one_who_may_write_there(environment: Environment) -> None:
    # Root would leave records that the server cannot read, and whoever prepared a folder could put old ones back.
    folder = environment.folder / "state"
    if os.geteuid() == 0:
        folder.mkdir(mode=0o700)
        os.chown(folder, 65534, 65534)
    else:
        folder = Path("/usr")
    environment.set(**FILE, FILE_STORAGE_PATH=str(folder))
    text = text_of_refusal()
    words = ("FILE_STORAGE_PATH", str(folder), f"user {folder.stat().st_uid}", f"user {os.geteuid()}", "chown")
    assert [word for word in words if word not in text] == []
    assert not (folder / "mcpauthkit").exists()


def test_a_refused_configuration_leaves_no_folder_behind(environment: Environment) -> None:
    folder = environment.folder / "state"
    environment.set(**FILE | {"STORAGE_ENCRYPTION_KEY": "", "FILE_STORAGE_PATH": str(folder)})
    text_of_refusal()
    assert not folder.exists()


def test_what_is_set_is_shown_nowhere(environment: Environment, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    environment.set(**REDIS, STORAGE_ENCRYPTION_KEY=KEY, STORAGE_ENCRYPTION_OLD_KEYS=OTHER)
    settings = StorageSettings.from_environment()
    storage = Storage.from_environment()
    assert "canary" not in f"{settings!r}{settings}{settings.model_dump()}{storage!r}{caplog.text}"


class Closing(MemoryStore):
    """Notes that it was closed."""

    closed = False

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("owns_store", [True, False])
async def test_only_what_is_its_own_is_closed(*, owns_store: bool) -> None:
    store = Closing()
    async with Storage(store=store, key_ring=RING, owns_store=owns_store):
        assert not store.closed
    assert store.closed == owns_store


class TestCompleting:
    """What an application gives stands before what the environment says."""

    def test_the_environment_is_not_asked_where_both_are_given(self, environment: Environment) -> None:
        environment.set(TOKEN_STORAGE_MODE="reddis", STORAGE_ENCRYPTION_KEY="short")
        store = MemoryStore()
        storage = Storage.of(store, RING)
        assert (storage.store, storage.key_ring, storage.owns_store) == (store, RING, False)

    def test_a_store_is_sealed_with_the_key_of_the_environment(self, environment: Environment) -> None:
        environment.set(STORAGE_ENCRYPTION_KEY=KEY)
        storage = Storage.of(MemoryStore(), None)
        assert not storage.key_ring.is_ephemeral
        assert not storage.owns_store

    @pytest.mark.usefixtures("environment")
    def test_a_store_without_any_key_is_refused(self) -> None:
        with pytest.raises(ConfigurationError) as refused:
            Storage.of(MemoryStore(), None)
        assert "KeyRing" in refused.value.hint
        assert "STORAGE_ENCRYPTION_KEY" in refused.value.hint

    def test_a_key_ring_goes_with_the_store_of_the_environment(self, environment: Environment) -> None:
        assert isinstance(Storage.of(None, RING).store, MemoryStore)
        environment.set(**REDIS)
        storage = Storage.of(None, RING)
        assert isinstance(storage.store, RedisStore)
        assert storage.key_ring is RING
        assert storage.owns_store

    @pytest.mark.usefixtures("environment")
    async def test_the_clock_is_the_stores_too(self) -> None:
        clock = FakeClock()
        store = Storage.of(None, None, clock=clock).store
        await store.put("k", "v", ttl_seconds=10)
        clock.advance(11)
        assert await store.get("k") is None


@pytest.mark.parametrize(
    "variables",
    [
        {"TOKEN_STORAGE_MODE": "reddis"},
        {"TOKEN_STORAGE_MODE": "redis"},
        {"STORAGE_ENCRYPTION_KEY": "short"},
    ],
)
def test_a_key_ring_alone_is_refused_for_the_same_reasons(environment: Environment, variables: dict[str, str]) -> None:
    environment.set(**variables)
    with pytest.raises(ConfigurationError):
        key_ring_from_environment()


def test_a_key_ring_alone_needs_no_store(environment: Environment) -> None:
    environment.set(TOKEN_STORAGE_MODE="redis", STORAGE_ENCRYPTION_KEY=KEY)
    assert not key_ring_from_environment().is_ephemeral
    environment.set(TOKEN_STORAGE_MODE=None, STORAGE_ENCRYPTION_KEY=None)
    assert key_ring_from_environment().is_ephemeral
