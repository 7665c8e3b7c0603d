"""Calling the doctor: from an application or an address to a report."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any

from mcpauthkit.core.clock import Clock, SystemClock
from mcpauthkit.core.secret import Secret, as_secret
from mcpauthkit.core.urls import check_base_url, path_of
from mcpauthkit.doctor.check import Check
from mcpauthkit.doctor.checkup import ALL_CHECKS, run_checks
from mcpauthkit.doctor.examination import Examination, Limits, Start
from mcpauthkit.doctor.facts import AppFacts, read_facts
from mcpauthkit.doctor.in_process import asking_in_process, started
from mcpauthkit.doctor.outside.replay import journeys_of
from mcpauthkit.doctor.report import Report
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch


async def examine(
    app: Any = None,
    *,
    url: str | None = None,
    token: str | Secret | None = None,
    only: Collection[str] = (),
    checks: Sequence[Check] = ALL_CHECKS,
    limits: Limits | None = None,
    clock: Clock | None = None,
    import_failure: str = "",
    has_settings: bool = False,
) -> Report:
    """Examine an application, the public URL it is reached at, or both.

    With an application alone it is started in this process and asked there. With a URL it is asked over the network,
    and an application beside it is only looked at.

    Args:
        app: The application.
        url: The URL users enter in their client; the path of the application's first MCP server is added to a bare
            origin.
        token: A bearer token to try.
        only: Codes to tell; all unless given.
        checks: What to look at; everything unless given.
        limits: Bounds.
        clock: Time.
        import_failure: What the application said instead of being imported: its settings are examined all the same.
        has_settings: Whether the environment of this process is the server's, where there is only a URL.

    Raises:
        ConfigurationError: There is neither, or the URL cannot be used.
    """
    limits, clock = limits or Limits(), clock or SystemClock()
    if app is None and url is None and not import_failure:
        raise ConfigurationError(
            "There is nothing to examine.", hint="Name the application as MODULE:APP, or give --url, or both."
        )
    began = clock.monotonic()
    async with examination_of(app, url=url, token=token, limits=limits, clock=clock) as found:
        failed = replace(found, start=Start("failed", import_failure), has_settings=True)
        examination = failed if import_failure else replace(found, has_settings=found.has_settings or has_settings)
        outcome = await run_checks(examination, checks=checks, only=only)
        journeys = await journeys_of(examination)
    return Report(
        target=examination.resource_url or "the application",
        findings=outcome.findings,
        journeys=journeys,
        done=outcome.done,
        skipped=outcome.skipped,
        seconds=clock.monotonic() - began,
    )


@asynccontextmanager
async def examination_of(
    app: Any = None,
    *,
    url: str | None = None,
    token: str | Secret | None = None,
    limits: Limits | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Examination]:
    """Everything a check may look at, with the application started where it is asked in this process.

    Args:
        app: The application.
        url: The URL users enter in their client.
        token: A bearer token to try.
        limits: Bounds.
        clock: Time.

    Raises:
        ConfigurationError: The URL cannot be used.
    """
    limits, facts = limits or Limits(), read_facts(app)
    async with AsyncExitStack() as stack:
        fetch = HttpFetch(timeout_seconds=limits.request_seconds, shows_redirects=True)
        stack.push_async_callback(fetch.aclose)
        wire, start, is_in_process = fetch, Start(), app is not None and url is None
        if is_in_process:
            wire, client = asking_in_process(app, limits)
            stack.push_async_callback(client.aclose)
            start = await stack.enter_async_context(started(app, limits))
        yield Examination(
            wire=wire,
            fetch=fetch,
            resource_url=_resource_url(url, facts),
            app=app,
            facts=facts,
            start=start,
            is_in_process=is_in_process,
            has_settings=app is not None,
            token=None if token is None else as_secret(token),
            clock=clock or SystemClock(),
            limits=limits,
        )


def _resource_url(url: str | None, facts: AppFacts) -> str:
    if url is None:
        return facts.resources.all[0].url if facts.resources is not None else ""
    # As if it were https: plain http is a finding of ours, not a reason to refuse the examination.
    check_base_url(url.replace("http://", "https://", 1), "--url")
    given = url.rstrip("/")
    return given if path_of(given) or facts.resources is None else f"{given}{facts.resources.all[0].path}"
