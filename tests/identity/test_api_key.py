"""API keys."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError, InvalidRequest, InvalidToken
from mcpauthkit.identity.api_key import ApiKeyVerifier
from mcpauthkit.identity.port import Presented
from tests.contracts.verifier import VerifierContract
from tests.identity.credentials import API_KEY, ENCRYPTED, FROM_PROXY, SIGNED, UNREADABLE

OTHER_KEY = "m4Jx8ZqTz0WcVn5RbLf7HyUe"
DIGEST = "sha256:" + hashlib.sha256(API_KEY.encode()).hexdigest()


def presented(*values: str, header: str = "x-api-key") -> Presented:
    return Presented(headers=tuple((header.encode(), value.encode("latin-1")) for value in values))


async def owner_of(verifier: ApiKeyVerifier, key: str = API_KEY) -> Any:
    text = verifier.find(presented(key))
    assert text is not None
    return (await verifier.verify(text)).principal


class TestApiKeyVerifier(VerifierContract):
    issuer = "api-keys"

    def make(self) -> ApiKeyVerifier:
        return ApiKeyVerifier({API_KEY: "alice", OTHER_KEY: {"client_id": "bob", "roles": ["admin"]}})

    def present(self, subject: str = "alice") -> Presented:
        return presented({"alice": API_KEY, "bob": OTHER_KEY}[subject])

    def strangers(self) -> list[Presented]:
        return [SIGNED, ENCRYPTED, UNREADABLE, FROM_PROXY, Presented(API_KEY)]

    def secrets(self) -> list[str]:
        return [API_KEY, OTHER_KEY]


class TestApiKeyVerifierKnowingDigestsOnly(TestApiKeyVerifier):
    def make(self) -> ApiKeyVerifier:
        return ApiKeyVerifier({DIGEST: "alice", "sha256:" + hashlib.sha256(OTHER_KEY.encode()).hexdigest(): "bob"})


async def test_the_simple_form_names_the_client() -> None:
    principal = await owner_of(ApiKeyVerifier({API_KEY: "frontend-app"}))
    assert (principal.subject, principal.client_id, principal.roles, principal.scopes) == (
        "frontend-app",
        "frontend-app",
        frozenset(),
        frozenset(),
    )
    assert dict(principal) == {
        "iss": "api-keys",
        "sub": "frontend-app",
        "client_id": "frontend-app",
        "roles": [],
        "scope": "",
    }


async def test_the_rich_form_adds_roles_and_scopes() -> None:
    owner = {"client_id": "admin-agent", "roles": ["admin", "write"], "scopes": ["repo"]}
    principal = await owner_of(ApiKeyVerifier({API_KEY: owner}))
    assert (principal.client_id, principal.roles, principal.scopes) == ("admin-agent", {"admin", "write"}, {"repo"})


async def test_a_list_of_roles_makes_a_client_of_its_own_for_each_key() -> None:
    verifier = ApiKeyVerifier({API_KEY: ["user"], OTHER_KEY: ["user"]})
    one, other = await owner_of(verifier), await owner_of(verifier, OTHER_KEY)
    assert one.roles == other.roles == {"user"}
    assert one.subject != other.subject
    again = await owner_of(ApiKeyVerifier({DIGEST: ["user"]}))
    assert again.subject == one.subject
    # From the digest of a short key the key could be found.
    assert one.subject.removeprefix("api-key-") not in DIGEST


async def test_a_key_is_changed_by_two_that_belong_to_one_client() -> None:
    verifier = ApiKeyVerifier({API_KEY: "app", OTHER_KEY: "app"})
    assert (await owner_of(verifier)).key == (await owner_of(verifier, OTHER_KEY)).key


async def test_the_digest_itself_is_no_key() -> None:
    # Whoever reads the configuration must not be able to call us.
    verifier = ApiKeyVerifier({DIGEST: "app"})
    for text in (DIGEST, DIGEST.removeprefix("sha256:")):
        with pytest.raises(InvalidToken):
            await verifier.verify(text)


async def test_a_verdict_is_not_remembered_and_needs_no_audience() -> None:
    verified = await ApiKeyVerifier({API_KEY: "app"}).verify(API_KEY)
    assert verified.remember_seconds == 0
    assert verified.made_for_us
    assert verified.principal.expires_at is None


def test_the_header_is_chosen_and_comes_once() -> None:
    verifier = ApiKeyVerifier({API_KEY: "app"}, header="X-Service-Key")
    assert verifier.find(presented(API_KEY, header="x-service-key")) == API_KEY
    assert verifier.find(presented(API_KEY)) is None
    assert verifier.find(presented("", header="x-service-key")) is None
    for values in ((API_KEY, API_KEY), (API_KEY, ""), ("", API_KEY)):
        with pytest.raises(InvalidRequest) as refused:
            verifier.find(presented(*values, header="x-service-key"))
        assert API_KEY not in refused.value.public + refused.value.reason


def test_identity_headers_beside_the_key_change_nothing() -> None:
    # H2: X-User-Id beside a low key made an administrator.
    both = Presented(
        headers=((b"x-api-key", API_KEY.encode()), (b"x-user-id", b"ceo"), (b"x-agent-id", b"trusted-bot"))
    )
    assert ApiKeyVerifier({API_KEY: "app"}).find(both) == API_KEY


def test_short_keys_are_warned_of_and_work(caplog: pytest.LogCaptureFixture) -> None:
    # Seeds 001 and 003 show such keys.
    ApiKeyVerifier({"sk-abc123": "frontend-app", "user-key-123": ["user"], API_KEY: "app"})
    assert len(caplog.records) == 1
    assert "sk-abc123" not in caplog.text
    caplog.clear()
    ApiKeyVerifier({API_KEY: "app", DIGEST[:-1] + ("0" if DIGEST[-1] != "0" else "1"): "b"})
    assert not caplog.records


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"": "app"},
        {" padded-key-1234567": "app"},
        {"two\nlines-1234567890": "app"},
        {"ünïcode-key-1234567": "app"},
        {"x" * 513: "app"},
        {5: "app"},
        {"sha256:abc": "app"},
        {DIGEST + "0": "app"},
        {API_KEY: ""},
        {API_KEY: "a\nb"},
        {API_KEY: "x" * 256},
        {API_KEY: 5},
        {API_KEY: None},
        {API_KEY: {"client_id": 5}},
        {API_KEY: {"client_id": "a", "role": ["admin"]}},
        {API_KEY: {"client_id": "a", "roles": "admin"}},
        {API_KEY: {"client_id": "a", "roles": [""]}},
        {API_KEY: {"client_id": "a", "roles": 5}},
        {API_KEY: {"client_id": "a", "scopes": "repo"}},
        {API_KEY: {"client_id": "a", "scopes": ["two words"]}},
        {API_KEY: [5]},
        {API_KEY: "a", DIGEST: "b"},
    ],
    ids=range(23),
)
def test_keys_that_cannot_be_used_are_told_by_position_and_not_repeated(keys: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ApiKeyVerifier(keys)
    assert refused.value.hint
    assert API_KEY not in str(refused.value)


@pytest.mark.parametrize("header", ["authorization", "Cookie", "proxy-authorization", "", "x api", "x:y", "ünï", 5])
def test_a_header_with_another_meaning_is_refused(header: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        ApiKeyVerifier({API_KEY: "app"}, header=header)
    assert refused.value.hint
