"""Tokens signed by one known key."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, rsa, x25519
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.claim_map import ClaimMap
from mcpauthkit.identity.port import Presented
from mcpauthkit.identity.static_key import StaticKeyVerifier
from mcpauthkit.testing import FakeClock
from tests.contracts.verifier import NOW, VerifierContract
from tests.identity.bench import ALGORITHMS, ISSUER, Key, claims_of, key_for, published, sign
from tests.identity.credentials import ENCRYPTED, FROM_PROXY, SIGNED, UNREADABLE, WITH_KEY
from tests.identity.test_shared_secret import hmac_token


def pem_of(key: Key) -> str:
    return key.as_pem(private=False).decode()


def verifier(key: Any, **options: Any) -> StaticKeyVerifier:
    return StaticKeyVerifier(key, clock=FakeClock(wall=NOW), **options)


ES256 = pem_of(key_for("ES256"))


def es256(claims: dict[str, Any] | None = None, **options: Any) -> str:
    return sign(claims or claims_of(), algorithm="ES256", **options)


class TestStaticKeyVerifier(VerifierContract):
    issuer = "static-key"

    def make(self) -> StaticKeyVerifier:
        return StaticKeyVerifier(ES256, clock=self.clock)

    def present(self, subject: str = "alice") -> Presented:
        return Presented(es256(claims_of(sub=subject)))

    def strangers(self) -> list[Presented]:
        return [SIGNED, ENCRYPTED, UNREADABLE, WITH_KEY, FROM_PROXY, Presented(hmac_token(claims_of()))]

    def secrets(self) -> list[str]:
        return [str(key_for("ES256").as_dict(private=True)["d"])]


class TestStaticKeyVerifierOfAnIssuer(TestStaticKeyVerifier):
    issuer = ISSUER

    def make(self) -> StaticKeyVerifier:
        return StaticKeyVerifier(published(key_for("ES256")), issuer=ISSUER, clock=self.clock)

    def strangers(self) -> list[Presented]:
        return [*super().strangers(), Presented(es256(claims_of(iss="https://other.example")))]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("form", ["pem", "jwk", "jwks"])
async def test_every_algorithm_works_with_every_form_of_key(algorithm: str, form: str) -> None:
    key = key_for(algorithm)
    given: Any = {"pem": pem_of(key), "jwk": published(key), "jwks": {"keys": [published(key)]}}[form]
    token = sign(claims_of(), algorithm=algorithm, key=key)
    for one in (verifier(given), verifier(given, algorithm=algorithm)):
        assert one.find(Presented(token)) == token
        assert (await one.verify(token)).principal.subject == "alice"


async def test_a_pinned_algorithm_refuses_the_others_of_the_key() -> None:
    pinned = verifier(pem_of(key_for("RS256")), algorithm="RS256")
    other = sign(claims_of(), algorithm="PS256", key=key_for("RS256"))
    assert pinned.find(Presented(other)) is None
    with pytest.raises(InvalidToken):
        await pinned.verify(other)


async def test_the_public_key_is_never_taken_for_a_secret() -> None:
    # P1a: HS256 with the public key as its secret.
    token = hmac_token(claims_of(), secret=ES256)
    assert verifier(ES256).find(Presented(token)) is None
    with pytest.raises(InvalidToken):
        await verifier(ES256).verify(token)


async def test_a_token_of_another_key_is_refused() -> None:
    with pytest.raises(InvalidToken):
        await verifier(ES256).verify(es256(key=key_for("ES256", "other")))


async def test_a_token_must_not_bring_its_own_key() -> None:
    other = key_for("ES256", "other")
    with pytest.raises(InvalidToken):
        await verifier(ES256).verify(es256(key=other, jwk=published(other)))


@pytest.mark.parametrize("key_id", ["k1", "unknown", None])
async def test_one_key_needs_no_key_id(key_id: str | None) -> None:
    assert (await verifier(ES256).verify(es256(kid=key_id))).principal.subject == "alice"


async def test_of_several_keys_the_named_one_counts() -> None:
    one, two = key_for("ES256"), key_for("ES256", "k2")
    both = verifier({"keys": [published(one), published(two)]})
    assert (await both.verify(es256(key=two))).principal.subject == "alice"
    with pytest.raises(InvalidToken):
        await both.verify(es256(key=two, kid="k1"))


async def test_without_an_issuer_the_sender_does_not_choose_whose_user_it_is() -> None:
    principal = (await verifier(ES256, name="robots").verify(es256())).principal
    assert principal.key == ("robots", "alice")
    assert principal["iss"] == "robots"


@pytest.mark.parametrize("issuer", [None, "https://other.example", f"{ISSUER}/", 5])
async def test_with_an_issuer_the_token_has_to_name_it(issuer: object) -> None:
    mine = verifier(ES256, issuer=ISSUER)
    token = es256(claims_of(iss=issuer))
    assert mine.find(Presented(token)) is None
    with pytest.raises(InvalidToken):
        await mine.verify(token)


@pytest.mark.parametrize(
    "changes", [{"exp": None}, {"exp": NOW - 60}, {"sub": None}, {"nbf": NOW + 61}, {"aud": 5}], ids=str
)
async def test_the_rules_for_claims_hold_here_too(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await verifier(ES256).verify(es256(claims_of(**changes)))


async def test_a_token_without_audience_needs_the_switch() -> None:
    # A3: without a configured audience, a token with aud was always refused; one without was accepted.
    unnamed = es256(claims_of(aud=None))
    assert not (await verifier(ES256).verify(unnamed)).made_for_us
    assert (await verifier(ES256, accept_tokens_without_audience=True).verify(unnamed)).made_for_us
    assert (await verifier(ES256, audience="api").verify(unnamed)).audiences == frozenset({"api"})


async def test_claims_elsewhere_are_found_by_a_map() -> None:
    mapped = verifier(ES256, claims=ClaimMap(roles="acme.roles"))
    assert (await mapped.verify(es256(claims_of(acme={"roles": ["admin"]})))).principal.roles == {"admin"}


def certificate() -> str:
    key = ec.derive_private_key(1234567, ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "signer")])
    then = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, then, then + dt.timedelta(days=1))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def test_a_certificate_gives_its_key() -> None:
    assert "ES256" in repr(verifier(certificate()))


def private_pem(key: Any, kind: PrivateFormat = PrivateFormat.PKCS8) -> str:
    return str(key.private_bytes(Encoding.PEM, kind, NoEncryption()).decode())


def public_pem(key: Any) -> str:
    return str(key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


UNUSABLE: list[Any] = [
    "",
    "x",
    b"\x30\x82",
    "-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----",
    "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGZ6",
    ES256 + ES256,
    private_pem(ec.derive_private_key(7, ec.SECP256R1())),
    private_pem(ec.derive_private_key(7, ec.SECP256R1()), PrivateFormat.TraditionalOpenSSL),
    public_pem(ec.derive_private_key(7, ec.SECP256K1())),
    public_pem(ec.derive_private_key(7, ec.BrainpoolP256R1())),
    public_pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # weak on purpose
    public_pem(dsa.generate_private_key(1024)),  # noqa: S505  # weak on purpose
    public_pem(x25519.X25519PrivateKey.generate()),
    public_pem(ed448.Ed448PrivateKey.generate()),
    {},
    {"keys": []},
    {"keys": "x"},
    {"keys": [5, None]},
    {"kty": "oct", "k": "c2VjcmV0"},
    {"keys": [published(key_for("ES256")), {"kty": "oct", "k": "c2VjcmV0"}]},
    published(key_for("ES256"), use="enc"),
    published(key_for("ES256"), y="AAAA"),
    published(key_for("ES256"), alg="HS256"),
    key_for("ES256").as_dict(private=True),
]


@pytest.mark.parametrize("key", UNUSABLE, ids=range(len(UNUSABLE)))
def test_a_key_that_cannot_be_used_is_told_with_the_way_out_and_not_repeated(key: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        StaticKeyVerifier(key)
    assert refused.value.hint
    if isinstance(key, dict) and "d" in key:
        assert key["d"] not in str(refused.value)


@pytest.mark.parametrize("algorithm", ["HS256", "RS256", "none", "", "ES384"])
def test_an_algorithm_that_does_not_fit_is_told_with_those_that_do(algorithm: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        StaticKeyVerifier(ES256, algorithm=algorithm)
    assert "ES256" in refused.value.hint


@pytest.mark.parametrize("options", [{"name": ""}, {"issuer": ""}, {"audience": []}], ids=str)
def test_other_arguments_that_cannot_work_are_told_too(options: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError) as refused:
        StaticKeyVerifier(ES256, **options)
    assert refused.value.hint
