"""Tokens that the issuer is asked about."""

from __future__ import annotations

import base64
from typing import Any

import anyio
import httpx
import pytest

from mcpauthkit import Secret
from mcpauthkit.errors import ConfigurationError, InvalidToken, IssuerUnavailable
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.credentials import ENCRYPTED, FROM_PROXY, OPAQUE, SIGNED, WITH_KEY
from tests.identity.introspecting import Oracle

ENDPOINT = "https://issuer.example/introspect"
ISSUER = "https://issuer.example"
SECRET = "canary-client-secret"
CLAIMS: dict[str, Any] = {"sub": "alice", "aud": "api", "client_id": "desk", "exp": NOW + 300, "token_type": "Bearer"}


class Bench:
    """A verifier and the server it asks."""

    def __init__(self, answer: dict[str, Any] | None = None, **options: Any) -> None:
        self.clock = FakeClock(wall=NOW)
        self.oracle = Oracle({OPAQUE: CLAIMS if answer is None else answer})
        settings = {"client_id": "us", "client_secret": SECRET, "issuer": ISSUER, "audience": "api", **options}
        self.verifier = IntrospectionVerifier(ENDPOINT, fetch=self.oracle, clock=self.clock, **settings)

    async def verify(self, token: str = OPAQUE) -> Verified:
        return await self.verifier.verify(token)


def claims_of(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in {**CLAIMS, **changes}.items() if value is not ...}


class TestIntrospectionVerifier(VerifierContract):
    issuer = ISSUER

    def make(self) -> IntrospectionVerifier:
        known = {f"{OPAQUE}-{subject}": claims_of(sub=subject) for subject in ("alice", "bob")}
        return IntrospectionVerifier(
            ENDPOINT, client_id="us", client_secret=SECRET, issuer=ISSUER, fetch=Oracle(known), clock=self.clock
        )

    def present(self, subject: str = "alice") -> Presented:
        return Presented(f"{OPAQUE}-{subject}")

    def strangers(self) -> list[Presented]:
        return [SIGNED, ENCRYPTED, WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return [SECRET, base64.b64encode(f"us:{SECRET}".encode()).decode()]


async def test_it_asks_as_the_standard_says() -> None:
    bench = Bench()
    await bench.verify()
    [request] = bench.oracle.asked
    assert (request.method, request.url) == ("POST", ENDPOINT)
    assert request.form == {"token": OPAQUE, "token_type_hint": "access_token"}
    assert request.headers["authorization"] == "Basic " + base64.b64encode(f"us:{SECRET}".encode()).decode()


@pytest.mark.parametrize(
    ("authentication", "form"),
    [("client_secret_post", {"client_id": "us", "client_secret": SECRET}), ("none", {"client_id": "us"})],
)
async def test_our_client_proves_itself_as_configured(authentication: str, form: dict[str, str]) -> None:
    bench = Bench(authentication=authentication, client_secret=Secret(SECRET))
    await bench.verify()
    [request] = bench.oracle.asked
    assert request.form == {"token": OPAQUE, "token_type_hint": "access_token", **form}
    assert "authorization" not in request.headers


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "good"),
        ({"exp": ...}, "good"),
        ({"exp": NOW - 60}, "expired_token"),
        ({"exp": str(NOW + 300)}, "invalid_token"),
        ({"exp": True}, "invalid_token"),
        ({"exp": None}, "invalid_token"),
        ({"nbf": NOW + 61}, "invalid_token"),
        ({"iss": ISSUER}, "good"),
        ({"iss": f"{ISSUER}/"}, "invalid_token"),
        ({"iss": None}, "invalid_token"),
        ({"iss": [ISSUER]}, "invalid_token"),
        # GitLab tells no sub; with the client in its place all of its users would be one.
        ({"sub": ...}, "invalid_token"),
        ({"sub": ..., "username": "alice"}, "invalid_token"),
        ({"sub": ""}, "invalid_token"),
        ({"sub": 5}, "invalid_token"),
        ({"aud": 5}, "invalid_token"),
        ({"cnf": {"x5t#S256": "x"}}, "invalid_token"),
        ({"cnf": None}, "invalid_token"),
        # Refresh and ID tokens are active too.
        ({"token_type": ...}, "good"),
        ({"token_type": None}, "good"),
        ({"token_type": "bearer"}, "good"),
        ({"token_type": "refresh_token"}, "invalid_token"),
        ({"token_type": "DPoP"}, "invalid_token"),
        ({"token_type": 5}, "invalid_token"),
        ({"token_use": "access_token"}, "good"),
        ({"token_use": "refresh_token"}, "invalid_token"),
        ({"typ": "Bearer"}, "good"),
        ({"typ": "Refresh"}, "invalid_token"),
        ({"typ": "ID"}, "invalid_token"),
    ],
    ids=str,
)
async def test_each_claim_has_its_rule(changes: dict[str, Any], expected: str) -> None:
    bench = Bench(claims_of(**changes))
    if expected == "good":
        assert (await bench.verify()).principal["iss"] == ISSUER
        return
    with pytest.raises(InvalidToken) as refused:
        await bench.verify()
    assert refused.value.code == expected


