"""The kit as an OAuth client: what it sends to issuers and services (RFC 7636, RFC 9207, RFC 9700)."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from urllib.parse import urlsplit

import httpx
import pytest

from mcpauthkit import OAuthProvider
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import BrowserRobot, approve, sign_in
from tests.flows.test_ladder import text_of
from tests.flows.test_same_user import link_for
from tests.world import Era, World, world


async def connected(here: World, era: Era = "modern", sub: str = "alice") -> None:
    async with here.client(era, sub=sub, human=here.person(sub)) as client:
        assert not (await text_of(client, "list_repos"))[0]


async def test_each_visit_has_a_verifier_of_its_own_and_only_its_digest_travels_by_browser() -> None:
    with world() as here:
        for sub in ("alice", "bob"):
            await connected(here, sub=sub)
        for server in (here.service, here.issuer):
            verifiers = [one.form["code_verifier"][0] for one in server.requests.all("token")]
            challenges = {one.query["code_challenge"][0] for one in server.requests.all("authorize") if one.query}
            digests = [hashlib.sha256(one.encode()).digest() for one in verifiers]
            assert len(set(verifiers)) == len(verifiers) >= 2
            assert all(43 <= len(one) <= 128 for one in verifiers)
            assert {urlsafe_b64encode(one).rstrip(b"=").decode() for one in digests} <= challenges
            assert not set(verifiers) & challenges


async def test_states_and_nonces_are_never_used_twice() -> None:
    with world() as here:
        for sub in ("alice", "bob"):
            await connected(here, sub=sub)
        for server, names in ((here.service, ("state",)), (here.issuer, ("state", "nonce"))):
            requests = [one for one in server.requests.all("authorize") if one.method == "GET"]
            for name in names:
                values = [one.query[name][0] for one in requests]
                assert len(set(values)) == len(values) >= 2


async def test_issuer_and_service_send_browsers_to_different_addresses_of_ours() -> None:
    with world() as here:
        await connected(here)
        addresses = {
            one.query["redirect_uri"][0]
            for server in (here.service, here.issuer)
            for one in server.requests.all("authorize")
            if "redirect_uri" in one.query
        }
        assert addresses == {f"{here.base}/connect/forge/callback", f"{here.base}/connect/login/callback"}
        exchanged = {one.form["redirect_uri"][0] for one in here.service.requests.all("token")}
        assert exchanged == {f"{here.base}/connect/forge/callback"}


async def test_an_error_in_another_servers_name_is_neither_believed_nor_shown() -> None:
    with world() as here:
        link = await link_for(here)
        async with BrowserRobot() as alice:
            page = await alice.open(link)
            page = await alice.click(await sign_in(alice, page), "Connect")
            stop = f"{here.base}/connect/forge/callback"
            state = (await approve(alice, page, account="octo-alice", stop_at=stop)).query["state"]
            forged = httpx.QueryParams(
                state=state, error="access_denied", error_description="canary-text", iss="https://evil.example"
            )
            answer = await alice.open(f"{stop}?{forged}")
        assert "canary-text" not in answer.html
        # Not "the service refused", which the right server alone may say.
        assert "access was refused" not in answer.text
        assert here.service.requests.count("token") == 0


@pytest.mark.parametrize(
    "address",
    ["http://forge.example/x", "javascript:alert(1)", "data:text/html,x", "file:///etc/passwd", "//forge.example/x"],
)
@pytest.mark.parametrize("name", ["authorize_url", "token_url"])
def test_a_service_is_reached_over_https_only(name: str, address: str) -> None:
    addresses = {"authorize_url": "https://forge.example/a", "token_url": "https://forge.example/t", name: address}
    with pytest.raises(ConfigurationError, match=name):
        OAuthProvider.from_standard_oauth2(
            name="forge",
            client_id="x",
            server_base_url="https://mcp.example.com",
            authorize_url=addresses["authorize_url"],
            token_url=addresses["token_url"],
        )


async def test_every_redirect_of_ours_turns_into_a_get() -> None:
    # A 307 would carry a form, and with it what was typed, to the next address.
    with world() as here:
        link = await link_for(here)
        async with BrowserRobot() as alice:
            login = await alice.open(link)
            page = await sign_in(alice, login)
            there = await alice.click(page, "Connect")
        visits = [*login.history, *page.history, *there.history]
        ours = [(urlsplit(one.url).path, one.status) for one in visits if one.url.startswith(here.base)]
        assert {path for path, status in ours if 300 <= status < 400} == {
            "/connect/forge",
            "/connect/login/callback",
            "/connect/forge/start",
        }
        assert {status for _, status in ours if 300 <= status < 400} == {303}
