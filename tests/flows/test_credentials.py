"""What happens to a credential after it was obtained: sent, renewed once, lost, kept apart."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Any

import anyio
import anyio.lowlevel
import httpx
import pytest

from mcpauthkit import get_user
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, DevAccount, DevUser, FakeClock
from tests.flows.test_ladder import eras, link_in, text_of
from tests.world import Era, World, world

USERS = 50
CALLS = 1000
ERAS: tuple[Era, Era] = ("legacy", "modern")


async def test_the_client_renews_once_when_the_service_answers_401() -> None:
    with world() as here:
        async with here.client(human=here.person()) as client:
            await client.call_tool("list_repos")
            here.service.expire_tokens()
            assert not (await text_of(client, "list_repos"))[0]
            assert not (await text_of(client, "list_repos"))[0]
        assert here.service.requests.count("token", grant_type="refresh_token") == 1
        assert len(here.questions) == 1


@eras
async def test_fifty_calls_on_an_expired_token_renew_it_once(era: Era) -> None:
    # L7: ten refreshes, and with rotation the grant was destroyed.
    results: list[bool] = []
    with world() as here:
        async with here.client(era, human=here.person()) as client:
            await client.call_tool("list_repos")
            here.service.expire_tokens()

            async def call() -> None:
                results.append((await text_of(client, "list_repos"))[0])

            async with anyio.create_task_group() as tasks:
                for _ in range(50):
                    tasks.start_soon(call)
        assert results == [False] * 50
        assert here.service.requests.count("token", grant_type="refresh_token") == 1
        assert len(here.questions) == 1


async def test_a_token_that_is_about_to_expire_is_renewed_before_the_tool_runs() -> None:
    with world(service_options={"access_token_ttl_seconds": 20}) as here:
        async with here.client(human=here.person()) as client:
            await client.call_tool("list_repos")
            assert not (await text_of(client, "list_repos_sync"))[0]
        assert here.service.requests.count("token", grant_type="refresh_token") >= 1
        assert here.service.requests.count("repos") == 2


async def test_an_outage_during_renewal_keeps_the_credential() -> None:
    # `test_try_silent_refresh_fn_fails_clears_token`, changed on purpose: an outage is not a revocation.
    clock = FakeClock()
    with world(provider_options={"clock": clock}) as here:
        async with here.client(human=here.person()) as client:
            await client.call_tool("list_repos")
            here.service.expire_tokens()
            here.service.faults.respond("token", status=500)
            is_error, text = await text_of(client, "list_repos")
            assert is_error
            assert "cannot be reached at the moment" in text
            here.service.faults.clear()
            # A failed renewal rests for five seconds.
            clock.advance(5)
            assert not (await text_of(client, "list_repos"))[0]
        assert len(here.questions) == 1


@eras
async def test_a_revoked_grant_ends_the_call_with_the_link_and_asks_once_more(era: Era) -> None:
    with world() as here:
        async with here.client(era, human=here.person()) as client:
            await client.call_tool("list_repos")
            here.service.revoke_grants()
            is_error, text = await text_of(client, "list_repos")
            assert is_error
            assert link_in(text)
            assert not (await text_of(client, "list_repos"))[0]
        assert len(here.questions) == 2


async def test_a_service_that_keeps_refusing_a_fresh_token_leads_to_the_link() -> None:
    with world() as here:
        async with here.client(human=here.person()) as client:
            await client.call_tool("list_repos")
            here.service.faults.respond("repos", status=401)
            is_error, text = await text_of(client, "list_repos")
        assert is_error
        assert link_in(text)
        assert here.service.requests.count("token", grant_type="refresh_token") == 1


async def test_invalidate_token_makes_the_next_call_ask() -> None:
    with world() as here:
        async with here.client(human=here.person()) as client:
            await client.call_tool("list_repos")
            await client.call_tool("forget_me")
            await client.call_tool("list_repos")
        assert len(here.questions) == 2


async def test_the_credential_goes_to_the_services_api_only() -> None:
    def build(mcp: Any, provider: Any) -> None:
        @mcp.tool()
        @provider.require_token(scopes=["repo"])
        async def leak(url: str) -> str:
            async with provider.client() as http:
                return str((await http.get(url)).text)

    with world(build=build) as here:
        async with here.client(human=here.person()) as client:
            before = len(here.issuer.requests.all())
            for url in (f"{here.issuer.issuer_url}/userinfo", "http://169.254.169.254/latest/meta-data"):
                is_error, text = await text_of(client, "leak", url=url)
                assert is_error
                assert "not sent to" in text
        signed_in = [one for one in here.issuer.requests.all()[before:] if one.endpoint == "userinfo"]
        assert signed_in == []


async def test_outside_a_guard_there_is_no_token() -> None:
    with world() as here:
        for use in (here.provider.get_token, here.provider.client):
            with pytest.raises(ConfigurationError):
                use()
        with pytest.raises(ConfigurationError):
            await here.provider.invalidate_token()


async def test_tokens_reach_neither_logs_nor_results_nor_the_store_in_clear(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    with world() as here:
        async with here.client(human=here.person()) as client:
            texts = [(await text_of(client, "list_repos"))[1]]
            here.service.expire_tokens()
            texts.append((await text_of(client, "list_repos"))[1])
            here.service.revoke_grants()
            texts.append((await text_of(client, "list_repos"))[1])
            secrets = {
                value
                for one in (*here.service.requests.all("token"), *here.issuer.requests.all("token"))
                for name in ("code", "refresh_token", "client_secret", "code_verifier")
                for value in one.form.get(name, ())
            } | set(here.service.live_tokens())
        assert len(secrets) >= 5
        ours = [record.getMessage() for record in caplog.records if record.name.startswith("mcpauthkit")]
        seen = "\n".join([*texts, *ours, *await here.stored()])
        assert [secret for secret in secrets if secret in seen] == []


def _people() -> tuple[list[DevUser], list[DevAccount]]:
    names = [f"user{n:02}" for n in range(USERS)]
    users = [DevUser(name, name.capitalize(), f"{name}@example.test") for name in names]
    return users, [DevAccount(f"octo-{name}", name, f"{name}@example.test", (f"repo-of-{name}",)) for name in names]


async def _call(here: World, http: httpx.AsyncClient, era: Era, sub: str, token: str) -> str:
    """One tools/call as raw JSON-RPC: no client state that could keep users apart by itself."""
    body: dict[str, Any] = {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "tools/call",
        "params": {"name": "digest", "arguments": {}},
    }
    headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
    if era == "modern":
        headers |= {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "digest"}
        body["params"]["_meta"] = {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientCapabilities": {},
        }
    answer = await http.post(here.resource, json=body, headers=headers)
    answer.raise_for_status()
    return json.dumps(answer.json())


def _digest(subject: str, token: str) -> str:
    return f"{subject}:{hashlib.sha256(token.encode()).hexdigest()}"


def _digest_tool(mcp: Any, provider: Any) -> None:
    @mcp.tool()
    @provider.require_token(scopes=["repo"])
    async def digest() -> str:
        before = _digest(get_user().subject, provider.get_token())
        await anyio.lowlevel.checkpoint()
        assert before == _digest(get_user().subject, provider.get_token())
        return before


async def test_a_thousand_interleaved_calls_of_fifty_users_never_see_anothers_credential() -> None:
    users, accounts = _people()
    with world(
        issuer_options={"users": users},
        service_options={"users": accounts},
        stateless=True,
        json_response=True,
        build=_digest_tool,
    ) as here:
        tokens = {user.username: here.token(user.username) for user in users}
        wrong: list[str] = []
        async with httpx.AsyncClient(timeout=60) as http:
            for user in users:
                text = await _call(here, http, "modern", user.username, tokens[user.username])
                async with BrowserRobot() as robot:
                    await here.visit(robot, link_in(text.replace('"', " ")), sub=user.username)

            expected = {name: _digest(name, here.service.live_tokens(f"octo-{name}")[0]) for name in tokens}
            assert len(set(expected.values())) == USERS

            async def calls(worker: int) -> None:
                for n in range(worker, CALLS, 20):
                    name = users[(n * 7) % USERS].username
                    text = await _call(here, http, ERAS[n % 2], name, tokens[name])
                    if set(re.findall(r"user\d+:[0-9a-f]{64}", text)) != {expected[name]}:
                        wrong.append(text)

            async with anyio.create_task_group() as tasks:
                for worker in range(20):
                    tasks.start_soon(calls, worker)
        assert wrong == []
