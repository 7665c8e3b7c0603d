"""`mcpauthkit token mint`: tokens that a server of one's own takes, and those that nobody makes."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import anyio
import pytest

from mcpauthkit.cli.token_claims import DEFAULT_ISSUER
from mcpauthkit.errors import ExpiredToken, InvalidToken
from mcpauthkit.identity.port import Verified
from mcpauthkit.verifiers import SharedSecretVerifier, StaticKeyVerifier
from tests.cli.commands import run

SECRET = "canary-Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9"
SERVER = "http://127.0.0.1:8000/mcp"


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def mint(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    assert run("token", "mint", *arguments) == 0
    token = capsys.readouterr().out
    assert token.count("\n") == 1
    return token.strip()


def verified(verifier: SharedSecretVerifier | StaticKeyVerifier, token: str) -> Verified:
    return anyio.run(verifier.verify, token)


def server_with_key(here: Path, issuer: str = DEFAULT_ISSUER) -> StaticKeyVerifier:
    key = json.loads((here / ".keys/mcp-dev-verifying.json").read_text())
    return StaticKeyVerifier(key, audience=SERVER, issuer=issuer)


def test_a_server_with_the_public_half_of_the_development_key_takes_it(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    options = ("--scope", "public:read", "confidential:read", "--role", "admin", "--client", "agent-1")
    token = mint(capsys, "--sub", "alice", *options, "--audience", SERVER)
    user = verified(server_with_key(here), token).principal
    assert (user.subject, user.issuer, user.client_id) == ("alice", DEFAULT_ISSUER, "agent-1")
    assert user.scopes == {"public:read", "confidential:read"}
    assert user.roles == {"admin"}
    assert user.audience == (SERVER,)
    assert user.expires_at is not None
    assert user.issued_at is not None
    assert user.expires_at - user.issued_at == 3600


def test_the_key_is_made_once_and_is_its_owners_alone(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("token", "mint", "--sub", "alice", "--audience", SERVER) == 0
    told = capsys.readouterr().err
    assert "StaticKeyVerifier" in told
    signing = here / ".keys/mcp-dev-signing.json"
    assert stat.S_IMODE(signing.stat().st_mode) == 0o600
    assert stat.S_IMODE(signing.parent.stat().st_mode) == 0o700
    assert json.loads(signing.read_text())["d"] not in told
    before = signing.read_bytes()
    assert run("token", "mint", "--sub", "bob", "--audience", SERVER) == 0
    assert capsys.readouterr().err == ""
    assert signing.read_bytes() == before
    assert "d" not in json.loads((here / ".keys/mcp-dev-verifying.json").read_text())


def test_cleaning_the_keys_ends_the_development_key_too(here: Path) -> None:
    assert run("token", "mint", "--sub", "alice", "--audience", SERVER) == 0
    assert run("keys", "clean") == 0
    assert not (here / ".keys").exists()


def test_a_server_with_the_same_secret_takes_it(capsys: pytest.CaptureFixture[str]) -> None:
    token = mint(
        capsys,
        "--sub",
        "alice",
        "--scope",
        "public:read",
        "--secret",
        SECRET,
        "--audience",
        SERVER,
        "--exp-hours",
        "24",
    )
    user = verified(SharedSecretVerifier(SECRET, audience=SERVER), token).principal
    assert (user.subject, sorted(user.scopes)) == ("alice", ["public:read"])
    with pytest.raises(InvalidToken):
        verified(SharedSecretVerifier(SECRET[::-1], audience=SERVER), token)


def test_the_secret_may_stand_in_a_file(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / "secret").write_text(f"{SECRET}\n")
    token = mint(capsys, "--sub", "alice", "--secret-file", "secret", "--audience", SERVER)
    assert verified(SharedSecretVerifier(SECRET, audience=SERVER), token).principal.subject == "alice"


def test_a_negative_life_makes_a_token_that_has_ended(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    token = mint(capsys, "--sub", "charlie", "--scope", "public:read", "--exp-hours", "-1", "--audience", SERVER)
    with pytest.raises(ExpiredToken):
        verified(server_with_key(here), token)


def test_it_is_for_the_server_that_the_settings_name(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (here / ".env").write_text("MCPAUTHKIT_SERVER_BASE_URL=http://127.0.0.1:8000\n")
    token = mint(capsys, "--sub", "alice")
    assert verified(server_with_key(here), token).principal.audience == (SERVER,)


def test_whoever_names_no_server_is_told_what_comes_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("token", "mint", "--sub", "alice", "--secret", SECRET, "--json") == 0
    captured = capsys.readouterr()
    assert "--audience" in captured.err
    assert SECRET not in captured.out + captured.err
    assert json.loads(captured.out)["claims"].keys() == {"sub", "iat", "exp", "jti"}


@pytest.mark.parametrize("how", ["environment", "file"])
def test_there_is_none_in_production(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], how: str
) -> None:
    if how == "environment":
        monkeypatch.setenv("MCPAUTHKIT_PRODUCTION", "1")
    else:
        (here / ".env").write_text("MCPAUTHKIT_PRODUCTION=true\n")
    for arguments in ((), ("--secret", SECRET)):
        assert run("token", "mint", "--sub", "alice", "--audience", SERVER, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "MCPAUTHKIT_PRODUCTION" in captured.err
    assert not (here / ".keys").exists()


@pytest.mark.parametrize(
    "issuer",
    [
        "https://login.example.com",
        "https://login.microsoftonline.com/common/v2.0",
        "http://127.0.0.1@login.example.com",
        "http://localhost.example.com",
        "http://[::1",
        "//login.example.com",
        "shared-secret",
        "",
    ],
)
@pytest.mark.parametrize("signed_with", ["a key", "a secret"])
def test_there_is_none_in_the_name_of_an_issuer_elsewhere(
    capsys: pytest.CaptureFixture[str], issuer: str, signed_with: str
) -> None:
    secret = ("--secret", SECRET) if signed_with == "a secret" else ()
    assert run("token", "mint", "--sub", "alice", "--audience", SERVER, "--issuer", issuer, *secret) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("issuer", ["http://127.0.0.1:8701", "http://localhost:8080/realms/mcp", "http://[::1]:9000"])
def test_an_issuer_on_this_machine_may_be_named(here: Path, capsys: pytest.CaptureFixture[str], issuer: str) -> None:
    token = mint(capsys, "--sub", "alice", "--audience", SERVER, "--issuer", issuer)
    assert verified(server_with_key(here, issuer=issuer), token).principal.issuer == issuer


@pytest.mark.parametrize(
    "arguments",
    [
        ("--sub", " "),
        ("--sub", "alice", "--exp-hours", "nan"),
        ("--sub", "alice", "--exp-hours", "inf"),
        ("--sub", "alice", "--exp-hours", "1e9"),
        ("--sub", "alice", "--scope", "a,b"),
        ("--sub", "alice", "--secret", "dev-secret-change-me"),
        ("--sub", "alice", "--secret", SECRET, "--secret-file", "secret"),
        ("--sub", "alice", "--secret-file", "no-such-file"),
        (),
    ],
)
def test_what_makes_no_good_token_is_told_without_a_traceback(
    capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run("token", "mint", *arguments, "--audience", SERVER) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "Traceback" not in captured.err
    assert SECRET not in captured.err


@pytest.mark.parametrize("content", ["notes of mine", "{}", '{"kty": "RSA", "use": "sig", "alg": "ES256"}'])
def test_a_file_that_is_no_development_key_stays_as_it_is(
    here: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    file = here / "mine.json"
    file.write_text(content)
    assert run("token", "mint", "--sub", "alice", "--audience", SERVER, "--key", file) == 2
    assert file.read_text() == content
    assert [one.name for one in here.iterdir()] == ["mine.json"]
    assert content not in capsys.readouterr().err or content == "{}"
