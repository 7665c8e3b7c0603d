"""Every preset against the recorded exchanges of its service, errors included."""

from __future__ import annotations

import dataclasses
import math
import ssl
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest
import respx

from mcpauthkit.connections.authorization_code import AuthorizationCodeGrant
from mcpauthkit.connections.credential import Account, Credential
from mcpauthkit.connections.preset import ServicePreset
from mcpauthkit.connections.presets import PRESETS
from mcpauthkit.connections.refusals import Verdict, judge, needs_body
from mcpauthkit.connections.variables import resolved
from mcpauthkit.core.secret import Secret
from mcpauthkit.errors import ConfigurationError, GrantRefused, RemoteError, RemoteMisbehaved, RemoteUnavailable
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.oauth.authorization import code_challenge
from mcpauthkit.oauth.token import OAuthClient
from mcpauthkit.testing.clock import FakeClock
from tests.connections.recorded import Sent, answered, load

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

VECTORS = load("services")
REDIRECT = "https://mcp.example.com/connect/callback"
START = FakeClock().wall()
PARTS = {
    "preset",
    "source",
    "variables",
    "scopes",
    "authorize",
    "code",
    "refresh",
    "refresh_refused",
    "errors",
    "whoami",
    "revocation",
    "api",
}
NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
HAS_NO_REFRESH = {"github", "github-enterprise", "monday"}

every_service = pytest.mark.parametrize("name", sorted(VECTORS))


def preset_of(name: str) -> ServicePreset:
    return resolved(PRESETS[name], VECTORS[name]["variables"])


def grant_of(name: str) -> AuthorizationCodeGrant:
    preset = preset_of(name)
    client = OAuthClient("the-client", Secret("the-secret"), preset.client_authentication)
    # Reading the machine's certificates takes longer than a whole exchange, and nothing leaves here.
    fetch = HttpFetch(httpx.AsyncClient(verify=NO_CERTIFICATES))
    return AuthorizationCodeGrant(preset, client, fetch=fetch, clock=FakeClock())


def connected(name: str) -> Credential:
    """What came of the recorded exchange of a code."""
    wanted = VECTORS[name]["code"]["credential"]
    return Credential.of_token(
        Secret(wanted["access_token"]),
        scopes=frozenset(wanted["scopes"]),
        refresh_token=Secret(wanted["refresh_token"]) if wanted["refresh_token"] else None,
        expires_at=START + wanted["expires_in"] if wanted["expires_in"] else None,
        token_type=wanted["token_type"],
        obtained_at=START,
        connected_at=START,
        account=Account(*wanted["account"]),
        details=wanted["details"],
    )


def shown(credential: Credential) -> dict[str, Any]:
    """A credential in the words of the vectors."""
    return {
        "access_token": credential.access_token.reveal(),
        "refresh_token": credential.refresh_token.reveal() if credential.refresh_token else None,
        "scopes": sorted(credential.scopes),
        "expires_in": credential.expires_at - START if credential.expires_at else None,
        "token_type": credential.token_type,
        "account": [credential.account.id, credential.account.label, credential.account.tenant],
        "details": dict(credential.details),
    }


@contextmanager
def service(answer: Mapping[str, Any], *further: Mapping[str, Any]) -> Iterator[list[Sent]]:
    """A service that gives its answers in order, the last to whatever else is asked, and the requests it gets."""
    answers = [answer, *further]
    sent: list[Sent] = []
    with respx.mock(assert_all_called=False) as router:

        def take(request: Any) -> Any:
            sent.append(Sent.of(request))
            return answered(dict(answers[min(len(sent), len(answers)) - 1]))

        router.route().mock(side_effect=take)
        yield sent


async def exchange(name: str, answer: Mapping[str, Any]) -> tuple[Credential, Sent, str]:
    """Visit the service and exchange the code; the credential, the request, and the challenge of the visit."""
    vector, grant = VECTORS[name], grant_of(name)
    attempt = await grant.begin(vector["scopes"], redirect_uri=REDIRECT)
    query = {"code": "the-code", "state": attempt.state, **vector["authorize"]["callback"]}
    try:
        with service(answer) as sent:
            credential = await grant.complete(query, attempt.private, vector["scopes"], redirect_uri=REDIRECT)
    finally:
        challenge = dict(parse_qsl(urlsplit(attempt.url).query)).get("code_challenge", "")
    return credential, sent[0], challenge


def urls_of(preset: ServicePreset) -> Iterator[str]:
    yield from (preset.authorize_url, preset.token_url, preset.refresh_url, preset.api_url, preset.settings_url)
    yield from (one.url for one in (preset.revocation, preset.whoami) if one is not None)


