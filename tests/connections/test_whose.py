"""Finding out whose account a token belongs to, where one question does not settle it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx
import pytest

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.connections.variables import resolved
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.token import OAuthClient

HELD = Credential.of_token(Secret("access-1"))
ME, SITES = "/me", "/oauth/token/accessible-resources"
ACME = {"id": "cloud-1", "name": "acme", "url": "https://acme.atlassian.net"}
BETA = {"id": "cloud-2", "name": "beta", "url": "https://beta.atlassian.net"}
ALICE = (200, {"account_id": "557058:abc", "email": "alice@example.com"})
NO_READ_ME = (403, {"code": 403, "message": "Forbidden"})


class Answers:
    """A service that answers by path, and which paths were asked."""

    def __init__(self, name: str, **answers: tuple[int, Any]) -> None:
        self.answers = {f"/{path}": answer for path, answer in answers.items()}
        self.asked: list[str] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        client = OAuthClient("id", Secret("s3cret"), "client_secret_post")
        self.grant = AuthorizationCodeGrant(resolved(PRESETS[name]), client, fetch=HttpFetch(http))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        assert "access-1" not in str(request.url)
        self.asked.append(request.url.path)
        status, body = self.answers[request.url.path]
        return httpx.Response(status, json=body)


def atlassian(me: tuple[int, Any], sites: Any) -> Answers:
    return Answers("atlassian", **{ME[1:]: me, SITES[1:]: sites if isinstance(sites, tuple) else (200, sites)})


@pytest.mark.parametrize(
    ("me", "sites", "account"),
    [
        (ALICE, [ACME], Account("557058:abc", "alice@example.com", "cloud-1")),
        # Jira and Confluence of one site are listed apart.
        (ALICE, [ACME, ACME], Account("557058:abc", "alice@example.com", "cloud-1")),
        # Whichever were taken, a tool might write into the other one.
        (ALICE, [ACME, BETA], Account("557058:abc", "alice@example.com")),
        (ALICE, [], Account("557058:abc", "alice@example.com")),
        (ALICE, (503, {}), Account("557058:abc", "alice@example.com")),
        (NO_READ_ME, [ACME], Account("", "acme", "cloud-1")),
        (NO_READ_ME, [BETA, ACME], Account("", "beta, acme")),
        (NO_READ_ME, [], None),
        (NO_READ_ME, {"odd": True}, None),
    ],
)
async def test_a_site_is_told_beside_the_user_or_instead(
    me: tuple[int, Any], sites: Any, account: Account | None
) -> None:
    service = atlassian(me, sites)
    assert await service.grant.identify(HELD) == account
    assert service.asked == [ME, SITES]


async def test_what_is_known_is_not_asked_for() -> None:
    service = atlassian(ALICE, [ACME])
    known = replace(HELD, account=Account("557058:abc", "alice@example.com"))
    assert await service.grant.identify(known) == Account("557058:abc", "alice@example.com", "cloud-1")
    assert service.asked == [SITES]


async def test_a_token_that_may_not_say_whose_it_is_may_be_known_by_its_sites() -> None:
    assert await atlassian(NO_READ_ME, [ACME, BETA]).grant.is_taken(HELD) is True
    assert await atlassian(NO_READ_ME, []).grant.is_taken(HELD) is None
    assert await atlassian((401, {"message": "Unauthorized"}), [ACME]).grant.is_taken(HELD) is False


async def test_a_personal_account_of_microsofts_has_no_tenant() -> None:
    me = (200, {"id": "a1b2", "userPrincipalName": "alice@outlook.example"})
    service = Answers("microsoft", **{"v1.0/me": me, "v1.0/organization": (403, {"error": {"code": "Forbidden"}})})
    assert await service.grant.identify(HELD) == Account("a1b2", "alice@outlook.example")


@pytest.mark.parametrize(
    ("answer", "is_taken"),
    [
        ((200, {"active": True, "user": "alice@example.com"}), True),
        ((200, {"active": False}), False),
        # Our client's secret is wrong there, which is no reason to end a user's connection.
        ((401, {"message": "invalid client"}), None),
        ((403, {"category": "MISSING_SCOPES"}), None),
        ((200, {"user": "alice@example.com"}), None),
        ((503, {}), None),
    ],
)
async def test_a_token_is_asked_about_in_a_form_with_our_own_proof(
    answer: tuple[int, Any], is_taken: bool | None
) -> None:
    assert await Answers("hubspot", **{"oauth/2026-03/token/introspect": answer}).grant.is_taken(HELD) is is_taken


@pytest.mark.parametrize("url", ["http://api.atlassian.com/x", "https://api.atlassian.com/{somewhere}"])
def test_every_address_that_is_asked_is_checked_beforehand(url: str) -> None:
    whoami = PRESETS["atlassian"].whoami
    assert whoami is not None
    assert whoami.further is not None
    changed = replace(whoami, further=replace(whoami.further, url=url))
    with pytest.raises(ConfigurationError):
        resolved(replace(PRESETS["atlassian"], whoami=changed))
