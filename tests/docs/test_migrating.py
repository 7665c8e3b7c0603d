"""What the pages for those who come from elsewhere say: each "after" runs and serves, and every promise has its row."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastmcp import Client
from fastmcp.client.transports import StreamableHttpTransport
from joserfc import jwe, jwk

from mcpauthkit import DecryptionKeys
from mcpauthkit.testing import DevIssuer, LoopbackServer
from tests.cli.commands import run
from tests.docs.leg_one import substituted
from tests.docs.pages import execute, write_files
from tests.docs.snippets import Snippet, snippets_on, text_of

AUTHKIT = "docs/migrating/mcp-authkit.md"
MIDDLEWARE = "docs/migrating/mcp-auth-middleware.md"
GUARD = "docs/migrating/mcp-auth-guard.md"
OWN = "docs/migrating/hand-written.md"
URL, ISSUER = '"https://mcp.example.com"', '"https://login.example.com/realms/staff"'

PROMISES: dict[str, dict[str, tuple[str, ...]]] = {
    AUTHKIT: {
        "mcp-authkit promised": (
            *("bearer token", "Keycloak", "PKCE", "`ContextVar`", "`sub`", "`open_paths`", "on demand"),
            *("`from_standard_oauth2`", "PAT", "`ctx`", "`extra_authorize_params`", "Redis", "`create_stores()`"),
            *("[redis]", "quickstart"),
        )
    },
    MIDDLEWARE: {
        "before": ("generate`", "k8s`", "clean`", "`--output`"),
        "mcp-auth-middleware promised": (
            *("decrypts", "authentication", "`get_user()`", "None when missing", "jwks.json", "`verifier=`"),
            *("`JWETokenVerifier()", "Starlette", "`MCP_KEY_FILE_PATH`", "scopes"),
        ),
    },
    GUARD: {
        "mcp-auth-guard promised": (
            *(
                "JWT, API keys",
                "shared secret",
                "header auth",
                "roles by API key",
                "YAML",
                "`namespaces`",
                "conditions:",
            ),
            *(
                "custom condition",
                "time-based",
                "builder",
                "`add_policy`",
                "debugging",
                "`evaluation_time_ms`",
                "audit",
            ),
            *("lists are filtered", "proxying", "SQL injection", "weather", "`mcp-auth create`"),
        )
    },
    OWN: {
        "promptise promised": (
            *("`JWTAuth`", "`create_token`", "`APIKeyAuth`", "`AsymmetricJWTAuth`", "of your own", "`auth=True`"),
            *("`require_auth=True`", "`AuthMiddleware`", "`ClientContext`", "`has_role()`", "`RequireAuth`", "denials"),
            *("`describe_denial`", "`X-Request-ID`", "`ToolResponse`", "`Depends`", "token endpoint", "raw token"),
            "from agents",
        ),
        "MCPAuthPrototype promised": (
            *(
                "needs a token",
                "scopes decide",
                "unmapped",
                "JSON",
                "environment",
                "`/ready`",
                "generate_token",
                "Helm",
            ),
            "Claude Code",
        ),
    },
}
"""What the pages of the superseded systems promise, by the words that stand in the row about it."""


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a key pair, which takes a moment to make."""
    folder = tmp_path_factory.mktemp("made") / ".keys"
    assert run("keys", "generate", "--output", str(folder)) == 0
    return folder


