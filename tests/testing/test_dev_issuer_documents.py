from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest
from joserfc import jwk, jws, jwt
from joserfc.errors import InvalidKeyIdError

from mcpauthkit.testing import DevIssuer, DevUser, FakeClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mcpauthkit.testing import SigningAlgorithm

OIDC = "/.well-known/openid-configuration"
OAUTH = "/.well-known/oauth-authorization-server"


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with httpx.Client() as client:
        yield client


@pytest.fixture(scope="module")
def served() -> Iterator[DevIssuer]:
    with DevIssuer(clock=FakeClock(wall=1_800_000_000)) as issuer:
        yield issuer


@pytest.fixture
def issuer(served: DevIssuer) -> Iterator[DevIssuer]:
    yield served
    served.behave()
    served.requests.clear()


def decoded(issuer: DevIssuer, token: str, algorithm: str = "RS256") -> jwt.Token:
    keys = jwk.KeySet.import_key_set({"keys": issuer.jwks()["keys"]})
    return jwt.decode(token, keys, algorithms=[algorithm])


def test_the_metadata_has_what_clients_insist_on(http: httpx.Client, issuer: DevIssuer) -> None:
    document: dict[str, Any] = http.get(issuer.issuer_url + OIDC).json()
    assert document == http.get(issuer.issuer_url + OAUTH).json()
    assert document["issuer"] == issuer.issuer_url == f"http://127.0.0.1:{issuer.port}"
    assert document["response_types_supported"] == ["code"]
    assert document["code_challenge_methods_supported"] == ["S256"]
    assert document["grant_types_supported"][:2] == ["authorization_code", "refresh_token"]
    assert "none" in document["token_endpoint_auth_methods_supported"]
    assert document["scopes_supported"] == ["openid", "profile", "email", "offline_access", "mcp:tools"]
    assert document["client_id_metadata_document_supported"] is True
    assert document["authorization_response_iss_parameter_supported"] is True
    assert document["subject_types_supported"] == ["public"]
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    assert document["registration_endpoint"] == f"{issuer.issuer_url}/register"
    assert document["jwks_uri"] == issuer.jwks_url
    assert issuer.requests.count("discovery") == 2


def test_an_issuer_with_a_path_is_found_by_every_form_of_discovery(http: httpx.Client) -> None:
    with DevIssuer(path="/realms/dev", algorithm="ES256") as issuer:
        assert issuer.issuer_url == f"{issuer.base_url}/realms/dev"
        addresses = [
            f"{issuer.issuer_url}{OIDC}",
            f"{issuer.issuer_url}{OAUTH}",
            f"{issuer.base_url}{OIDC}/realms/dev",
            f"{issuer.base_url}{OAUTH}/realms/dev",
        ]
        assert [http.get(address).json()["issuer"] for address in addresses] == [issuer.issuer_url] * 4
        assert http.get(f"{issuer.base_url}{OIDC}").status_code == 404
        assert http.get(issuer.jwks_url).json() == issuer.jwks()


@pytest.mark.parametrize("path", ["realms", "/realms/", "/"])
def test_a_path_that_would_make_an_ambiguous_issuer_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="slash"):
        DevIssuer(path=path)


def test_switched_off_abilities_are_not_announced(http: httpx.Client) -> None:
    with DevIssuer(algorithm="ES256", dynamic_registration=False, client_metadata_documents=False) as issuer:
        document = http.get(issuer.issuer_url + OIDC).json()
    assert "registration_endpoint" not in document
    assert document["client_id_metadata_document_supported"] is False


@pytest.mark.parametrize("path", [OIDC, OAUTH, "/jwks"])
def test_scripts_of_any_origin_may_read_the_documents(http: httpx.Client, issuer: DevIssuer, path: str) -> None:
    answer = http.get(issuer.issuer_url + path, headers={"origin": "http://inspector.example"})
    assert answer.headers["access-control-allow-origin"] == "*"


