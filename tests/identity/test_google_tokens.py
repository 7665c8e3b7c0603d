"""Google's tokens, which tokeninfo tells about."""

from __future__ import annotations

from typing import Any

import pytest

from mcpauthkit.errors import ConfigurationError, ExpiredToken, InvalidToken, IssuerUnavailable
from mcpauthkit.identity.opaque import IntrospectionVerifier
from mcpauthkit.identity.port import Presented
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.credentials import ENCRYPTED, FROM_PROXY, SIGNED, WITH_KEY
from tests.identity.introspecting import Oracle


class GoogleOracle(Oracle):
    """Answers 400 for a bad token, as tokeninfo does."""

    def _about(self, request: Any) -> dict[str, Any]:
        claims = dict(super()._about(request))
        if claims.pop("active"):
            self.answer = None
            return claims
        return {"error": "invalid_token", "error_description": "Invalid Value"}

    async def __call__(self, request: Any) -> Any:
        response = await super().__call__(request)
        if b'"invalid_token"' in response.body:
            return type(response)(400, {}, response.body)
        return response


def google_claims(**changes: Any) -> dict[str, Any]:
    members = {
        "azp": "us.apps",
        "aud": "us.apps",
        "sub": "1098",
        "scope": "openid https://www.googleapis.com/auth/userinfo.email",
        "exp": str(NOW + 300),
        "expires_in": "299",
        "email": "alice@example.com",
        "email_verified": "true",
        "access_type": "online",
        **changes,
    }
    return {name: value for name, value in members.items() if value is not ...}


def google(claims: dict[str, Any] | None = None, **options: Any) -> tuple[IntrospectionVerifier, GoogleOracle]:
    oracle = GoogleOracle({"ya29.x": claims or google_claims()})
    settings = {"client_ids": ["us.apps"], "fetch": oracle, "clock": FakeClock(wall=NOW), **options}
    return IntrospectionVerifier.google(**settings), oracle


class TestGoogle(VerifierContract):
    issuer = "https://accounts.google.com"

    def make(self) -> IntrospectionVerifier:
        known = {f"ya29.{subject}-0123456789": google_claims(sub=subject) for subject in ("alice", "bob")}
        return IntrospectionVerifier.google(client_ids=["us.apps"], fetch=GoogleOracle(known), clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(f"ya29.{subject}-0123456789")

    def strangers(self) -> list[Presented]:
        return [SIGNED, ENCRYPTED, WITH_KEY, FROM_PROXY]

    def secrets(self) -> list[str]:
        return []


async def test_google_is_asked_without_a_token_in_the_address() -> None:
    verifier, oracle = google()
    verified = await verifier.verify("ya29.x")
    [request] = oracle.asked
    assert (request.method, request.url) == ("GET", "https://oauth2.googleapis.com/tokeninfo")
    assert request.headers["authorization"] == "Bearer ya29.x"
    assert request.form is None
    principal = verified.principal
    assert principal.key == ("https://accounts.google.com", "1098")
    assert (principal.client_id, principal.audience, principal.expires_at) == ("us.apps", ("us.apps",), NOW + 300)
    assert verified.audiences == frozenset({"us.apps"})
    assert not verified.made_for_us


@pytest.mark.parametrize("changes", [{"exp": str(NOW - 60)}, {"exp": NOW - 60}], ids=str)
async def test_an_expired_google_token_is_told_as_such(changes: dict[str, Any]) -> None:
    verifier, _ = google(google_claims(**changes))
    with pytest.raises(ExpiredToken):
        await verifier.verify("ya29.x")


@pytest.mark.parametrize("changes", [{"sub": ...}, {"exp": "soon"}, {"exp": "9" * 13}, {"exp": "-5"}], ids=str)
async def test_a_google_token_that_breaks_a_rule_is_refused(changes: dict[str, Any]) -> None:
    verifier, _ = google(google_claims(**changes))
    with pytest.raises(InvalidToken):
        await verifier.verify("ya29.x")


@pytest.mark.parametrize(
    "answer", [(400, {"error": "quota"}), (400, b"x"), (200, {"error": "x"}), (200, {"sub": "1"}), (401, {}), (500, {})]
)
async def test_an_answer_of_google_that_is_none_is_an_outage(answer: tuple[int, object]) -> None:
    verifier, oracle = google()
    oracle.answer = answer
    with pytest.raises(IssuerUnavailable):
        await verifier.verify("ya29.x")


def test_google_needs_the_clients_that_are_ours() -> None:
    with pytest.raises(ConfigurationError):
        IntrospectionVerifier.google(client_ids=[])
