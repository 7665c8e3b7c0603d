"""The report as SARIF: what the standard demands, and what code scanning pages need."""

from __future__ import annotations

import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from mcpauthkit.doctor.catalogue import CATALOGUE
from mcpauthkit.doctor.finding import Finding
from mcpauthkit.doctor.outside.faults_door import HEADER_LOST, UNREACHABLE
from mcpauthkit.doctor.report import Report
from mcpauthkit.doctor.sarif import sarif_of

TEXT = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string", "minLength": 1}}}
LEVEL = {"enum": ["none", "note", "warning", "error"]}
RULE = {
    "type": "object",
    "required": ["id"],
    "properties": {
        "id": {"type": "string", "minLength": 1},
        "shortDescription": TEXT,
        "fullDescription": TEXT,
        "help": TEXT,
        "defaultConfiguration": {"type": "object", "properties": {"level": LEVEL}, "additionalProperties": False},
    },
    "additionalProperties": False,
}
LOCATION = {
    "type": "object",
    "properties": {
        "physicalLocation": {
            "type": "object",
            "required": ["artifactLocation"],
            "properties": {
                "artifactLocation": {
                    "type": "object",
                    "properties": {"uri": {"type": "string", "format": "uri-reference", "pattern": r"^[\x21-\x7e]+$"}},
                }
            },
        },
        "logicalLocations": {"type": "array", "items": {"type": "object", "minProperties": 1}},
    },
    "additionalProperties": False,
}
RESULT = {
    "type": "object",
    "required": ["message"],
    "properties": {
        "ruleId": {"type": "string"},
        "ruleIndex": {"type": "integer", "minimum": -1},
        "level": LEVEL,
        "message": TEXT,
        "locations": {"type": "array", "items": LOCATION},
        "partialFingerprints": {"type": "object", "additionalProperties": {"type": "string"}},
    },
    "additionalProperties": False,
}
DRIVER = {
    "type": "object",
    "required": ["name"],
    "properties": {
        "name": {"type": "string"},
        "version": {"type": "string"},
        "rules": {"type": "array", "items": RULE, "uniqueItems": True},
    },
    "additionalProperties": False,
}
# SARIF 2.1.0 sections 3.13 to 3.28 and 3.49, as far as we use them: what is required, and of which kind it is.
SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["tool"],
                "properties": {
                    "tool": {"type": "object", "required": ["driver"], "properties": {"driver": DRIVER}},
                    "invocations": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["executionSuccessful"],
                            "properties": {"executionSuccessful": {"type": "boolean"}},
                        },
                    },
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "results": {"type": "array", "items": RESULT},
                },
                "additionalProperties": False,
            },
        },
    },
    "additionalProperties": False,
}
FOUND = (
    UNREACHABLE.found(evidence="no answer", place="https://mcp.example.com/mcp"),
    HEADER_LOST.found(evidence="seen", place="open_paths= of JwtAuthMiddleware"),
)


def sarif(*findings: Finding, source: str = "") -> dict[str, Any]:
    report = Report("https://mcp.example.com/mcp", findings)
    document = sarif_of(report, catalogue=CATALOGUE, version="1.2.3", source=source)
    read: dict[str, Any] = json.loads(json.dumps(document))
    return read


@pytest.mark.parametrize("source", ["", "server.py"])
def test_it_has_what_the_standard_demands(source: str) -> None:
    Draft202012Validator.check_schema(SARIF)
    Draft202012Validator(SARIF).validate(sarif(*FOUND, source=source))
    Draft202012Validator(SARIF).validate(sarif())


def test_every_fault_is_a_rule_and_every_finding_names_its_own() -> None:
    run = sarif(*FOUND)["runs"][0]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [fault.code for fault in CATALOGUE]
    assert [rules[one["ruleIndex"]]["id"] for one in run["results"]] == [one.code for one in FOUND]


def test_a_finding_is_shown_at_the_application_where_it_is_known_and_else_at_its_address() -> None:
    def shown(source: str) -> list[Any]:
        locations = [one["locations"][0] for one in sarif(*FOUND, source=source)["runs"][0]["results"]]
        return [one.get("physicalLocation", {}).get("artifactLocation", {}).get("uri") for one in locations]

    assert shown("app/server.py") == ["app/server.py", "app/server.py"]
    assert shown("") == ["https://mcp.example.com/mcp", None]


def test_a_finding_stays_the_same_alert_when_only_its_evidence_changes() -> None:
    def mark(evidence: str, place: str) -> Any:
        return sarif(UNREACHABLE.found(evidence=evidence, place=place))["runs"][0]["results"][0]["partialFingerprints"]

    assert mark("HTTP 502", "https://a.example") == mark("HTTP 503", "https://a.example")
    assert mark("HTTP 502", "https://a.example") != mark("HTTP 502", "https://b.example")
