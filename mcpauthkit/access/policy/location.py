"""Where something stands in a document, from where it stands in a model; and what could have been written there."""

from __future__ import annotations

import difflib
import typing
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from mcpauthkit.access.policy.tree import Node

KeyPath = tuple[int | str, ...]
"""The way to a value in a document: keys, and numbers of items from 0."""


def place_of(root: Node, path: KeyPath) -> tuple[int, int]:
    """Line and column of what a path leads to: of the value, or of the nearest thing around it that is written.

    Args:
        root: The document.
        path: Keys and numbers of items; what the document does not have is passed over, as a model's path also says
            which of several kinds something was taken for.
    """
    node = root
    for step in path:
        found = _child(node, step)
        node = node if found is None else found
    return node.line, node.column


def place_of_key(root: Node, path: KeyPath) -> tuple[int, int]:
    """Line and column of the key that ends a path.

    Args:
        root: The document.
        path: Keys and numbers of items.
    """
    node = node_at(root, path[:-1])
    return node.keys.get(str(path[-1]), (node.line, node.column))


def node_at(root: Node, path: KeyPath) -> Node:
    """The node a path leads to, or the last one on its way.

    Args:
        root: The document.
        path: Keys and numbers of items.
    """
    node = root
    for step in path:
        node = _child(node, step) or node
    return node


def _child(node: Node, step: int | str) -> Node | None:
    if isinstance(step, int):
        return node.value[step] if isinstance(node.value, tuple) and step < len(node.value) else None
    return node.value.get(step) if isinstance(node.value, dict) else None


def known_keys(model: type[BaseModel], path: KeyPath) -> list[str]:
    """The keys that the mapping at a path may have.

    Args:
        model: The model of the document.
        path: Keys and numbers of items.
    """
    models: Iterable[type[BaseModel]] = (model,)
    for step in path:
        if isinstance(step, str):
            inner = [one for outer in models for one in _below(outer, step)]
            models = inner or models
    return sorted({name for one in models for name in _names(one)})


def _below(model: type[BaseModel], key: str) -> Iterator[type[BaseModel]]:
    fields = _names(model)
    if key in fields:
        yield from models_in(model.model_fields[fields[key]].annotation)


def _names(model: type[BaseModel]) -> Mapping[str, str]:
    """Field names by what files call them."""
    return {str(one.validation_alias or name): name for name, one in model.model_fields.items()}


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models that an annotation names.

    Args:
        annotation: A type, as a field has it.
    """
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in typing.get_args(annotation):
        yield from models_in(part)


def nearest(word: str, known: Iterable[str], likeness: float = 0.6) -> str:
    """What was probably meant; empty where nothing is near.

    Args:
        word: What is written.
        known: What could be.
        likeness: How much they have in common at least, up to 1.
    """
    return next(iter(difflib.get_close_matches(word, list(known), n=1, cutoff=likeness)), "")


def parents_of(model: type[BaseModel], key: str) -> list[str]:
    """Under which keys, at any depth, a key may stand.

    Args:
        model: The model of the document.
        key: The key.
    """
    found = []
    seen = {model}
    waiting = [model]
    while waiting:
        outer = waiting.pop()
        for alias in _names(outer):
            for inner in _below(outer, alias):
                if key in _names(inner):
                    found.append(alias)
                if inner not in seen:
                    seen.add(inner)
                    waiting.append(inner)
    return sorted(set(found))
