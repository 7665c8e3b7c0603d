"""What a pod of the chart may do, and what it does when it comes and goes."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Any

import pytest

from tests.deployment.programs import NEEDED, Manifest, container_of, environment_of, merged, of_kind, pod_of, render


@pytest.fixture
def manifests(tmp_path: Any) -> list[Manifest]:
    return render(tmp_path)


def test_pods_meet_the_restricted_standard_of_kubernetes(manifests: list[Manifest]) -> None:
    pod, container = pod_of(manifests)["securityContext"], container_of(manifests)["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == pod["runAsGroup"] == 10001
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert not {"hostNetwork", "hostPID", "hostIPC", "initContainers"} & pod_of(manifests).keys()
    assert {key for one in pod_of(manifests)["volumes"] for key in one} == {"name", "emptyDir", "secret"}


def test_nothing_can_be_written_but_a_bounded_tmp(manifests: list[Manifest]) -> None:
    assert container_of(manifests)["securityContext"]["readOnlyRootFilesystem"] is True
    writable = [one for one in container_of(manifests)["volumeMounts"] if not one.get("readOnly")]
    assert writable == [{"name": "tmp", "mountPath": "/tmp"}]  # noqa: S108  # of the container
    (volume,) = (one for one in pod_of(manifests)["volumes"] if one["name"] == "tmp")
    assert volume["emptyDir"]["sizeLimit"] == "64Mi"


def test_no_pod_has_a_token_for_kubernetes_or_variables_of_other_services(manifests: list[Manifest]) -> None:
    account = of_kind(manifests, "ServiceAccount")
    assert pod_of(manifests)["serviceAccountName"] == account["metadata"]["name"]
    assert account["automountServiceAccountToken"] is False
    assert pod_of(manifests)["automountServiceAccountToken"] is False
    assert pod_of(manifests)["enableServiceLinks"] is False


def test_probes_ask_whether_it_lives_and_whether_it_can_serve(manifests: list[Manifest]) -> None:
    container = container_of(manifests)
    asked = {name: container[name]["httpGet"]["path"] for name in ("startupProbe", "livenessProbe", "readinessProbe")}
    assert asked == {"startupProbe": "/health", "livenessProbe": "/health", "readinessProbe": "/ready"}
    (port,) = container["ports"]
    assert all(container[name]["httpGet"]["port"] == port["name"] for name in asked)
    # The server takes up to two seconds to say no.
    assert container["readinessProbe"]["timeoutSeconds"] > 2
    assert of_kind(manifests, "Service")["spec"]["ports"][0]["targetPort"] == port["name"]


def test_it_goes_without_dropping_what_it_has_begun(manifests: list[Manifest]) -> None:
    pause = container_of(manifests)["lifecycle"]["preStop"]["sleep"]["seconds"]
    assert pod_of(manifests)["terminationGracePeriodSeconds"] > pause + 50  # what uvicorn is given in the Dockerfile
    strategy = of_kind(manifests, "Deployment")["spec"]["strategy"]["rollingUpdate"]
    assert strategy == {"maxSurge": 1, "maxUnavailable": 0}


def test_replicas_are_spread_and_drains_leave_one(manifests: list[Manifest]) -> None:
    spread = pod_of(manifests)["topologySpreadConstraints"]
    assert [one["topologyKey"] for one in spread] == ["topology.kubernetes.io/zone", "kubernetes.io/hostname"]
    budget = of_kind(manifests, "PodDisruptionBudget")["spec"]
    assert budget["maxUnavailable"] == 1
    assert budget["selector"] == of_kind(manifests, "Deployment")["spec"]["selector"]
    assert all(one["labelSelector"] == budget["selector"] for one in spread)


def test_memory_is_bounded_and_what_it_needs_is_reserved(manifests: list[Manifest]) -> None:
    resources = container_of(manifests)["resources"]
    assert set(resources["requests"]) == {"cpu", "memory"}
    assert "memory" in resources["limits"]


def test_only_the_ingress_controller_may_connect(manifests: list[Manifest]) -> None:
    policy = of_kind(manifests, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert policy["podSelector"] == of_kind(manifests, "Deployment")["spec"]["selector"]
    (rule,) = policy["ingress"]
    assert rule["ports"] == [{"port": "http"}]
    assert [list(one) for one in rule["from"]] == [["namespaceSelector"]]


@pytest.mark.parametrize(
    ("address", "may"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("169.254.169.254", False),  # where clouds give out credentials
        ("fd00:ec2::254", False),
        ("10.0.0.1", False),
        ("172.31.255.255", False),
        ("192.168.1.1", False),
        ("100.64.0.1", False),
        ("127.0.0.1", False),
        ("::1", False),
        ("fe80::1", False),
    ],
)
def test_it_reaches_the_internet_over_https_and_no_private_network(
    manifests: list[Manifest], address: str, *, may: bool
) -> None:
    rules = of_kind(manifests, "NetworkPolicy")["spec"]["egress"]
    blocks = [peer["ipBlock"] for rule in rules for peer in rule["to"] if "ipBlock" in peer]
    asked = ip_address(address)
    reached = [
        one
        for one in blocks
        if asked in ip_network(one["cidr"]) and not any(asked in ip_network(other) for other in one["except"])
    ]
    assert bool(reached) is may
    (ports,) = (rule["ports"] for rule in rules if any("ipBlock" in peer for peer in rule["to"]))
    assert ports == [{"port": 443}]


def test_besides_it_reaches_dns_and_redis(manifests: list[Manifest]) -> None:
    rules = of_kind(manifests, "NetworkPolicy")["spec"]["egress"]
    inside = [(port["port"], rule["to"]) for rule in rules for port in rule["ports"] if "ipBlock" not in rule["to"][0]]
    assert [port for port, _ in inside] == [53, 53, 6379]
    assert all(peers for _, peers in inside)


def test_no_rule_lets_everybody_in_where_nobody_is_named(tmp_path: Any) -> None:
    closed = render(
        tmp_path, merged(NEEDED, {"networkPolicy": {"from": [], "redis": [], "dns": [], "internet": False}})
    )
    policy = of_kind(closed, "NetworkPolicy")["spec"]
    assert policy["policyTypes"] == ["Ingress", "Egress"]
    assert not policy["ingress"]
    assert not policy["egress"]


def test_an_ingress_serves_the_root_of_the_public_host_over_tls(tmp_path: Any) -> None:
    ingress = of_kind(
        render(tmp_path, merged(NEEDED, {"ingress": {"enabled": True, "tlsSecret": "certificate"}})), "Ingress"
    )["spec"]
    assert ingress["tls"] == [{"hosts": ["mcp.example.com"], "secretName": "certificate"}]
    (rule,) = ingress["rules"]
    assert rule["host"] == "mcp.example.com"
    assert [one["path"] for one in rule["http"]["paths"]] == ["/"]


@pytest.mark.parametrize(("sessions", "stateless"), [("stateless", "true"), ("sticky", "false")])
def test_sessions_are_no_business_of_replicas_unless_something_keeps_them_together(
    tmp_path: Any, sessions: str, stateless: str
) -> None:
    environment = environment_of(render(tmp_path, merged(NEEDED, {"sessions": sessions})))
    assert environment["FASTMCP_STATELESS_HTTP"] == stateless
