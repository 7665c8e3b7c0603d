"""The manifests for those who do not use Helm, and the Secrets that everybody makes."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
import yaml

from tests.cli.commands import run as run_command
from tests.deployment.programs import ROOT, environment_of, parsed, pod_of, run, tool
from tests.deployment.test_chart import VERSIONS

FOLDER = ROOT / "deploy/kubernetes"
SERVER = FOLDER / "server.yaml"


def test_they_are_what_the_chart_gives_today() -> None:
    values = FOLDER / "values.yaml"
    done = tool("HELM", "template", "mcpauthkit", "deploy/helm/mcpauthkit", "--namespace", "mcp", "--values", values)
    head, _, manifests = SERVER.read_text(encoding="utf-8").partition("---\n")
    assert f"---\n{manifests}" == done.stdout, "run `scripts/deployment manifests`"
    told = [
        line.removeprefix("#:") for line in values.read_text(encoding="utf-8").splitlines() if line.startswith("#:")
    ]
    assert [line.removeprefix("#") for line in head.splitlines()] == told


@pytest.mark.parametrize("version", VERSIONS)
def test_kubernetes_takes_them(version: str) -> None:
    done = tool("KUBERNETES_VALIDATE", "--strict", "--kubernetes-version", version, SERVER)
    assert done.returncode == 0, done.stdout
    assert "WARN" not in done.stdout


def test_the_secret_of_the_command_is_mounted_by_the_manifests_as_it_is(
    tmp_path: object, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert run_command("keys", "k8s", "--namespace", "mcp", "--kind", "ec-p256") == 0
    (secret,) = parsed(capsys.readouterr().out)
    (volume,) = (
        one["secret"]
        for one in pod_of(parsed(SERVER.read_text(encoding="utf-8")))["volumes"]
        if one["name"] == "mcp-secret-volume"
    )
    assert volume["secretName"] == secret["metadata"]["name"]
    (item,) = volume["items"]
    texts = secret.get("stringData") or {name: b64decode(one).decode() for name, one in secret["data"].items()}
    assert json.loads(texts[item["key"]])["keys"]
    path = environment_of(parsed(SERVER.read_text(encoding="utf-8")))["MCP_KEY_FILE_PATH"]
    assert path.endswith(f"/{item['path']}")


def test_the_external_secret_makes_the_secret_that_the_manifests_expect() -> None:
    external = yaml.safe_load((FOLDER / "external-secret.yaml").read_text(encoding="utf-8"))
    made = {one["secretKey"] for one in external["spec"]["data"]}
    (volume,) = (
        one["secret"]
        for one in pod_of(parsed(SERVER.read_text(encoding="utf-8")))["volumes"]
        if one["name"] == "secrets"
    )
    assert external["spec"]["target"]["name"] == volume["secretName"]
    assert made == {one["key"] for one in volume["items"]}


def test_no_file_of_the_folder_holds_a_secret() -> None:
    kinds = [one.get("kind") for file in FOLDER.glob("*.yaml") for one in parsed(file.read_text(encoding="utf-8"))]
    assert "Secret" not in kinds


def test_the_script_is_one_that_the_shell_can_read() -> None:
    assert run("bash", "-n", "scripts/deployment").returncode == 0
