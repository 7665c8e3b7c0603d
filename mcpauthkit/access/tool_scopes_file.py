"""The file of a table of scopes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator

from mcpauthkit.access.policy.reading import read_bytes, read_document
from mcpauthkit.access.policy.values import ListOf, Name, Part, Text, refuse
from mcpauthkit.errors import PolicyInvalid


def _one_scope(text: str) -> str:
    if text.split() != [text]:
        raise refuse("several_scopes", "This holds several scopes: write a list of them.")
    return text


class ToolScopesFile(Part):
    """What stands in the file.

    Attributes:
        tools: The scopes by tool.
        unmapped: Whether tools that are not in it are refused to everybody.
    """

    tools: dict[Name, Annotated[tuple[Annotated[Text, AfterValidator(_one_scope)], ...], ListOf]]
    unmapped: Literal["refuse", "allow"] = "refuse"


def read_tool_scopes(path: Path) -> ToolScopesFile:
    """Read a table of scopes.

    Args:
        path: A file in YAML.

    Raises:
        PolicyInvalid: It cannot be read or used; every fault is told with its line.
    """
    try:
        return read_document(read_bytes(path), str(path), ToolScopesFile).content
    except PolicyInvalid as error:
        raise PolicyInvalid(error.faults, what="A table of scopes") from error
