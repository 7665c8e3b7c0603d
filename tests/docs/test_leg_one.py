"""What docs/leg-1.md says about issuers and callers: its applications run, and do what stands there."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI

import mcpauthkit.verifiers
from mcpauthkit import ClaimMap, JwtAuthMiddleware, ProxyOptions, TrustedIssuer, oauth_meta_router
from mcpauthkit.errors import ForbiddenOrigin, InsufficientScope
from mcpauthkit.identity.profiles import profile_named
from mcpauthkit.testing import DevIssuer
from mcpauthkit.verifiers import TrustedHeaderVerifier, fastmcp_token_verifier
from tests.docs.leg_one import serving
from tests.docs.pages import execute, run_command, text_of
from tests.docs.snippets import snippets_on

PAGE = "docs/leg-1.md"
ISSUER = "https://login.example.com/realms/staff"
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "write_report", "arguments": {}}}


def code_below(heading: str) -> str:
    """The Python of a section, after the first ones, which name the addresses that all of them use."""
    text = text_of(PAGE).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    kit, parts, *_ = (one.code for one in snippets_on(PAGE, "python"))
    return "\n".join([kit, parts, *re.findall(r"```python\n(.*?)```", text, re.DOTALL)])


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    [[command, exported]] = [one.code.splitlines() for one in snippets_on(PAGE, "sh")]
    assert run_command(command.split()[1:]) == 0
    name, _, value = exported.removeprefix("export ").partition("=")
    assert (name, (tmp_path / value).stat().st_mode & 0o077) == ("MCP_KEY_FILE_PATH", 0)


@pytest.mark.usefixtures("key_file")
def test_every_application_on_the_page_can_be_built() -> None:
    names: dict[str, Any] = {}
    built = []
    for one in snippets_on(PAGE, "python"):
        execute(one.code, names)
        if isinstance(app := names.pop("app", None), FastAPI):
            built.append(app.build_middleware_stack())
    assert len(built) == 10
    assert names["mcp"].auth is not None


@pytest.mark.usefixtures("key_file")
async def test_only_what_is_encrypted_for_the_server_gets_in() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("Encrypted tokens"), issuer, ISSUER) as caller:
            published = (await caller.http.get("/.well-known/jwks.json")).json()
            plain = await caller.http.get("/mcp", headers=caller.token())
            issuer.encrypt_to(published)
            sealed = await caller.http.get("/mcp", headers=caller.token())
    assert (plain.status_code, sealed.json()["user"]) == (401, "alice")


async def test_one_issuer_lets_its_users_in_and_says_to_others_where_to_sign_in() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("One issuer"), issuer, ISSUER) as caller:
            headers = caller.token(typ="Bearer")
            assert (await caller.http.get("/mcp", headers=headers)).json()["user"] == "alice"
            refused = await caller.http.get("/mcp")
            document = (await caller.http.get("/.well-known/oauth-protected-resource/mcp")).json()
    assert 'scope="openid profile"' in refused.headers["www-authenticate"]
    assert "error" not in refused.headers["www-authenticate"]
    assert (document["authorization_servers"], document["resource"]) == ([issuer.issuer_url], caller.resource)


async def test_a_call_without_its_scopes_is_told_all_of_them() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("Scopes"), issuer, ISSUER) as caller:
            headers = caller.token(scope="openid reports:read")
            assert (await caller.http.get("/mcp", headers=headers)).status_code == 200
            refused = await caller.http.post("/mcp", headers=headers, json=CALL)
    assert (refused.status_code, refused.json()["error"]) == (403, InsufficientScope.oauth_error)
    assert 'scope="openid reports:read reports:write"' in refused.headers["www-authenticate"]


async def test_public_tools_answer_and_others_draw_the_challenge() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("Tools for everybody"), issuer, ISSUER) as caller:
            health = {**CALL, "params": {"name": "health", "arguments": {}}}
            assert (await caller.http.post("/mcp", json=health)).json()["user"] is None
            assert (await caller.http.post("/mcp", json=CALL)).status_code == 401


async def test_pages_that_are_listed_may_call_and_others_may_not() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("Clients in a browser"), issuer, ISSUER) as caller:
            headers = caller.token()
            listed = await caller.http.get("/mcp", headers={**headers, "origin": "https://inspector.example.com"})
            other = await caller.http.get("/mcp", headers={**headers, "origin": "https://elsewhere.example"})
    assert listed.headers["access-control-allow-origin"] == "https://inspector.example.com"
    assert (other.status_code, other.json()["error"]) == (403, ForbiddenOrigin.code)


async def test_what_the_application_knows_of_a_caller_is_in_their_extra() -> None:
    with DevIssuer(path="/realms/staff") as issuer:
        async with serving(code_below("Your own data about the caller"), issuer, ISSUER) as caller:
            told = (await caller.http.get("/mcp", headers=caller.token())).json()
    assert told["extra"] == {"plan": "gold"}


def test_the_table_names_arguments_and_things_that_exist() -> None:
    table = text_of(PAGE).partition("| you have | you write |")[2].partition("\n\n")[0]
    arguments = set(inspect.signature(JwtAuthMiddleware).parameters)
    others = {
        *inspect.signature(TrustedIssuer).parameters,
        *inspect.signature(oauth_meta_router).parameters,
        *ProxyOptions.__annotations__,
        *inspect.signature(ClaimMap).parameters,
        *inspect.signature(TrustedHeaderVerifier).parameters,
        *inspect.signature(fastmcp_token_verifier).parameters,
        "auth",
    }
    named = set(re.findall(r"\b([a-z_]+)=(?!=)", table))
    assert named - others <= arguments
    assert all(hasattr(mcpauthkit.verifiers, name) for name in re.findall(r"\b\w+Verifier\b", text_of(PAGE)))
    assert {"issuers", "verifiers", "decryption_keys", "tool_scopes", "public_tools", "allowed_origins"} <= named
    profiles = re.search(r'`profile="(\w+)"`; also (.*?)\. It knows', table)
    assert profiles is not None
    for name in (profiles[1], *re.findall(r"`(\w+)`", profiles[2])):
        assert profile_named(name).name == name


def test_every_verifier_has_its_row() -> None:
    rows = text_of(PAGE).partition("| verifier | for | mind |")[2].partition("\n\n")[0]
    listed = set(re.findall(r"^\| `(\w+)`", rows, re.MULTILINE))
    known = {name for name in mcpauthkit.verifiers.__all__ if name.endswith("Verifier")}
    assert listed == known - {"TokenVerifier", "KitTokenVerifier", "JwtVerifier"}
