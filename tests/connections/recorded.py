"""Exchanges with services as values, from tests/vectors."""

from __future__ import annotations

import base64
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import httpx

VECTORS = Path(__file__).parents[1] / "vectors"


@dataclass(frozen=True, slots=True)
class Sent:
    """A request as it left, in the words of the vectors."""

    method: str
    url: str
    authentication: str
    kind: str
    fields: dict[str, Any]
    headers: dict[str, str]

    @classmethod
    def of(cls, request: httpx.Request) -> Sent:
        kind, fields = body_of(request)
        authorization = request.headers.get("authorization", "")
        scheme, _, value = authorization.partition(" ")
        if scheme == "Basic":
            assert base64.b64decode(value) == b"the-client:the-secret"
        url = str(request.url)
        how = {"Basic": "basic", "Bearer": "bearer", "": "body"}[scheme]
        return cls(request.method, url, how, kind, fields, dict(request.headers))


def body_of(request: httpx.Request) -> tuple[str, dict[str, Any]]:
    content_type = request.headers.get("content-type", "")
    if not request.content:
        return "none", {}
    if content_type == "application/json":
        return "json", json.loads(request.content)
    assert content_type == "application/x-www-form-urlencoded"
    pairs = parse_qsl(request.content.decode(), keep_blank_values=True, strict_parsing=True)
    assert len(dict(pairs)) == len(pairs)
    return "form", dict(pairs)


def answered(answer: dict[str, Any]) -> httpx.Response:
    """An answer of a vector as it comes over the wire."""
    body, headers = answer["body"], answer.get("headers", {})
    if isinstance(body, str):
        return httpx.Response(answer["status"], headers={"content-type": "text/html", **headers}, text=body)
    return httpx.Response(answer["status"], headers=headers, json=body)


def load(room: str) -> dict[str, dict[str, Any]]:
    """The vectors of one room, by name."""
    return {one.stem: json.loads(one.read_text()) for one in sorted((VECTORS / room).glob("*.json"))}