async def test_a_token_without_subject_is_its_clients_only_by_the_switch() -> None:
    verified = await Bench(claims_of(sub=...), accept_tokens_without_subject=True).verify()
    assert verified.principal.key == (ISSUER, "desk")
    named = await Bench(accept_tokens_without_subject=True).verify()
    assert named.principal.subject == "alice"
    with pytest.raises(InvalidToken):
        await Bench(claims_of(sub=None), accept_tokens_without_subject=True).verify()
    with pytest.raises(InvalidToken):
        await Bench(claims_of(sub=..., client_id=...), accept_tokens_without_subject=True).verify()


def test_the_switch_for_tokens_without_subject_is_warned_of_at_the_start(caplog: pytest.LogCaptureFixture) -> None:
    Bench()
    assert not caplog.records
    Bench(accept_tokens_without_subject=True)
    assert [one.levelname for one in caplog.records] == ["WARNING"]


@pytest.mark.parametrize(
    ("claims", "options", "made_for_us"),
    [
        (claims_of(), {}, False),
        (claims_of(aud=...), {}, False),
        (claims_of(aud=[]), {}, False),
        (claims_of(aud=...), {"accept_tokens_without_audience": True}, True),
        (claims_of(), {"accept_tokens_without_audience": True}, False),
        (claims_of(aud=...), {"client_ids": ["desk", "other"]}, True),
        (claims_of(), {"client_ids": ["desk"]}, False),
    ],
    ids=range(7),
)
async def test_a_token_without_audience_is_ours_only_by_its_client_or_the_switch(
    claims: dict[str, Any], options: dict[str, Any], *, made_for_us: bool
) -> None:
    verified = await Bench(claims, **options).verify()
    assert verified.made_for_us is made_for_us
    assert verified.audiences == frozenset({"api"})


@pytest.mark.parametrize("client", ["stranger", "Desk", ..., None, 5, ["desk"]])
async def test_tokens_of_clients_that_are_not_listed_are_refused(client: Any) -> None:
    with pytest.raises(InvalidToken):
        await Bench(claims_of(client_id=client), client_ids=["desk"]).verify()


async def test_claims_elsewhere_are_found_by_a_map() -> None:
    roles = {"urn:zitadel:iam:org:project:roles": {"admin": {"1": "acme.example"}}}
    mapped = Bench(claims_of(**roles), claims=ClaimMap(roles="urn:zitadel:iam:org:project:roles"))
    assert (await mapped.verify()).principal.roles == {"admin@1"}


async def test_jwts_are_asked_about_only_if_wanted() -> None:
    assert SIGNED.bearer is not None
    bench = Bench(takes_jwt=True)
    bench.oracle.known[SIGNED.bearer] = CLAIMS
    assert bench.verifier.find(SIGNED) == SIGNED.bearer
    assert (await bench.verify(SIGNED.bearer)).principal.subject == "alice"
    # Dots alone make no JWT.
    assert Bench().verifier.find(Presented("a.b.c")) == "a.b.c"


async def test_a_good_answer_is_remembered_for_a_bounded_time() -> None:
    assert (await Bench().verify()).remember_seconds == 60
    assert (await Bench(cache_seconds=0).verify()).remember_seconds == 0