def test_every_preset_has_recorded_exchanges_with_all_parts() -> None:
    assert VECTORS.keys() == PRESETS.keys()
    assert {name: PARTS ^ vector.keys() for name, vector in VECTORS.items() if PARTS ^ vector.keys()} == {}


@every_service
def test_the_recorded_exchanges_of_a_preset_are_complete(name: str) -> None:
    vector, preset = VECTORS[name], PRESETS[name]
    assert "not captured" in vector["source"]
    assert vector["errors"]
    assert (vector["refresh"] is None) is (name in HAS_NO_REFRESH)
    assert (vector["refresh_refused"] is None) is (name in HAS_NO_REFRESH)
    assert (vector["whoami"] is None) is (preset.whoami is None)
    assert (vector["revocation"] is None) is (preset.revocation is None)
    assert vector["api"]["dead"]
    assert vector["api"]["fine"]
    assert bool(vector["api"]["narrow"]) is any(one.meaning == "narrow" for one in preset.refusals)


@every_service
def test_every_address_of_a_preset_is_https(name: str) -> None:
    urls = [url for url in urls_of(preset_of(name)) if url]
    # What is left open is told by the service for each user, and checked then.
    assert [url for url in urls if not url.startswith(("https://", "{instance_url}", "{api_url}"))] == []


@every_service
def test_a_preset_says_which_hosts_may_be_told_when_its_api_is_told(name: str) -> None:
    assert bool(PRESETS[name].told_hosts) is PRESETS[name].api_url.startswith(("{instance_url}", "{api_url}"))


@every_service
def test_the_name_of_a_preset_is_fit_for_links(name: str) -> None:
    assert PRESETS[name].name == name
    assert set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


@every_service
async def test_the_browser_is_sent_with_what_the_service_wants(name: str) -> None:
    wanted = VECTORS[name]["authorize"]
    attempt = await grant_of(name).begin(VECTORS[name]["scopes"], redirect_uri=REDIRECT)
    parts = urlsplit(attempt.url)
    query = dict(parse_qsl(parts.query))
    challenge = {query.pop("code_challenge", ""), query.pop("code_challenge_method", "")}
    assert query.pop("state") == attempt.state
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == wanted["url"]
    assert query == wanted["query"]
    assert ("S256" in challenge) is wanted["pkce"]


@every_service
async def test_a_code_is_exchanged_in_the_way_of_the_service(name: str) -> None:
    wanted = VECTORS[name]["code"]
    credential, sent, challenge = await exchange(name, wanted["answer"])
    fields = dict(sent.fields)
    verifier = fields.pop("code_verifier", "")
    assert (sent.method, sent.headers["accept"]) == ("POST", "application/json")
    assert {"url": sent.url, "authentication": sent.authentication, "kind": sent.kind, "fields": fields} == wanted[
        "request"
    ]
    assert (code_challenge(verifier) if verifier else "") == challenge
    assert shown(credential) == wanted["credential"]


@every_service
async def test_an_answer_of_another_issuer_is_refused_where_the_service_names_itself(name: str) -> None:
    grant = grant_of(name)
    attempt = await grant.begin((), redirect_uri=REDIRECT)
    query = {"code": "the-code", "state": attempt.state, "iss": "https://attacker.example"}
    with service(VECTORS[name]["code"]["answer"]) as sent:
        if PRESETS[name].issuer is None:
            await grant.complete(query, attempt.private, (), redirect_uri=REDIRECT)
        else:
            with pytest.raises(RemoteMisbehaved):
                await grant.complete(query, attempt.private, (), redirect_uri=REDIRECT)
            assert sent == []


@pytest.mark.parametrize("name", sorted(VECTORS.keys() - HAS_NO_REFRESH))
async def test_a_token_is_renewed_in_the_way_of_the_service(name: str) -> None:
    wanted, grant = VECTORS[name]["refresh"], grant_of(name)
    with service(wanted["answer"]) as sent:
        credential = await grant.renew(connected(name))
    assert {
        "url": sent[0].url,
        "authentication": sent[0].authentication,
        "kind": sent[0].kind,
        "fields": sent[0].fields,
    } == wanted["request"]
    assert shown(credential) == wanted["credential"]


@pytest.mark.parametrize("name", sorted(VECTORS.keys() - HAS_NO_REFRESH))
async def test_a_refused_refresh_token_means_that_the_grant_is_gone(name: str) -> None:
    grant = grant_of(name)
    with service(VECTORS[name]["refresh_refused"]), pytest.raises(GrantRefused) as caught:
        await grant.renew(connected(name))
    assert caught.value.is_gone


KINDS: Mapping[str, type[RemoteError]] = {
    "refused": GrantRefused,
    "unavailable": RemoteUnavailable,
    "misbehaved": RemoteMisbehaved,
}
ERRORS = [(name, index) for name, vector in VECTORS.items() for index in range(len(vector["errors"]))]


