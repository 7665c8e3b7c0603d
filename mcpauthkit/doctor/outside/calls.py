"""What a caller with a token meets, in both protocol eras."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from http import HTTPStatus

from mcpauthkit.core.urls import is_trustworthy_url
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.finding import Finding
from mcpauthkit.doctor.outside import faults_calls as faults
from mcpauthkit.doctor.outside import faults_door as door_faults
from mcpauthkit.doctor.outside.asking import OK, Answer, ask
from mcpauthkit.doctor.outside.door import LEGACY, challenge_of, discover, door_of, initialize, message
from mcpauthkit.oauth.messages import HttpRequest

_SESSION = "mcp-session-id"


async def legacy(examination: Examination) -> AsyncIterator[Finding]:
    """A session of protocol 2025-11-25: opened, used once and closed.

    Args:
        examination: The examination.
    """
    opened = await _opened(examination)
    if opened is None:
        return
    url = examination.resource_url
    refusal = _refusal(opened, url)
    if refusal is not None:
        yield refusal
        return
    if opened.status != OK:
        yield faults.LEGACY_FAILS.found(evidence=str(opened), place=url)
        return
    session = opened.headers.get(_SESSION)
    if session is None:
        return
    headers = {**_authorization(examination), _SESSION: session, "mcp-protocol-version": LEGACY}
    used = await ask(examination, message(url, "ping", headers=headers))
    if used.status != OK:
        yield faults.SESSION_LOST.found(evidence=str(used), place=url)
    await ask(examination, HttpRequest("DELETE", url, headers=headers))


async def modern(examination: Examination) -> AsyncIterator[Finding]:
    """The first request of protocol 2026-07-28; a server that does not know it says so, and clients go on with 2025.

    Args:
        examination: The examination.
    """
    opened = await _opened(examination)
    if opened is None or opened.status != OK:
        return
    answer = await ask(examination, discover(examination.resource_url, _authorization(examination)))
    if answer.is_broken:
        yield faults.MODERN_FAILS.found(evidence=str(answer), place=examination.resource_url)


async def _opened(examination: Examination) -> Answer | None:
    door = await door_of(examination)
    if door.first.status != HTTPStatus.UNAUTHORIZED or not is_trustworthy_url(examination.resource_url):
        return None
    request = initialize(examination.resource_url, _authorization(examination))
    return await examination.once("initialize", partial(ask, examination, request))


def _authorization(examination: Examination) -> dict[str, str]:
    token = examination.token
    return {} if token is None else {"authorization": f"Bearer {token.reveal()}"}


def _refusal(answer: Answer, url: str) -> Finding | None:
    told = challenge_of(answer)
    if answer.status == HTTPStatus.UNAUTHORIZED:
        if told.is_bearer and not told.parameter("error"):
            return door_faults.HEADER_LOST.found(evidence="a token is answered as no token is", place=url)
        return faults.TOKEN_REFUSED.found(evidence=f"{answer}, {told.text}", place=url)
    if answer.status == HTTPStatus.FORBIDDEN:
        return faults.TOKEN_FORBIDDEN.found(evidence=f"{answer}, {told.text}", place=url)
    return None
