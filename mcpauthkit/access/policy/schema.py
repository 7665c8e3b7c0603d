"""The JSON Schema of policy files, for editors: it completes, explains on hovering, and marks what is wrong."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any, Final

from pydantic import BaseModel

from mcpauthkit.access.policy.document import Policy, Selector
from mcpauthkit.access.policy.location import models_in

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ARGUMENT = re.compile(r"^    (\w+): (.*)$")
_NULL: Final = {"type": "null"}


def json_schema() -> dict[str, Any]:
    """The JSON Schema of a policy file. It is looser than reading: what depends on several values is not in it."""
    schema = Policy.model_json_schema(by_alias=True)
    for model in _models(Policy):
        _describe(model, schema if model is Policy else schema["$defs"][model.__name__])
    return {"$schema": _DIALECT, "title": "Policy of mcpauthkit", **_tidy(schema)}


def _models(*waiting: type[BaseModel]) -> set[type[BaseModel]]:
    found: set[type[BaseModel]] = set()
    todo = list(waiting)
    while todo:
        model = todo.pop()
        if model not in found:
            found.add(model)
            todo.extend(one for field in model.model_fields.values() for one in models_in(field.annotation))
    return found


def _describe(model: type[BaseModel], schema: dict[str, Any]) -> None:
    text = inspect.getdoc(model) or ""
    schema["description"] = text.partition("\n\n")[0]
    if issubclass(model, Selector):
        schema["minProperties"] = 1
    for name, said in _arguments(text):
        field = model.model_fields[name]
        schema["properties"][str(field.validation_alias or name)]["description"] = said


def _arguments(text: str) -> Iterator[tuple[str, str]]:
    name, said = "", ""
    for line in text.partition("Args:\n")[2].splitlines():
        begins = _ARGUMENT.match(line)
        if begins:
            if name:
                yield name, said
            name, said = begins[1], begins[2]
        elif line.strip():
            said = f"{said} {line.strip()}"
    if name:
        yield name, said


def _tidy(schema: Any) -> Any:
    """Without null, which no file may say, and without titles that only repeat a key."""
    if isinstance(schema, list):
        return [_tidy(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    kept = {
        key: _tidy(value)
        for key, value in schema.items()
        if not (key == "title" and isinstance(value, str)) and not (key == "default" and value is None)
    }
    choices = kept.get("anyOf")
    if isinstance(choices, list) and _NULL in choices:
        rest = [one for one in choices if one != _NULL]
        del kept["anyOf"]
        kept = {**kept, **(rest[0] if len(rest) == 1 else {"anyOf": rest})}
    return kept
