"""What stands in the audit log where no trail is set up, taken apart."""

from __future__ import annotations

import json
import logging
import re

import pytest

_FIELD = re.compile(r'(\S+?)=("(?:[^"\\]|\\.)*"|\S+)')


def audit_lines(caplog: pytest.LogCaptureFixture, *, level: int = logging.NOTSET) -> list[str]:
    """The lines of at least a level."""
    return [one.getMessage() for one in caplog.records if one.name == "mcpauthkit.audit" and one.levelno >= level]


def fields_of(line: str) -> dict[str, str]:
    """The fields of a line; what it is about is `event`."""
    event, _, rest = line.partition(" ")
    found = {name: json.loads(value) if value[0] == '"' else value for name, value in _FIELD.findall(rest)}
    return {"event": event, **found}


def refusals_told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Every refusal, as its event and its reason."""
    told = [fields_of(line) for line in audit_lines(caplog, level=logging.WARNING)]
    return [f"{one['event']}: {one.get('reason', '')}" for one in told]
