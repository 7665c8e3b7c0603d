"""From text to a policy. Everything that is wrong is told at once, each with its line and column."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from pydantic import BaseModel, ValidationError

from mcpauthkit.access.policy.document import Policy
from mcpauthkit.access.policy.location import (
    KeyPath,
    known_keys,
    nearest,
    node_at,
    parents_of,
    place_of,
    place_of_key,
)
from mcpauthkit.access.policy.tree import LARGEST, Node, Tree, read_tree, shortened
from mcpauthkit.errors.access import Fault, PolicyInvalid

M = TypeVar("M", bound=BaseModel)
_MOST_FAULTS: Final = 100
_MOST_LOCATED: Final = 1_000
_LIKELY: Final = 0.6
_SURE: Final = 0.75
_QUOTED = re.compile(r"'([^']*)'")
_TEXTS: Final = {
    "bool_type": "Write true or false.",
    "int_type": "Write a whole number.",
    "int_from_float": "Write a whole number.",
    "string_too_short": "This text is empty.",
    "model_type": "Write keys and values here.",
    "dict_type": "Write keys and values here.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document(Generic[M]):
    """A document that was read.

    Args:
        source: Where it came from.
        content: What it says.
        root: Where everything stands.
        is_ended: Whether it ends with a line of three dots, so that a part of it would be noticed.
    """

    source: str
    content: M
    root: Node
    is_ended: bool

    def fault_at(self, path: KeyPath, text: str) -> Fault:
        """Something that is wrong with it and was found later.

        Args:
            path: Where, as keys and numbers of items.
            text: What is wrong.
        """
        return Fault(self.source, *place_of(self.root, path), text)


def read_policy(text: str | bytes, source: str = "policy") -> Policy:
    """Read a policy from YAML.

    A text that is only the beginning of a policy may be a policy of its own: YAML has no closing bracket. End a file
    with a line of three dots, `...`, and let it be written beside its place and moved there, to be safe from that.

    Args:
        text: The document; bytes are UTF-8.
        source: What it is called in errors.

    Raises:
        PolicyInvalid: Something is wrong with it; `faults` has everything, with line and column.
    """
    return read_document(text, source, Policy).content


def load_policy(path: str | os.PathLike[str]) -> Policy:
    """Read a policy from a file.

    Args:
        path: The file.

    Raises:
        PolicyInvalid: It cannot be read, or something is wrong with it.
    """
    return read_policy(read_bytes(Path(path)), str(path))


def read_bytes(path: Path) -> bytes:
    """What a file holds, up to a bound.

    Raises:
        PolicyInvalid: It cannot be read, or is no plain file.
    """
    try:
        if not path.is_file():
            text = "This is not a file." if path.exists() else "There is no such file."
            raise PolicyInvalid([Fault(str(path), 0, 0, text)])
        with path.open("rb") as file:
            return file.read(LARGEST + 1)
    except OSError as error:
        raise PolicyInvalid([Fault(str(path), 0, 0, f"It cannot be read ({error.strerror}).")]) from error


def read_document(text: str | bytes, source: str, kind: type[M]) -> Document[M]:
    """Read a document of any kind, as strictly as policies are.

    Args:
        text: The document; bytes are UTF-8.
        source: What it is called in errors.
        kind: The model of it.

    Raises:
        PolicyInvalid: Something is wrong with it.
    """
    tree = read_tree(text, source)
    content, faults = _content(tree, source, kind)
    if faults or content is None or tree.root is None:
        told = sorted(faults, key=lambda one: (one.line, one.column))
        if len(told) > _MOST_FAULTS:
            told[_MOST_FAULTS:] = [Fault(source, 0, 0, "There are more faults, which are told when these are gone.")]
        raise PolicyInvalid(told)
    return Document(source=source, content=content, root=tree.root, is_ended=tree.is_ended)


def _content(tree: Tree, source: str, kind: type[M]) -> tuple[M | None, list[Fault]]:
    faults = list(tree.faults)
    if tree.root is None:
        return None, faults or [Fault(source, 0, 0, "There is nothing in it.")]
    if not isinstance(tree.root.value, dict):
        where = Fault(source, tree.root.line, tree.root.column, "A document begins with keys, such as `name:`.")
        return None, faults or [where]
    try:
        return kind.model_validate(tree.root.plain(), by_alias=True, by_name=False), faults
    except ValidationError as error:
        # Where the text is wrong, what was read of it is wrong too, and to say so helps nobody.
        known = {(one.line, one.column) for one in faults}
        located = _located(error, tree.root, source, kind)
        return None, [*faults, *(one for one in located if (one.line, one.column) not in known)]


def _located(error: ValidationError, root: Node, source: str, kind: type[BaseModel]) -> Iterator[Fault]:
    # A document of nothing but faults is no reason to look for all their places.
    for one in error.errors(include_url=False, include_input=False)[:_MOST_LOCATED]:
        path = (*one["loc"], *one.get("ctx", {}).get("path", ()))
        at_key = one["type"] == "extra_forbidden"
        place = place_of_key(root, _without_kinds(root, path)) if at_key else place_of(root, path)
        yield Fault(source, *place, describe(one, root, kind))


def _without_kinds(root: Node, path: KeyPath) -> KeyPath:
    """A path without what pydantic adds to say which of several models something was taken for."""
    kept: KeyPath = ()
    for number, step in enumerate(path):
        node = node_at(root, kept)
        is_there = isinstance(node.value, dict) and step in node.value
        if isinstance(step, int) or is_there or number == len(path) - 1:
            kept = (*kept, step)
    return kept


def describe(error: Any, root: Node | None, kind: type[BaseModel]) -> str:
    """What is wrong, in words of somebody who writes policies and not Python.

    Args:
        error: One of pydantic's.
        root: The document; None where there is no text.
        kind: The model that was not met.
    """
    path: KeyPath = error["loc"]
    context = error.get("ctx", {})
    match error["type"]:
        case "missing":
            text = f"`{path[-1]}` is missing."
        case "extra_forbidden":
            text = _unknown_key(path, root, kind)
        case "string_type":
            text = _no_text(path, root)
        case "tuple_type":
            text = "Write a list here, such as [one, two]."
        case "literal_error":
            text = _none_of(_QUOTED.findall(str(context.get("expected", ""))), _written(path, root))
        case "string_too_long":
            text = f"This text is longer than {context['max_length']} characters."
        case other:
            text = str(context.get("text") or _TEXTS.get(other) or error["msg"])
    return text


def _none_of(known: list[str], written: Any) -> str:
    if not known:
        return "Write true, or take the key out."
    meant = nearest(written, known) if isinstance(written, str) else ""
    return f"Write one of {', '.join(known)}." + (f" Perhaps `{meant}` is meant." if meant else "")


def _written(path: KeyPath, root: Node | None) -> Any:
    return node_at(root, path).value if root is not None else None


def _no_text(path: KeyPath, root: Node | None) -> str:
    written = _written(path, root)
    if isinstance(written, bool):
        return "This is read as true or false, and a text is needed: put it into quotes."
    if isinstance(written, int | float):
        return f'This is read as a number, and a text is needed: put it into quotes, such as "{written}".'
    return "Write one text here."


def _unknown_key(path: KeyPath, root: Node | None, kind: type[BaseModel]) -> str:
    key = str(path[-1])
    inside = _without_kinds(root, path)[:-1] if root is not None else path[:-1]
    known = known_keys(kind, inside)
    said = f"There is no key `{shortened(key)}` here."
    parents = parents_of(kind, key)
    meant = nearest(key, known, _SURE if parents else _LIKELY)
    if meant:
        return f"{said} Perhaps `{meant}` is meant."
    if parents:
        return f"{said} It belongs under {' or '.join(f'`{one}`' for one in parents)}."
    return f"{said} Known are {', '.join(known)}."
