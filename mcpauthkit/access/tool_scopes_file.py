"""Reading the table of tools and scopes from YAML, strictly: whatever is not understood is a fault with a line."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import yaml

from mcpauthkit.errors import ConfigurationError, Fault, PolicyInvalid

_EXAMPLE = "Write tools: and below it lines such as `write_report: [reports:write]`."
_MAX_BYTES = 1024 * 1024


def read_tool_scopes(path: Path) -> tuple[dict[str, list[str]], Literal["refuse", "allow"]]:
    """The table and what happens to tools that are not in it.

    Raises:
        PolicyInvalid: It cannot be used; every fault is told with its line.
        ConfigurationError: It cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"The table of scopes {str(path)!r} cannot be read: {type(error).__name__}.",
            hint="Give the path of a readable YAML file.",
        ) from error
    return _Reading(str(path)).table(text)


class _Reading:
    """One reading of one file, which collects what is wrong.

    Args:
        source: The file's name.
    """

    def __init__(self, source: str) -> None:
        self._source = source
        self._faults: list[Fault] = []

    def table(self, text: str) -> tuple[dict[str, list[str]], Literal["refuse", "allow"]]:
        """What the text says.

        Raises:
            PolicyInvalid: It cannot be used.
        """
        root = self._parsed(text)
        members = self._mapping(root, "the document", known=("tools", "unmapped"))
        tools = {name: self._scopes(node, name) for name, node in self._mapping(members.get("tools"), "tools").items()}
        unmapped = self._unmapped(members.get("unmapped"))
        if "tools" not in members:
            self._wrong(root, f"There is no `tools`. {_EXAMPLE}")
        if self._faults:
            raise PolicyInvalid(self._faults)
        return tools, unmapped

    def _parsed(self, text: str) -> yaml.Node | None:
        if len(text) > _MAX_BYTES:
            raise PolicyInvalid([Fault(self._source, 0, 0, f"It is longer than {_MAX_BYTES} characters.")])
        try:
            for token in yaml.scan(text, Loader=yaml.CSafeLoader):
                # A few aliases of aliases stand for gigabytes, and a tag for a type that is not meant.
                if isinstance(token, yaml.AliasToken | yaml.AnchorToken | yaml.TagToken):
                    self._wrong(token, "Anchors, aliases and tags are not read here. Write the value out.")
            if self._faults:
                raise PolicyInvalid(self._faults)
            return yaml.compose(text, Loader=yaml.CSafeLoader)
        except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
            mark = getattr(error, "problem_mark", None)
            line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
            problem = getattr(error, "problem", None) or "it holds characters that YAML forbids"
            raise PolicyInvalid([Fault(self._source, line, column, f"This is not YAML: {problem}.")]) from error

    def _mapping(self, node: yaml.Node | None, what: str, known: tuple[str, ...] = ()) -> dict[str, yaml.Node]:
        if node is None:
            return {}
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{what} is no mapping. {_EXAMPLE}")
            return {}
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key)
            if name is None:
                self._wrong(key, f"A name in {what} is no text. Put it in quotes.")
            elif name in found:
                self._wrong(key, f"{name!r} stands here twice. Take one out.")
            elif known and name not in known:
                self._wrong(key, f"{name!r} is not known. Known are {' and '.join(known)}.")
            else:
                found[name] = value
        return found

    def _scopes(self, node: yaml.Node, tool: str) -> list[str]:
        items: list[Any] = node.value if isinstance(node, yaml.SequenceNode) else [None]
        scopes = [self._text(one) for one in items]
        good = [one for one in scopes if one is not None and one.split() == [one]]
        if len(good) != len(scopes):
            self._wrong(node, f"The scopes of {tool!r} are no list of scopes. Write `{tool}: [reports:write]`.")
        return good

    def _unmapped(self, node: yaml.Node | None) -> Literal["refuse", "allow"]:
        said = "refuse" if node is None else self._text(node)
        if said == "allow":
            return "allow"
        if said != "refuse":
            self._wrong(node, "unmapped is neither `refuse` nor `allow`.")
        return "refuse"

    @staticmethod
    def _text(node: yaml.Node | None) -> str | None:
        is_text = isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:str" and node.value
        return str(node.value) if is_text and node is not None else None

    def _wrong(self, place: Any, text: str) -> None:
        mark = getattr(place, "start_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark is not None else (0, 0)
        self._faults.append(Fault(self._source, line, column, text))
