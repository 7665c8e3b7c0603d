"""YAML text as a tree of plain values that know their place. Bounded, and stricter than YAML.

A value means here what YAML 1.1 and 1.2 agree on. What they read differently (`yes`, `017`, `1_000`, `0x1F`) is a
fault, and so are tags, anchors, aliases, directives, keys that come twice, values that are not there, and a second
document. Dates and times of day are texts.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final

import yaml

from mcpauthkit.access.policy.values import Scalar
from mcpauthkit.errors.access import Fault

LARGEST: Final = 4 * 1024 * 1024
"""How long a document may be, in bytes: some ten thousand rules."""
_DEEPEST: Final = 50

# Built without libyaml, PyYAML has no C loader; the slower one says the same.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WHOLE = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})")
_BROKEN = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,17})\.[0-9]{1,30}(?:[eE][-+][0-9]{1,3})?")
_EITHER_WAY = re.compile(
    r"(?i:yes|no|on|off|[-+]?\.inf|\.nan)"
    r"|[-+]?0[bxo]?[0-9a-fA-F_]+"
    r"|[-+]?(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9_]+)(?:[eE][-+]?[0-9]+)?"
)
_WORDS: Final[Mapping[str, Scalar | None]] = {
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
}
_DIRECTIVE = re.compile(r"^%", re.MULTILINE)
REORDERING: Final = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
"""What makes text be shown in another order than it stands in; for a class of a regular expression."""
# A line could be hidden behind `#`: the parser ends a comment at the former, and editors, and readers of YAML 1.2, do
# not. Behind the latter, what is shown is not what is read.
_MISREAD = re.compile(rf"\r(?!\n)|[\x85\u2028\u2029]|[{REORDERING}]")
_MOST_MISREAD = 101


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """One value and where it stands.

    Args:
        value: A scalar, a tuple of nodes, or nodes by key; None where nothing usable is written.
        line: Its line, from 1.
        column: Its column, from 1.
        keys: Of a mapping, where each key stands.
    """

    value: Scalar | tuple[Node, ...] | dict[str, Node] | None
    line: int
    column: int
    keys: Mapping[str, tuple[int, int]] = field(default_factory=dict)

    def plain(self) -> Any:
        """The value without places."""
        if isinstance(self.value, tuple):
            return [one.plain() for one in self.value]
        if isinstance(self.value, dict):
            return {key: one.plain() for key, one in self.value.items()}
        return self.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Tree:
    """What a text says.

    Args:
        root: Its only document; None where there is none, or where the text ends in the middle of something.
        is_ended: Whether the document is closed by a line of three dots.
        faults: What is wrong with it as YAML.
    """

    root: Node | None
    is_ended: bool
    faults: tuple[Fault, ...]


def read_tree(text: str | bytes, source: str) -> Tree:
    """Read one YAML document.

    Args:
        text: The document; bytes are UTF-8.
        source: What it is called in faults.
    """
    try:
        encoded = text.encode() if isinstance(text, str) else text
        decoded = encoded.decode("utf-8-sig")
    except UnicodeError as error:
        before = error.object[: error.start] if isinstance(error, UnicodeDecodeError) else b""
        return _refused(Fault(source, before.count(b"\n") + 1, 1, "This is not UTF-8 text: save the file as UTF-8."))
    if len(encoded) > LARGEST:
        return _refused(Fault(source, 0, 0, f"This is longer than {LARGEST:,} bytes: make several documents of it."))
    misread = tuple(_misread(decoded, source))
    if misread:
        return Tree(root=None, is_ended=False, faults=misread)
    directive = _DIRECTIVE.search(decoded)
    if directive is not None:
        # The parser takes quadratic time over many of them, and none of them is of any use here.
        line = decoded.count("\n", 0, directive.start()) + 1
        return _refused(Fault(source, line, 1, "No line may begin with `%`: put quotes around a text that does."))
    return _Composer(source, decoded).read()


def _misread(text: str, source: str) -> Iterator[Fault]:
    line, start = 1, 0
    for found in islice(_MISREAD.finditer(text), _MOST_MISREAD):
        line += text.count("\n", start, found.start())
        start = found.start()
        code = f"{ord(found[0]):04X}"
        column = start - text.rfind("\n", 0, start)
        said = f"U+{code} stands here, which some show or read otherwise than others: take it out"
        said = f"{said}, and end lines with a line feed." if code == "000D" else f'{said}, or write "\\u{code}".'
        yield Fault(source, line, column, said)


def _refused(fault: Fault) -> Tree:
    return Tree(root=None, is_ended=False, faults=(fault,))


class _Composer:
    """Makes nodes of the parser's events: one pass, and no more of it than the depth allows."""

    def __init__(self, source: str, text: str) -> None:
        self._source = source
        self._text = text
        self._events: Iterator[Any] = yaml.parse(text, _LOADER)
        self._faults: list[Fault] = []

    def read(self) -> Tree:
        root, is_ended = None, False
        try:
            for event in self._events:
                if isinstance(event, yaml.DocumentStartEvent):
                    if root is not None:
                        self._add(event.start_mark, "A second document begins here: give it a file of its own.")
                        break
                    root = self._node(next(self._events), 1)
                elif isinstance(event, yaml.DocumentEndEvent):
                    is_ended = bool(event.explicit)
        except _TooDeep as error:
            self._add(error.mark, f"Nothing is nested deeper than {_DEEPEST} levels here.")
            root = None
        except yaml.YAMLError as error:
            self._faults.append(self._syntax(error))
            root = None
        return Tree(root=root, is_ended=is_ended, faults=tuple(self._faults))

    def _node(self, event: Any, depth: int) -> Node:
        mark = event.start_mark
        if depth > _DEEPEST:
            raise _TooDeep(mark)
        if getattr(event, "anchor", None) is not None:
            self._add(mark, "Anchors and aliases are not taken: write out what is meant.")
        elif getattr(event, "tag", None) is not None:
            self._add(mark, "Tags such as `!name` are not taken: write the plain value.")
        if isinstance(event, yaml.MappingStartEvent):
            return self._mapping(mark, depth)
        value: Scalar | tuple[Node, ...] | None = None
        if isinstance(event, yaml.SequenceStartEvent):
            value = tuple(self._items(depth))
        elif isinstance(event, yaml.ScalarEvent):
            value = self._scalar(event)
        return Node(value=value, line=mark.line + 1, column=mark.column + 1)

    def _items(self, depth: int) -> Iterator[Node]:
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            item = self._node(event, depth + 1)
            if _is_empty(event):
                self._add(event.start_mark, "Nothing is written here: write a value, or take the line out.")
            yield item

    def _mapping(self, mark: Any, depth: int) -> Node:
        values: dict[str, Node] = {}
        keys: dict[str, tuple[int, int]] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._key(event, depth)
            value_event = next(self._events)
            value = self._node(value_event, depth + 1)
            if key in values:
                self._add(event.start_mark, f"The key `{shortened(key)}` is here twice; it stands in line "
                          f"{keys[key][0]} too.")  # fmt: skip
                continue
            keys[key] = (event.start_mark.line + 1, event.start_mark.column + 1)
            if _is_empty(value_event):
                self._add(event.start_mark, f"Nothing is written after `{shortened(key)}:`.")
                value = Node(value=None, line=keys[key][0], column=keys[key][1])
            values[key] = value
        return Node(value=values, line=mark.line + 1, column=mark.column + 1, keys=keys)

    def _key(self, event: Any, depth: int) -> str:
        if isinstance(event, yaml.ScalarEvent):
            if event.anchor is not None or event.tag is not None:
                self._node(event, depth + 1)
            return str(event.value)
        self._node(event, depth + 1)
        self._add(event.start_mark, "A key is a plain word.")
        return ""

    def _scalar(self, event: Any) -> Scalar | None:
        text: str = event.value
        if not event.implicit[0]:
            return text
        if text in _WORDS:
            return _WORDS[text]
        if _WHOLE.fullmatch(text):
            return int(text)
        if _BROKEN.fullmatch(text):
            return float(text)
        if _EITHER_WAY.fullmatch(text):
            better = "true or false" if text.isalpha() else "a plain decimal number"
            self._add(event.start_mark, f"`{shortened(text)}` is read one way or another: write {better}, or put it "
                      "into quotes if the text itself is meant.")  # fmt: skip
            return None
        return text

    def _syntax(self, error: yaml.YAMLError) -> Fault:
        mark = getattr(error, "problem_mark", None)
        if mark is None:
            # The reader counts bytes or characters; a place that may be wrong is none.
            return Fault(self._source, 0, 0, "There is a control character in it, which YAML does not allow.")
        lines = self._text.splitlines()
        begun = lines[mark.line] if mark.line < len(lines) else ""
        if "\t" in begun[: len(begun) - len(begun.lstrip())]:
            text = "Indent with spaces; this line begins with a tab."
        else:
            text = f"This is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}."
        return Fault(self._source, mark.line + 1, mark.column + 1, text)

    def _add(self, mark: Any, text: str) -> None:
        self._faults.append(Fault(self._source, mark.line + 1, mark.column + 1, text))


class _TooDeep(Exception):
    """Never leaves this module."""

    def __init__(self, mark: Any) -> None:
        self.mark = mark
        super().__init__()


def _is_empty(event: Any) -> bool:
    return (
        isinstance(event, yaml.ScalarEvent)
        and event.implicit[0]
        and event.tag is None
        and _WORDS.get(event.value, event) is None
    )


def shortened(text: str) -> str:
    """A text as faults show it: on one line, and not all of a long one."""
    shown = text if text.isprintable() else repr(text)[1:-1]
    return shown if len(shown) <= 60 else f"{shown[:57]}..."  # noqa: PLR2004  # about a line
