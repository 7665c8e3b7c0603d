"""The grant with services that have habits of their own: every request it makes, and what it makes of the answers."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.preset import AccountPaths, Revocation, ServicePreset, TokenShape, WhoAmI
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteError, RemoteMisbehaved
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.testing import FakeClock

REDIRECT = "https://mcp.example/connect/habit/callback"
PRESET = ServicePreset(
    name="habit",
    display_name="Habit",
    authorize_url="https://habit.example/authorize",
    token_url="https://habit.example/token",
)
CLOCK = FakeClock()
LIVE = Credential.of_token(
    Secret("access-1"), scopes=frozenset({"a"}), refresh_token=Secret("refresh-1"), expires_at=CLOCK.wall() + 3600
)
ENDED = replace(LIVE, expires_at=CLOCK.wall() - 1)
REVOKE = "https://habit.example/revoke"


class Habit:
    """A service that answers what a test tells it to, by path, and remembers what came."""

    def __init__(self, **answers: tuple[int, Any]) -> None:
        self.answers = {"token": (200, {"access_token": "access-2"}), "revoke": (200, {}), **answers}
        self.requests: list[httpx.Request] = []

    def grant(self, **changes: Any) -> AuthorizationCodeGrant:
        client = changes.pop("client", OAuthClient("our/id", Secret("s3cret"), "client_secret_post"))
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        return AuthorizationCodeGrant(replace(PRESET, **changes), client, fetch=HttpFetch(http), clock=CLOCK)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        status, body = self.answers[request.url.path.rpartition("/")[2]]
        return httpx.Response(status, json=body)

    @property
    def seen(self) -> list[tuple[str, str]]:
        return [(one.method, one.url.path) for one in self.requests]

    def body(self, index: int = -1) -> dict[str, Any]:
        request = self.requests[index]
        if request.headers["content-type"] == "application/json":
            return dict(json.loads(request.content))
        return dict(httpx.QueryParams(request.content.decode()))


async def complete(grant: AuthorizationCodeGrant, *scopes: str) -> Credential:
    attempt = await grant.begin(scopes, redirect_uri=REDIRECT)
    return await grant.complete({"code": "c"}, attempt.private, scopes, redirect_uri=REDIRECT)


async def test_a_service_that_refuses_pkce_gets_none() -> None:
    habit = Habit()
    grant = habit.grant(pkce=False)
    attempt = await grant.begin(("a",), redirect_uri=REDIRECT)
    assert "code_challenge" not in attempt.url
    await grant.complete({"code": "c"}, attempt.private, ("a",), redirect_uri=REDIRECT)
    assert "code_verifier" not in habit.body()


async def test_scopes_that_are_always_needed_are_asked_for_and_count_as_granted_where_nobody_says() -> None:
    grant = Habit().grant(always_scopes=("offline", "a"), scope_parameter="user_scope", scope_separator=",")
    attempt = await grant.begin(("a", "b"), redirect_uri=REDIRECT)
    assert httpx.URL(attempt.url).params["user_scope"] == "a,b,offline"
    assert (await complete(grant, "a", "b")).scopes == {"a", "b", "offline"}


async def test_json_bodies_and_another_address_for_refresh_tokens() -> None:
    habit = Habit(refresh=(200, {"access_token": "access-2"}))
    grant = habit.grant(
        body="json",
        refresh_url="https://habit.example/refresh",
        client=OAuthClient("id", Secret("s"), "client_secret_basic"),
    )
    await complete(grant, "a")
    renewed = await grant.renew(LIVE)
    assert habit.seen == [("POST", "/token"), ("POST", "/refresh")]
    assert habit.body() == {"grant_type": "refresh_token", "refresh_token": "refresh-1"}
    assert renewed.refresh_token == Secret("refresh-1")


async def test_what_the_answer_says_about_the_account_needs_no_request() -> None:
    habit = Habit(token=(200, {"access_token": "t", "user": {"id": 7, "mail": "a@b"}, "host": "https://eu.example"}))
    tokens = TokenShape(account=AccountPaths(id="user.id", label="user.mail"), details={"host": "host"})
    grant = habit.grant(tokens=tokens)
    credential = await complete(grant, "a")
    assert credential.details == {"host": "https://eu.example"}
    assert await grant.identify(credential) == Account("7", "a@b")
    assert habit.seen == [("POST", "/token")]
    # A renewal that says nothing of it changes nothing.
    habit.answers["token"] = (200, {"access_token": "t2"})
    renewed = await grant.renew(replace(credential, refresh_token=Secret("r")))
    assert (renewed.account, renewed.details) == (credential.account, credential.details)


async def test_what_the_answer_leaves_out_is_asked_for_and_the_answers_own_id_stays() -> None:
    habit = Habit(me=(200, {"data": {"id": "other", "name": "Alice"}}))
    whoami = WhoAmI(
        url="https://habit.example/me",
        account=AccountPaths(id="data.id", label="data.name"),
        method="POST",
        json={"query": "{ me }"},
        headers={"X-Version": "3"},
    )
    account = await habit.grant(whoami=whoami).identify(replace(LIVE, account=Account("told")))
    assert account == Account("told", "Alice")
    (request,) = habit.requests
    assert request.headers["authorization"] == "Bearer access-1"
    assert request.headers["x-version"] == "3"
    assert habit.body() == {"query": "{ me }"}


async def test_a_service_without_any_way_to_say_whose_it_is_is_not_asked() -> None:
    habit = Habit()
    assert await habit.grant().identify(LIVE) is None
    assert await habit.grant().revoke(LIVE) is False
    assert habit.requests == []


async def test_an_outage_does_not_lose_the_id_that_is_known_already() -> None:
    whoami = WhoAmI(url="https://habit.example/me", account=AccountPaths(id="id"))
    grant = Habit(me=(503, {})).grant(whoami=whoami)
    assert await grant.identify(replace(LIVE, account=Account("told"))) == Account("told")


@pytest.mark.parametrize(
    ("token", "credential", "sent"),
    [
        ("refresh_token", LIVE, "refresh-1"),
        ("access_token", LIVE, "access-1"),
        ("refresh_token", replace(LIVE, refresh_token=None), "access-1"),
    ],
)
async def test_the_standard_revocation_sends_the_token_that_ends_it_all(
    token: Any, credential: Credential, sent: str
) -> None:
    habit = Habit()
    assert await habit.grant(revocation=Revocation(url=REVOKE, token=token)).revoke(credential)
    assert habit.body()["token"] == sent
    assert habit.body()["client_secret"] == "s3cret"


async def test_github_is_sent_a_deletion_and_the_clients_id_stays_one_segment() -> None:
    habit = Habit(grant=(204, None))
    revocation = Revocation(url="https://habit.example/apps/{client_id}/grant", style="github", token="access_token")
    assert await habit.grant(revocation=revocation).revoke(LIVE)
    (request,) = habit.requests
    assert request.method == "DELETE"
    assert request.url.raw_path == b"/apps/our%2Fid/grant"
    assert habit.body() == {"access_token": "access-1"}
    assert request.headers["authorization"].startswith("Basic ")


async def test_a_bearer_revokes_itself_and_a_false_flag_is_no_confirmation() -> None:
    habit = Habit(revoke=(200, {"ok": True}))
    revocation = Revocation(url=REVOKE, style="bearer", token="access_token")
    grant = habit.grant(revocation=revocation, tokens=TokenShape(ok_flag="ok"))
    assert await grant.revoke(LIVE)
    assert habit.requests[0].headers["authorization"] == "Bearer access-1"
    habit.answers["revoke"] = (200, {"ok": False})
    with pytest.raises(RemoteMisbehaved):
        await grant.revoke(LIVE)


async def test_an_access_token_that_is_over_is_renewed_before_it_ends_the_grant() -> None:
    habit = Habit()
    revocation = Revocation(url=REVOKE, style="bearer", token="access_token")
    grant = habit.grant(revocation=revocation)
    assert await grant.revoke(ENDED)
    assert habit.seen == [("POST", "/token"), ("POST", "/revoke")]
    assert habit.requests[1].headers["authorization"] == "Bearer access-2"
    # A grant that is gone already needs no revocation; one that may be alive is not called gone.
    habit.answers["token"] = (400, {"error": "invalid_grant"})
    assert await grant.revoke(ENDED)
    habit.answers["token"] = (401, {"error": "invalid_client"})
    with pytest.raises(GrantRefused):
        await grant.revoke(ENDED)


async def test_a_service_that_always_names_itself_has_to() -> None:
    grant = Habit().grant(issuer="https://habit.example", sends_issuer=True)
    attempt = await grant.begin(("a",), redirect_uri=REDIRECT)
    with pytest.raises(RemoteMisbehaved):
        await grant.complete({"code": "c"}, attempt.private, ("a",), redirect_uri=REDIRECT)


async def test_no_request_has_a_secret_in_its_address_and_no_error_tells_one() -> None:
    habit = Habit(token=(400, {"error": "refresh-1 access-1 s3cret"}), revoke=(400, {}), me=(302, {"id": "access-1"}))
    grant = habit.grant(
        revocation=Revocation(url=REVOKE), whoami=WhoAmI(url="https://habit.example/me", account=AccountPaths(id="id"))
    )
    for doing in (grant.renew(LIVE), grant.revoke(LIVE)):
        with pytest.raises(RemoteError) as refused:
            await doing
        told = f"{refused.value} {refused.value.for_log()} {refused.value!r}"
        assert not any(one in told for one in ("refresh-1", "access-1", "s3cret"))
    assert await grant.identify(LIVE) is None
    for request in habit.requests:
        assert not any(one in str(request.url) for one in ("refresh-1", "access-1", "s3cret"))


@pytest.mark.parametrize("changes", [{"token_url": "http://habit.example/token"}, {"authorize_url": ""}])
def test_an_address_that_secrets_may_not_go_to_is_refused_at_once(changes: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError):
        Habit().grant(**changes)


async def test_slacks_bot_is_not_taken_for_the_user_who_installed_it() -> None:
    bot = {
        "ok": True,
        "access_token": "xoxb-1",
        "token_type": "bot",
        "scope": "chat:write",
        "authed_user": {"id": "U1"},
    }
    grant = Habit(token=(200, bot)).grant(tokens=PRESETS["slack"].tokens)
    with pytest.raises(RemoteMisbehaved) as refused:
        await complete(grant, "chat:write")
    assert "scopes" in refused.value.hint


async def test_a_refusal_of_figmas_that_is_not_about_the_refresh_token_keeps_the_connection() -> None:
    for message, is_gone in (("Invalid refresh token", True), ("Invalid client secret", False), ("Bad request", False)):
        grant = Habit(token=(400, {"error": True, "status": 400, "message": message})).grant(
            tokens=PRESETS["figma"].tokens
        )
        with pytest.raises(RemoteError) as refused:
            await grant.renew(LIVE)
        assert (isinstance(refused.value, GrantRefused) and refused.value.is_gone) is is_gone


async def test_an_access_token_of_unknown_life_is_renewed_before_its_revocation_may_speak_for_the_grant() -> None:
    # Services answer 200 to tokens they do not know (RFC 7009 section 2.2): for a dead one that confirms nothing.
    by_access = Revocation(url=REVOKE, token="access_token")
    habit = Habit()
    assert await habit.grant(revocation=by_access).revoke(replace(LIVE, expires_at=None))
    assert habit.seen == [("POST", "/token"), ("POST", "/revoke")]
    assert habit.body()["token"] == "access-2"
    refused = Habit(token=(400, {"error": "invalid_grant"}))
    assert await refused.grant(revocation=by_access).revoke(replace(LIVE, expires_at=None))
    assert refused.body()["token"] == "access-1"
    without_refresh = Habit()
    assert await without_refresh.grant(revocation=by_access).revoke(replace(LIVE, expires_at=None, refresh_token=None))
    assert without_refresh.seen == [("POST", "/revoke")]


@pytest.mark.parametrize("trouble", [(503, {}), (401, {"error": "invalid_client"}), (200, {"odd": True})])
async def test_a_revocation_that_may_have_met_a_dead_token_is_not_called_confirmed(trouble: tuple[int, Any]) -> None:
    habit = Habit(token=trouble)
    grant = habit.grant(revocation=Revocation(url=REVOKE, token="access_token"))
    with pytest.raises(RemoteError):
        await grant.revoke(replace(LIVE, expires_at=None))