async def test_a_refused_token_is_asked_about_once_for_a_while() -> None:
    bench = Bench()
    for _ in range(1000):
        with pytest.raises(InvalidToken):
            await bench.verify("made-up")
    assert len(bench.oracle.asked) == 1
    bench.clock.advance(10)
    bench.oracle.known["made-up"] = CLAIMS
    assert (await bench.verify("made-up")).principal.subject == "alice"


async def test_only_so_many_refusals_are_remembered() -> None:
    bench = Bench()
    for number in range(10_001):
        with pytest.raises(InvalidToken):
            await bench.verify(f"made-up-{number}")
    with pytest.raises(InvalidToken):
        await bench.verify("made-up-10000")
    assert len(bench.oracle.asked) == 10_001
    with pytest.raises(InvalidToken):
        await bench.verify("made-up-0")
    assert len(bench.oracle.asked) == 10_002


@pytest.mark.parametrize("token", [OPAQUE, "made-up"])
async def test_simultaneous_requests_with_one_token_ask_once(token: str) -> None:
    bench = Bench()
    bench.oracle.gate = anyio.Event()
    outcomes: list[str] = []

    async def one() -> None:
        try:
            outcomes.append((await bench.verify(token)).principal.subject)
        except InvalidToken:
            outcomes.append("refused")

    async with anyio.create_task_group() as tasks:
        for _ in range(100):
            tasks.start_soon(one)
        await anyio.wait_all_tasks_blocked()
        bench.oracle.gate.set()
    assert outcomes == ["alice" if token == OPAQUE else "refused"] * 100
    assert len(bench.oracle.asked) == 1


async def test_when_the_one_who_asks_goes_away_another_asks() -> None:
    bench = Bench()
    bench.oracle.gate = anyio.Event()
    served: list[Verified] = []

    async def second() -> None:
        served.append(await bench.verify())

    async with anyio.create_task_group() as outer:
        async with anyio.create_task_group() as first:
            first.start_soon(bench.verify)
            await anyio.wait_all_tasks_blocked()
            outer.start_soon(second)
            await anyio.wait_all_tasks_blocked()
            first.cancel_scope.cancel()
        await anyio.wait_all_tasks_blocked()
        bench.oracle.gate.set()
    assert [one.principal.subject for one in served] == ["alice"]
    assert len(bench.oracle.asked) == 2


async def test_a_flood_of_different_tokens_has_a_bound() -> None:
    bench = Bench()
    bench.oracle.gate = anyio.Event()
    told: list[type[Exception]] = []

    async def one(number: int) -> None:
        try:
            await bench.verify(f"made-up-{number}")
        except (InvalidToken, IssuerUnavailable) as error:
            told.append(type(error))

    async with anyio.create_task_group() as tasks:
        for number in range(150):
            tasks.start_soon(one, number)
        await anyio.wait_all_tasks_blocked()
        bench.oracle.gate.set()
    assert told.count(IssuerUnavailable) == 50
    assert len(bench.oracle.asked) == 100


async def test_what_was_opened_is_closed_and_what_was_given_stays_open() -> None:
    bench = Bench()
    await bench.verifier.aclose()
    assert bench.oracle.closed == 1
    async with httpx.AsyncClient() as client:
        given = IntrospectionVerifier(ENDPOINT, client_id="us", client_secret=SECRET, issuer=ISSUER, http_client=client)
        await given.aclose()
        assert not client.is_closed


@pytest.mark.parametrize(
    "changes",
    [
        {"endpoint": "http://issuer.example/introspect"},
        {"endpoint": "issuer.example"},
        {"endpoint": ""},
        {"endpoint": "https://user:pw@issuer.example/x"},
        {"client_id": ""},
        {"client_secret": None},
        {"client_secret": ""},
        {"issuer": ""},
        {"audience": []},
        {"client_ids": "desk"},
        {"client_ids": [""]},
        {"client_ids": [5]},
        {"client_ids": 5},
        {"http_client": "both"},
    ],
    ids=str,
)
def test_arguments_that_cannot_work_are_told_at_construction(changes: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"client_id": "us", "client_secret": SECRET, "issuer": ISSUER, "fetch": Oracle()}
    settings.update(changes)
    with pytest.raises(ConfigurationError) as refused:
        IntrospectionVerifier(settings.pop("endpoint", ENDPOINT), **settings)
    assert refused.value.hint
    assert SECRET not in str(refused.value)
