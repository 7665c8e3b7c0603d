"""Short ways to say what is wrong with a token: each gives something that makes it in a forge."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.attacks.forge import Token
from tests.identity.bench import key_for


def claims(**changes: Any) -> Token:
    """A token with these claims; None removes one."""
    return lambda forge: forge.token(payload=changes)


def written(name: str, text: str) -> Token:
    """A token with a claim written as this JSON text, which no encoder would write."""
    return lambda forge: forge.token(payload=_with_text(forge.claims(), name, text))


def header(**changes: Any) -> Token:
    """A token with these header members; None removes one."""
    return lambda forge: forge.token(header=changes)


def header_written(name: str, text: str) -> Token:
    """A token with a header member written as this JSON text."""
    members = {"alg": "EdDSA", "kid": "ed"}
    return lambda forge: forge.token(header=_with_text(members, name, text))


def header_bytes(text: str | bytes) -> Token:
    """A token with a header of these bytes, signed by the key `ed`."""
    data = text.encode() if isinstance(text, str) else text
    return lambda forge: forge.token(header=data)


def payload_bytes(text: str | bytes) -> Token:
    """A token with a payload of these bytes."""
    data = text.encode() if isinstance(text, str) else text
    return lambda forge: forge.token(payload=data)


def around(before: str, after: str) -> Token:
    """A token whose claims have text before and after them."""
    return lambda forge: forge.token(payload=f"{before}{json.dumps(forge.claims())}{after}".encode())


def signed(algorithm: str, kid: str | None, **header: Any) -> Token:
    """A token signed by the good key of an algorithm, with a header that names another key or more."""
    return lambda forge: forge.token(header={"kid": kid, **header}, algorithm=algorithm)


def signed_by(name: str, kid: str | None, algorithm: str = "EdDSA", **header: Any) -> Token:
    """A token signed by a key of another name."""
    return lambda forge: forge.token(header={"kid": kid, **header}, key=key_for(algorithm, name), algorithm=algorithm)


def bent(change: Any) -> Token:
    """A good token, changed as text."""

    def make(forge: Any) -> bytes:
        data: bytes = change(forge.token())
        return data

    return make


def _with_text(members: Mapping[str, Any], name: str, text: str) -> bytes:
    # The marker is a text of its own, so that it is the only thing replaced.
    return json.dumps({**members, name: "HERE IT GOES"}).replace('"HERE IT GOES"', text).encode()
