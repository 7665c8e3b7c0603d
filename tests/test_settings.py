"""Settings: every variable in one table, secrets in files, every fault in one error, and slips of the pen."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from mcpauthkit.errors import ConfigurationError
from mcpauthkit.settings import (
    AppSettings,
    DeploymentSettings,
    Given,
    StdioSettings,
    StorageSettings,
    effective_settings,
    every_fault,
    every_setting,
    misspelt_variables,
    refuse,
    service_client,
)

CANARY = "canary-of-a-secret-that-nobody-prints"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_one_name_a_type_and_a_description_that_is_part_of_a_sentence() -> None:
    table = every_setting()
    assert len({one.variable for one in table}) == len(table) > 35
    for one in table:
        assert one.variable == one.variable.upper()
        assert one.type in {"text", "list", "flag", "number", "path", "secret"}
        assert one.is_secret == (one.type == "secret")
        assert one.description
        assert not one.description.endswith(".")


def test_secrets_are_those_variables_that_hold_some() -> None:
    secrets = {one.variable for one in every_setting() if one.is_secret}
    assert secrets == {
        "MCPAUTHKIT_CLIENT_SECRET",
        "MCPAUTHKIT_BROWSER_CLIENT_SECRET",
        "MCPAUTHKIT_DOCTOR_TOKEN",
        "REDIS_URL",
        "STORAGE_ENCRYPTION_KEY",
        "STORAGE_ENCRYPTION_OLD_KEYS",
    }


class TestValues:
    @pytest.mark.parametrize("text", ["openid profile", "openid,profile", " openid ,  profile ", "openid\tprofile,"])
    def test_scopes_stand_between_spaces_or_commas(self, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
        monkeypatch.setenv("MCPAUTHKIT_SCOPES", text)
        assert AppSettings.from_environment().mcpauthkit_scopes == ("openid", "profile")

    def test_audiences_stand_between_commas_and_may_hold_spaces(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCPAUTHKIT_AUDIENCE", "api://one, the reports ,")
        assert AppSettings.from_environment().mcpauthkit_audience == ("api://one", "the reports")

    def test_the_address_loses_its_slash_and_the_issuer_keeps_its_own(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCPAUTHKIT_SERVER_BASE_URL", "https://mcp.example.com/")
        monkeypatch.setenv("MCPAUTHKIT_ISSUER_URL", "https://login.example.com/")
        found = AppSettings.from_environment()
        assert found.mcpauthkit_server_base_url == "https://mcp.example.com"
        assert found.mcpauthkit_issuer_url == "https://login.example.com/"

    @pytest.mark.parametrize(
        ("variable", "value"),
        [
            ("MCPAUTHKIT_SERVER_BASE_URL", "mcp.example.com"),
            ("MCPAUTHKIT_SERVER_BASE_URL", "http://mcp.example.com"),
            ("MCPAUTHKIT_ISSUER_URL", "https://login.example.com/.well-known/openid-configuration"),
            ("MCPAUTHKIT_SCOPES", 'a"b'),
            ("MCPAUTHKIT_MCP_PATH", "mcp"),
            ("MCPAUTHKIT_ENCRYPTED_ONLY", "perhaps"),
            ("MCPAUTHKIT_REPLICAS", "0"),
            ("MCPAUTHKIT_PRODUCTION", "prod"),
        ],
    )
    def test_a_value_that_cannot_be_used_is_told_by_its_variable(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
    ) -> None:
        monkeypatch.setenv(variable, value)
        (fault,) = every_fault()
        assert fault.startswith(f"{variable}: ")

    @pytest.mark.parametrize("variable", ["MCPAUTHKIT_SERVER_BASE_URL", "MCPAUTHKIT_ISSUER_URL"])
    def test_a_password_in_an_address_is_refused_and_not_shown(
        self, monkeypatch: pytest.MonkeyPatch, variable: str
    ) -> None:
        monkeypatch.setenv(variable, f"https://user:{CANARY}@example.com")
        (fault,) = every_fault()
        assert variable in fault
        assert CANARY not in fault


class TestFaults:
    def test_those_of_all_classes_are_in_one_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        wrong = {
            "MCPAUTHKIT_SERVER_BASE_URL": "nowhere",
            "MCPAUTHKIT_CLIENT_SECRET_FILE": "not-there",
            "MCPAUTHKIT_STDIO_EMAIL": "ada@example.com",
            "MCPAUTHKIT_REPLICAS": "many",
            "STORAGE_ENCRYPTION_KEY": "\udc80",
        }
        for name, value in wrong.items():
            monkeypatch.setenv(name, value)
        with pytest.raises(ConfigurationError) as refused:
            refuse(every_fault())
        text = str(refused.value)
        assert [name for name in wrong if name not in text] == []
        assert text.count("\n- ") == len(wrong)

    def test_a_secret_without_its_client_and_a_caller_without_a_name_are_told_besides(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("MCPAUTHKIT_CLIENT_SECRET", CANARY)
        monkeypatch.setenv("MCPAUTHKIT_BROWSER_CLIENT_SECRET", CANARY)
        monkeypatch.setenv("MCPAUTHKIT_STDIO_ROLES", "admin")
        faults = every_fault()
        assert len(faults) == 3
        assert CANARY not in "".join(faults)

    def test_without_any_nothing_is_raised(self) -> None:
        refuse(every_fault())


class TestSecretFiles:
    def test_a_secret_may_lie_in_a_file_without_its_line_end(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "key").write_text(f"{CANARY}\n")
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", str(tmp_path / "key"))
        found = StorageSettings.from_environment()
        assert found.storage_encryption_key is not None
        assert found.storage_encryption_key.get_secret_value() == CANARY

    def test_the_dotenv_file_may_name_it_as_well(self, tmp_path: Path) -> None:
        (tmp_path / "url").write_text("redis://localhost")
        (tmp_path / ".env").write_text("REDIS_URL_FILE=url\n")
        found = StorageSettings.from_environment()
        assert found.redis_url is not None
        assert found.redis_url.get_secret_value() == "redis://localhost"

    def test_both_are_refused(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(CANARY)
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY", CANARY)
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", "key")
        (fault,) = every_fault()
        assert "STORAGE_ENCRYPTION_KEY_FILE" in fault

    @pytest.mark.parametrize("content", [None, b"", b"\n", b"canary\xff", b"canary\0", b"x" * 70_000])
    def test_a_file_that_holds_no_secret_is_told_without_what_it_holds(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None
    ) -> None:
        if content is not None:
            (tmp_path / "key").write_bytes(content)
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", "key")
        with pytest.raises(ConfigurationError) as refused:
            StorageSettings.from_environment()
        assert "STORAGE_ENCRYPTION_KEY_FILE" in str(refused.value)
        assert "canary" not in str(refused.value)
        assert refused.value.__context__ is None or "canary" not in repr(refused.value.__context__)

    def test_the_mark_that_some_editors_begin_a_file_with_is_no_part_of_it(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "key").write_text(f"{CANARY}\r\n", encoding="utf-8-sig")
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", "key")
        found = StorageSettings.from_environment()
        assert found.storage_encryption_key is not None
        assert found.storage_encryption_key.get_secret_value() == CANARY

    @pytest.mark.skipif(sys.platform == "win32", reason="there are no such pipes")
    def test_a_pipe_that_nobody_writes_to_is_not_waited_for(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        os.mkfifo(tmp_path / "key")
        monkeypatch.setenv("STORAGE_ENCRYPTION_KEY_FILE", "key")
        (fault,) = every_fault()
        assert "STORAGE_ENCRYPTION_KEY_FILE" in fault

    def test_what_is_no_secret_has_no_file(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        (tmp_path / "prefix").write_text("other:")
        monkeypatch.setenv("REDIS_KEY_PREFIX_FILE", "prefix")
        assert StorageSettings.from_environment().redis_key_prefix == "mcp:auth:"


class TestEffective:
    def test_each_says_where_it_comes_from_and_no_secret_is_shown(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text(CANARY)
        (tmp_path / ".env").write_text(f"REDIS_KEY_PREFIX=mine:\nMCPAUTHKIT_SCOPES=a\nREDIS_URL=redis://:{CANARY}@h\n")
        monkeypatch.setenv("MCPAUTHKIT_SCOPES", "b c")
        monkeypatch.setenv("MCPAUTHKIT_CLIENT_SECRET_FILE", "secret")
        found = {one.setting.variable: (one.value, one.source) for one in effective_settings()}
        assert found["MCPAUTHKIT_SCOPES"] == ("b c", "environment")
        assert found["REDIS_KEY_PREFIX"] == ("mine:", ".env")
        assert found["REDIS_URL"] == ("***", ".env")
        assert found["MCPAUTHKIT_CLIENT_SECRET"] == ("***", "file")
        assert found["MCPAUTHKIT_MCP_PATH"] == ("/mcp", "default")
        assert found["MCPAUTHKIT_BROWSER_CLIENT_SECRET"] == ("", "default")
        assert CANARY not in str(found)

    def test_an_empty_variable_is_one_that_is_not_set(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCPAUTHKIT_MCP_PATH", "")
        found = {one.setting.variable: one.source for one in effective_settings()}
        assert found["MCPAUTHKIT_MCP_PATH"] == "default"

    def test_a_dotenv_file_that_is_not_utf_8_is_told_without_what_it_holds(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"REDIS_URL=canary\xff\n")
        with pytest.raises(ConfigurationError) as refused:
            effective_settings()
        assert ".env" in refused.value.public
        assert "canary" not in str(refused.value)


class TestMisspelt:
    @pytest.mark.parametrize(
        ("variable", "meant"),
        [
            ("MCPAUTHKIT_ISSUER", "MCPAUTHKIT_ISSUER_URL"),
            ("MCPAUTHKIT_BASE_URL", "MCPAUTHKIT_SERVER_BASE_URL"),
            ("MCPAUTHKIT_CLIENT_SECRETS", "MCPAUTHKIT_CLIENT_SECRET"),
            ("MCPAUTHKIT_TENANT", "MCPAUTHKIT_TENANTS"),
            ("TOKEN_STORAGE_MOD", "TOKEN_STORAGE_MODE"),
            ("STORAGE_ENCRYPTION_KEYS", "STORAGE_ENCRYPTION_KEY"),
            ("REDIS_URI", "REDIS_URL"),
            ("MCPAUTHKIT_XYZZY_PLUGH_QUUX", ""),
        ],
    )
    def test_a_near_miss_is_told_with_what_is_meant(
        self, monkeypatch: pytest.MonkeyPatch, variable: str, meant: str
    ) -> None:
        monkeypatch.setenv(variable, "x")
        found = {one.variable: one for one in misspelt_variables()}
        assert found[variable].meant == meant
        assert variable in found[variable].text

    def test_one_in_the_dotenv_file_is_told_too(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_text("MCPAUTHKIT_ISSUER=x\nOTHER=1\n")
        (found,) = misspelt_variables()
        assert (found.variable, found.source) == ("MCPAUTHKIT_ISSUER", ".env")

    def test_where_the_right_one_is_set_another_programs_variable_is_its_own(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("REDIS_URL", "redis://localhost")
        monkeypatch.setenv("REDIS_URI", "redis://elsewhere")
        assert misspelt_variables() == []

    @pytest.mark.parametrize(
        "variable",
        [
            "MCPAUTHKIT_SERVICES",
            "MCPAUTHKIT_BROWSER",
            "MCPAUTHKIT_DEPLOYMENT",
            "MCPAUTHKIT_SERVICE_HOST",
            "MCPAUTHKIT_SERVICE_PORT_HTTP",
            "MCPAUTHKIT_PORT",
            "MCPAUTHKIT_PORT_8000_TCP_ADDR",
            "MCPAUTHKIT_REDIS_SERVICE_HOST",
            "MCPAUTHKIT_REDIS_PORT_6379_TCP",
        ],
    )
    def test_switches_of_our_tests_and_the_addresses_of_neighbours_are_no_slips(self, variable: str) -> None:
        assert misspelt_variables(Given(environment={variable.lower(): "x"}, dotenv={})) == []

    @given(some.sampled_from(every_setting()))
    def test_no_variable_of_ours_is_taken_for_a_slip(self, setting: object) -> None:
        name = getattr(setting, "variable", "").lower()
        assert misspelt_variables(Given(environment={name: "x"}, dotenv={})) == []
        if getattr(setting, "is_secret", False):
            assert misspelt_variables(Given(environment={f"{name}_file": "x"}, dotenv={})) == []


class TestServiceClients:
    def test_a_services_client_stands_in_variables_of_its_name(
        self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        (tmp_path / "secret").write_text(CANARY)
        monkeypatch.setenv("GITHUB_APP_CLIENT_ID", "an-id")
        monkeypatch.setenv("GITHUB_APP_CLIENT_SECRET_FILE", "secret")
        client = service_client("github-app")
        assert client.client_id == "an-id"
        assert client.secret is not None
        assert client.secret.reveal() == CANARY
        assert CANARY not in repr(client)

    def test_a_public_client_has_no_secret(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("FORGE_CLIENT_ID", "an-id")
        assert service_client("forge").secret is None

    def test_without_one_both_variables_are_named(self) -> None:
        with pytest.raises(ConfigurationError) as refused:
            service_client("github")
        assert "GITHUB_CLIENT_ID" in refused.value.hint
        assert "GITHUB_CLIENT_SECRET" in refused.value.hint


def test_the_parts_that_read_for_themselves_see_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MCPAUTHKIT_STDIO_USER", "ada")
    monkeypatch.setenv("MCPAUTHKIT_STDIO_ROLES", "admin, staff")
    monkeypatch.setenv("MCPAUTHKIT_PRODUCTION", "1")
    assert StdioSettings.from_environment().stdio_roles == {"admin", "staff"}
    assert DeploymentSettings.from_environment().mcpauthkit_production
