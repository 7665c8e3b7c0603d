"""The reference clients, each replayed up to the sign-in page."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass

from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Fault, Finding
from mcpauthkit.doctor.outside.clients import REFERENCE_CLIENTS, ReferenceClient
from mcpauthkit.doctor.outside.documents import SURFACE, Surface, surface_of
from mcpauthkit.doctor.outside.steps import DOOR_STEPS, Seen, Step
from mcpauthkit.doctor.outside.steps_documents import DOCUMENT_STEPS

STEPS: tuple[Step, ...] = (*DOOR_STEPS, *DOCUMENT_STEPS)
"""The whole way."""


@dataclass(frozen=True, slots=True)
class Journey:
    """How far a client gets.

    Args:
        client: Its name.
        stopped: The step at which it stops; empty where it comes to the sign-in page.
        code: The fault that stops it.
    """

    client: str
    stopped: str = ""
    code: str = ""


async def journeys_of(examination: Examination) -> tuple[Journey, ...]:
    """How far each reference client gets; nothing where no check has looked.

    Args:
        examination: The examination.
    """
    if not examination.is_known(SURFACE):
        return ()
    surface = await surface_of(examination)
    walked = [(client, _walk(client, surface)) for client in REFERENCE_CLIENTS]
    return tuple(
        Journey(client.name) if end is None else Journey(client.name, end[0].name, end[0].fault.code)
        for client, end in walked
    )


async def replay(examination: Examination) -> AsyncIterator[Finding]:
    """One finding for each fault that stops a client, with the clients it stops.

    Args:
        examination: The examination.
    """
    surface = await surface_of(examination)
    stops: dict[Fault, tuple[Seen, list[str]]] = {}
    for client in REFERENCE_CLIENTS:
        end = _walk(client, surface)
        if end is not None:
            step, seen = end
            stops.setdefault(step.fault, (seen, []))[1].append(client.name)
    for fault, (seen, names) in stops.items():
        yield fault.found(evidence=f"{seen.evidence}; {_who(names)}", place=seen.place)


def _walk(client: ReferenceClient, surface: Surface) -> tuple[Step, Seen] | None:
    for step in STEPS:
        seen = step.stops(client, surface)
        if seen is not None:
            return step, seen
    return None


def _who(names: Sequence[str]) -> str:
    if len(names) == len(REFERENCE_CLIENTS):
        return "every client stops here"
    return f"it stops {', '.join(names)}"
