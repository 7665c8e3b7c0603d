"""The linters of deployment files, as `scripts/deployment` installs them."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import yaml

ROOT: Final = Path(__file__).resolve().parents[2]
CHART: Final = ROOT / "deploy/helm/mcpauthkit"
_SECONDS: Final = 120.0
# Where `scripts/deployment` puts them; a variable of the name may lead elsewhere.
_TOOLS: Final = {
    "ACTIONLINT": ".cache/deployment/actionlint",
    "HADOLINT": ".cache/deployment/python/bin/hadolint",
    "HELM": ".cache/deployment/helm",
    "KUBERNETES_VALIDATE": ".cache/deployment/python/bin/kubernetes-validate",
}
# What has to be given, and nothing else.
NEEDED: Final = {
    "settings": {
        "MCPAUTHKIT_SERVER_BASE_URL": "https://mcp.example.com",
        "MCPAUTHKIT_ISSUER_URL": "https://login.example.com/realms/staff",
    },
    "secrets": {"existingSecret": "mcpauthkit"},
}
Manifest = dict[str, Any]


def run(*command: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a program in the root of the checkout."""
    return subprocess.run(  # noqa: S603  # linters, by paths of ours
        [str(one) for one in command],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )


def tool(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a linter, by its name in capitals."""
    return run(os.environ.get(name) or ROOT / _TOOLS[name], *arguments)


def check_jsonschema(schema: str, file: Path) -> None:
    """Hold a file against one of the schemas that come with check-jsonschema."""
    done = run(sys.executable, "-m", "check_jsonschema", "--builtin-schema", schema, file)
    assert done.returncode == 0, done.stdout


def chart_arguments(folder: Path, values: Mapping[str, Any], files: Sequence[Path] = ()) -> list[str | Path]:
    """What helm is told of values: files first, then those given here."""
    written = folder / "values.yaml"
    written.write_text(yaml.safe_dump(dict(values)), encoding="utf-8")
    return [one for file in (*files, written) for one in ("--values", file)]


def render(folder: Path, values: Mapping[str, Any] = NEEDED, files: Sequence[Path] = ()) -> list[Manifest]:
    """The manifests that the chart gives."""
    done = tool("HELM", "template", "reports", CHART, "--namespace", "mcp", *chart_arguments(folder, values, files))
    assert done.returncode == 0, done.stderr
    return parsed(done.stdout)


def refusal(folder: Path, values: Mapping[str, Any]) -> str:
    """Why the chart does not take these values."""
    done = tool("HELM", "template", "reports", CHART, *chart_arguments(folder, values))
    assert done.returncode != 0, done.stdout
    return done.stderr


def parsed(text: str) -> list[Manifest]:
    """The documents of a YAML text that are not empty."""
    return [one for one in yaml.safe_load_all(text) if one]


def of_kind(manifests: Sequence[Manifest], kind: str) -> Manifest:
    """The one manifest of a kind."""
    (found,) = (one for one in manifests if one["kind"] == kind)
    return found


def pod_of(manifests: Sequence[Manifest]) -> Manifest:
    """What the pods of the Deployment are."""
    found = of_kind(manifests, "Deployment")["spec"]["template"]["spec"]
    assert isinstance(found, dict)
    return found


def container_of(manifests: Sequence[Manifest]) -> Manifest:
    """Their one container."""
    (found,) = pod_of(manifests)["containers"]
    assert isinstance(found, dict)
    return found


def environment_of(manifests: Sequence[Manifest]) -> dict[str, str]:
    """Its environment variables; each is a plain text."""
    return {one["name"]: one["value"] for one in container_of(manifests)["env"]}


def merged(base: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Values with some changed, as helm merges them."""
    found = dict(base)
    for name, value in change.items():
        before = found.get(name)
        found[name] = merged(before, value) if isinstance(before, dict) and isinstance(value, dict) else value
    return found
