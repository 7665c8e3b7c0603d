"""Application, address and token examined together: each fault has one name, whichever view sees it first."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from mcpauthkit.testing import DevIssuer
from tests.doctor.healthy import Mode, healthy, issuer_says
from tests.doctor.test_outside_documents import CONDUCT, ISSUERS


@pytest.mark.parametrize("code", ISSUERS)
async def test_what_an_issuer_says_wrongly_has_one_name(code: str) -> None:
    with healthy() as world:
        issuer_says(world.issuer, ISSUERS[code])
        assert await world.codes(token=world.token()) == [code]


@pytest.mark.parametrize("conduct", CONDUCT, ids=[one.__name__ for one in CONDUCT])
async def test_what_an_issuer_does_wrongly_has_one_name(conduct: Callable[[DevIssuer], None]) -> None:
    with healthy() as world:
        conduct(world.issuer)
        assert await world.codes(token=world.token()) == [CONDUCT[conduct]]


TOKENS: dict[str, dict[str, Any]] = {
    "token-expired": {"expires_in": -600},
    "token-for-other-audience": {"audience": "https://other.example/mcp"},
}


@pytest.mark.parametrize("mode", ["direct", "proxy"])
@pytest.mark.parametrize("code", TOKENS)
async def test_a_token_that_is_no_good_has_one_name(code: str, mode: Mode) -> None:
    with healthy(mode=mode) as world:
        assert await world.codes(token=world.token(**TOKENS[code])) == [code]
