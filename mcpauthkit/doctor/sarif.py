"""A report as SARIF 2.1.0, which code scanning pages and editors read."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.report import Report

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_ADDRESSES = ("https://", "http://")


def sarif_of(report: Report, *, catalogue: Sequence[Fault], version: str, source: str = "") -> dict[str, Any]:
    """One SARIF document with one run.

    Args:
        report: What was found.
        catalogue: The faults, which become the rules.
        version: The version of this library.
        source: The file of the application, relative to the folder it was examined in; findings are shown there. Those
            about an address are shown at the address where it is empty.
    """
    index = {fault.code: number for number, fault in enumerate(catalogue)}
    driver = {"name": "mcpauthkit doctor", "version": version, "rules": [_rule(fault) for fault in catalogue]}
    results = [_result(one, index, source) for one in report.findings]
    run = {
        "tool": {"driver": driver},
        "invocations": [{"executionSuccessful": True}],
        "columnKind": "unicodeCodePoints",
        "results": results,
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _rule(fault: Fault) -> dict[str, Any]:
    return {
        "id": fault.code,
        "shortDescription": {"text": fault.title},
        "fullDescription": {"text": fault.cause},
        "help": {"text": fault.fix},
        "defaultConfiguration": {"level": fault.level},
    }


def _result(finding: Finding, index: dict[str, int], source: str) -> dict[str, Any]:
    is_address = finding.place.startswith(_ADDRESSES)
    uri = source or (finding.place if is_address else "")
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": finding.place}]}
    if uri:
        location["physicalLocation"] = {"artifactLocation": {"uri": quote(uri, safe="/:@?&=%#[]~+,;")}}
    return {
        "ruleId": finding.code,
        **({"ruleIndex": index[finding.code]} if finding.code in index else {}),
        "level": finding.level,
        "message": {"text": f"{finding.cause} Seen: {finding.evidence}. Fix: {finding.fix}"},
        "locations": [location],
        # Evidence changes from run to run, the fault and its place do not: by these an alert stays the same alert.
        "partialFingerprints": {"fault/v1": hashlib.sha256(f"{finding.code}\n{finding.place}".encode()).hexdigest()},
    }
