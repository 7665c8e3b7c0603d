"""`mcpauthkit token inspect`: what it says of tokens, and what it keeps to itself."""

from __future__ import annotations

import io
import json
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwe, jws
from joserfc.jwk import ECKey, OctKey, RSAKey

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.identity.description import NOT_SHOWN, describe
from mcpauthkit.testing import DevIssuer
from tests.cli.commands import run

KEY = ECKey.generate_key("P-256", {"kid": "k1"})
SERVER = "http://127.0.0.1:8000/mcp"
GOOD = {"iss": "https://issuer.example.com", "sub": "alice", "aud": SERVER, "scope": "read write", "client_id": "ide"}


def claims(**changes: Any) -> dict[str, Any]:
    now = int(time.time())
    return {**GOOD, "iat": now, "exp": now + 600, **changes}


def token(header: dict[str, Any] | None = None, **changes: Any) -> str:
    return jws.serialize_compact({"alg": "ES256", "kid": "k1", **(header or {})}, json.dumps(claims(**changes)), KEY)


def pasted(header: dict[str, Any], payload: dict[str, Any]) -> str:
    return ".".join(base64url_encode(json.dumps(one).encode()) for one in (header, payload)) + ".c2ln"


def given_on_stdin(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(text.encode())))


def inspected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, *arguments: object
) -> tuple[int, dict[str, Any]]:
    given_on_stdin(monkeypatch, text)
    code = run("token", "inspect", "--json", *arguments)
    captured = capsys.readouterr()
    assert captured.err == ""
    # Neither the token nor its signature, which is what makes it worth something.
    assert text.strip() not in captured.out
    assert text.strip().rpartition(".")[2] not in captured.out
    return code, json.loads(captured.out)


def faults(found: dict[str, Any]) -> str:
    return " ".join(one["text"] for one in found["remarks"] if one["fault"])


@pytest.mark.parametrize("front", ["", "Bearer ", "bearer ", "Authorization: Bearer ", "\n  "])
def test_a_token_is_read_from_standard_input_however_much_was_copied(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], front: str
) -> None:
    given_on_stdin(monkeypatch, f"{front}{token()}\n")
    assert run("token", "inspect") == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    for word in ("Signed token", "alice", "Scopes: read, write", "Client: ide", "It ends in 9 minutes"):
        assert word in captured.out
    assert "Nothing of this is verified" in captured.out


def test_whoever_pastes_it_on_the_command_line_is_warned(capsys: pytest.CaptureFixture[str]) -> None:
    text = token()
    assert run("token", "inspect", text) == 0
    captured = capsys.readouterr()
    assert "history" in captured.err
    assert text not in captured.out + captured.err


@pytest.mark.parametrize(
    ("header", "changes", "arguments", "told"),
    [
        ({}, {"exp": 1_000_000_000}, (), "2001-09-09T01:46:40Z"),
        ({}, {"exp": None}, (), "no end"),
        ({}, {"exp": True}, (), "no end"),
        ({}, {"nbf": 4_000_000_000}, (), "begins only"),
        ({}, {"at_hash": "x"}, (), "at_hash"),
        ({}, {"typ": "Refresh"}, (), "another kind"),
        ({}, {"aud": "https://elsewhere.example.com"}, ("--audience", SERVER), SERVER),
        ({}, {"aud": []}, ("--audience", SERVER), "which server"),
        ({"typ": "dpop+jwt"}, {}, (), "typ"),
        ({"typ": "JWT"}, {"typ": "ID"}, ("--profile", "keycloak"), "another kind"),
    ],
)
def test_what_a_server_would_refuse_is_a_fault(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    header: dict[str, Any],
    changes: dict[str, Any],
    arguments: tuple[str, ...],
    told: str,
) -> None:
    code, found = inspected(monkeypatch, capsys, token(header, **changes), *arguments)
    assert code == 1
    assert told in faults(found)


@pytest.mark.parametrize("algorithm", ["none", "RS1", ["ES256"], None])
def test_an_algorithm_that_nobody_takes_is_a_fault(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], algorithm: object
) -> None:
    code, found = inspected(monkeypatch, capsys, pasted({"alg": algorithm}, claims()))
    assert code == 1
    assert "signed with" in faults(found)


def test_a_shared_secret_is_no_fault_and_said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    text = jws.serialize_compact({"alg": "HS256"}, json.dumps(claims()), OctKey.generate_key(256))
    code, found = inspected(monkeypatch, capsys, text)
    assert code == 0
    assert "shared secret" in str(found["remarks"])


SECRETS = {
    "access_token": "canary-1",
    "client_secret": "canary-2",
    "ext": {"password": "canary-3", "deep": [{"api_key": "canary-4"}]},
    "upstream": "eyJhbGciOiJub25lIn0.canary-5.x",
    "cnf": {"jwk": {"kty": "EC", "crv": "P-256", "d": "canary-6"}},
    "sealed": "mk1.2026.canary-7",
    "pem": "-----BEGIN PRIVATE KEY----- canary-8",
}


@pytest.mark.parametrize("form", [(), ("--json",)])
def test_secrets_within_a_token_are_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], form: tuple[str, ...]
) -> None:
    given_on_stdin(monkeypatch, pasted({"alg": "ES256", "x-secret": "canary-9"}, claims(token_use="access", **SECRETS)))
    assert run("token", "inspect", *form) == 0
    out = capsys.readouterr().out
    assert "canary" not in out
    assert NOT_SHOWN in out
    assert '"access"' in out


