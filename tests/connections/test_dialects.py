"""Presets against the development service in the dialects of services that people know: real HTTP, whole life."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Credential
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.connections.refusals import Verdict, judge
from mcpauthkit.connections.service_rows import preset_named
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import GrantRefused, RemoteMisbehaved
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.testing import BrowserRobot, DevService, ErrorStyle, approve
from tests.contracts.grant import REDIRECT

STYLES: list[ErrorStyle] = ["github", "slack", "figma"]


@pytest.fixture(params=STYLES)
def service(request: pytest.FixtureRequest) -> Iterator[DevService]:
    # Figma repeats no refresh token, and GitHub's and Slack's are good once.
    with DevService(error_style=request.param, rotates_refresh_tokens=request.param != "figma") as one:
        yield one


@pytest.fixture
def preset(service: DevService, request: pytest.FixtureRequest) -> ServicePreset:
    row = preset_named(request.node.callspec.params["service"])
    return replace(
        row,
        authorize_url=service.authorize_url,
        token_url=service.token_url,
        refresh_url="",
        issuer=None,
        pkce=True,
        revocation=row.revocation and replace(row.revocation, url=service.revoke_url),
    )


@pytest.fixture
async def grant(service: DevService, preset: ServicePreset) -> AsyncIterator[AuthorizationCodeGrant]:
    secret = Secret(service.client_secret)
    made = AuthorizationCodeGrant(
        preset, OAuthClient(service.client_id, secret, preset.client_authentication), fetch=HttpFetch()
    )
    yield made
    await made.aclose()


async def connect(grant: AuthorizationCodeGrant, *scopes: str) -> Credential:
    attempt = await grant.begin(scopes, redirect_uri=REDIRECT)
    async with BrowserRobot() as robot:
        page = await approve(robot, await robot.open(attempt.url), account="octo-alice", stop_at=REDIRECT)
    return await grant.complete(page.query, attempt.private, scopes, redirect_uri=REDIRECT)


async def verdict(service: DevService, preset: ServicePreset, credential: Credential) -> Verdict | None:
    carried = {"authorization": f"Bearer {credential.access_token.reveal()}"}
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{service.api_url}/repos", headers=carried)
    return judge(preset.refusals, status=answer.status_code, headers=answer.headers, body=answer.content)


async def test_a_credential_is_obtained_renewed_and_refused_when_it_is_over(
    service: DevService, preset: ServicePreset, grant: AuthorizationCodeGrant
) -> None:
    held = await connect(grant, "repo", "read:user")
    assert held.scopes == {"repo", "read:user"}
    assert await verdict(service, preset, held) is None
    renewed = await grant.renew(held)
    assert renewed.refresh_token is not None
    assert (renewed.refresh_token == held.refresh_token) == (preset.name == "figma")
    assert renewed.account == held.account
    assert await verdict(service, preset, renewed) is None
    service.revoke_grants()
    found = await verdict(service, preset, renewed)
    assert found is not None
    assert found.meaning == "dead"
    with pytest.raises(GrantRefused) as refused:
        await grant.renew(renewed)
    assert refused.value.is_gone


async def test_a_wrong_secret_is_not_taken_for_a_grant_that_is_gone(
    service: DevService, preset: ServicePreset, grant: AuthorizationCodeGrant
) -> None:
    held = await connect(grant, "repo")
    client = OAuthClient(service.client_id, Secret("wrong"), preset.client_authentication)
    stranger = AuthorizationCodeGrant(preset, client, fetch=HttpFetch())
    with pytest.raises((GrantRefused, RemoteMisbehaved)) as refused:
        await stranger.renew(held)
    assert not getattr(refused.value, "is_gone", False)
    await stranger.aclose()


async def test_a_token_that_is_too_narrow_is_told_from_a_dead_one(
    service: DevService, preset: ServicePreset, grant: AuthorizationCodeGrant
) -> None:
    found = await verdict(service, preset, await connect(grant, "read:user"))
    assert found is not None
    assert found.meaning == "narrow"
    assert found.scopes == (() if preset.name == "figma" else ("repo",))


@pytest.mark.parametrize("service", ["slack"], indirect=True)
async def test_a_token_may_revoke_itself_and_the_service_may_decline(
    service: DevService, grant: AuthorizationCodeGrant
) -> None:
    held = await connect(grant, "repo")
    assert (held.account.id, held.account.tenant) == ("octo-alice", "T-DEV")
    service.misbehave(refuse_revocation=True)
    with pytest.raises(RemoteMisbehaved):
        await grant.revoke(held)
    service.behave()
    assert await grant.revoke(held)
    assert service.live_tokens() == ()