@pytest.fixture
def folder(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the files of the pages are."""
    monkeypatch.chdir(tmp_path)
    write_files(GUARD, tmp_path)
    shutil.copytree(keys, tmp_path / ".keys")
    return tmp_path


def after(page: str) -> list[Snippet]:
    return [one for one in snippets_on(page, "python") if one.mark != "before"]


@pytest.mark.parametrize("page", PROMISES)
def test_every_promise_has_its_row(page: str) -> None:
    for header, promises in PROMISES[page].items():
        rows = text_of(page).partition(f"\n| {header} | here |")[2].split("\n\n")[0].splitlines()[2:]
        first = [re.split(r"(?<!\\)\|", row)[1] for row in rows]
        assert all(any(word in cell for cell in first) for word in promises), header
        assert all(any(word in cell for word in promises) or cell.strip() == "(nothing)" for cell in first), first


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("snippet", [one for page in PROMISES for one in after(page)], ids=str)
async def test_what_is_written_today_runs_and_lets_nobody_in_without_a_proof(
    snippet: Snippet, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "encrypted_only" in snippet.code:
        monkeypatch.setenv("MCP_KEY_FILE_PATH", ".keys/mcp-private.json")
    server = LoopbackServer()
    with DevIssuer() as issuer:
        names = execute(snippet.code.replace(URL, repr(server.base_url)).replace(ISSUER, repr(issuer.issuer_url)), {})
        if "app" not in names:
            assert {"decision", "my_policy"} & set(names)
            return
        server.app = names["app"]
        with server:
            async with httpx.AsyncClient(base_url=server.base_url) as http:
                call = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "guarded"}}
                assert (await http.post("/mcp", json=call)).status_code == httpx.codes.UNAUTHORIZED


async def used(
    code: str, issuer: DevIssuer, proof: Callable[[str], dict[str, str]], tool: str, **arguments: Any
) -> str:
    """What a tool of a page's server answers to somebody with a proof, over real HTTP."""
    server = LoopbackServer()
    code = substituted(code, {URL: repr(server.base_url)}).replace(ISSUER, repr(issuer.issuer_url))
    server.app = execute(code, {})["app"]
    with server:
        transport = StreamableHttpTransport(f"{server.base_url}/mcp", headers=proof(f"{server.base_url}/mcp"))
        async with Client(transport) as client:
            answer = await client.call_tool(tool, arguments, raise_on_error=False)
            listed = " ".join(one.name for one in await client.list_tools())
    return f"{answer.content} {listed}"


def bearer(issuer: DevIssuer, **claims: Any) -> Callable[[str], dict[str, str]]:
    return lambda resource: {"authorization": f"Bearer {issuer.token(audience=resource, **claims)}"}


async def test_the_thirty_lines_are_a_server_that_knows_its_caller() -> None:
    with DevIssuer() as issuer:
        assert "alice" in await used(after(OWN)[0].code, issuer, bearer(issuer), "whoami")


async def test_guards_and_public_tools_do_what_promptise_did() -> None:
    [code] = [one.code for one in after(OWN) if "enrich_client" in one.code]
    with DevIssuer() as issuer:
        assert "'ok'" in (await used(code, issuer, lambda _: {}, "health")).replace('"', "'")
        admin = bearer(issuer, roles=["admin"])
        assert "Deleted 7 for alice, gold" in await used(code, issuer, admin, "delete_user", user_id="7")
        refused = await used(code, issuer, bearer(issuer, roles=["viewer"]), "delete_user", user_id="7")
    assert "[admin]" in refused
    assert "[viewer]" in refused


@pytest.mark.usefixtures("folder")
async def test_api_keys_and_the_policy_file_decide_as_before() -> None:
    [code] = [one.code for one in after(GUARD) if "safe_tool" in one.code and "ApiKeyVerifier" in one.code]
    with DevIssuer() as issuer:
        for key, may in (("user-key-123", False), ("admin-key-456", True)):
            proof = {"x-api-key": key, "x-user-id": "ceo", "x-user-roles": "admin"}
            said = await used(code, issuer, lambda _, proof=proof: proof, "sensitive_operation", data="x")  # type: ignore[misc]
            assert ("Sensitive processing: x" in said, "sensitive_operation" in said.split("]")[-1]) == (may, may)
            assert "safe_tool" in said


@pytest.mark.usefixtures("folder")
async def test_signed_then_encrypted_tokens_open_and_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCP_KEY_FILE_PATH", ".keys/mcp-private.json")
    keys = DecryptionKeys.from_file(".keys/mcp-private.json")
    with DevIssuer(encrypt_access_tokens_to=keys.public_jwks()) as issuer:
        assert "Hello, " in await used(after(MIDDLEWARE)[0].code, issuer, bearer(issuer), "whoami")


@pytest.mark.usefixtures("folder")
async def test_what_a_gateway_encrypts_without_a_signature_still_opens() -> None:
    code = after(MIDDLEWARE)[1].code.replace('FastMCP("My Server")', "MCP")
    code = f"{code.partition('app =')[0]}MCP = FastMCP('x')\nMCP.tool(lambda: 'done', name='go')\napp = kit.app(MCP)\n"
    public = jwk.RSAKey.import_key(DecryptionKeys.from_file(".keys/mcp-private.json").public_jwks()["keys"][0])

    def produced(resource: str) -> dict[str, str]:
        now = int(time.time())
        claims = {"sub": "gateway-user", "iat": now, "exp": now + 60, "aud": resource}
        header = {"alg": "RSA-OAEP", "enc": "A256GCM"}
        return {"authorization": f"Bearer {jwe.encrypt_compact(header, json.dumps(claims), public)}"}

    with DevIssuer() as issuer:
        assert "done" in await used(code, issuer, produced, "go")


@pytest.mark.usefixtures("folder")
def test_the_commands_on_the_pages_work(capsys: pytest.CaptureFixture[str]) -> None:
    for page in (MIDDLEWARE, OWN):
        for snippet in snippets_on(page, "sh"):
            for line in snippet.code.splitlines():
                words = shlex.split(line.partition("|")[0])[1:]
                assert words[:2] == ["keys", "generate"] or run(*words) == 0, line
    assert "kind: Secret" in capsys.readouterr().out
