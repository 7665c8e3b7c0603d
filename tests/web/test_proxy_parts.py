"""Parts of the proxy that a whole login reaches only on a bad day."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from mcpauthkit.core.clock import SystemClock
from mcpauthkit.core.entropy import SystemEntropy
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealError
from mcpauthkit.testing import BrowserRobot
from mcpauthkit.web.proxy.seals import ProxySeals, Ticket
from tests.web.proxy_world import CALLBACK, RING, proxy_world

HOST = "https://docs.example"


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("code", {"client": "c"}),
        ("refresh", {"client": "c", "scope": "", "asked": "", "resource": "", "upstream_token": "t"}),
        ("refresh", {"unheard": "of"}),
        ("client", {}),
        ("ticket", {"asked": {"client": "c"}, "browser": "b", "is_trusted": True}),
        (
            "ticket",
            {
                "asked": {"client": "c"},
                "nonce": "n",
                "name": "",
                "vouched_by": "",
                "is_trusted": True,
                "may_remember": True,
            },
        ),
    ],
)
def test_a_value_that_another_version_sealed_does_not_open(kind: str, content: dict[str, Any]) -> None:
    clock = SystemClock()
    seals = ProxySeals(RING, base_url="b", upstream="u", clock=clock, entropy=SystemEntropy(), refresh_idle_seconds=60)
    seal: Any = {"code": seals.codes, "refresh": seals.refreshes, "client": seals.clients, "ticket": seals.tickets}[
        kind
    ]
    context = "b" if kind == "client" else "b|u"
    sealed = Sealer(RING, f"proxy-{kind}").seal(content, context=context, expires_at=clock.wall() + 60)
    with pytest.raises(SealError):
        seal.open(sealed)


def test_no_sealed_value_opens_as_another_kind_or_in_another_place() -> None:
    def seals(base: str, upstream: str) -> ProxySeals:
        clock, entropy = SystemClock(), SystemEntropy()
        return ProxySeals(RING, base_url=base, upstream=upstream, clock=clock, entropy=entropy, refresh_idle_seconds=60)

    asked = {"client": "c", "redirect_uri": CALLBACK, "state": "", "code_challenge": "x", "scope": "", "resource": ""}
    ticket = Ticket(asked, "n", "App", "", is_trusted=False, may_remember=False)
    sealed = seals("a", "b").tickets.close(ticket)
    assert seals("a", "b").tickets.open(sealed) == ticket
    for other in (seals("a", "c").tickets, seals("x", "b").tickets, seals("a", "b").codes, seals("a", "b").refreshes):
        with pytest.raises(SealError):
            other.open(sealed)


@pytest.mark.parametrize("missing", ["authorization_endpoint", "token_endpoint", "revocation_endpoint"])
async def test_an_issuer_without_an_endpoint_is_reported_at_the_step_that_needs_it(missing: str) -> None:
    with proxy_world() as here:
        async with httpx.AsyncClient() as http:
            document = (await http.get(f"{here.issuer.issuer_url}/.well-known/openid-configuration")).json()
        del document[missing]
        here.issuer.faults.respond("discovery", status=200, body=json.dumps(document))
        client = await here.registered()
        async with BrowserRobot() as robot:
            page = await here.log_in(robot, client)
        if missing == "authorization_endpoint":
            assert page.query["error"] == "server_error"
            return
        answer = await client.exchange(page.query["code"])
        assert answer.status_code == (502 if missing == "token_endpoint" else 200)
        if missing == "revocation_endpoint":
            # Nobody is told that a token ended which lives on.
            refused = await client.post(f"{here.base}/revoke", token=answer.json()["refresh_token"])
            assert (refused.status_code, refused.json()["error"]) == (400, "unsupported_token_type")
            assert here.issuer.requests.count("revoke") == 0
