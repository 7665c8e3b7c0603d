"""Sealing keys in a file: both forms, the two steps of a rotation, and secrets that only a key service can read."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import KeyRing, MemoryStore, Secret
from mcpauthkit.errors import AuthKitError, ConfigurationError, StoreUnavailable
from mcpauthkit.stores.key_file import KeyFile
from mcpauthkit.stores.rotation import reseal_all
from mcpauthkit.stores.sealed import SealedStore
from mcpauthkit.stores.wrapping import ExternalKeyService

CANARY = "canary-Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9"
OTHER = "canary-8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"


class Shift:
    """A key service: what it wraps only it can read, and only under the name it was wrapped for."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.trouble: Exception | None = None

    def wrap(self, name: str, secret: Secret) -> bytes:
        return self._answer("wrap", name) + secret.reveal().encode()[::-1]

    def unwrap(self, name: str, wrapped: bytes) -> Secret:
        mark = self._answer("unwrap", name)
        if not wrapped.startswith(mark):
            raise KeyError(CANARY)
        return Secret(wrapped.removeprefix(mark)[::-1].decode())

    def _answer(self, what: str, name: str) -> bytes:
        self.asked.append(f"{what} {name}")
        if self.trouble is not None:
            raise self.trouble
        return b"\xff" + name.encode() + b"\x00"


class Forgetful(Shift):
    """Unwraps another secret than it wrapped."""

    def unwrap(self, name: str, wrapped: bytes) -> Secret:
        return Secret(super().unwrap(name, wrapped).reveal().upper())


class Stringly(Shift):
    def wrap(self, name: str, secret: Secret) -> bytes:
        return str(super().wrap(name, secret))  # type: ignore[return-value]  # as people write it


class Bytely(Shift):
    def unwrap(self, name: str, wrapped: bytes) -> Secret:
        return super().unwrap(name, wrapped).reveal().encode()  # type: ignore[return-value]  # as people write it


services: list[type[ExternalKeyService]] = [Shift]


def written(folder: Path, content: str | bytes, mode: int = 0o600) -> Path:
    path = folder / "keys"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)
    return path


def plain(minting: str = "b") -> str:
    return json.dumps({"minting": minting, "keys": {"a": CANARY, "b": OTHER}})


def refused(act: Callable[[], object]) -> AuthKitError:
    with pytest.raises(AuthKitError) as caught:
        act()
    error = caught.value
    chain: list[BaseException | None] = [error, error.__cause__]
    texts = f"{chain} {error} {error.hint} {error.reason} {error.for_log()}"
    assert "canary" not in texts
    assert error.hint
    return error


@pytest.mark.parametrize("text", [CANARY, f"{CANARY}\n", f"  {CANARY}\r\n", f"\ufeff{CANARY}\n"])
def test_one_line_with_one_secret_is_a_ring_as_the_environment_would_give_it(tmp_path: Path, text: str) -> None:
    ring = KeyFile(written(tmp_path, text)).read()
    assert ring.names == KeyRing.of_secrets(CANARY).names
    assert ring.derive(ring.minting, "p") == KeyRing.of_secrets(CANARY).derive(ring.minting, "p")
    assert not ring.is_ephemeral


def test_json_names_the_minting_key_and_the_others(tmp_path: Path) -> None:
    ring = KeyFile(str(written(tmp_path, plain()))).read()
    assert (ring.minting, ring.names) == ("b", ("a", "b"))
    assert ring.derive("a", "p") == KeyRing({"x": CANARY}, minting="x").derive("x", "p")


@pytest.mark.parametrize(
    "content",
    [
        "",
        " \n",
        f"{CANARY}\n{OTHER}\n",
        "canary-short",
        b"\xff\xfe" + CANARY.encode(),
        "x" * 300_000,
        "{",
        "{}",
        '{"minting": "canary"}',
        '{"minting": "a", "keys": {}}',
        '{"minting": "a", "keys": []}',
        f'{{"minting": "a", "keys": {{"a": ["{CANARY}"]}}}}',
        f'{{"minting": 1, "keys": {{"a": "{CANARY}"}}}}',
        f'{{"minting": "z", "keys": {{"a": "{CANARY}"}}}}',
        f'{{"minting": "a", "keys": {{"a": "{CANARY}"}}, "wrapped": {{}}}}',
        f'{{"minting": "a", "keys": {{"a": "{CANARY}", "a": "{OTHER}"}}}}',
        f'{{"minting": "a", "secrets": {{"a": "{CANARY}"}}}}',
        f'{{"keys": {{"a": "{CANARY}"}}}}',
        '{"minting": "a", "keys": {"a": "canary-short"}}',
        f'{{"minting": "a b", "keys": {{"a b": "{CANARY}"}}}}',
        f'{{"minting": "a", "wrapped": {{"a": "{CANARY}"}}}}',
        f'{{"minting": "a", "keys": {{"a": "{CANARY}"}}}} {CANARY}',
    ],
)
def test_a_file_that_holds_no_ring_is_refused_without_quoting_it(tmp_path: Path, content: str | bytes) -> None:
    assert isinstance(refused(KeyFile(written(tmp_path, content)).read), ConfigurationError)


