"""Claims encrypted straight to our key: believed only behind the switch, and never as another issuer's user."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError, ExpiredToken, InvalidToken
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.port import Presented, Verified
from mcpauthkit.identity.unsigned_encrypted import UnsignedEncryptedVerifier
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.bench import ISSUER
from tests.identity.credentials import FROM_PROXY, SIGNED, SIGNED_ES256, UNREADABLE, WITH_KEY
from tests.identity.jwe_bench import NESTED, encrypt, keys_of, members

RESOURCE = "https://m.example/mcp"


def produced(**changes: Any) -> str:
    """What a producer of the superseded middleware sends; None leaves a claim out."""
    claims = {"sub": "alice", "email": "alice@example.test", "iat": NOW, "exp": NOW + 300, **changes}
    return encrypt(json.dumps({name: value for name, value in claims.items() if value is not None}), cty=None, kid=None)


def make(**options: Any) -> UnsignedEncryptedVerifier:
    options = {"clock": FakeClock(wall=NOW), "accept_tokens_anybody_can_make": True, **options}
    return UnsignedEncryptedVerifier(keys_of("RSA"), **options)


async def verify(token: str, **options: Any) -> Verified:
    return await make(**options).verify(token)


class TestUnsignedEncryptedVerifier(VerifierContract):
    issuer = "unsigned-encrypted"

    def make(self) -> UnsignedEncryptedVerifier:
        return make(clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(produced(sub=subject))

    def strangers(self) -> list[Presented]:
        return [SIGNED, SIGNED_ES256, UNREADABLE, WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return ["alice@example.test", str(members("RSA")["d"])]


@pytest.mark.parametrize("switch", [False, None, 1, "yes", "true"])
def test_without_the_switch_there_is_no_such_verifier(switch: Any) -> None:
    # J1: a token that says "admin" is made from the public key set alone.
    with pytest.raises(ConfigurationError) as caught:
        make(accept_tokens_anybody_can_make=switch)
    assert "accept_tokens_anybody_can_make" in caught.value.hint


def test_the_switch_is_answered_by_one_warning(caplog: pytest.LogCaptureFixture) -> None:
    make()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("name", [ISSUER, "http://localhost", "urn:issuer", "", " "])
def test_its_name_is_never_a_real_issuers(name: str) -> None:
    with pytest.raises(ConfigurationError):
        make(issuer=name)


async def test_whatever_the_sender_says_its_users_are_of_no_other_issuer() -> None:
    principal = (await verify(produced(iss=ISSUER, sub="admin"))).principal
    assert principal.key == ("unsigned-encrypted", "admin")
    assert principal["iss"] == "unsigned-encrypted"
    assert (await verify(produced(iss=ISSUER), issuer="gateway")).principal.key == ("gateway", "alice")


async def test_the_claims_of_the_sender_are_the_principals() -> None:
    principal = (await verify(produced(name="Alice", role="admin", roles=["staff"], scope="mcp:tools"))).principal
    assert (principal.name, principal["role"], principal.email) == ("Alice", "admin", "alice@example.test")
    assert (principal.roles, principal.scopes) == (frozenset({"staff"}), frozenset({"mcp:tools"}))
    assert principal.missing is None


async def test_claims_may_stand_in_a_member_of_their_own() -> None:
    inside = {"sub": "bob", "role": "viewer", "exp": NOW + 10**6}
    principal = (await verify(produced(sub=None, data=inside))).principal
    assert (principal.subject, principal["role"], principal.expires_at) == ("bob", "viewer", NOW + 300)
    with pytest.raises(ExpiredToken):
        await verify(produced(exp=NOW - 300, data={"exp": NOW + 300}))


@pytest.mark.parametrize("aud", [RESOURCE, [RESOURCE, "other"], "https://other.example"])
async def test_a_named_audience_is_checked_by_the_caller(aud: Any) -> None:
    # J4a: foreign audiences were accepted.
    verified = await verify(produced(aud=aud))
    assert (verified.made_for_us, verified.audiences) == (False, None)
    assert verified.principal.audience == ((aud,) if isinstance(aud, str) else tuple(aud))


async def test_a_token_without_an_audience_was_encrypted_for_us() -> None:
    assert (await verify(produced())).made_for_us
    assert (await verify(produced(), audience="gateway")).made_for_us
    assert (await verify(produced(aud="gateway"), audience="gateway")).audiences == frozenset({"gateway"})


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": None},
        {"iat": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 5},
        {"exp": "soon"},
        {"exp": True},
        {"iat": "now"},
        {"iat": True},
        {"iat": NOW + 3600},
        {"nbf": NOW + 3600},
        {"aud": 5},
        {"roles": 5},
        {"exp": NOW - 300},
    ],
    ids=str,
)
async def test_claims_that_break_a_rule_are_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await verify(produced(**changes))


async def test_clocks_may_differ_a_little() -> None:
    # J4: a token was refused because its producer's clock ran two seconds ahead.
    assert (await verify(produced(iat=NOW + 2))).principal.subject == "alice"
    assert (await verify(produced(exp=NOW - 2))).principal.subject == "alice"
    with pytest.raises(InvalidToken):
        await verify(produced(iat=NOW + 2), leeway_seconds=1)


async def test_another_claim_may_tell_users_apart() -> None:
    principal = (await verify(produced(sub=None), claims=ClaimMap(subject="email"))).principal
    assert principal.subject == principal["sub"] == "alice@example.test"
    assert (await verify(produced(), claims=ClaimMap(subject="email"))).principal["sub"] == "alice@example.test"
    with pytest.raises(InvalidToken):
        await verify(produced(email=None), claims=ClaimMap(subject="email"))


async def test_a_signed_token_inside_is_refused_because_nobody_checks_its_signature() -> None:
    # One that says so is left to the verifier of its issuer; one that does not is opened and refused.
    assert make().find(Presented(encrypt(NESTED))) is None
    token = encrypt(NESTED, cty=None)
    assert make().find(Presented(token)) == token
    for one in (token, encrypt(NESTED)):
        with pytest.raises(InvalidToken):
            await verify(one)


@pytest.mark.parametrize(
    "payload", ['{"sub":"alice","sub":"bob"}', "{", '{"exp":NaN}', "{} {}", "[" * 40, '{"a":' * 40 + "1" + "}" * 40]
)
async def test_claims_that_are_no_json_object_are_refused(payload: str) -> None:
    with pytest.raises(InvalidToken):
        await verify(encrypt(payload, cty=None))