@pytest.mark.parametrize(
    ("text", "kind", "code"),
    [
        ("ghp_canary0123456789", "opaque token", 1),
        ("canary0123456789", "opaque token", 0),
        ("a.canary.canary", "opaque token", 0),
        ("canary" * 4000, "opaque token", 1),
        ("mk1.2026-11.0011aabb.canary", "sealed value", 0),
        (json.dumps({"kty": "oct", "k": "canary"}), "private key", 1),
        ("-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----", "private key", 1),
    ],
)
def test_what_is_no_jwt_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str, kind: str, code: int
) -> None:
    ended, found = inspected(monkeypatch, capsys, text)
    assert (ended, found["kind"]) == (code, kind)
    assert "canary" not in str(found)
    given_on_stdin(monkeypatch, text)
    assert run("token", "inspect") == code
    assert "canary" not in capsys.readouterr().out


def test_what_would_move_the_cursor_of_a_terminal_is_escaped(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    evil = "\x1b[2J\r[bold]x"
    given_on_stdin(monkeypatch, token({"kid": evil}, **{"name": evil, evil: "x", "client_id": evil, "scope": evil}))
    assert run("token", "inspect") == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\r" not in out
    assert "[bold]" in out


@pytest.mark.parametrize("text", ["", " \n", "Bearer "])
def test_no_token_is_told(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], text: str) -> None:
    given_on_stdin(monkeypatch, text)
    assert run("token", "inspect") == 2
    assert "no token" in capsys.readouterr().err


def test_an_encrypted_token_is_opened_only_with_the_key_that_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    key = RSAKey.generate_key(2048, {"kid": "e1", "use": "enc"}, private=True)
    for name, one in (("key.json", key), ("other.json", RSAKey.generate_key(2048, private=True))):
        (tmp_path / name).write_text(json.dumps(one.as_dict(private=True)))
        (tmp_path / name).chmod(0o600)
    header = {"alg": "RSA-OAEP-256", "enc": "A256GCM", "kid": "e1", "cty": "JWT"}
    registry = jwe.JWERegistry(algorithms=["RSA-OAEP-256", "A256GCM"])
    text = jwe.encrypt_compact(header, token().encode(), key, registry=registry)
    # The environment's key is for the server: looking at a token takes nothing that was not asked for.
    monkeypatch.setenv("MCP_KEY_FILE_PATH", str(tmp_path / "key.json"))
    code, found = inspected(monkeypatch, capsys, text)
    assert (code, found["kind"], found["inside"]) == (0, "encrypted token", None)
    code, found = inspected(monkeypatch, capsys, text, "--key-file", "key.json")
    assert (code, found["inside"]["claims"]["sub"]) == (0, "alice")
    code, found = inspected(monkeypatch, capsys, text, "--key-file", "other.json")
    assert (code, found["inside"]) == (1, None)
    assert "opens it" in faults(found)
    given_on_stdin(monkeypatch, text)
    assert run("token", "inspect", "--key-file", "key.json") == 0
    out = capsys.readouterr().out
    assert "Inside:" in out
    assert str(key.as_dict(private=True)["d"]) not in out


def test_with_an_issuer_it_is_verified(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with DevIssuer() as issuer:
        genuine = issuer.token(sub="alice", audience=SERVER, scope="read")
        code, found = inspected(monkeypatch, capsys, genuine, "--issuer", issuer.issuer_url, "--audience", SERVER)
        assert (code, found["verdict"]["is_good"]) == (0, True)
        forged = token(iss=issuer.issuer_url)
        code, found = inspected(monkeypatch, capsys, forged, "--issuer", issuer.issuer_url)
        assert (code, found["verdict"]["is_good"]) == (1, False)
        assert found["remarks"]
        address = issuer.issuer_url
    # The issuer is gone: that says nothing of the token.
    code, found = inspected(monkeypatch, capsys, genuine, "--issuer", address)
    assert (code, found["verdict"]["is_good"]) == (2, None)
    given_on_stdin(monkeypatch, genuine)
    assert run("token", "inspect", "--issuer", address) == 2
    assert "Could not be verified" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [("--issuer", "nonsense"), ("--profile", "nonsense"), ("--key-file", "nonsense")])
def test_wrong_arguments_are_told_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: tuple[str, str]
) -> None:
    given_on_stdin(monkeypatch, token())
    assert run("token", "inspect", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "nonsense" in captured.err
    assert "Traceback" not in captured.err


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["alg", "typ", "kid", "crit", "enc", "zip", "jku"]) | st.text()
CLAIM_NAMES = st.sampled_from(["iss", "sub", "aud", "exp", "nbf", "iat", "scope", "scp", "roles", "typ"]) | st.text()


@given(st.dictionaries(NAMES, JSON, max_size=5), st.dictionaries(CLAIM_NAMES, JSON, max_size=6), st.booleans())
def test_whatever_a_token_holds_it_is_described(
    header: dict[str, Any], payload: dict[str, Any], is_encrypted: bool
) -> None:
    text = pasted(header, payload) + (".a.b" if is_encrypted else "")
    found = describe(text, now=1_800_000_000, audiences=[SERVER])
    assert found.length == len(text)
    json.dumps([found.header, found.claims], allow_nan=False)


@given(st.text())
def test_whatever_is_given_it_is_described(text: str) -> None:
    assert describe(text, now=1_800_000_000).length == len(text)
