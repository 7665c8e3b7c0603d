"""Every encrypted token of the attack table, against a server that has keys to open them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.attacks.row import INVALID, TokenRow
from tests.attacks.rows_encrypted import ENCRYPTED
from tests.attacks.stage import Stage, check, codes, stage
from tests.identity.jwe_bench import keys_of

REFUSED = [row for row in ENCRYPTED if row.answer is INVALID]


@pytest.fixture(scope="module", name="here")
async def _here() -> AsyncIterator[Stage]:
    async with stage(decryption_keys=keys_of("RSA", "P-256")) as one:
        yield one


async def ask(here: Stage, token: bytes) -> httpx.Response:
    # With an id of the client's own, answers have nothing in them that is made by chance.
    headers = [(b"authorization", b"Bearer " + token), (b"x-request-id", b"one")]
    return await here.http.get("/mcp", headers=headers)


@pytest.mark.parametrize("row", ENCRYPTED, ids=lambda row: row.id)
async def test_an_encrypted_token_gets_exactly_its_answer(here: Stage, row: TokenRow) -> None:
    token = row.token(here.forge)
    started = time.process_time()
    with codes() as logged:
        response = await ask(here, token)
    check(row.answer, response.status_code, response.headers, response.content, logged)
    assert here.forge.stranger.requests.all() == []
    # Neither a bomb nor a password hashed for years gets anything done.
    assert time.process_time() - started < 1.0


async def test_no_refusal_tells_which_step_failed(here: Stage) -> None:
    answers = [await ask(here, row.token(here.forge)) for row in REFUSED]
    assert len(answers) > 40
    assert len({(one.status_code, one.headers.raw.__repr__(), one.content) for one in answers}) == 1
