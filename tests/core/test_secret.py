"""A secret leaves only by `reveal()`."""

from __future__ import annotations

import copy
import json
import logging
import pickle
from dataclasses import dataclass
from typing import Any

import pytest

from mcpauthkit import Secret
from mcpauthkit.core.secret import as_secret

CANARY = "canary-41c9"


@dataclass
class Holder:
    token: Secret


@pytest.mark.parametrize(
    "show",
    [
        repr,
        str,
        lambda secret: f"{secret}",
        lambda secret: f"{secret!r:>40}",
        lambda secret: "%s %r" % (secret, secret),  # noqa: UP031  # one of the ways to print
        "{}".format,
        lambda secret: repr(Holder(secret)),
        lambda secret: repr([secret, {"a": secret}]),
        lambda secret: json.dumps({"a": secret}, default=str),
        lambda secret: logging.LogRecord("n", 10, "p", 1, "%s", (secret,), None).getMessage(),
        lambda secret: str(ValueError(secret)),
    ],
)
def test_a_secret_is_never_printed(show: Any) -> None:
    assert CANARY not in show(Secret(CANARY))


@pytest.mark.parametrize("carry", [pickle.dumps, copy.copy, copy.deepcopy, lambda secret: pickle.dumps([secret])])
def test_a_secret_is_neither_pickled_nor_copied(carry: Any) -> None:
    with pytest.raises(TypeError):
        carry(Secret(CANARY))


def test_a_secret_is_not_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"a": Secret(CANARY)})


def test_a_secret_reveals_its_text() -> None:
    assert Secret(CANARY).reveal() == CANARY


def test_secrets_are_equal_by_text_and_only_to_secrets() -> None:
    assert Secret("a") == Secret("a") != Secret("b")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
    assert Secret("a").__eq__("a") is NotImplemented
    assert Secret("a") != "a"


def test_an_empty_secret_is_false() -> None:
    assert not Secret("")
    assert Secret("a")


def test_plain_text_becomes_a_secret_and_a_secret_stays() -> None:
    secret = Secret(CANARY)
    assert as_secret(secret) is secret
    assert as_secret(CANARY) == secret