@given(st.binary(max_size=200))
def test_no_file_raises_anything_else(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    file = KeyFile(written(tmp_path_factory.mktemp("keys"), content))
    try:
        file.read()
    except ConfigurationError as error:
        assert error.hint  # noqa: PT017  # some of them are rings


def test_a_file_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        assert str(path) in refused(KeyFile(path).read).public


@pytest.mark.parametrize(
    ("mode", "warns"), [(0o600, False), (0o640, False), (0o400, False), (0o644, True), (0o660, True)]
)
def test_a_file_that_others_can_read_or_a_group_can_change_is_warned_about(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, mode: int, *, warns: bool
) -> None:
    path = written(tmp_path, CANARY, mode)
    with caplog.at_level(logging.DEBUG):
        KeyFile(path).read()
    assert bool(caplog.records) == warns
    assert "canary" not in caplog.text


def test_nothing_prints_a_secret(tmp_path: Path) -> None:
    file = KeyFile(written(tmp_path, plain()))
    assert "canary" not in f"{file!r} {file} {file.read()!r}"


async def test_a_key_is_rotated_in_two_steps_and_nobody_is_logged_out(tmp_path: Path) -> None:
    path = written(tmp_path, f"{CANARY}\n")
    file, store = KeyFile(path), MemoryStore()
    before = file.read()
    await SealedStore(store, before).put("k", {"token": "t"}, ttl_seconds=None)

    file.add("2026-11")
    both = file.read()
    assert both.minting == before.minting
    await SealedStore(store, both).put("later", {"token": "t"}, ttl_seconds=None)
    assert await SealedStore(store, before).get("later") == {"token": "t"}

    file.rotate("2026-11")
    after = file.read()
    assert (after.minting, set(after.names)) == ("2026-11", {*before.names, "2026-11"})
    done = await reseal_all(store, after)
    assert (done.resealed, done.unreadable) == (2, ())
    file.remove(before.minting)
    assert await SealedStore(store, file.read()).get("k") == {"token": "t"}


def test_a_new_file_is_readable_by_its_owner_alone_and_holds_a_random_key(tmp_path: Path) -> None:
    one, other = KeyFile(tmp_path / "one"), KeyFile(tmp_path / "other")
    for file in (one, other):
        file.create("2026-11")
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600
    assert one.read().derive("2026-11", "p") != other.read().derive("2026-11", "p")
    assert one.read().looks_like_a_sample() == ()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "other"]


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    path = written(tmp_path, CANARY)
    refused(lambda: KeyFile(path).create("2026-11"))
    assert path.read_text() == CANARY


@pytest.mark.parametrize(
    ("before", "after"), [(0o600, 0o600), (0o640, 0o640), (0o644, 0o640), (0o666, 0o640), (0o400, 0o400)]
)
def test_a_change_keeps_the_readers_of_the_file_and_lets_nobody_else_in(
    tmp_path: Path, before: int, after: int
) -> None:
    path = written(tmp_path, plain(), before)
    KeyFile(path).add("c")
    assert path.stat().st_mode & 0o777 == after


def test_a_change_keeps_the_owner_of_the_file(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = written(tmp_path, plain())
    os.chown(path, 1234, 4321)
    KeyFile(path).add("c")
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 4321)


