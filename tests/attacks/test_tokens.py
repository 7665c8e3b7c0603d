"""Every token of the attack table, against one server and one issuer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.attacks.row import TokenRow
from tests.attacks.stage import Stage, check, codes, stage
from tests.attacks.table import TOKENS


@pytest.fixture(scope="module", name="here")
async def _here() -> AsyncIterator[Stage]:
    async with stage() as one:
        yield one


@pytest.mark.parametrize("row", TOKENS, ids=lambda row: row.id)
async def test_a_forged_token_gets_exactly_its_answer(here: Stage, row: TokenRow) -> None:
    token = row.token(here.forge)
    with codes() as logged:
        response = await here.http.get("/mcp", headers=[(b"authorization", b"Bearer " + token)])
    check(row.answer, response.status_code, response.headers, response.content, logged)
    # No address in a token is ever asked, and our own issuer is not asked more than the cooldown allows.
    assert here.forge.stranger.requests.all() == []
    assert here.forge.issuer.requests.count("jwks") <= 2
    assert token.decode("latin-1") not in response.text + str(response.headers)
