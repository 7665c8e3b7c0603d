"""The way from a URL to the sign-in page, step by step: what stops a client where.

Every client goes the same way; they differ in what they insist on. So a step is a question about a client and what it
sees, and the replay of a client ends at the first step that stops it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import NamedTuple

from mcpauthkit.doctor.finding import Fault
from mcpauthkit.doctor.outside import faults_door as door_faults
from mcpauthkit.doctor.outside.asking import OK, Answer
from mcpauthkit.doctor.outside.clients import ReferenceClient
from mcpauthkit.doctor.outside.documents import Surface
from mcpauthkit.doctor.outside.door import NOT_ASKED


class Seen(NamedTuple):
    """What stops a client.

    Args:
        evidence: What it sees.
        place: Where.
    """

    evidence: str
    place: str


@dataclass(frozen=True, slots=True)
class Step:
    """One step.

    Args:
        name: What the client does.
        fault: What is wrong where it cannot.
        stops: Says what stops it; None where it gets by.
    """

    name: str
    fault: Fault
    stops: Callable[[ReferenceClient, Surface], Seen | None]


_KNOCKS = "asks without a token"
_STATUSES_OF_HOST_CHECKS = {HTTPStatus.BAD_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.MISDIRECTED_REQUEST}


def _at_door(matches: Callable[[ReferenceClient, Answer], bool]) -> Callable[[ReferenceClient, Surface], Seen | None]:
    def stops(client: ReferenceClient, surface: Surface) -> Seen | None:
        first = surface.door.first
        return Seen(str(first), surface.url) if matches(client, first) else None

    return stops


def _is_plain(_: ReferenceClient, answer: Answer) -> bool:
    return answer.failure == NOT_ASKED


def _is_untrusted(_: ReferenceClient, answer: Answer) -> bool:
    return answer.is_untrusted


def _is_silent(_: ReferenceClient, answer: Answer) -> bool:
    return answer.status == 0


def _redirects(_: ReferenceClient, answer: Answer) -> bool:
    return answer.is_redirect


def _refuses_host(_: ReferenceClient, answer: Answer) -> bool:
    # Starlette's TrustedHostMiddleware and the MCP SDK's transport security both say so in these words.
    return answer.status in _STATUSES_OF_HOST_CHECKS and b"invalid host" in answer.body.lower()


def _is_not_found(_: ReferenceClient, answer: Answer) -> bool:
    return answer.status == HTTPStatus.NOT_FOUND


def _is_broken(_: ReferenceClient, answer: Answer) -> bool:
    return answer.is_broken


def _is_served(_: ReferenceClient, answer: Answer) -> bool:
    return answer.status == OK


def _is_forbidden(client: ReferenceClient, answer: Answer) -> bool:
    return client.needs_401 and answer.status == HTTPStatus.FORBIDDEN


def _is_something_else(_: ReferenceClient, answer: Answer) -> bool:
    return answer.status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}


DOOR_STEPS = (
    Step(_KNOCKS, door_faults.PLAIN_HTTP, _at_door(_is_plain)),
    Step(_KNOCKS, door_faults.UNTRUSTED, _at_door(_is_untrusted)),
    Step(_KNOCKS, door_faults.UNREACHABLE, _at_door(_is_silent)),
    Step(_KNOCKS, door_faults.REDIRECTS, _at_door(_redirects)),
    Step(_KNOCKS, door_faults.HOST_REFUSED, _at_door(_refuses_host)),
    Step(_KNOCKS, door_faults.NOT_FOUND, _at_door(_is_not_found)),
    Step(_KNOCKS, door_faults.SERVER_ERROR, _at_door(_is_broken)),
    Step(_KNOCKS, door_faults.NO_AUTHENTICATION, _at_door(_is_served)),
    Step(_KNOCKS, door_faults.FORBIDDEN_FIRST, _at_door(_is_forbidden)),
    Step(_KNOCKS, door_faults.NOT_A_CHALLENGE, _at_door(_is_something_else)),
)
"""Up to the 401."""
