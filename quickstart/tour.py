"""The tour: both legs, in both protocol eras, with a real client and a scripted browser."""

from __future__ import annotations

import time
from collections.abc import Callable

import anyio
from rich.console import Console

from mcpauthkit.testing import DevIssuer, DevService
from quickstart.browser_story import Era, Stage
from quickstart.era_story import EraStory
from quickstart.logbook import Logbook
from quickstart.narrator import Narrator, StepFailed
from quickstart.playground import Ports, example_server, stand_ins
from quickstart.settings import Settings

_TOUR_SECONDS = 90.0

Prepare = Callable[[DevIssuer, DevService], None]
"""Called with the issuer and the service before the tour begins, for instance to break one of them."""


async def run_tour(console: Console, *, prepare: Prepare | None = None) -> int:
    """Tell the whole story.

    Args:
        console: Where to.
        prepare: Called with the issuer and the service before the first step.

    Returns:
        The exit code: 0 if every step went as it should, else 1.
    """
    narrator, logbook = Narrator(console), Logbook()
    started = time.monotonic()
    try:
        with anyio.fail_after(_TOUR_SECONDS), logbook.kept():
            await _tell(narrator, logbook, prepare)
    except (StepFailed, TimeoutError) as error:
        late = StepFailed(f"the end of the tour within {_TOUR_SECONDS:.0f} s", "a step that does not end")
        narrator.fail(error if isinstance(error, StepFailed) else late, log=logbook.latest())
        return 1
    narrator.chapter(
        f"All {narrator.steps_done} steps went as they should, in {time.monotonic() - started:.1f} s.",
        "In both protocol eras Alice signed in once and was asked once; the link was no\n"
        "good to Bob, and the replay was no good to anybody.\n\n"
        "Try it with your own client:  uv run python -m quickstart serve",
    )
    return 0


async def _tell(narrator: Narrator, logbook: Logbook, prepare: Prepare | None) -> None:
    # The tour is about the example as it stands, so nothing of the caller's environment goes into it.
    settings = Settings.model_construct()
    with stand_ins(settings, Ports(0)) as (filled, issuer, service):
        assert issuer is not None and service is not None  # noqa: PT018  # nothing real is configured here
        narrator.chapter(
            "mcpauthkit quickstart",
            "Everything runs on this machine: an issuer, where Alice and Bob can sign in;\n"
            "DevForge, a code forge that stands in for GitHub; and the MCP server of\n"
            "quickstart/app.py. A real FastMCP client does the talking, a scripted browser\n"
            "the clicking.",
        )
        narrator.wire(f"issuer    {issuer.issuer_url}", f"DevForge  {service.base_url}")
        if prepare is not None:
            prepare(issuer, service)
        await _tell_era("legacy", filled, service, narrator, logbook)
        await _tell_era("modern", filled, service, narrator, logbook)


async def _tell_era(era: Era, settings: Settings, service: DevService, narrator: Narrator, logbook: Logbook) -> None:
    # A server of its own for each era, with an empty memory: what one era stored must not help the next.
    with example_server(settings, Ports(0).server()) as final:
        await EraStory(Stage(era, final, service, narrator, logbook)).tell()
