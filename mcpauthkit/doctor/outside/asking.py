"""Asking without ever failing: whatever happens is an answer to look at."""

from __future__ import annotations

import ssl
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import anyio

from mcpauthkit.core.encoding import parse_json_object
from mcpauthkit.core.urls import origin_of
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.errors import RemoteError
from mcpauthkit.oauth.messages import MAX_DOCUMENT_BYTES, HttpRequest

OK = 200
_FIRST_SERVER_ERROR = 500
_REDIRECTS = range(300, 400)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request came back with.

    Args:
        method: The request's method.
        url: Where it went.
        status: The HTTP status; 0 where there was no answer.
        headers: Header fields, names in lower case.
        body: The body.
        failure: Why there was no answer.
        is_untrusted: Whether it failed over the certificate.
    """

    method: str
    url: str
    status: int = 0
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    failure: str = ""
    is_untrusted: bool = False

    @property
    def is_redirect(self) -> bool:
        """Whether it leads elsewhere."""
        return self.status in _REDIRECTS

    @property
    def is_broken(self) -> bool:
        """Whether there was no answer, or a server error."""
        return self.status == 0 or self.status >= _FIRST_SERVER_ERROR

    @property
    def document(self) -> dict[str, Any] | None:
        """The JSON object of an answer 200; None where it is something else."""
        if self.status != OK:
            return None
        try:
            return parse_json_object(self.body, max_bytes=MAX_DOCUMENT_BYTES)
        except ValueError:
            return None

    def __str__(self) -> str:
        leads = f" to {self.headers.get('location', 'nowhere')}" if self.is_redirect else ""
        return f"{self.method} {self.url}: {f'HTTP {self.status}{leads}' if self.status else self.failure}"


async def ask(examination: Examination, request: HttpRequest) -> Answer:
    """Send one request: over the wire to the application where it has that origin, and else over the network.

    Args:
        examination: Who asks.
        request: The request.
    """
    is_own = origin_of(request.url) == origin_of(examination.resource_url)
    fetch = examination.wire if is_own else examination.fetch
    try:
        response = await fetch(request)
    except RemoteError as error:
        failure = error.reason.removeprefix(f"{request.url}: ")
        return Answer(request.method, request.url, failure=failure, is_untrusted=_is_untrusted(error))
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(request.method, request.url, response.status, headers, response.body)


async def ask_all(examination: Examination, requests: Sequence[HttpRequest]) -> list[Answer]:
    """Send several requests side by side; the answers come in their order.

    Args:
        examination: Who asks.
        requests: The requests.
    """
    answers: dict[int, Answer] = {}

    async def one(index: int, request: HttpRequest) -> None:
        answers[index] = await ask(examination, request)

    async with anyio.create_task_group() as tasks:
        for index, request in enumerate(requests):
            tasks.start_soon(one, index, request)
    return [answers[index] for index in range(len(requests))]


def first_document(answers: Iterable[Answer]) -> Answer | None:
    """The first answer with a document, as clients take it.

    Args:
        answers: The answers, in the order in which clients ask.
    """
    return next((one for one in answers if one.document is not None), None)


def strings_in(document: Mapping[str, Any], name: str) -> tuple[str, ...] | None:
    """The strings of a list in a document; None where there is no list.

    Args:
        document: The document.
        name: The list's name.
    """
    value = document.get(name)
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else None


def string_in(document: Mapping[str, Any], name: str) -> str:
    """A string in a document; empty where there is none.

    Args:
        document: The document.
        name: Its name.
    """
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _is_untrusted(error: BaseException) -> bool:
    return any(isinstance(one, ssl.SSLCertVerificationError) for one in _causes(error))


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
