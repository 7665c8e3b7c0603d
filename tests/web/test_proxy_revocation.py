"""What of `/revoke` reaches the issuer: anybody may call it, and the issuer must not pay for that."""

from __future__ import annotations

import anyio
import httpx
import pytest

from mcpauthkit.core.encoding import base64url_encode
from mcpauthkit.oauth.revocation import may_be_access_token
from mcpauthkit.testing import FakeClock
from tests.web.proxy_world import proxy_world

ISSUER = "https://issuer.example"


def token(claims: str, parts: int = 3) -> str:
    return ".".join([base64url_encode(claims.encode())] * 2 + ["x"] * (parts - 2))


@pytest.mark.parametrize(
    ("text", "is_ours"),
    [
        (token('{"iss": "https://issuer.example", "exp": 101}'), True),
        (token('{"iss": "https://issuer.example"}'), True),
        (token('{"iss": "https://issuer.example", "exp": 100}'), False),
        (token('{"iss": "https://issuer.example/", "exp": 101}'), False),
        (token('{"iss": "https://evil.example", "exp": 101}'), False),
        (token('{"iss": ["https://issuer.example"], "exp": 101}'), False),
        (token('{"enc": "A256GCM"}', 5), True),
        (token("{}", 5), False),
        (token("[]"), False),
        ("junk", False),
        ("a.b.c", False),
        ("", False),
    ],
)
def test_a_token_looks_like_the_issuers_or_not(text: str, *, is_ours: bool) -> None:
    assert may_be_access_token(text, issuer=ISSUER, now=100, opaque=False) is is_ours


def test_where_tokens_are_opaque_anything_may_be_one_but_another_issuers() -> None:
    assert may_be_access_token("junk", issuer=ISSUER, now=100, opaque=True)
    other = token('{"iss": "https://evil.example"}')
    assert not may_be_access_token(other, issuer=ISSUER, now=100, opaque=True)


async def test_rubbish_is_answered_here() -> None:
    with proxy_world() as here:
        client = await here.registered()
        elsewhere = token('{"iss": "https://evil.example"}')
        for text in ("junk", "mk1.test.AAAA", "mk1..", client.client_id, elsewhere, "x" * 5000):
            assert (await client.post(f"{here.base}/revoke", token=text)).status_code == 200
        assert here.issuer.requests.count("revoke") == 0


@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
async def test_one_token_is_asked_about_once_in_a_while(kind: str) -> None:
    clock = FakeClock()
    with proxy_world(clock=clock) as here:
        client = await here.registered()
        tokens = await here.tokens(client)
        for _ in range(3):
            assert (await client.post(f"{here.base}/revoke", token=tokens[kind])).status_code == 200
        assert here.issuer.requests.count("revoke") == 1


async def test_a_flood_does_not_pass_through() -> None:
    with proxy_world(profile="google") as here:
        client = await here.registered()
        here.issuer.faults.delay("revoke", seconds=1.0)
        statuses: list[int] = []

        async def revoke(http: httpx.AsyncClient, number: int) -> None:
            form = {"client_id": client.client_id, "token": f"opaque-{number}"}
            statuses.append((await http.post(f"{here.base}/revoke", data=form)).status_code)

        async with httpx.AsyncClient(timeout=30) as http, anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(revoke, http, number)
        assert statuses.count(503) == 20 - here.issuer.requests.count("revoke")
        assert 0 < here.issuer.requests.count("revoke") <= 8
