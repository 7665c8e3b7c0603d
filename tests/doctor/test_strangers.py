"""A server that is not the examiner's own: whoever writes its documents does not choose what is asked from here."""

from __future__ import annotations

import json

import httpx
import pytest

from mcpauthkit.core.secret import Secret
from mcpauthkit.doctor.checkup import Outcome, run_checks
from mcpauthkit.doctor.examination import Examination
from mcpauthkit.doctor.outside.table import OUTSIDE_CHECKS
from mcpauthkit.fetch import HttpFetch

SERVER = "https://mcp.example/mcp"
TOKEN = "canary-of-a-token"  # made up
INSIDE = (
    "127.0.0.1", "[::1]", "localhost", "localhost.", "idp.localhost", "0.0.0.0", "[::]", "[::ffff:127.0.0.1]",  # noqa: S104  # nothing listens there
    "127.1", "0x7f.1", "2130706433", "169.254.169.254", "[fe80::1]",
)  # fmt: skip


async def examined(issuer: str, elsewhere: str) -> tuple[Outcome, list[httpx.Request]]:
    """Examine a server whose documents name an issuer, whose documents name addresses somewhere else."""
    asked: list[httpx.Request] = []
    documents = {
        "https://mcp.example/.well-known/oauth-protected-resource/mcp": {
            "resource": SERVER,
            "authorization_servers": [issuer],
        },
        f"{issuer}/.well-known/oauth-authorization-server": {
            "issuer": issuer,
            "registration_endpoint": f"{elsewhere}/register",
            "jwks_uri": f"{elsewhere}/jwks",
        },
    }

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request)
        if str(request.url) in documents:
            return httpx.Response(200, content=json.dumps(documents[str(request.url)]))
        is_server = str(request.url) == SERVER
        return httpx.Response(401 if is_server else 404, headers={"www-authenticate": "Bearer"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        fetch = HttpFetch(client, shows_redirects=True)
        examination = Examination(wire=fetch, fetch=fetch, resource_url=SERVER, token=Secret(TOKEN))
        return await run_checks(examination, checks=OUTSIDE_CHECKS), asked


@pytest.mark.parametrize("host", INSIDE)
@pytest.mark.parametrize("is_issuer", [True, False])
async def test_what_only_this_machine_reaches_is_not_asked(host: str, *, is_issuer: bool) -> None:
    inside = f"https://{host}"
    outcome, asked = await examined(inside if is_issuer else "https://login.example", inside)
    assert not [one for one in asked if one.url.host not in {"mcp.example", "login.example"}]
    assert ("issuer-on-loopback" in {one.code for one in outcome.findings}) is is_issuer


async def test_the_token_goes_to_the_server_alone() -> None:
    _, asked = await examined("https://login.example", "https://keys.example")
    assert {one.url.host for one in asked} == {"mcp.example", "login.example", "keys.example"}
    assert {str(one.url) for one in asked if TOKEN in str(one.headers.raw)} == {SERVER}
