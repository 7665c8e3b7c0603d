from __future__ import annotations

import pytest
from pydantic import ValidationError

from quickstart.__main__ import main
from quickstart.settings import Settings


def test_without_any_variable_nothing_real_is_configured() -> None:
    settings = Settings()
    assert (settings.issuer_url, settings.github_client_id, settings.audience) == ("", "", None)
    assert settings.mcp_url == "http://127.0.0.1:8700/mcp"
    assert settings.base_scopes == ("openid", "profile")


def test_real_addresses_are_github_s() -> None:
    settings = Settings()
    assert settings.github_issuer == "https://github.com/login/oauth"
    assert settings.github_authorize_url == "https://github.com/login/oauth/authorize"
    assert settings.github_token_url == "https://github.com/login/oauth/access_token"
    assert settings.github_api_url == "https://api.github.com"
    assert settings.github_name == "GitHub"


def test_the_environment_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "ISSUER_URL": "https://login.example.com/",
        "SCOPES": "openid  mcp:tools",
        "AUDIENCE": "api://mcp",
        "BROWSER_CLIENT_ID": "browser",
        "BROWSER_CLIENT_SECRET": "canary-1",
        "GITHUB_CLIENT_ID": "Iv1.abc",
        "GITHUB_CLIENT_SECRET": "canary-2",
        "PORT": "9000",
        "SERVER_BASE_URL": "https://mcp.example.com/",
    }.items():
        monkeypatch.setenv(name, value)
    settings = Settings()
    assert settings.issuer_url == "https://login.example.com/"  # byte for byte
    assert settings.base_scopes == ("openid", "mcp:tools")
    assert settings.audience == "api://mcp"
    assert (settings.browser_client_id, settings.browser_client_secret) == ("browser", "canary-1")
    assert (settings.github_client_id, settings.github_client_secret) == ("Iv1.abc", "canary-2")
    assert settings.port == 9000
    assert settings.mcp_url == "https://mcp.example.com/mcp"
    assert "canary" not in repr(settings)


def test_an_empty_variable_means_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AUDIENCE", "")
    monkeypatch.setenv("PORT", "")
    assert Settings().audience is None
    assert Settings().port == 8700


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("GITHUB_CLIENT_ID", "Iv1.abc"),
        ("GITHUB_CLIENT_SECRET", "canary-3"),
        ("BROWSER_CLIENT_SECRET", "canary-4"),
        ("PORT", "many"),
        ("PORT", "70000"),
        ("LISTEN_HOST", "0.0.0.0"),  # noqa: S104  # what is refused
        ("LISTEN_HOST", "example.com"),
    ],
)
def test_half_a_configuration_is_refused_without_showing_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ValidationError) as refusal:
        Settings()
    assert "canary" not in str(refusal.value)
    assert main([]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert name in told.err
    assert "canary" not in told.err


def test_an_address_that_cannot_be_used_is_told_with_the_fix(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ISSUER_URL", "http://login.example.com")
    monkeypatch.setenv("PORT", "18710")
    assert main(["serve"]) == 2
    assert "use https" in capsys.readouterr().err


def test_help_names_both_commands_and_the_variables(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    told = capsys.readouterr().out
    for word in ("tour", "serve", *(name.upper() for name in ("issuer_url", "github_client_id", "server_base_url"))):
        assert word in told
