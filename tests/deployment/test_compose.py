"""What docker-compose.yml starts, and how."""

from __future__ import annotations

import os
import re
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcpauthkit import Secret
from mcpauthkit.core.keyring import KeyRing
from mcpauthkit.settings import every_setting
from quickstart.settings import Settings
from tests.deployment.dockerfile import read
from tests.deployment.programs import ROOT, check_jsonschema, run

FILE = ROOT / "docker-compose.yml"
SERVICES: dict[str, dict[str, Any]] = yaml.safe_load(FILE.read_text(encoding="utf-8"))["services"]
OURS = ["quickstart", "secrets"]


def test_it_is_what_the_compose_specification_allows() -> None:
    check_jsonschema("vendor.compose-spec", FILE)


def test_it_has_the_issuer_the_store_and_the_quickstart() -> None:
    assert set(SERVICES) == {"keycloak", "redis", "quickstart", "secrets"}


@pytest.mark.parametrize("name", OURS)
def test_ours_are_the_image_of_the_dockerfile_with_another_command(name: str) -> None:
    assert (SERVICES[name]["image"], SERVICES[name]["build"]) == ("mcpauthkit-server", ".")
    assert SERVICES[name]["command"][:2] == ["python", "-m"]


@pytest.mark.parametrize("name", [*OURS, "redis"])
def test_none_but_keycloak_writes_to_its_image_or_has_rights(name: str) -> None:
    assert SERVICES[name]["read_only"] is True
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert SERVICES[name]["security_opt"] == ["no-new-privileges:true"]


def test_every_published_port_is_open_to_this_machine_alone() -> None:
    ports = [port for one in SERVICES.values() for port in one.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_the_quickstart_s_ports_are_published_where_its_network_is() -> None:
    owner = SERVICES["quickstart"]["network_mode"].removeprefix("service:")
    first = Settings().port
    published = {port.rpartition(":")[2] for port in SERVICES[owner]["ports"]}
    assert {str(first), str(first + 2)} <= published  # the server, and the stand-in for GitHub
    assert str(first + 1) not in published  # the stand-in for an issuer, which signs everybody in


def test_every_variable_of_the_quickstart_is_known() -> None:
    known = {name.upper() for name in Settings.model_fields}
    known |= {one.variable for one in every_setting()} | {
        f"{one.variable}_FILE" for one in every_setting() if one.is_secret
    }
    assert set(SERVICES["quickstart"]["environment"]) <= known


def test_secrets_are_made_and_not_written_down() -> None:
    environment = SERVICES["quickstart"]["environment"]
    secret = {one.variable for one in every_setting() if one.is_secret}
    assert not secret & environment.keys()
    assert environment["GITHUB_CLIENT_SECRET"] == "${GITHUB_CLIENT_SECRET:-}"
    # What is known to everybody is so on purpose, and only on this machine.
    assert re.findall(r"PASSWORD: (\S+)", FILE.read_text(encoding="utf-8")) == ["for-development-only"]


def test_who_reads_the_secrets_owns_them() -> None:
    command = SERVICES["secrets"]["command"]
    user = read(ROOT / "Dockerfile")[-1].last("USER").text
    assert user == SERVICES["redis"]["user"] == f"{command[-1]}:{command[-1]}"
    assert command[-2] == "--owner"
    for name in ("redis", "quickstart"):
        assert SERVICES[name]["depends_on"]["secrets"] == {"condition": "service_completed_successfully"}
        assert SERVICES[name]["volumes"] == ["secrets:/run/mcpauthkit:ro"]


def fresh(folder: Path) -> str:
    script = ROOT / "deploy/server/fresh_secrets.py"
    done = run(sys.executable, script, folder, "--owner", str(os.getuid()))
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_secrets_are_fresh_good_enough_and_their_owner_s_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        assert "Fresh" in fresh(tmp_path / name)
    first, second = ({one.name: one for one in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert set(first) == {"redis.conf", "redis-password", "redis-url", "sealing-key"}
    assert all(stat.S_IMODE(one.stat().st_mode) == 0o400 for one in first.values())
    assert not [name for name in first if first[name].read_text() == second[name].read_text()]
    key = first["sealing-key"].read_text()
    assert not KeyRing({"k": Secret(key)}, minting="k").looks_like_a_sample()
    assert first["redis-password"].read_text() in first["redis.conf"].read_text()
    mounted = {Path(value).name for value in SERVICES["quickstart"]["environment"].values() if "/run/" in value}
    assert mounted <= set(first)


def test_secrets_that_are_there_stay(tmp_path: Path) -> None:
    fresh(tmp_path)
    before = {one.name: one.read_text() for one in tmp_path.iterdir()}
    assert "stay" in fresh(tmp_path)
    assert {one.name: one.read_text() for one in tmp_path.iterdir()} == before


def test_secrets_of_a_run_that_was_cut_short_are_made_anew(tmp_path: Path) -> None:
    fresh(tmp_path)
    (tmp_path / "redis.conf").unlink()
    (tmp_path / "redis-url.part").write_text("half", encoding="utf-8")
    before = (tmp_path / "redis-password").read_text()
    fresh(tmp_path)
    assert (tmp_path / "redis-password").read_text() != before
    assert not list(tmp_path.glob("*.part"))
