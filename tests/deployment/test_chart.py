"""What the chart gives, by default and where something else is asked of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from mcpauthkit.settings import every_setting
from tests.deployment.programs import (
    CHART,
    NEEDED,
    Manifest,
    chart_arguments,
    container_of,
    environment_of,
    merged,
    of_kind,
    parsed,
    pod_of,
    refusal,
    render,
    tool,
)

DEV = CHART / "values-dev.yaml"
EVERYTHING: dict[str, Any] = {
    "autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9},
    "decryptionKeys": {"existingSecret": "mcp-server-keys"},
    "ingress": {"enabled": True, "className": "nginx", "tlsSecret": "tls", "annotations": {"a": "b"}},
    "policies": {"existingConfigMap": "policies"},
    "secrets": {"files": {"GITHUB_CLIENT_SECRET": "github"}, "paths": {"STORAGE_ENCRYPTION_KEY_PATH": "keys.json"}},
    "image": {"digest": f"sha256:{'0' * 64}"},
    "imagePullSecrets": [{"name": "registry"}],
    "networkPolicy": {"extraEgress": [{"to": [{"ipBlock": {"cidr": "10.1.2.3/32"}}], "ports": [{"port": 8443}]}]},
    "nodeSelector": {"kubernetes.io/arch": "amd64"},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "reports"},
    "service": {"annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "tolerations": [{"key": "spot", "operator": "Exists"}],
    "affinity": {"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": []}},
}
# The oldest that the chart says it runs on, and the newest that is known here.
VERSIONS = ["1.30", "1.37"]
WORLDS = {
    "by default": (NEEDED, ()),
    "with everything": (merged(NEEDED, EVERYTHING), ()),
    "for development": ({"settings": {"MCPAUTHKIT_ISSUER_URL": "https://login.example.com"}}, (DEV,)),
}


@pytest.fixture(params=list(WORLDS.values()), ids=list(WORLDS))
def world(request: pytest.FixtureRequest) -> Any:
    return request.param


def changed(folder: Path, change: dict[str, Any]) -> list[Manifest]:
    return render(folder, merged(NEEDED, change))


def test_helm_finds_nothing_to_say_against_the_chart(tmp_path: Path, world: Any) -> None:
    values, files = world
    done = tool("HELM", "lint", "--strict", CHART, *chart_arguments(tmp_path, values, files))
    assert done.returncode == 0, done.stdout + done.stderr
    told = (done.stdout + done.stderr).splitlines()
    assert not [line for line in told if "WARN" in line or "ERROR" in line], told


@pytest.mark.parametrize("version", VERSIONS)
def test_what_it_gives_is_what_kubernetes_takes_with_no_field_that_it_does_not_know(
    tmp_path: Path, world: Any, version: str
) -> None:
    values, files = world
    done = tool("HELM", "template", "reports", CHART, *chart_arguments(tmp_path, values, files))
    written = tmp_path / "manifests.yaml"
    written.write_text(done.stdout, encoding="utf-8")
    checked = tool("KUBERNETES_VALIDATE", "--strict", "--kubernetes-version", version, written)
    assert checked.returncode == 0, checked.stdout
    passed = [line for line in checked.stdout.splitlines() if " passed for resource " in line]
    assert len(passed) == len(parsed(done.stdout)), checked.stdout


def test_the_validator_refuses_a_field_that_kubernetes_does_not_know(tmp_path: Path) -> None:
    written = tmp_path / "service.yaml"
    written.write_text("{apiVersion: v1, kind: Service, metadata: {name: a}, spec: {prots: []}}", encoding="utf-8")
    assert tool("KUBERNETES_VALIDATE", "--strict", "--kubernetes-version", VERSIONS[0], written).returncode == 1


def test_by_default_there_are_two_replicas_and_each_knows_it(tmp_path: Path) -> None:
    manifests = render(tmp_path)
    assert of_kind(manifests, "Deployment")["spec"]["replicas"] == 2
    assert environment_of(manifests)["MCPAUTHKIT_REPLICAS"] == "2"


def test_the_servers_are_told_how_many_they_are(tmp_path: Path) -> None:
    assert environment_of(changed(tmp_path, {"replicas": 5}))["MCPAUTHKIT_REPLICAS"] == "5"


def test_with_autoscaling_they_are_told_how_many_they_may_become(tmp_path: Path) -> None:
    manifests = changed(tmp_path, {"autoscaling": {"enabled": True, "minReplicas": 3, "maxReplicas": 9}})
    assert "replicas" not in of_kind(manifests, "Deployment")["spec"]
    assert environment_of(manifests)["MCPAUTHKIT_REPLICAS"] == "9"
    scaler = of_kind(manifests, "HorizontalPodAutoscaler")["spec"]
    assert (scaler["minReplicas"], scaler["maxReplicas"]) == (3, 9)
    assert scaler["scaleTargetRef"]["name"] == of_kind(manifests, "Deployment")["metadata"]["name"]


def test_production_mode_is_on_and_what_it_needs_is_named(tmp_path: Path) -> None:
    environment = environment_of(render(tmp_path))
    assert environment["MCPAUTHKIT_PRODUCTION"] == "1"
    assert environment["TOKEN_STORAGE_MODE"] == "redis"


def test_every_variable_is_a_setting_of_the_kit_or_of_its_server(tmp_path: Path) -> None:
    known = {one.variable for one in every_setting()}
    known |= {f"{one.variable}_FILE" for one in every_setting() if one.is_secret}
    unknown = set(environment_of(changed(tmp_path, EVERYTHING))) - known
    assert unknown == {"FASTMCP_STATELESS_HTTP", "GITHUB_CLIENT_SECRET_FILE"}


def test_manifests_hold_references_to_secrets_and_no_secret(tmp_path: Path) -> None:
    manifests = changed(tmp_path, EVERYTHING)
    assert "Secret" not in {one["kind"] for one in manifests}
    assert "ConfigMap" not in {one["kind"] for one in manifests}
    secret = {one.variable for one in every_setting() if one.is_secret}
    assert not secret & environment_of(manifests).keys()
    assert all(set(one) == {"name", "value"} for one in container_of(manifests)["env"])


@pytest.mark.parametrize("name", sorted(one.variable for one in every_setting() if one.is_secret))
def test_a_secret_among_the_settings_is_refused(tmp_path: Path, name: str) -> None:
    assert f"invalid propertyName '{name}'" in refusal(tmp_path, merged(NEEDED, {"settings": {name: "canary"}}))


@pytest.mark.parametrize("name", ["GITHUB_CLIENT_SECRET", "DB_PASSWORD", "SLACK_TOKEN", "MCPAUTHKIT_REPLICAS"])
def test_so_is_whatever_sounds_like_one_or_is_the_chart_s_to_set(tmp_path: Path, name: str) -> None:
    assert f"invalid propertyName '{name}'" in refusal(tmp_path, merged(NEEDED, {"settings": {name: "1"}}))


@pytest.mark.parametrize("name", sorted(one.variable for one in every_setting() if not one.is_secret))
def test_any_other_setting_can_be_given(tmp_path: Path, name: str) -> None:
    of_the_chart = {"MCPAUTHKIT_REPLICAS", "MCPAUTHKIT_POLICIES", "MCP_KEY_FILE_PATH"}
    values = merged({"settings": {name: "https://a.example"}}, NEEDED)
    if name in of_the_chart:
        assert name in refusal(tmp_path, values)
    else:
        assert environment_of(render(tmp_path, values))[name] == values["settings"][name]


def test_secrets_are_files_that_the_server_is_led_to(tmp_path: Path) -> None:
    manifests = changed(tmp_path, EVERYTHING)
    environment, pod = environment_of(manifests), pod_of(manifests)
    assert environment["REDIS_URL_FILE"] == "/etc/mcpauthkit/secrets/redis-url"
    assert environment["STORAGE_ENCRYPTION_KEY_PATH"] == "/etc/mcpauthkit/secrets/keys.json"
    (volume,) = (one["secret"] for one in pod["volumes"] if one["name"] == "secrets")
    assert volume["secretName"] == "mcpauthkit"
    assert {one["path"] for one in volume["items"]} == {"redis-url", "sealing-key", "github", "keys.json"}
    assert volume["defaultMode"] == 0o440
    (mount,) = (one for one in container_of(manifests)["volumeMounts"] if one["name"] == "secrets")
    assert mount == {"name": "secrets", "mountPath": "/etc/mcpauthkit/secrets", "readOnly": True}


def test_keys_for_encrypted_tokens_are_mounted_where_users_of_the_older_middleware_have_them(tmp_path: Path) -> None:
    manifests = changed(tmp_path, {"decryptionKeys": {"existingSecret": "mcp-server-keys"}})
    assert environment_of(manifests)["MCP_KEY_FILE_PATH"] == "/etc/mcp/secrets/key.json"
    (volume,) = (one for one in pod_of(manifests)["volumes"] if one["name"] == "mcp-secret-volume")
    assert volume["secret"]["items"] == [{"key": "mcp_jwks", "path": "key.json"}]
    (mount,) = (one for one in container_of(manifests)["volumeMounts"] if one["name"] == "mcp-secret-volume")
    assert mount["mountPath"] == "/etc/mcp/secrets"


@pytest.mark.parametrize(
    ("without", "told"),
    [
        ({"settings": {"MCPAUTHKIT_SERVER_BASE_URL": ""}}, "MCPAUTHKIT_SERVER_BASE_URL"),
        ({"settings": {"MCPAUTHKIT_SERVER_BASE_URL": "http://mcp.example.com"}}, "MCPAUTHKIT_SERVER_BASE_URL"),
        ({"settings": {"MCPAUTHKIT_ISSUER_URL": ""}}, "MCPAUTHKIT_ISSUER_URL"),
        ({"secrets": {"existingSecret": ""}}, "secrets.existingSecret is needed"),
        ({"ingress": {"enabled": True}}, "ingress.tlsSecret is needed"),
        ({"replicas": 0}, "/replicas"),
        ({"replica": 3}, "replica"),
        ({"terminationGracePeriodSeconds": 10}, "/terminationGracePeriodSeconds"),
    ],
)
def test_values_that_cannot_work_are_refused_by_name(tmp_path: Path, without: dict[str, Any], told: str) -> None:
    assert told in refusal(tmp_path, merged(NEEDED, without))


def test_values_for_development_need_no_secret_and_no_store(tmp_path: Path) -> None:
    manifests = render(tmp_path, *WORLDS["for development"])
    environment = environment_of(manifests)
    assert of_kind(manifests, "Deployment")["spec"]["replicas"] == 1
    assert (environment["MCPAUTHKIT_PRODUCTION"], environment["TOKEN_STORAGE_MODE"]) == ("0", "memory")
    assert not [name for name in environment if name.endswith("_FILE")]
    assert [one["name"] for one in pod_of(manifests)["volumes"]] == ["tmp"]
    assert of_kind(manifests, "NetworkPolicy")["spec"]["ingress"] == []
