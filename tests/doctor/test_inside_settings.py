"""A healthy world with one wrong setting, or one file that others can read: exactly that is named."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mcpauthkit import DecryptionKeys
from tests.doctor.healthy import healthy

KEY = "Zx4-hT9mQpL2vRw8KcYd6JsBfN3uGaEo7i1M5qXn"


async def codes() -> list[str]:
    with healthy() as world:
        return await world.codes()


@pytest.mark.parametrize(
    ("variables", "code"),
    [
        pytest.param({"MCPAUTHKIT_REPLICAS": "many"}, "settings-invalid", id="a word for a number"),
        pytest.param({"MCPAUTHKIT_MCP_PATH": "mcp"}, "settings-invalid", id="a path without a slash"),
        pytest.param({"MCPAUTHKIT_ISSUER": "https://id.example"}, "settings-misspelt", id="nearly the issuer"),
        pytest.param({"STORAGE_ENCRYPTON_KEY": KEY}, "settings-misspelt", id="nearly the key"),
        pytest.param({"TOKEN_STORAGE_MODE": "redsi"}, "storage-settings-invalid", id="no such mode"),
        pytest.param(
            {"TOKEN_STORAGE_MODE": "redis", "STORAGE_ENCRYPTION_KEY": KEY},
            "storage-settings-invalid",
            id="Redis without an address",
        ),
        pytest.param({"STORAGE_ENCRYPTION_KEY": "short"}, "storage-settings-invalid", id="a short key"),
        pytest.param(
            {"TOKEN_STORAGE_MODE": "redis", "REDIS_URL": "redis://localhost:1/0"}, "storage-key-missing", id="no key"
        ),
        pytest.param({"REDIS_URL": "redis://localhost:1/0"}, "store-address-unused", id="an address without its mode"),
        pytest.param({"MCP_KEY_FILE_PATH": "/nowhere/keys.json"}, "decryption-keys-unusable", id="no key file"),
        pytest.param({"MCPAUTHKIT_POLICIES": "/nowhere/policies"}, "policy-invalid", id="no policies"),
    ],
)
async def test_a_wrong_variable_is_named(variables: dict[str, str], code: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with healthy() as world:
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert await world.codes() == [code]


async def test_no_finding_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    with healthy() as world:
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", "canary-short")
        monkeypatch.setenv("REDIS_URL", "redis://user:canary-of-redis@localhost:1/0")
        report = await world.report()
    assert report.findings
    assert "canary" not in repr(report.findings)


async def test_an_env_file_that_is_no_text_is_named(folder: Path) -> None:
    with healthy() as world:
        (folder / ".env").write_bytes("MCPAUTHKIT_REPLICAS=1\n".encode("utf-16"))
        assert await world.codes() == ["env-file-unreadable"]


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files")
@pytest.mark.parametrize(("mode", "expected"), [(0o644, ["secret-file-open"]), (0o600, [])])
async def test_an_env_file_with_secrets_is_for_its_owner(folder: Path, mode: int, expected: list[str]) -> None:
    file = folder / ".env"
    file.write_text(f"STORAGE_ENCRYPTION_KEY={KEY}\n", encoding="utf-8")
    file.chmod(mode)
    assert await codes() == expected


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files")
async def test_a_mounted_secret_that_everybody_reads_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "key"
    file.write_text(KEY, encoding="utf-8")
    file.chmod(0o644)
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", str(file))
    assert await codes() == ["secret-file-open"]


async def test_redis_without_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with healthy() as world:
        for name, value in {"TOKEN_STORAGE_MODE": "redis", "REDIS_URL": "redis://localhost:1/0"}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEY)
        monkeypatch.setitem(sys.modules, "redis", None)
        assert await world.codes() == ["extra-missing"]


async def test_a_machine_without_a_server_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    with healthy() as world:
        for name in ("uvicorn", "hypercorn", "granian", "gunicorn"):
            monkeypatch.setitem(sys.modules, name, None)
        assert await world.codes() == ["no-http-server"]


def key_at(path: Path, mode: int, bits: int = 2048) -> None:
    """A private key that opens tokens, as a file."""
    key = generate_private_key(65537, bits)
    path.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(mode)


@pytest.mark.skipif(sys.platform == "win32", reason="no modes of files")
async def test_a_private_key_that_everybody_reads_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_at(folder / "keys.pem", 0o644)
    monkeypatch.setenv("MCP_KEY_FILE_PATH", str(folder / "keys.pem"))
    assert await codes() == ["decryption-key-file-open"]


async def test_a_key_that_is_too_weak_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key_at(folder / "keys.pem", 0o600, bits=1024)
    with healthy() as world:
        monkeypatch.setenv("MCP_KEY_FILE_PATH", str(folder / "keys.pem"))
        assert await world.codes() == ["decryption-keys-unusable"]


async def test_encrypted_only_without_keys_is_named() -> None:
    with healthy(middleware={"encrypted_only": True}) as world:
        assert await world.codes() == ["encrypted-only-without-keys"]


async def test_a_healthy_world_with_keys_and_settings_has_no_finding(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = DecryptionKeys.generate("P-256")
    monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", KEY)
    monkeypatch.setenv("MCPAUTHKIT_REPLICAS", "1")
    (folder / ".env").write_text("MCPAUTHKIT_AUDIT=log\n", encoding="utf-8")
    encrypting = {"encrypt_access_tokens_to": keys.public_jwks(), "encryption": ("ECDH-ES", "A256GCM")}
    with healthy(issuer=encrypting, middleware={"decryption_keys": keys, "encrypted_only": True}) as world:
        assert await world.codes(token=world.token()) == []
