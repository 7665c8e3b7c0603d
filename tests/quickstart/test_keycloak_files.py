"""The files of the quickstart's Keycloak fit each other and the quickstart."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import yaml

from quickstart.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE = ROOT / "docker-compose.yml"
REALM_TEXT = (ROOT / "quickstart/keycloak/realm.json").read_text()
REALM: dict[str, Any] = json.loads(REALM_TEXT)
_PLACEHOLDER = re.compile(r"\$\{MCP_SERVER_URL:-?([^}]*)\}")


def service(name: str = "keycloak") -> dict[str, Any]:
    found = yaml.safe_load(COMPOSE.read_text())["services"][name]
    assert isinstance(found, dict)
    return found


def test_compose_mounts_the_realm_file_where_keycloak_imports_it() -> None:
    (volume,) = service()["volumes"]
    source, target, mode = volume.split(":")
    assert (ROOT / source).is_file()
    assert target.startswith("/opt/keycloak/data/import/")
    assert mode == "ro"
    assert "--import-realm" in service()["command"]


def test_keycloak_of_compose_is_the_one_the_tests_run() -> None:
    version = service()["image"].rpartition(":")[2]
    assert f"KEYCLOAK_VERSION={version}\n" in (ROOT / "scripts/services").read_text()


def test_compose_and_realm_expect_the_server_where_the_quickstart_serves() -> None:
    expected = {Settings().base_url}
    assert set(_PLACEHOLDER.findall(COMPOSE.read_text())) == expected
    assert set(_PLACEHOLDER.findall(REALM_TEXT)) == expected


def test_compose_names_an_issuer_scopes_and_a_client_that_exist() -> None:
    told = COMPOSE.read_text()
    (issuer,) = re.findall(r"ISSUER_URL=(\S+)", told)
    assert issuer == f"{service()['environment']['KC_HOSTNAME']}/realms/{REALM['realm']}"
    (scopes,) = re.findall(r'SCOPES="([^"]*)"', told)
    assert set(scopes.split()) <= {one["name"] for one in REALM["clientScopes"]}
    (client_id,) = re.findall(r"BROWSER_CLIENT_ID=(\S+)", told)
    (client,) = (one for one in REALM["clients"] if one["clientId"] == client_id)
    assert client["redirectUris"] == ["${MCP_SERVER_URL:http://127.0.0.1:8700}/connect/login/callback"]


def test_what_compose_tells_its_quickstart_is_what_people_are_told_for_theirs() -> None:
    told, environment = COMPOSE.read_text(), service("quickstart")["environment"]
    for name in ("ISSUER_URL", "BROWSER_CLIENT_ID"):
        assert environment[name] in re.findall(rf"{name}=(\S+)", told)
    assert environment["SCOPES"] in re.findall(r'SCOPES="([^"]*)"', told)
    assert environment["SERVER_BASE_URL"] == service()["environment"]["MCP_SERVER_URL"]


def test_ports_of_compose_are_open_to_this_machine_alone() -> None:
    assert all(port.startswith("127.0.0.1:") for port in service()["ports"])
