"""What docs/deployment.md says of the image, the chart and the manifests is what they are."""

from __future__ import annotations

import re
import shlex
from typing import Any

import yaml

from tests.deployment.dockerfile import read
from tests.docs.pages import first_column, text_of
from tests.docs.snippets import ROOT, snippets_on

PAGE = "docs/deployment.md"
CHART = ROOT / "deploy/helm/mcpauthkit"
VALUES: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))


def commands() -> list[list[str]]:
    text = "".join(one.code for one in snippets_on(PAGE, "sh")).replace("\\\n", " ")
    return [shlex.split(line) for line in text.splitlines()]


def value_at(path: str) -> Any:
    found: Any = VALUES
    for name in path.split("."):
        found = found[name]
    return found


def test_the_command_on_the_page_is_the_image_s() -> None:
    (told,) = (one for one in commands() if one[0] == "uvicorn")
    assert told == read(ROOT / "Dockerfile")[-1].last("CMD").words


def test_every_value_in_the_table_is_one_of_the_chart_and_the_first_levels_are_there() -> None:
    names = first_column(PAGE, "| value | default | meaning |")
    for name in names:
        value_at(name)
    details = {
        *("imagePullSecrets", "service", "serviceAccount", "terminationGracePeriodSeconds"),
        *("podAnnotations", "podLabels", "nodeSelector", "tolerations", "affinity"),
    }
    assert {name.partition(".")[0] for name in names} | details == set(VALUES)


def test_every_value_that_a_command_sets_is_one_of_the_chart() -> None:
    told = [word for one in commands() if one[0] == "helm" for word in one if re.match(r"[\w.]+=", word)]
    assert told
    for word in told:
        value_at(word.partition("=")[0])


def test_paths_that_a_command_or_a_sentence_names_are_there() -> None:
    named = {one.removesuffix("`") for one in re.findall(r"deploy/[\w./-]+`?", text_of(PAGE))}
    assert named
    assert not [one for one in named if not (ROOT / one.rstrip(".")).exists()]


def test_the_secret_that_is_made_holds_what_the_chart_expects() -> None:
    (made,) = (one for one in commands() if one[:3] == ["kubectl", "create", "secret"])
    keys = {word.partition("=")[2] for word in made if word.startswith("--from-file=")}
    assert keys == set(VALUES["secrets"]["files"].values())
    name = made[made.index("generic") + 1]
    assert ["--set", f"secrets.existingSecret={name}"] in [
        one[at : at + 2] for one in commands() if one[0] == "helm" for at in range(len(one))
    ]


def test_the_mount_on_the_page_is_the_one_of_the_manifests() -> None:
    (snippet,) = snippets_on(PAGE, "yaml")
    told = yaml.safe_load(snippet.code)
    manifests = list(yaml.safe_load_all((ROOT / "deploy/kubernetes/server.yaml").read_text(encoding="utf-8")))
    (pod,) = (one["spec"]["template"]["spec"] for one in manifests if one["kind"] == "Deployment")
    (volume,), (container,) = told["volumes"], told["containers"]
    (mounted,) = (one for one in pod["volumes"] if one["name"] == volume["name"])
    for key in ("secretName", "items"):
        assert mounted["secret"][key] == volume["secret"][key]
    (served,) = pod["containers"]
    assert all(one in served["env"] for one in container["env"])
    assert all(one in served["volumeMounts"] for one in container["volumeMounts"])
