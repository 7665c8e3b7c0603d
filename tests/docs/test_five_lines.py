"""What a tool author writes more for a tool that acts in its caller's name: at most five lines, which run."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from mcpauthkit.connections.service_rows import preset_named
from mcpauthkit.testing import BrowserRobot, DevClient, DevIssuer, DevService, LoopbackServer, Page, approve

EXAMPLES = Path(__file__).parent / "examples"
MOST_MORE = 5


def source(name: str) -> str:
    return (EXAMPLES / f"{name}.py").read_text(encoding="utf-8")


def lines_of(name: str) -> list[str]:
    code = source(name).partition('"""\n')[2]
    return [line for line in code.splitlines() if line.strip()]


@contextmanager
def running(name: str, issuer: DevIssuer, service: DevService) -> Iterator[LoopbackServer]:
    """An example as it stands, with the addresses of development servers in the place of the real ones."""
    server = LoopbackServer()
    preset = replace(
        preset_named("github"),
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        issuer=service.base_url,
    )
    code = source(name)
    for before, after in {
        '"https://mcp.example.com"': repr(server.base_url),
        '"https://login.example.com"': repr(issuer.issuer_url),
        '"https://api.example.com"': repr(service.api_url),
        'from_preset("github"': "from_preset(PRESET",
        'client_id="id"': f"client_id={service.client_id!r}",
        'client_secret="secret"': f"client_secret={service.client_secret!r}",
    }.items():
        code = code.replace(before, after)
    names: dict[str, Any] = {"PRESET": preset}
    exec(compile(code, f"{name}.py", "exec"), names)  # noqa: S102  # our own page
    server.app = names["app"]
    with server:
        yield server


async def _approves(robot: BrowserRobot, page: Page, _service: DevService) -> Page:
    return await approve(robot, await robot.click(page, "Connect"), account="octo-alice")


async def _types_a_token(robot: BrowserRobot, page: Page, service: DevService) -> Page:
    # Alice has a token of the service: the one that another application got for her.
    token = await _own_token(service)
    return await robot.submit(page, {"pat": token}, button="Connect")


async def _own_token(service: DevService) -> str:
    async with BrowserRobot() as robot:
        query = f"client_id={service.client_id}&redirect_uri=http://127.0.0.1:9/back&scope=repo&state=s"
        page = await robot.open(f"{service.authorize_url}?{query}")
        code = (await approve(robot, page, account="octo-alice", stop_at="http://127.0.0.1:9")).query["code"]
    async with httpx.AsyncClient() as http:
        answer = await http.post(
            service.token_url,
            data={
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": "http://127.0.0.1:9/back",
                "client_id": service.client_id,
                "client_secret": service.client_secret,
            },
        )
    return str(answer.json()["access_token"])


@pytest.mark.parametrize(("name", "connects"), [("oauth", _approves), ("keys", _types_a_token)])
async def test_an_example_connects_and_gives_the_callers_own(name: str, connects: Any) -> None:
    with DevIssuer(algorithm="ES256") as issuer, DevService() as service, running(name, issuer, service) as server:
        token = issuer.token(sub="alice", audience=f"{server.base_url}/mcp", scope="openid")
        async with DevClient(f"{server.base_url}/mcp", token=token, profile="none-modern") as alice:
            page = await alice.open((await alice.call("repos")).link)
            assert "is connected" in (await connects(alice.browser, page, service)).text
            assert "hello-world" in (await alice.call("repos")).text


async def test_the_example_without_authentication_runs_too() -> None:
    with DevIssuer(algorithm="ES256") as issuer, DevService() as service, running("plain", issuer, service) as server:
        token = issuer.token(sub="alice", audience=f"{server.base_url}/mcp", scope="openid")
        async with DevClient(f"{server.base_url}/mcp", token=token) as alice:
            assert "Bad credentials" in (await alice.call("repos")).text


@pytest.mark.parametrize("name", ["oauth", "keys"])
def test_an_example_has_at_most_five_lines_that_the_plain_one_has_not(name: str) -> None:
    plain, guarded = lines_of("plain"), lines_of(name)
    assert len(guarded) - len(plain) <= MOST_MORE
    # Nor do changed lines hide more: each that is new has the width of one.
    assert len(set(guarded) - set(plain)) <= MOST_MORE + 2
    assert all(len(line) <= 120 for line in guarded)
