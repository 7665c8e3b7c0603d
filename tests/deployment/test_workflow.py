"""What GitHub runs for each change."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from tests.deployment.programs import ROOT, check_jsonschema, tool

FILE = ROOT / ".github/workflows/ci.yml"
TEXT = FILE.read_text(encoding="utf-8")
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["jobs"]
# YAML 1.1 takes the word for a truth value.
_ON = True


def steps(job: str) -> list[dict[str, Any]]:
    found = JOBS[job]["steps"]
    assert isinstance(found, list)
    return found


def test_it_is_what_github_s_schema_allows() -> None:
    check_jsonschema("vendor.github-workflows", FILE)


def test_the_linter_of_workflows_has_nothing_to_say_against_it() -> None:
    # Without the other linters it would ask, which are on some machines and not on others.
    done = tool("ACTIONLINT", "-shellcheck=", "-pyflakes=", FILE)
    assert done.returncode == 0, done.stdout


def test_the_linter_would_find_something(tmp_path: Path) -> None:
    bad = tmp_path / "ci.yml"
    bad.write_text(TEXT.replace("${{ github.workflow }}", "${{ github.workflo }}"), encoding="utf-8")
    assert tool("ACTIONLINT", "-shellcheck=", "-pyflakes=", bad).returncode == 1


def test_it_runs_for_every_change_what_developers_run() -> None:
    triggers = yaml.safe_load(TEXT)[_ON]
    assert {"push", "pull_request"} <= triggers.keys()
    assert "pull_request_target" not in triggers  # that one would run a stranger's code with our rights
    assert {"run": ".ci/run"} in steps("checks")


def test_it_may_read_the_code_and_nothing_else() -> None:
    assert yaml.safe_load(TEXT)["permissions"] == {}
    assert all(job["permissions"] == {"contents": "read"} for job in JOBS.values())
    checkouts = [one for job in JOBS for one in steps(job) if one.get("uses", "").startswith("actions/checkout@")]
    assert len(checkouts) == len(JOBS)
    assert all(one["with"]["persist-credentials"] is False for one in checkouts)
    assert "secrets." not in TEXT


def test_actions_are_named_by_commit_and_release() -> None:
    named = re.findall(r"uses: (\S+)@(\S+)(.*)", TEXT)
    assert named
    for action, commit, comment in named:
        assert action.startswith("actions/"), action
        assert re.fullmatch(r"[0-9a-f]{40}", commit), action
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), action
    assert len(set(named)) == len({action for action, _, _ in named})


def test_every_job_ends() -> None:
    assert all(job["timeout-minutes"] <= 90 for job in JOBS.values())


def test_wheel_and_documentation_are_built_and_the_image_is_started() -> None:
    commands = {job: "\n".join(one.get("run", "") for one in steps(job)) for job in JOBS}
    assert "hatchling build" in commands["package"]
    assert "scripts/docs build" in commands["package"]
    assert "docker build" in commands["image"]
    assert "--read-only" in commands["image"]
