"""Every issuer of the attack table: a good token, and documents that are anything but."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from mcpauthkit.testing import FakeClock
from tests.attacks.forge import AUDIENCE
from tests.attacks.hostile import HostileIssuer
from tests.attacks.row import SERVED, IssuerRow
from tests.attacks.rows_issuers import DISCOVERY, KEY_SETS
from tests.attacks.stage import check, codes, protected
from tests.identity.bench import NOW, sign
from tests.web.door import BASE


@pytest.fixture(scope="module", name="issuer")
def _issuer() -> Iterator[HostileIssuer]:
    with HostileIssuer() as issuer:
        yield issuer


@pytest.mark.parametrize("row", [*KEY_SETS, *DISCOVERY], ids=lambda row: row.id)
async def test_a_hostile_issuer_gets_a_good_token_exactly_this_answer(issuer: HostileIssuer, row: IssuerRow) -> None:
    issuer.tell(row.metadata, row.keys, row.openid)
    claims = {"iss": issuer.base_url, "sub": "alice", "aud": AUDIENCE, "iat": NOW - 600, "exp": NOW + 300}
    bearer = {"authorization": f"Bearer {sign(claims, kid='ed')}"}
    async with httpx.AsyncClient() as upstream:
        app = protected(issuer.base_url, clock=FakeClock(wall=NOW), http_client=upstream)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as http:
            for _ in range(3):
                with codes() as logged:
                    response = await http.get("/mcp", headers=bearer)
                check(row.answer, response.status_code, response.headers, response.content, logged)
    assert not [path for path in issuer.asked if path.startswith("/moved")]
    # Neither a good answer nor a bad one is asked for again by the next request; an unknown key is worth one more look.
    assert len(issuer.asked) <= (3 if row.answer is SERVED else 4)
