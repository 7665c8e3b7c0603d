"""`mcpauthkit keys`: pairs of keys that a server reads, a Secret for Kubernetes, rotation, and their end."""

from __future__ import annotations

import base64
import json
import os
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from joserfc import jwe
from joserfc.jwk import ECKey, OKPKey, RSAKey

from mcpauthkit import DecryptionKeys
from tests.cli.commands import run

FAST = ("--kind", "ec-p256")
ALGORITHMS = {"RSA": "RSA-OAEP-256", "EC": "ECDH-ES+A256KW", "OKP": "ECDH-ES+A256KW"}
KEYS: dict[str, type[RSAKey | ECKey | OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi"}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".keys"


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def private(folder: Path) -> Path:
    return folder / "mcp-private.json"


def public_keys(folder: Path) -> list[dict[str, Any]]:
    return list(json.loads((folder / "mcp-public.json").read_text())["keys"])


def encrypted(member: dict[str, Any]) -> str:
    """A token that an issuer makes with a published key."""
    header = {"alg": ALGORITHMS[member["kty"]], "enc": "A256GCM", "kid": member["kid"]}
    key = KEYS[member["kty"]].import_key(member)
    registry = jwe.JWERegistry(algorithms=[*ALGORITHMS.values(), "A256GCM"])
    return jwe.encrypt_compact(header, b'{"sub":"alice"}', key, registry=registry)


def opens(folder: Path, token: str) -> bool:
    return DecryptionKeys.from_file(private(folder)).decrypt(token).payload == b'{"sub":"alice"}'


@pytest.mark.parametrize("kind", ["rsa-3072", "ec-p256", "ec-p384", "ec-p521", "x25519"])
def test_what_is_encrypted_to_the_public_half_opens_with_the_private_one(folder: Path, kind: str) -> None:
    assert run("keys", "generate", "--kind", kind) == 0
    (member,) = public_keys(folder)
    assert not PRIVATE_MEMBERS & member.keys()
    assert member["use"] == "enc"
    assert opens(folder, encrypted(member))
    assert DecryptionKeys.from_file(private(folder)).public_jwks()["keys"] == [member]


def test_an_rsa_key_of_4096_bits_is_what_one_gets_without_a_word(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", "generate") == 0
    (member,) = public_keys(folder)
    assert RSAKey.import_key(member).public_key.key_size == 4096
    told = capsys.readouterr().out
    assert ".keys/mcp-private.json" in told
    assert "MCP_KEY_FILE_PATH" in told
    secret = json.loads(private(folder).read_text())["keys"][0]["d"]
    assert secret not in told


@pytest.mark.usefixtures("umask")
@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_nobody_else_can_read_the_keys_whatever_the_umask_is(folder: Path, mask: int) -> None:
    os.umask(mask)
    assert run("keys", "generate", *FAST) == 0
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(private(folder).stat().st_mode) == 0o600
    for step in ((), ("--publish",), ("--finish",)):
        assert run("keys", "rotate", *step, *FAST) == 0
        assert stat.S_IMODE(private(folder).stat().st_mode) == 0o600


@pytest.mark.usefixtures("umask")
def test_their_folder_is_never_open_not_even_while_it_is_made(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Whoever opens it in that moment puts a file of theirs there, or keeps the folder open.
    seen: list[int] = []
    chmod = Path.chmod

    def watched(path: Path, mode: int) -> None:
        seen.append(stat.S_IMODE(path.stat().st_mode))
        chmod(path, mode)

    monkeypatch.setattr(Path, "chmod", watched)
    os.umask(0)
    assert run("keys", "generate", *FAST) == 0
    assert folder.is_dir()
    assert seen[:1] == [0o700]


def test_git_does_not_take_the_keys(folder: Path) -> None:
    subprocess.run(["git", "init", "-q", str(folder.parent)], check=True)  # noqa: S603, S607  # our own command
    assert run("keys", "generate", *FAST) == 0
    seen = subprocess.run(  # noqa: S603  # our own command
        ["git", "-C", str(folder.parent), "status", "--porcelain", "--untracked-files=all"],  # noqa: S607
        check=True,
        capture_output=True,
        text=True,
    )
    assert seen.stdout == ""


@pytest.mark.parametrize("name", ["mcp-private.json", "mcp-public.json"])
@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_there_is_never_overwritten(
    folder: Path, capsys: pytest.CaptureFixture[str], name: str, kind: str
) -> None:
    folder.mkdir()
    elsewhere = folder.parent / "elsewhere"
    if kind == "file":
        (folder / name).write_text("mine")
    else:
        (folder / name).symlink_to(elsewhere)
    assert run("keys", "generate", *FAST) == 2
    told = capsys.readouterr().err
    assert name in told
    assert "keys rotate" in told
    assert [one.name for one in folder.iterdir()] == [name]
    assert not elsewhere.exists()


def test_a_folder_of_somebody_elses_choice_is_used_and_left_as_it_is(folder: Path) -> None:
    other = folder.parent / "deploy" / "secrets"
    other.mkdir(parents=True, mode=0o750)
    assert run("keys", "generate", "-o", other, *FAST) == 0
    assert sorted(one.name for one in other.iterdir()) == ["mcp-private.json", "mcp-public.json"]
    assert stat.S_IMODE(other.stat().st_mode) == 0o750
    assert run("keys", "clean", "-o", other) == 0
    assert list(other.iterdir()) == []


@pytest.mark.parametrize("bad", ["open to all", "a file", "below a file"])
def test_a_folder_that_cannot_hold_keys_is_refused_with_the_fix(
    folder: Path, capsys: pytest.CaptureFixture[str], bad: str
) -> None:
    if bad == "open to all":
        folder.mkdir()
        folder.chmod(0o777)
    else:
        folder.write_text("")
    output = folder / "keys" if bad == "below a file" else folder
    assert run("keys", "generate", "--output", output, *FAST) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err


def test_a_pair_whose_second_half_cannot_be_written_leaves_no_first_half(folder: Path) -> None:
    assert run("keys", "generate", *FAST) == 0
    for one in (private(folder), folder / "mcp-public.json"):
        one.unlink()
    # What a change that was broken off leaves, here of the second file alone.
    (folder / "mcp-public.json.new").write_text("")
    assert run("keys", "generate", *FAST) == 2
    assert not private(folder).exists()
    assert run("keys", "clean") == 0
    assert run("keys", "generate", *FAST) == 0


def test_in_no_step_of_a_rotation_is_there_a_token_that_does_not_open(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", "generate", *FAST) == 0
    (first,) = public_keys(folder)
    before = private(folder).read_bytes()
    assert run("keys", "rotate", *FAST) == 0
    # A server that has the new file and one that has the old one publish the same key, which both can open.
    assert public_keys(folder) == [first]
    assert DecryptionKeys.from_file(private(folder)).public_jwks()["keys"] == [first]
    added = private(folder).read_bytes()

    assert run("keys", "rotate", "--publish") == 0
    (second,) = public_keys(folder)
    assert second["kid"] != first["kid"]
    assert DecryptionKeys.from_file(private(folder)).public_jwks()["keys"] == [second]
    assert opens(folder, encrypted(first))
    # One that has not got the file of this step yet opens what the others publish.
    old_server = folder.parent / "old-server.json"
    old_server.write_bytes(added)
    assert DecryptionKeys.from_file(old_server).decrypt(encrypted(second)).payload

    assert run("keys", "rotate", "--finish", "--json") == 0
    assert json.loads(capsys.readouterr().out.partition("\n{")[2].join(("{", ""))) == {"step": "finish", "removed": 1}
    assert DecryptionKeys.from_file(private(folder)).key_ids == (second["kid"],)
    old_server.write_bytes(before)
    assert DecryptionKeys.from_file(old_server).key_ids == (first["kid"],)


@pytest.mark.parametrize("arguments", [("--publish",), ("--finish",), ("--publish", "--finish")])
def test_a_step_out_of_order_is_refused_and_changes_nothing(folder: Path, arguments: tuple[str, ...]) -> None:
    assert run("keys", "generate", *FAST) == 0
    before = private(folder).read_bytes()
    assert run("keys", "rotate", *arguments) == 2
    assert private(folder).read_bytes() == before


def test_a_second_rotation_waits_for_the_first_to_be_published(folder: Path) -> None:
    assert run("keys", "generate", *FAST) == 0
    assert run("keys", "rotate", *FAST) == 0
    before = private(folder).read_bytes()
    assert run("keys", "rotate", *FAST) == 2
    assert private(folder).read_bytes() == before


def test_keys_of_the_tool_before_this_one_are_rotated_as_they_are(folder: Path) -> None:
    folder.mkdir()
    made = RSAKey.generate_key(2048, {"kid": "mcp-key-1", "use": "enc", "alg": "RSA-OAEP"}, private=True)
    private(folder).write_text(json.dumps({"keys": [made.as_dict(private=True)]}))
    for step in ((), ("--publish",)):
        assert run("keys", "rotate", *step, *FAST) == 0
    keys = DecryptionKeys.from_file(private(folder))
    assert "mcp-key-1" in keys.key_ids
    assert "mcp-key-1" not in {one["kid"] for one in keys.public_jwks()["keys"]}


@pytest.mark.parametrize("command", ["rotate", "clean"])
@pytest.mark.parametrize("content", ["{}", "[]", '{"keys": [{"kty": "oct", "k": "c2VjcmV0"}]}', "notes of mine"])
def test_a_file_of_another_kind_is_neither_changed_nor_destroyed(
    folder: Path, capsys: pytest.CaptureFixture[str], command: str, content: str
) -> None:
    folder.mkdir()
    private(folder).write_text(content)
    assert run("keys", command) == 2
    assert private(folder).read_text() == content
    assert "Traceback" not in capsys.readouterr().err
    assert [one.name for one in folder.iterdir()] == ["mcp-private.json"]


def test_the_secret_is_all_that_goes_to_standard_output_and_loads_in_a_server(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", "k8s", *FAST) == 0
    captured = capsys.readouterr()
    secret = yaml.safe_load(captured.out)
    content = secret["data"].pop("mcp_jwks")
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "mcp-server-keys", "namespace": "default"},
        "type": "Opaque",
        "data": {},
    }
    mounted = folder.parent / "key.json"
    mounted.write_bytes(base64.b64decode(content, validate=True))
    mounted.chmod(0o400)
    (member,) = public_keys(folder)
    assert DecryptionKeys.from_file(mounted).decrypt(encrypted(member)).payload == b'{"sub":"alice"}'
    assert "keys clean" in captured.err
    assert content not in captured.err


def test_the_secret_of_keys_that_are_there_holds_these_with_their_rotation(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("keys", "generate", *FAST) == 0
    assert run("keys", "rotate", *FAST) == 0
    capsys.readouterr()
    assert run("keys", "k8s", "-n", "my-ns", "-s", "my.keys") == 0
    secret = yaml.safe_load(capsys.readouterr().out)
    assert secret["metadata"] == {"name": "my.keys", "namespace": "my-ns"}
    shipped = DecryptionKeys.from_jwks(json.loads(base64.b64decode(secret["data"]["mcp_jwks"])))
    kept = DecryptionKeys.from_file(private(folder))
    assert (shipped.key_ids, shipped.public_jwks()) == (kept.key_ids, kept.public_jwks())


@pytest.mark.parametrize(
    "arguments",
    [("-n", "My Namespace"), ("-n", "a.b"), ("-n", "a\nkind: Pod"), ("-s", "-keys"), ("-s", "a..b"), ("-s", "a" * 254)],
)
def test_a_name_that_kubernetes_does_not_take_makes_no_keys(folder: Path, arguments: tuple[str, str]) -> None:
    assert run("keys", "k8s", *arguments) == 2
    assert not folder.exists()


def test_cleaning_overwrites_what_it_removes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("keys", "generate", *FAST) == 0
    size = private(folder).stat().st_size
    # A file that is open keeps its content when its name goes; here, what is left of the place it had.
    with private(folder).open("rb") as kept:
        assert run("keys", "clean") == 0
        assert kept.read() == bytes(size)
    assert not folder.exists()
    assert str(Path(".keys/mcp-private.json")) in capsys.readouterr().out
    assert run("keys", "clean", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"destroyed": []}


def test_cleaning_leaves_what_else_is_in_the_folder(folder: Path) -> None:
    assert run("keys", "generate", *FAST) == 0
    (folder / "notes.txt").write_text("mine")
    assert run("keys", "clean") == 0
    assert sorted(one.name for one in folder.iterdir()) == [".gitignore", "notes.txt"]


@pytest.mark.parametrize("kind", ["symlink", "hard link", "folder", "linked folder"])
def test_cleaning_refuses_links_and_then_destroys_nothing(folder: Path, kind: str) -> None:
    assert run("keys", "generate", *FAST) == 0
    public = folder / "mcp-public.json"
    target = folder.parent / "target.json"
    output = folder
    match kind:
        case "symlink":
            public.rename(target)
            public.symlink_to(target)
        case "hard link":
            target.hardlink_to(public)
        case "folder":
            public.unlink()
            public.mkdir()
        case _:
            output = folder.parent / "link"
            output.symlink_to(folder)
    before = private(folder).read_bytes()
    assert run("keys", "clean", "-o", output) == 2
    assert private(folder).read_bytes() == before
    assert not target.exists() or target.read_bytes().startswith(b"{")


def test_cleaning_that_was_broken_off_is_finished_by_the_next(folder: Path) -> None:
    assert run("keys", "generate", *FAST) == 0
    data = bytearray(private(folder).read_bytes())
    data[:20] = bytes(20)
    private(folder).write_bytes(data)
    (folder / "mcp-private.json.new").write_text('{\n  "keys": [')
    assert run("keys", "clean") == 0
    assert not folder.exists()
