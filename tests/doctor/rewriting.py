"""What stands between clients and a healthy application, and spoils it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from tests.doctor.healthy import Asgi

Headers = dict[str, str]
Change = Callable[[Headers], object]


def answering(path: str, status: int, body: str = "", **headers: str) -> Callable[[Asgi], Asgi]:
    """A gateway that answers everything at or below a path itself."""

    def around(app: Asgi) -> Asgi:
        async def gateway(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or not scope["path"].startswith(path):
                await app(scope, receive, send)
                return
            await _answer(send, status, body.encode(), {name.replace("_", "-"): one for name, one in headers.items()})

        return gateway

    return around


def changing_answers(
    change: Change, *, when: Callable[[Any], bool] = lambda _: True, status: int | None = None
) -> Callable[[Asgi], Asgi]:
    """A gateway that changes header fields, or the status, of answers.

    Args:
        change: Changes the header fields in place.
        when: Which requests it is about, by their ASGI scope.
        status: The status to put in the place of 401.
    """

    def around(app: Asgi) -> Asgi:
        async def gateway(scope: Any, receive: Any, send: Any) -> None:
            async def changed(message: Any) -> None:
                if message["type"] == "http.response.start" and when(scope):
                    headers = {name.decode().lower(): value.decode() for name, value in message["headers"]}
                    change(headers)
                    told = status if status is not None and message["status"] == 401 else message["status"]
                    message = {**message, "status": told, "headers": _raw(headers)}
                await send(message)

            await app(scope, receive, changed if scope["type"] == "http" else send)

        return gateway

    return around


def changing_requests(change: Change, *, when: Callable[[Any], bool] = lambda _: True) -> Callable[[Asgi], Asgi]:
    """A gateway that changes header fields of requests."""

    def around(app: Asgi) -> Asgi:
        async def gateway(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] == "http" and when(scope):
                headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
                change(headers)
                scope = {**scope, "headers": _raw(headers)}
            await app(scope, receive, send)

        return gateway

    return around


def changing_document(
    path: str, change: Callable[[dict[str, Any], Headers], object], **headers: str
) -> Callable[[Asgi], Asgi]:
    """A gateway that changes a JSON document; `change` gets the document and the request's header fields."""

    def around(app: Asgi) -> Asgi:
        async def gateway(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http" or scope["path"] != path:
                await app(scope, receive, send)
                return
            parts: list[bytes] = []
            told: Headers = {}

            async def keeping(message: Any) -> None:
                if message["type"] == "http.response.start":
                    told.update({name.decode().lower(): value.decode() for name, value in message["headers"]})
                parts.append(message.get("body", b""))

            await app(scope, receive, keeping)
            document = json.loads(b"".join(parts))
            change(document, {name.decode().lower(): value.decode() for name, value in scope["headers"]})
            told.pop("content-length")
            await _answer(send, 200, json.dumps(document).encode(), {**told, **headers})

        return gateway

    return around


def has_token(scope: Any) -> bool:
    return any(name == b"authorization" for name, _ in scope["headers"])


def is_from_page(scope: Any) -> bool:
    return any(name == b"origin" for name, _ in scope["headers"])


def is_mcp(scope: Any) -> bool:
    return bool(scope["path"] == "/mcp")


async def _answer(send: Any, status: int, body: bytes, headers: Headers) -> None:
    told = {"content-type": "application/json", **headers}
    await send({"type": "http.response.start", "status": status, "headers": _raw(told)})
    await send({"type": "http.response.body", "body": body})


def _raw(headers: Headers) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]