def test_a_change_goes_through_a_link(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    link = tmp_path / "link"
    link.symlink_to(path)
    KeyFile(link).rotate("a")
    assert link.is_symlink()
    assert KeyFile(path).read().minting == "a"


@pytest.mark.parametrize("name", ["a", "", "a b", "x" * 65, "é", "a.b"])
def test_a_name_that_is_taken_or_not_usable_changes_nothing(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, plain())
    refused(lambda: KeyFile(path).add(name))
    assert path.read_text() == plain()
    assert [one.name for one in tmp_path.iterdir()] == ["keys"]


def test_only_a_key_that_is_there_can_mint(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    error = refused(lambda: KeyFile(path).rotate("c"))
    assert f"{path} has no key c; it has a, b." in str(error)
    assert f"mcpauthkit sealing-key add {path} c" in error.hint
    assert "add" not in refused(lambda: KeyFile(path).rotate("no name")).hint
    assert path.read_text() == plain()


@pytest.mark.parametrize("name", ["b", "c", ""])
def test_a_key_that_is_not_there_or_seals_is_not_removed(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, plain())
    refused(lambda: KeyFile(path).remove(name))
    assert path.read_text() == plain()


def test_a_key_that_only_opens_is_removed_and_the_last_one_never(tmp_path: Path) -> None:
    file = KeyFile(written(tmp_path, plain()))
    file.remove("a")
    assert (file.read().names, file.read().minting) == (("b",), "b")
    assert "add" in refused(lambda: file.remove("b")).hint
    assert file.read().names == ("b",)


def test_a_new_file_takes_no_name_that_is_none_and_speaks_of_no_others(tmp_path: Path) -> None:
    error = refused(lambda: KeyFile(tmp_path / "keys").create("a b"))
    assert error.hint.endswith("at most 64.")


def test_what_is_broken_is_left_as_it_is(tmp_path: Path) -> None:
    path = written(tmp_path, '{"minting": "canary"}')
    refused(lambda: KeyFile(path).add("c"))
    assert path.read_text() == '{"minting": "canary"}'


def test_keys_that_are_added_at_once_are_all_there_or_refused(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    added: list[str] = []
    start = threading.Barrier(8)

    def add(name: str) -> None:
        start.wait()
        try:
            KeyFile(path).add(name)
        except ConfigurationError:
            return
        added.append(name)

    threads = [threading.Thread(target=add, args=(f"new-{number}",)) for number in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert added
    assert set(KeyFile(path).read().names) == {"a", "b", *added}


def test_a_change_that_was_broken_off_is_named_and_not_overwritten(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    (tmp_path / "keys.new").write_text("half")
    assert "keys.new" in refused(lambda: KeyFile(path).add("c")).hint
    assert (tmp_path / "keys.new").read_text() == "half"


def test_where_nothing_can_be_written_it_says_so(tmp_path: Path) -> None:
    refused(lambda: KeyFile(tmp_path / "no" / "folder").create("a"))


def test_the_file_holds_wrapped_secrets_and_the_service_is_asked_once_per_key(tmp_path: Path) -> None:
    service = Shift()
    file = KeyFile(tmp_path / "keys", key_service=service)
    file.create("one")
    file.add("two")
    file.rotate("two")
    service.asked.clear()
    ring = file.read()
    assert service.asked == ["unwrap one", "unwrap two"]
    content = json.loads((tmp_path / "keys").read_text())
    assert (content["minting"], set(content["wrapped"]), "keys" in content) == ("two", {"one", "two"}, False)
    for _ in range(100):
        assert ring.derive("two", "p")
    assert len(service.asked) == 2


def test_secrets_in_clear_are_wrapped_once_and_stay_the_same(tmp_path: Path) -> None:
    path = written(tmp_path, plain())
    before = KeyFile(path).read()
    file = KeyFile(path, key_service=Shift())
    assert "wrap()" in refused(file.read).hint
    refused(lambda: file.add("c"))
    file.wrap()
    assert "canary" not in path.read_text()
    after = file.read()
    assert (after.minting, after.names) == (before.minting, before.names)
    assert all(after.derive(name, "p") == before.derive(name, "p") for name in after.names)
    assert "key_service=" in refused(KeyFile(path).read).hint
    refused(lambda: KeyFile(path).add("c"))
    refused(lambda: KeyFile(path).wrap())
    refused(file.wrap)


def test_a_wrapped_secret_under_another_name_is_refused(tmp_path: Path) -> None:
    file = KeyFile(tmp_path / "keys", key_service=Shift())
    file.create("one")
    content = (tmp_path / "keys").read_text()
    (tmp_path / "keys").write_text(content.replace('"one"', '"two"'))
    assert "Shift" in refused(file.read).public


@pytest.mark.parametrize("text", ["AAAA=", "AB", "a b", "é", "A+/A"])
def test_a_wrapped_secret_that_is_no_base64url_is_refused_before_the_service_is_asked(
    tmp_path: Path, text: str
) -> None:
    service = Shift()
    path = written(tmp_path, json.dumps({"minting": "a", "wrapped": {"a": text}}))
    refused(KeyFile(path, key_service=service).read)
    assert service.asked == []


@pytest.mark.parametrize(
    ("trouble", "kind"),
    [
        (ConnectionError(CANARY), StoreUnavailable),
        (TimeoutError(CANARY), StoreUnavailable),
        (PermissionError(CANARY), ConfigurationError),
        (RuntimeError(CANARY), ConfigurationError),
        (ValueError(CANARY), ConfigurationError),
        (ConfigurationError("Ours.", hint="Fix."), ConfigurationError),
    ],
)
def test_a_key_service_that_fails_is_named_without_its_words(
    tmp_path: Path, trouble: Exception, kind: type[AuthKitError]
) -> None:
    service = Shift()
    file = KeyFile(tmp_path / "keys", key_service=service)
    file.create("one")
    before = (tmp_path / "keys").read_text()
    service.trouble = trouble
    for act in (file.read, lambda: file.add("two"), lambda: file.rotate("one")):
        error = refused(act)
        assert isinstance(error, kind)
        assert error is trouble or "Shift" in error.public
    assert (tmp_path / "keys").read_text() == before


@pytest.mark.parametrize("kind", [Forgetful, Stringly, Bytely])
def test_a_key_service_that_would_lose_the_key_is_found_out_before_anything_is_written(
    tmp_path: Path, kind: type[Shift]
) -> None:
    assert kind.__name__ in refused(lambda: KeyFile(tmp_path / "keys", key_service=kind()).create("one")).public
    assert list(tmp_path.iterdir()) == []
