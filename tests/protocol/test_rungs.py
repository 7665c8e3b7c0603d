"""Which rung a call gets: the whole table."""

from __future__ import annotations

import itertools

import mcp_types
import pytest

from mcpauthkit.protocol.ladder import Rung, choose_rung
from tests.protocol.calls import LEGACY, MODERN, FakeSession, a_call, capabilities

BOTH = (False, True)

# (modern, back channel, background, our hook present, fail fast) for clients that declared URL mode.
ROUNDS = {(True, channel, False, hook, False) for channel, hook in itertools.product(BOTH, BOTH)}
BLOCKING = {(False, True, False, hook, False) for hook in BOTH}
URL_ERROR = {(False, True, False, True, True), (False, False, False, True, False), (False, False, False, True, True)}


def expected(row: tuple[bool, bool, bool, bool, bool], *, declares_url: bool) -> Rung:
    if not declares_url:
        return Rung.LINK
    for rows, rung in ((ROUNDS, Rung.ROUNDS), (BLOCKING, Rung.BLOCKING), (URL_ERROR, Rung.URL_ERROR)):
        if row in rows:
            return rung
    return Rung.LINK


@pytest.mark.parametrize("declares_url", BOTH)
@pytest.mark.parametrize("row", list(itertools.product(BOTH, repeat=5)), ids=str)
def test_the_rung_of_every_kind_of_call(row: tuple[bool, bool, bool, bool, bool], *, declares_url: bool) -> None:
    modern, channel, background, hook, fail_fast = row
    session = FakeSession(capabilities(form=True, url=declares_url), can_send_request=channel)
    call = a_call(
        session,
        protocol_version=MODERN if modern else LEGACY,
        in_background=background,
        can_raise_url_error=hook,
    )
    assert choose_rung(call, fail_fast=fail_fast) is expected(row, declares_url=declares_url)


def test_the_table_gives_each_rung_to_somebody() -> None:
    assert len(ROUNDS | BLOCKING | URL_ERROR) == len(ROUNDS) + len(BLOCKING) + len(URL_ERROR) == 9


@pytest.mark.parametrize("version", [MODERN, LEGACY])
@pytest.mark.parametrize(
    "declared",
    [
        None,
        mcp_types.ClientCapabilities(),
        # Claude Code's bare `elicitation: {}` means form mode.
        mcp_types.ClientCapabilities(elicitation=mcp_types.ElicitationCapability()),
        capabilities(form=True),
    ],
    ids=["nothing known", "nothing", "bare", "form only"],
)
def test_a_client_that_did_not_declare_url_mode_gets_the_link(
    version: str, declared: mcp_types.ClientCapabilities | None
) -> None:
    call = a_call(FakeSession(declared), protocol_version=version)
    assert not call.declares_url_mode
    assert choose_rung(call, fail_fast=False) is Rung.LINK


@pytest.mark.parametrize("version", ["2024-11-05", "2025-03-26", "2025-06-18", LEGACY, "", "2099-01-01"])
def test_an_unknown_or_old_version_is_never_taken_for_modern(version: str) -> None:
    assert not a_call(protocol_version=version).is_modern
