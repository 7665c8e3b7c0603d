"""The kit's verifiers behind FastMCP's own `auth=`, over real HTTP."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from fastmcp import Client, FastMCP
from fastmcp.client.transports import StreamableHttpTransport
from fastmcp.server.auth import MultiAuth, RemoteAuthProvider
from mcp.server.auth.middleware.auth_context import auth_context_var
from mcp.server.auth.middleware.bearer_auth import AuthenticatedUser
from mcp.server.auth.provider import principal_components
from pydantic import AnyHttpUrl

from mcpauthkit import Principal, TrustedIssuer, current_user, get_user
from mcpauthkit.errors import ConfigurationError, IssuerUnavailable, NotSignedIn
from mcpauthkit.fetch import HttpFetch
from mcpauthkit.identity.issuer import Issuer
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.profiles import profile_named
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.identity.token_rules import TokenRules
from mcpauthkit.identity.verifier import JwtVerifier
from mcpauthkit.protocol.call import current_call
from mcpauthkit.protocol.fastmcp_auth import KitTokenVerifier, fastmcp_token_verifier, principal_of_user
from mcpauthkit.testing import DevIssuer, FakeClock, LoopbackServer
from tests.identity.bench import Bench, claims_of, key_for, sign
from tests.identity.credentials import SECRET
from tests.protocol.calls import a_call
from tests.requirements.wire import RawClient
from tests.world import ERA_MODES, Era

ERAS: tuple[Era, ...] = ("legacy", "modern")
FORMS = ("alone", "remote", "multi")


@dataclass
class Served:
    """A FastMCP server that is on its own, and the issuer it trusts."""

    issuer: DevIssuer
    server: LoopbackServer
    secret: SharedSecretVerifier

    @property
    def resource(self) -> str:
        return f"{self.server.base_url}/mcp"

    def token(self, sub: str = "alice", **options: Any) -> str:
        return self.issuer.token(sub=sub, **{"audience": self.resource, "scope": "mcp:tools", **options})

    def raw(self, era: Era, token: str | None) -> RawClient:
        here: Any = self
        return RawClient(here, era, token=token)

    async def whoami(self, era: Era, token: str) -> dict[str, Any]:
        transport = StreamableHttpTransport(self.resource, auth=token)
        async with Client(transport, mode=ERA_MODES[era]) as client:
            return dict((await client.call_tool("whoami")).data)


def auth_of(form: str, verifier: KitTokenVerifier, issuer: str, base: str) -> Any:
    if form == "alone":
        return verifier
    remote = RemoteAuthProvider(token_verifier=verifier, authorization_servers=[AnyHttpUrl(issuer)], base_url=base)
    return remote if form == "remote" else MultiAuth(server=remote)


def tools(mcp: FastMCP[Any]) -> None:
    @mcp.tool
    def whoami() -> dict[str, Any]:
        """Who everybody thinks is calling."""
        user = auth_context_var.get()
        assert user is not None
        return {
            "get_user": list(get_user().key),
            "call": list(current_call((), {}).principal(None).key),
            "sdk": list(principal_components(user.access_token)),
            "email": get_user().email,
        }


@contextmanager
def served(form: str = "alone", verifiers: Callable[[DevIssuer], list[Any]] | None = None) -> Iterator[Served]:
    secret = SharedSecretVerifier(SECRET)
    with DevIssuer(algorithm="ES256") as issuer:
        server = LoopbackServer()
        fetch = HttpFetch()
        jwt = JwtVerifier(Issuer(issuer.issuer_url, fetch=fetch))
        used = verifiers(issuer) if verifiers else [secret, jwt]
        verifier = fastmcp_token_verifier(
            *used, resource=f"{server.base_url}/mcp", required_scopes=["mcp:tools"], token_cache_size=100
        )
        mcp: FastMCP[Any] = FastMCP("own-auth", auth=auth_of(form, verifier, issuer.issuer_url, server.base_url))
        tools(mcp)
        mcp_app = mcp.http_app(path="/mcp")

        async def app(scope: Any, receive: Any, send: Any) -> None:
            try:
                await mcp_app(scope, receive, send)
            finally:
                if scope["type"] == "lifespan":
                    await fetch.aclose()

        server.app = app
        with server:
            yield Served(issuer, server, secret)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("era", ERAS)
async def test_the_caller_is_the_same_for_everybody_who_asks(form: str, era: Era) -> None:
    with served(form) as here:
        for sub in ("alice", "bob", "alice"):
            said = await here.whoami(era, here.token(sub))
            key = [here.issuer.issuer_url, sub]
            assert said["get_user"] == said["call"] == said["sdk"][1:] == key
            assert said["email"] == f"{sub}@example.com" or said["email"]


@pytest.mark.parametrize("era", ERAS)
async def test_tokens_of_another_kind_work_beside_the_issuers(era: Era) -> None:
    with served() as here:
        token = here.secret.create_token({"sub": "robot", "aud": here.resource, "scope": "mcp:tools"})
        said = await here.whoami(era, token)
    assert said["get_user"] == said["call"] == said["sdk"][1:] == ["shared-secret", "robot"]


@pytest.mark.parametrize("form", FORMS)
def test_what_is_no_good_is_refused_in_both_eras(form: str) -> None:
    now = int(time.time())
    with served(form) as here:
        forged = sign(
            claims_of(iss=here.issuer.issuer_url, aud=here.resource, iat=now - 3600, exp=now + 300),
            algorithm="ES256",
            key=key_for("ES256", "forger"),
        )
        refused = {
            "none": None,
            "garbage": "garbage",
            "forged": forged,
            "expired": here.token(expires_in=-120),
            "audience": here.token(audience="https://other.example/mcp"),
            "no audience": here.token(aud=None),
            "other secret": SharedSecretVerifier(SECRET[::-1]).create_token({"sub": "alice", "aud": here.resource}),
            "control": here.token() + "\x7f",
            "not ascii": here.token() + "\xff",
        }
        for name, token in refused.items():
            for era in ERAS:
                client = here.raw(era, None)
                header = {} if token is None else {"authorization": f"Bearer {token}".encode("latin-1")}
                answer = client.call("whoami", extra_headers=header)  # type: ignore[arg-type]  # bytes on purpose
                assert answer.status_code == 401, name
                assert answer.headers["www-authenticate"].startswith("Bearer"), name
        scope = here.raw("modern", here.token(scope="openid")).call("whoami")
        assert scope.status_code == 403
        assert here.raw("modern", here.token()).call("whoami").status_code == 200


@pytest.mark.parametrize("form", FORMS)
def test_bob_does_not_find_alices_session(form: str) -> None:
    # P9b
    with served(form) as here:
        alice = here.raw("legacy", here.token("alice")).open()
        for token, status in ((here.token("bob"), 404), (here.token("alice"), 200)):
            intruder = here.raw("legacy", token)
            intruder.session = alice.session
            assert intruder.call("whoami").status_code == status
            assert intruder.send("ping", {}).status_code == status


class _Down:
    """A verifier whose issuer cannot be reached."""

    def find(self, presented: Presented) -> str | None:
        return presented.bearer

    async def verify(self, token: str) -> Verified:
        assert token
        raise IssuerUnavailable(7, reason="canary-reason")


@pytest.mark.parametrize(("form", "status"), [("alone", 503), ("remote", 500)])
def test_an_outage_is_no_reason_to_sign_in_again(form: str, status: int) -> None:
    with served(form, lambda _issuer: [_Down()]) as here:
        for era in ERAS:
            answer = here.raw(era, "any").call("whoami")
            assert answer.status_code == status
            assert "www-authenticate" not in answer.headers
            assert "canary-reason" not in answer.text
            if form == "alone":
                assert answer.headers["retry-after"] == "7"
                assert answer.json()["error"] == "issuer_unavailable"


def test_multi_auth_hides_an_outage() -> None:
    # It takes every exception for a refusal. Should it stop doing so, the documentation can be friendlier.
    with served("multi", lambda _issuer: [_Down()]) as here:
        assert here.raw("modern", "any").call("whoami").status_code == 401


def test_two_tokens_in_one_request_are_refused() -> None:
    with served() as here:
        token = here.token()
        both = [("authorization", f"Bearer {token}"), ("authorization", f"Bearer {token}")]
        answer = httpx.post(here.resource, headers=both, json={})
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"


@pytest.mark.parametrize("form", ["remote", "multi"])
def test_metadata_is_fastmcps_own(form: str) -> None:
    with served(form) as here:
        document = httpx.get(f"{here.server.base_url}/.well-known/oauth-protected-resource/mcp").json()
        assert document["resource"] == here.resource
        challenge = here.raw("modern", None).call("whoami").headers["www-authenticate"]
        assert "resource_metadata=" in challenge


def _bench(**options: Any) -> tuple[FakeClock, SharedSecretVerifier, KitTokenVerifier]:
    clock = FakeClock(wall=time.time())
    secret = SharedSecretVerifier(SECRET, audience="api", clock=clock)
    return clock, secret, fastmcp_token_verifier(secret, resource="https://m.example/mcp", clock=clock, **options)


async def test_the_user_ends_with_the_request() -> None:
    _, secret, verifier = _bench()
    mcp: FastMCP[Any] = FastMCP("x", auth=verifier)
    app = mcp.http_app(path="/mcp")
    token = secret.create_token({"sub": "alice"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="https://m.example") as http:
        await http.get("/elsewhere", headers={"authorization": f"Bearer {token}"})
    assert current_user.get() is None


async def test_a_verified_token_is_remembered_until_it_expires() -> None:
    clock, secret, verifier = _bench()
    token = secret.create_token({"sub": "alice"}, expires_in=100)
    first = await verifier.verify_token(token)
    assert first is not None
    assert await verifier.verify_token(token) is first
    clock.advance(160)
    assert await verifier.verify_token(token) is None
    _, secret, forgetful = _bench(token_cache_size=0)
    token = secret.create_token({"sub": "alice"})
    assert await forgetful.verify_token(token) is not await forgetful.verify_token(token)


async def test_the_token_says_what_the_sdk_binds_to() -> None:
    _, secret, verifier = _bench()
    token = secret.create_token({"sub": "alice", "scope": "b a", "iss": "https://else.example"})
    access = await verifier.verify_token(token)
    assert access is not None
    assert principal_components(access) == ("alice", "shared-secret", "alice")
    assert (access.scopes, access.resource) == (["a", "b"], "https://m.example/mcp")
    copied = access.model_copy(update={"client_id": "qualified"})
    for one in (access, copied):
        principal = principal_of_user(AuthenticatedUser(one))
        assert isinstance(principal, Principal)
        assert principal.subject == "alice"
    # What others restore from its fields is no proof of anything.
    assert principal_of_user(AuthenticatedUser(type(access).model_validate(access.model_dump()))) is None
    assert "alice" not in repr(copied.__pydantic_private__)


@pytest.mark.parametrize("user", [None, "alice", object()])
def test_somebody_elses_user_is_nobody_here(user: object) -> None:
    with pytest.raises(NotSignedIn):
        a_call(scope={"user": user}).principal(None)


@pytest.mark.parametrize(
    "make",
    [
        functools.partial(fastmcp_token_verifier, resource="https://m.example/mcp"),
        functools.partial(fastmcp_token_verifier, _Down(), resource="http://m.example/mcp"),
        functools.partial(fastmcp_token_verifier, _Down(), resource="m.example"),
        functools.partial(fastmcp_token_verifier, _Down(), resource="https://m.example", required_scopes="a b"),
    ],
    ids=["no verifier", "http", "no url", "scopes as text"],
)
def test_arguments_that_cannot_work_are_told_at_construction(make: Callable[[], object]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make()
    assert refused.value.hint


async def test_a_token_without_audience_is_ours_where_its_verifier_says_so() -> None:
    clock = FakeClock(wall=time.time())
    secret = SharedSecretVerifier(SECRET, accept_tokens_without_audience=True, clock=clock)
    verifier = fastmcp_token_verifier(secret, resource="https://m.example/mcp", clock=clock)
    assert await verifier.verify_token(secret.create_token({"sub": "alice"})) is not None
    assert await verifier.verify_token(secret.create_token({"sub": "alice", "aud": "other"})) is None


async def test_the_operator_is_told_what_to_set_at_the_issuer_for_which_resource(
    caplog: pytest.LogCaptureFixture,
) -> None:
    bench = Bench(rules=TokenRules(profile=profile_named("keycloak")))
    verifier = fastmcp_token_verifier(bench.verifier, resource="https://m.example/mcp", clock=bench.clock)
    assert await verifier.verify_token(sign(claims_of(aud="https://other.example"))) is None
    assert "custom audience https://m.example/mcp" in caplog.text


async def test_a_bare_origin_has_two_spellings() -> None:
    clock = FakeClock(wall=time.time())
    secret = SharedSecretVerifier(SECRET, clock=clock)
    verifier = fastmcp_token_verifier(secret, resource="https://m.example/", clock=clock)
    for audience in ("https://m.example", "https://m.example/"):
        assert await verifier.verify_token(secret.create_token({"sub": "alice", "aud": audience})) is not None
    assert await verifier.verify_token(secret.create_token({"sub": "alice", "aud": "https://m.example/mcp"})) is None


@pytest.mark.parametrize("era", ERAS)
async def test_issuers_alone_are_enough(era: Era) -> None:
    with DevIssuer(algorithm="ES256") as issuer:
        server = LoopbackServer()
        resource = f"{server.base_url}/mcp"
        mcp = FastMCP("alone", auth=fastmcp_token_verifier(resource=resource, issuers=[issuer.issuer_url]))
        tools(mcp)
        server.app = mcp.http_app(path="/mcp")
        with server:
            transport = StreamableHttpTransport(resource, auth=issuer.token(sub="alice", audience=resource))
            async with Client(transport, mode=ERA_MODES[era]) as client:
                assert (await client.call_tool("whoami")).data["get_user"] == [issuer.issuer_url, "alice"]


def test_an_issuer_among_the_verifiers_is_told_where_it_belongs() -> None:
    with pytest.raises(ConfigurationError) as caught:
        fastmcp_token_verifier(TrustedIssuer("https://a.example"), resource="https://m.example/mcp")  # type: ignore[arg-type]  # the mistake
    assert "issuers=" in caught.value.hint