@pytest.mark.parametrize(("name", "index"), ERRORS, ids=[f"{name}-{index}" for name, index in ERRORS])
async def test_an_error_of_the_token_endpoint_is_told_for_what_it_is(name: str, index: int) -> None:
    wanted = VECTORS[name]["errors"][index]
    with pytest.raises(KINDS[wanted["raises"]]) as caught:
        await exchange(name, wanted["answer"])
    assert getattr(caught.value, "error", None) == wanted.get("error")


@pytest.mark.parametrize("name", sorted(name for name, one in VECTORS.items() if one["whoami"]))
async def test_the_account_of_a_token_is_found_out(name: str) -> None:
    wanted, grant = VECTORS[name]["whoami"], grant_of(name)
    # As if nothing had come with the token: who it is is asked in any case then.
    further = wanted.get("further", [])
    with service(wanted["answer"], *(one["answer"] for one in further)) as sent:
        account = await grant.identify(dataclasses.replace(connected(name), account=Account()))
    assert account == Account(*wanted["account"])
    for one, request in zip(sent, [wanted["request"], *(each["request"] for each in further)], strict=True):
        how = request.get("authentication", "bearer")
        assert (one.method, one.url, one.authentication) == (request["method"], request["url"], how)
        assert request.get("headers", {}).items() <= one.headers.items()
        assert one.fields == (request.get("json") or request.get("form") or {})


def living(name: str) -> Credential:
    """A credential whose access token is known to live, so that nothing has to be renewed before it is revoked."""
    return dataclasses.replace(connected(name), expires_at=math.inf)


@pytest.mark.parametrize("name", sorted(VECTORS))
async def test_a_service_is_told_that_a_token_is_over(name: str) -> None:
    wanted, grant = VECTORS[name]["revocation"], grant_of(name)
    if wanted is None:
        assert not await grant.revoke(connected(name))
        return
    with service(wanted["answer"]) as sent:
        assert await grant.revoke(living(name))
    assert [{name: getattr(one, name) for name in wanted["request"]} for one in sent] == [wanted["request"]]


@pytest.mark.parametrize("name", sorted(name for name, one in VECTORS.items() if one["revocation"]))
async def test_a_revocation_that_is_refused_is_not_taken_for_one(name: str) -> None:
    grant = grant_of(name)
    with service(VECTORS[name]["revocation"]["refused"]), pytest.raises(RemoteError):
        await grant.revoke(living(name))


def verdict_on(name: str, answer: dict[str, Any]) -> Verdict | None:
    """What is wrong with the connected token by an answer; scopes it has are not missing."""
    preset, response = preset_of(name), answered(answer)
    headers = dict(response.headers)
    wants_body = needs_body(preset.refusals, status=response.status_code, headers=headers)
    body = response.content if wants_body else None
    verdict = judge(preset.refusals, status=response.status_code, headers=headers, body=body)
    if verdict is None or verdict.meaning == "dead" or not verdict.scopes:
        return verdict
    missing = preset.scopes.missing(verdict.scopes, connected(name).scopes)
    is_enough = len(missing) < len(verdict.scopes) if verdict.any_of else not missing
    return None if is_enough else verdict


API = {
    kind: [(name, index) for name, vector in VECTORS.items() for index in range(len(vector["api"][kind]))]
    for kind in ("dead", "narrow", "fine")
}


@pytest.mark.parametrize(("name", "index"), API["dead"], ids=[f"{name}-{index}" for name, index in API["dead"]])
def test_a_dead_token_is_known_by_the_answer_of_the_api(name: str, index: int) -> None:
    verdict = verdict_on(name, VECTORS[name]["api"]["dead"][index])
    assert verdict is not None
    assert verdict.meaning == "dead"


@pytest.mark.parametrize(("name", "index"), API["narrow"], ids=[f"{name}-{index}" for name, index in API["narrow"]])
def test_a_token_that_is_too_narrow_is_known_by_the_answer_of_the_api(name: str, index: int) -> None:
    wanted = VECTORS[name]["api"]["narrow"][index]
    verdict = verdict_on(name, wanted["answer"])
    assert verdict is not None
    assert (verdict.meaning, list(verdict.scopes)) == ("narrow", wanted["needed"])


@pytest.mark.parametrize(("name", "index"), API["fine"], ids=[f"{name}-{index}" for name, index in API["fine"]])
def test_other_answers_say_nothing_about_the_token(name: str, index: int) -> None:
    assert verdict_on(name, VECTORS[name]["api"]["fine"][index]) is None


@pytest.mark.parametrize("name", sorted(name for name, one in PRESETS.items() if "" in one.variables.values()))
def test_a_service_of_ones_own_has_to_be_named(name: str) -> None:
    with pytest.raises(ConfigurationError):
        resolved(PRESETS[name])
