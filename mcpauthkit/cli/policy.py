"""`mcpauthkit policy`: who may see and use what, before a server does as it says."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from cyclopts import App

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.reading import Document
from mcpauthkit.access.policy.schema import json_schema
from mcpauthkit.access.review.cases import CaseFile
from mcpauthkit.access.review.notes import notes_on
from mcpauthkit.access.review.running import Outcome, outcomes_of
from mcpauthkit.access.review.samples import custom_conditions
from mcpauthkit.cli.output import Switch, counted, print_json
from mcpauthkit.cli.policy_diff import diff
from mcpauthkit.cli.policy_explain import explain, lines_of
from mcpauthkit.cli.policy_files import documents_at, files_of_tests, policies_under, tests_at
from mcpauthkit.cli.policy_scopes import list_scopes
from mcpauthkit.errors import Fault, PolicyInvalid


def group() -> App:
    """The commands about policies."""
    app = App(name="policy", help="Check, test and compare policies: who may see and use what.")
    for command in (validate, explain, diff, list_scopes, schema):
        app.command(command)
    app.command(run_tests, name="test")
    return app


def validate(paths: tuple[Path, ...], /, *, json: Switch = False) -> int:
    """Check policies as a server would at its start, and note what is probably not meant.

    It ends with 0 when they can be used, whatever is noted, with 1 when they cannot, and with 2 when there is nothing
    to check.

    Args:
        paths: Files and folders that a server loads together.
        json: Print what was found as JSON.
    """
    faults: Sequence[Fault] = ()
    documents: Sequence[Document[Policy]] = ()
    try:
        documents = documents_at(paths)
    except PolicyInvalid as error:
        faults = error.faults
    policies = [one.content for one in documents]
    notes = [*_on_ends(documents), *(asdict(one) for one in notes_on(policies))]
    custom = custom_conditions(policies)
    if json:
        loaded = [
            {"source": one.source, "name": one.content.name, "rules": len(one.content.rules)} for one in documents
        ]
        found = {"policies": loaded, "faults": [asdict(one) for one in faults], "notes": notes, "conditions": custom}
        print_json(found)
    else:
        print(*_validated(documents, faults, notes, custom), sep="\n")
    return 1 if faults else 0


def _on_ends(documents: Sequence[Document[Policy]]) -> Iterator[dict[str, str]]:
    for one in documents:
        if one.is_ended:
            continue
        text = f"{one.source} does not end with a line `...`: if it is cut off at the end of a line, nobody notices."
        yield {"policy": one.content.name, "rule": "", "text": text}


def _validated(
    documents: Sequence[Document[Policy]],
    faults: Sequence[Fault],
    notes: Sequence[dict[str, str]],
    custom: Sequence[str],
) -> Iterator[str]:
    yield from map(str, faults)
    if faults:
        yield f"{counted(len(faults), 'fault')}; a server would keep what it has, or not start."
        return
    for one in documents:
        yield f"{one.source}: {one.content.name}, {counted(len(one.content.rules), 'rule')}"
    yield from (f"note: {one['policy']}{'/' if one['rule'] else ''}{one['rule']}: {one['text']}" for one in notes)
    if custom:
        yield f"The application has to register: {', '.join(custom)}."


def run_tests(files: tuple[Path, ...], /, *, verbose: Switch = False, json: Switch = False) -> int:
    """Run tests of policies, which are files beside them.

    It ends with 0 when all pass, with 1 when one does not, and with 2 when they could not be run.

    Args:
        files: Files of tests, such as policies.test.yaml, and folders of them.
        verbose: Print the tests that pass too.
        json: Print what came of each as JSON.
    """
    read = [(path, tests_at(path)) for path in files_of_tests(files)]
    ran = [(path, list(_run(tests, path))) for path, tests in read]
    failed = sum(not one.is_passed for _, outcomes in ran for one in outcomes)
    if json:
        told = [_as_json(path, one) for path, outcomes in ran for one in outcomes]
        print_json({"tests": told, "failed": failed})
    else:
        for path, outcomes in ran:
            print(*_told(path, outcomes, verbose=verbose), sep="\n")
    return 1 if failed else 0


def _run(tests: CaseFile, path: Path) -> Iterator[Outcome]:
    return outcomes_of(tests, policies_under(tests, path))


def _as_json(path: Path, one: Outcome) -> dict[str, Any]:
    return {
        "file": str(path),
        "name": one.case.name,
        "passed": one.is_passed,
        "problem": one.problem,
        "decision": "allow" if one.decision.allowed else "deny",
        "policy": one.decision.policy,
        "rule": one.decision.rule,
    }


def _told(path: Path, outcomes: Sequence[Outcome], *, verbose: bool) -> Iterator[str]:
    for one in outcomes:
        if not one.is_passed:
            yield f"failed  {one.case.name}: {one.problem}"
            yield from (f"        {line}" for line in lines_of(one.explanation))
        elif verbose:
            yield f"passed  {one.case.name}"
    failed = sum(not one.is_passed for one in outcomes)
    yield f"{path}: {counted(len(outcomes), 'test')}, {failed} failed"


def schema(*, tests: Switch = False) -> int:
    """Print the JSON Schema of policies, for editors.

    Args:
        tests: Print that of files of tests instead.
    """
    print_json(CaseFile.model_json_schema() if tests else json_schema())
    return 0