def test_pages_are_not_open_to_other_origins(http: httpx.Client, issuer: DevIssuer) -> None:
    answer = http.get(f"{issuer.issuer_url}/authorize", headers={"origin": "http://inspector.example"})
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("algorithm", ["RS256", "PS256", "ES256", "EdDSA", "Ed25519"])
@pytest.mark.filterwarnings("ignore:EdDSA is deprecated")
def test_tokens_verify_against_the_published_keys(algorithm: SigningAlgorithm) -> None:
    with DevIssuer(algorithm=algorithm) as issuer:
        keys = issuer.jwks()["keys"]
        assert [(key["alg"], key["use"], "d" in key) for key in keys] == [(algorithm, "sig", False)]
        token = decoded(issuer, issuer.token(), algorithm)
    assert token.header == {"typ": "at+jwt", "alg": algorithm, "kid": issuer.kid}
    assert token.claims["sub"] == "alice"


def test_an_access_token_carries_the_standard_claims_and_the_profile(issuer: DevIssuer) -> None:
    claims = decoded(issuer, issuer.token(audience="http://127.0.0.1/mcp", scope="a b", expires_in=60)).claims
    assert claims.pop("jti")
    assert claims == {
        "iss": issuer.issuer_url,
        "sub": "alice",
        "aud": "http://127.0.0.1/mcp",
        "exp": 1_800_000_060,
        "iat": 1_800_000_000,
        "nbf": 1_800_000_000,
        "client_id": "test-client",
        "scope": "a b",
        "name": "Alice Example",
        "email": "alice@example.test",
        "preferred_username": "alice",
    }


def test_claims_and_headers_can_be_added_replaced_and_removed(issuer: DevIssuer) -> None:
    token = decoded(
        issuer,
        issuer.token(sub="nobody", audience=["a", "b"], nbf=None, iss="other", roles=["x"], headers={"typ": "JWT"}),
    )
    assert token.header["typ"] == "JWT"
    assert token.claims["aud"] == ["a", "b"]
    assert token.claims["iss"] == "other"
    assert token.claims["roles"] == ["x"]
    assert "nbf" not in token.claims
    assert "name" not in token.claims


def test_the_header_may_miss_members_and_lie(issuer: DevIssuer) -> None:
    header = jws.extract_compact(issuer.token(headers={"kid": None, "alg": "none", "x": 1}).encode()).headers()
    assert header == {"typ": "at+jwt", "alg": "none", "x": 1}


def test_users_may_have_a_subject_and_claims_of_their_own() -> None:
    carol = DevUser("carol", "Carol", "carol@example.test", sub="u-17", claims={"roles": ["admin"]})
    with DevIssuer(algorithm="ES256", users=[carol], audience="https://api.example") as issuer:
        claims = decoded(issuer, issuer.token(sub="u-17"), "ES256").claims
    assert (claims["preferred_username"], claims["roles"]) == ("carol", ["admin"])
    assert claims["aud"] == "https://api.example"


def test_rotation_keeps_old_tokens_good_until_the_old_key_is_withdrawn(issuer: DevIssuer) -> None:
    old = issuer.token()
    before = issuer.kid
    after = issuer.rotate_keys()
    assert [key["kid"] for key in issuer.jwks()["keys"]] == [after, before]
    assert decoded(issuer, old).header["kid"] == before
    assert decoded(issuer, issuer.token()).header["kid"] == after == issuer.kid
    newest = issuer.rotate_keys(keep_old=False)
    assert [key["kid"] for key in issuer.jwks()["keys"]] == [newest]
    with pytest.raises(InvalidKeyIdError):
        decoded(issuer, old)


def test_discovery_can_name_another_issuer(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.misbehave(wrong_discovery_issuer=True)
    assert http.get(issuer.issuer_url + OIDC).json()["issuer"] != issuer.issuer_url
    issuer.behave()
    assert http.get(issuer.issuer_url + OIDC).json()["issuer"] == issuer.issuer_url


def test_the_key_set_can_be_too_large(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.misbehave(oversized_jwks=True)
    assert len(http.get(issuer.jwks_url).content) > 2_000_000


def test_the_key_set_can_redirect(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.misbehave(jwks_redirect=True)
    answer = http.get(issuer.jwks_url)
    assert answer.status_code == 302
    assert http.get(answer.headers["location"]).json() == issuer.jwks()


def test_switches_are_independent(http: httpx.Client, issuer: DevIssuer) -> None:
    issuer.misbehave(oversized_jwks=True)
    issuer.misbehave(wrong_discovery_issuer=True, oversized_jwks=False)
    assert http.get(issuer.jwks_url).json() == issuer.jwks()
    assert http.get(issuer.issuer_url + OIDC).json()["issuer"] != issuer.issuer_url
