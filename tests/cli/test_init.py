"""`mcpauthkit init`: what it writes is what the kit reads, and what was there before is never lost."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit import AuthKit
from mcpauthkit.cli.init_checklists import BROWSER_CALLBACK_PATH, PROXY_CALLBACK_PATH
from mcpauthkit.identity.profiles import PROFILES
from mcpauthkit.settings import AppSettings, StorageSettings, every_setting, misspelt_variables
from mcpauthkit.settings.base import Given
from mcpauthkit.stores.environment import Storage
from mcpauthkit.web import browser_login
from mcpauthkit.web.proxy import upstream
from tests.cli.commands import run

TENANT, API = "72f988bf-86f1-41af-91ab-2d7cd011db47", "11111111-2222-3333-4444-555555555555"
SERVER = "https://mcp.example.com"
KINDS: dict[str, tuple[str, ...]] = {
    "keycloak": (),
    "okta": ("--domain", "example.okta.com"),
    "entra": ("--tenant", TENANT.upper(), "--api-id", API),
    "auth0": ("--domain", "https://example.eu.auth0.com/"),
    "generic": ("--issuer-url", "https://login.example.com"),
}
ISSUERS = {
    "keycloak": "http://127.0.0.1:8080/realms/mcp",
    "okta": "https://example.okta.com/oauth2/default",
    "entra": f"https://login.microsoftonline.com/{TENANT}/v2.0",
    "auth0": "https://example.eu.auth0.com/",
    "generic": "https://login.example.com",
}
every_kind = pytest.mark.parametrize("kind", list(KINDS))


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def init(kind: str, *arguments: object) -> int:
    return run("init", kind, *KINDS[kind], *arguments)


def realm(here: Path) -> dict[str, Any]:
    return dict(json.loads((here / "keycloak-realm.json").read_text()))


@every_kind
def test_the_settings_are_read_without_a_fault(kind: str) -> None:
    assert init(kind, "--server-base-url", f"{SERVER}/", "--scope", "mcp:tools", "mcp:write") == 0
    settings = AppSettings.from_environment()
    assert settings.mcpauthkit_server_base_url == SERVER
    assert settings.mcpauthkit_issuer_url == ISSUERS[kind]
    assert settings.mcpauthkit_profile == kind
    assert settings.mcpauthkit_profile in PROFILES
    assert any(one.endswith("mcp:write") for one in settings.mcpauthkit_scopes)
    assert list(misspelt_variables(Given({}, Given.now().dotenv))) == []
    assert StorageSettings.from_environment().token_storage_mode == "file"


@every_kind
async def test_a_server_is_put_together_from_them(kind: str, here: Path) -> None:
    assert init(kind) == 0
    AuthKit.from_settings()
    async with Storage.from_environment() as storage:
        assert not storage.key_ring.is_ephemeral
        assert storage.key_ring.looks_like_a_sample() == ()
    assert stat.S_IMODE((here / ".mcpauthkit-state").stat().st_mode) == 0o700


@every_kind
def test_every_setting_it_names_exists_also_those_to_be_filled_in(kind: str, here: Path) -> None:
    assert init(kind) == 0
    known = {one.variable for one in every_setting()}
    named = {
        line.removeprefix("# ").partition("=")[0]
        for line in (here / ".env").read_text().splitlines()
        if "=" in line and " " not in line.removeprefix("# ").partition("=")[0]
    }
    assert named
    assert named <= known


@every_kind
def test_only_their_owner_reads_them_and_each_key_is_new(
    kind: str, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secrets = set()
    for folder in ("one", "two"):
        assert init(kind, "-o", folder) == 0
        file = here / folder / ".env"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        secrets.add(next(line for line in file.read_text().splitlines() if line.startswith("STORAGE_ENCRYPTION_KEY=")))
    assert len(secrets) == 2
    told = capsys.readouterr().out
    assert not any(one.partition("=")[2] in told for one in secrets)


@every_kind
@pytest.mark.parametrize("in_the_way", ["first", "second", "link"])
def test_what_is_there_stops_it_before_anything_is_written(
    kind: str, here: Path, capsys: pytest.CaptureFixture[str], in_the_way: str
) -> None:
    second = "keycloak-realm.json" if kind == "keycloak" else f"{kind}-checklist.md"
    name = second if in_the_way == "second" else ".env"
    if in_the_way == "link":
        (here / name).symlink_to(here / "nowhere")
    else:
        (here / name).write_text("MINE=1\n")
    assert init(kind) == 2
    told = capsys.readouterr().err
    assert name in told
    assert "--force" in told
    assert [one.name for one in here.iterdir()] == [name]


def test_with_force_the_former_files_are_kept_under_another_name(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / ".env").write_text("MINE=1\n")
    for _ in range(2):
        assert init("okta", "--force") == 0
    assert (here / ".env.former-1").read_text() == "MINE=1\n"
    assert "STORAGE_ENCRYPTION_KEY" in (here / ".env.former-2").read_text()
    assert (here / "okta-checklist.md.former-1").is_file()
    assert ".env.former-2" in capsys.readouterr().out


def test_as_json_it_says_what_was_written(capsys: pytest.CaptureFixture[str]) -> None:
    assert init("auth0", "--json", "-o", "deploy") == 0
    assert json.loads(capsys.readouterr().out) == {
        "written": ["deploy/.env", "deploy/auth0-checklist.md"],
        "kept": [],
    }


@pytest.mark.parametrize("kind", ["okta", "entra", "auth0", "generic"])
def test_the_checklist_has_the_servers_addresses_and_a_box_for_each_step(kind: str, here: Path) -> None:
    assert init(kind, "--server-base-url", SERVER) == 0
    text = (here / f"{kind}-checklist.md").read_text()
    title, _, *steps = text.rstrip().split("\n")
    assert title.startswith("# ")
    assert all(one.startswith("- [ ] ") for one in steps)
    assert len(steps) > 5
    for address in (f"{SERVER}/mcp", f"{SERVER}{PROXY_CALLBACK_PATH}", f"{SERVER}{BROWSER_CALLBACK_PATH}"):
        assert address in text
    assert "{" not in text


def test_the_addresses_in_it_are_those_that_the_kit_serves() -> None:
    assert upstream.CALLBACK_PATH == PROXY_CALLBACK_PATH
    assert browser_login.CALLBACK_PATH == BROWSER_CALLBACK_PATH


@pytest.mark.parametrize(
    "arguments",
    [
        ("okta", "--domain", "example.okta.com", "--authorization-server", ""),
        ("entra", "--tenant", "common", "--api-id", API),
        ("generic", "--issuer-url", "http://login.example.com"),
        ("generic", "--issuer-url", "https://login.example.com/.well-known/openid-configuration"),
        ("generic", "--issuer-url", "https://login.example.com", "--profile", "nonsense"),
        ("generic", "--issuer-url", "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_x", "--profile", "cognito"),
        ("keycloak", "--server-base-url", "http://mcp.example.com"),
        ("keycloak", "--realm", "a/b"),
        ("keycloak", "--realm", "a\nb"),
        ("keycloak", "--client-host", "*"),
        ("keycloak", "--role", ""),
        ("keycloak", "--dev", "--server-base-url", SERVER),
        ("keycloak", "--dev", "--keycloak-url", "https://login.example.com"),
        ("auth0", "--domain", "example.eu.auth0.com", "--scope", "a,b"),
        # Readers of .env files and of realms put what the environment has in the place of these, quoted or not.
        (
            "generic",
            "--issuer-url",
            "https://login.example.com",
            "--server-base-url",
            "https://mcp.example.com/${HOME}",
        ),
        ("generic", "--issuer-url", "https://login.example.com", "--audience", "${HOME}"),
        ("keycloak", "--scope", "mcp:${KC_DB_PASSWORD}"),
        ("keycloak", "--server-base-url", "https://mcp.example.com/\u2028\u202e"),
        ("okta",),
    ],
)
def test_what_would_not_work_is_refused_now_and_nothing_is_written(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]
) -> None:
    assert run("init", *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err + captured.out
    assert "Traceback" not in captured.err
    assert list(here.iterdir()) == []


def test_a_value_with_special_characters_is_read_as_it_was_given() -> None:
    audience = "it's #1 $HOME \\n"
    assert run("init", "generic", "--issuer-url", "https://login.example.com", "--audience", audience) == 0
    assert AppSettings.from_environment().mcpauthkit_audience == (audience,)


def test_the_realm_has_users_only_for_development(here: Path) -> None:
    assert init("keycloak") == 0
    assert "users" not in realm(here)
    assert init("keycloak", "--dev", "--force") == 0
    assert [one["username"] for one in realm(here)["users"]] == ["alice", "bob"]


def test_the_realm_lets_nobody_choose_where_codes_go_or_get_all_roles(here: Path) -> None:
    assert init("keycloak", "--client-host", "agents.example.com") == 0
    made = realm(here)
    (client,) = made["clients"]
    assert client["redirectUris"] == [f"http://127.0.0.1:8000{BROWSER_CALLBACK_PATH}"]
    assert client["attributes"]["pkce.code.challenge.method"] == "S256"
    assert not client["fullScopeAllowed"]
    (policies,) = made["components"].values()
    by_kind = {one["providerId"]: one["config"] for one in policies}
    assert by_kind["trusted-hosts"]["client-uris-must-match"] == ["true"]
    assert "agents.example.com" in by_kind["trusted-hosts"]["trusted-hosts"]
    assert {"consent-required", "scope", "max-clients"} <= by_kind.keys()
    assert made["revokeRefreshToken"]
