"""Decryption keys: what loads, what is refused with which advice, and what is published."""

from __future__ import annotations

import json
import logging
import os
import warnings
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from joserfc import jwk
from joserfc.errors import SecurityWarning

from mcpauthkit.errors import ConfigurationError, InvalidToken
from mcpauthkit.identity.decryption_keys import DecryptionKeys, KeyKind
from mcpauthkit.settings import DecryptionKeySettings
from mcpauthkit.testing.issuer.encryption import TokenEncryption
from tests.identity.jwe_bench import NESTED, encrypt, keys_of, members, private

KINDS = ("RSA", "P-256", "P-384", "P-521", "X25519")
PRIVATE_MEMBERS = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}


def pem_of(key: Any, password: bytes | None = None) -> str:
    sealed = BestAvailableEncryption(password) if password else NoEncryption()
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, sealed).decode())


def pem(kind: str, name: str = "e1") -> str:
    return pem_of(private(kind, name).private_key)


def key_file(folder: Path, content: Any) -> Path:
    path = folder / "key.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content, indent=2))
    path.chmod(0o600)
    return path


def opens(keys: DecryptionKeys, kind: str, name: str = "e1", **header: Any) -> bool:
    return keys.decrypt(encrypt(kind=kind, name=name, **header)).payload.decode() == NESTED


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o440])
def test_the_key_file_of_the_superseded_middleware_loads_unchanged(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    # Its `generate` writes RSA-4096 with the thumbprint as kid, and neither use nor alg.
    key = jwk.RSAKey.generate_key(4096)
    entry: dict[str, Any] = {**key.as_dict(private=True), "kid": key.thumbprint()}
    path = key_file(tmp_path, {"keys": [entry]})
    path.chmod(mode)
    keys = DecryptionKeys.from_file(path)
    assert keys.key_ids == (key.thumbprint(),)
    assert caplog.records == []
    # What its producers fetched is still there, and what they make of it still opens.
    published = keys.public_jwks()
    assert {name: entry[name] for name in ("kty", "n", "e", "kid")}.items() <= published["keys"][0].items()
    token = TokenEncryption(published, ("RSA-OAEP", "A256GCM")).encrypt('{"sub":"alice"}', {})
    assert keys.decrypt(token).payload == b'{"sub":"alice"}'


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_loads_from_every_form(tmp_path: Path, kind: str) -> None:
    thumbprint = private(kind).thumbprint()
    forms = [
        (DecryptionKeys.from_jwks(members(kind)), "e1"),
        (DecryptionKeys.from_jwks({"keys": [members(kind, kid=None)]}), thumbprint),
        (DecryptionKeys.from_pem(pem(kind)), thumbprint),
        (DecryptionKeys.from_pem(pem(kind), kid="mine"), "mine"),
        (DecryptionKeys.from_file(key_file(tmp_path, members(kind))), "e1"),
        (DecryptionKeys.from_file(str(key_file(tmp_path, pem(kind)))), thumbprint),
    ]
    for keys, key_id in forms:
        assert keys.key_ids == (key_id,)
        assert opens(keys, kind, kid=key_id)


def test_a_pem_text_may_hold_several_keys() -> None:
    text = f"# made by hand\n{pem('P-256')}\n{pem('RSA')}"
    keys = DecryptionKeys.from_pem(text)
    assert all(opens(keys, kind, kid=None) for kind in ("P-256", "RSA"))
    with pytest.raises(ConfigurationError):
        DecryptionKeys.from_pem(text, kid="one name for two")


def test_the_pem_text_of_openssl_ecparam_loads() -> None:
    parameters = "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n"
    assert opens(DecryptionKeys.from_pem(parameters + pem("P-256")), "P-256", kid=None)


def test_an_rsa_key_without_its_prime_factors_loads() -> None:
    bare = {name: members("RSA")[name] for name in ("kty", "n", "e", "d")}
    assert opens(DecryptionKeys.from_jwks(bare), "RSA", kid=None)


@pytest.mark.parametrize("kind", ["RSA", "P-256", "X25519"])
def test_a_generated_key_opens_what_is_encrypted_to_it(kind: KeyKind) -> None:
    keys = DecryptionKeys.generate(kind, kid="dev")
    algorithm = "RSA-OAEP-512" if kind == "RSA" else "ECDH-ES"
    token = TokenEncryption(keys.public_jwks(), (algorithm, "A256GCM")).encrypt(NESTED, {})
    assert keys.decrypt(token).is_nested
    assert keys.key_ids == ("dev",)
    assert DecryptionKeys.generate(kind).key_ids != DecryptionKeys.generate(kind).key_ids


def test_nothing_private_is_published() -> None:
    entries = keys_of(*KINDS).public_jwks()["keys"]
    assert [entry["kty"] for entry in entries] == ["RSA", "EC", "EC", "EC", "OKP"]
    for kind, entry in zip(KINDS, entries, strict=True):
        assert entry["use"] == "enc"
        assert entry["kid"] == "e1"
        assert PRIVATE_MEMBERS.isdisjoint(entry)
        secrets = {str(value) for name, value in members(kind).items() if name in PRIVATE_MEMBERS}
        assert secrets
        assert not any(secret in json.dumps(entry) for secret in secrets)


def test_members_of_the_file_that_are_nobodys_business_are_not_published() -> None:
    keys = DecryptionKeys.from_jwks(members("P-256", use="enc", alg="ECDH-ES", key_ops=["deriveKey"], note="vault 7"))
    (entry,) = keys.public_jwks()["keys"]
    assert set(entry) == {"kty", "crv", "x", "y", "kid", "use", "alg"}
    assert entry["alg"] == "ECDH-ES"


def test_the_public_half_is_that_of_the_private_one() -> None:
    # Else producers would encrypt to somebody else, who could read it.
    other = members("X25519", "other")
    keys = DecryptionKeys.from_jwks({**members("X25519"), "x": other["x"]})
    assert keys.public_jwks()["keys"][0]["x"] == members("X25519")["x"]


def weak_rsa() -> dict[str, Any]:
    key = rsa.generate_private_key(public_exponent=65537, key_size=1024)  # noqa: S505  # weak on purpose
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SecurityWarning)
        return dict(jwk.RSAKey.import_key(pem_of(key)).as_dict(private=True))


REFUSED: dict[str, Any] = {
    "no keys": {"keys": []},
    "keys that are no list": {"keys": {"a": 1}},
    "keys that are text": {"keys": "abc"},
    "an entry that is no object": {"keys": ["abc"]},
    "nothing": {},
    "an unknown type": {"kty": "AKP", "d": "AAAA"},
    "a type that is a list": {"kty": ["RSA"], "d": "AAAA"},
    "a symmetric key": {"kty": "oct", "k": "AAAA"},
    "a public RSA key": private("RSA").as_dict(private=False),
    "a public EC key": private("P-256").as_dict(private=False),
    "a key for signatures": members("RSA", use="sig"),
    "a use that is a number": members("RSA", use=5),
    "operations of another kind": members("RSA", key_ops=["sign", "verify"]),
    "operations that are text": members("RSA", key_ops="decrypt"),
    "RSA1_5": members("RSA", alg="RSA1_5"),
    "an alg of another type": members("RSA", alg="ECDH-ES"),
    "a signature alg": members("P-256", alg="ES256"),
    "an alg that is a number": members("P-256", alg=5),
    "an empty kid": members("P-256", kid=""),
    "a long kid": members("P-256", kid="x" * 513),
    "a kid that is a number": members("P-256", kid=5),
    "RSA of 1024 bits": weak_rsa(),
    "secp256k1": members("secp256k1"),
    "X448": members("X448"),
    "Ed25519": members("Ed25519"),
    "an unknown curve": members("P-256", crv="P-1"),
    "no modulus": members("RSA", n=None),
    "half of the primes": members("RSA", p=None),
    "another's prime": {**members("RSA"), "p": members("RSA", "other")["p"]},
    "another's point": {**members("P-256"), "x": members("P-256", "other")["x"]},
    "d that is a number": members("P-256", d=5),
    "d that is no base64url": members("P-256", d="!"),
    "a good key and a bad one": {"keys": [members("P-256"), private("P-256").as_dict(private=False)]},
    "eleven keys": {"keys": [members("P-256", kid=f"k{place}") for place in range(11)]},
}


@pytest.mark.parametrize("document", REFUSED.values(), ids=REFUSED)
def test_what_is_no_usable_private_key_is_refused_with_advice(document: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DecryptionKeys.from_jwks(document)
    assert caught.value.hint
    assert members("P-256")["d"] not in str(caught.value)


BAD_PEM = {
    "empty": "",
    "text": "not PEM at all",
    "cut off": pem("P-256")[:-30],
    "damaged": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
    "with a password": pem_of(private("P-256").private_key, b"password"),
    "public": str(private("RSA").as_pem(private=False).decode()),
    "private and public": pem("RSA") + str(private("RSA").as_pem(private=False).decode()),
    "Ed25519": pem_of(ed25519.Ed25519PrivateKey.generate()),
    "secp256k1": pem_of(ec.generate_private_key(ec.SECP256K1())),
    "brainpool": pem_of(ec.generate_private_key(ec.BrainpoolP256R1())),
    "RSA of 1024 bits": pem_of(rsa.generate_private_key(public_exponent=65537, key_size=1024)),  # noqa: S505  # on purpose
    "only parameters": "-----BEGIN EC PARAMETERS-----\nBggqhkjOPQMBBw==\n-----END EC PARAMETERS-----\n",
}


@pytest.mark.parametrize("text", BAD_PEM.values(), ids=BAD_PEM)
def test_a_pem_text_that_is_no_usable_private_key_is_refused_with_advice(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DecryptionKeys.from_pem(text)
    assert caught.value.hint


@pytest.mark.parametrize("content", ["", "[]", "not JSON", '{"keys":[],"keys":[]}', "[" * 5000, "x" * 300_000, "\x00"])
def test_a_file_that_is_no_key_file_is_refused_with_advice(tmp_path: Path, content: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DecryptionKeys.from_file(key_file(tmp_path, content))
    assert caught.value.hint


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.json", tmp_path):
        with pytest.raises(ConfigurationError) as caught:
            DecryptionKeys.from_file(path)
        assert str(path) in caught.value.public
        assert caught.value.hint


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o620, 0o666])
def test_a_key_file_that_others_can_read_draws_a_warning_and_loads(
    tmp_path: Path, mode: int, caplog: pytest.LogCaptureFixture
) -> None:
    path = key_file(tmp_path, members("P-256"))
    path.chmod(mode)
    assert opens(DecryptionKeys.from_file(path), "P-256")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]


@pytest.mark.parametrize("unpublished", [["e2"], ["e1"], "e1", ["e1", "e2"]])
def test_what_cannot_be_left_unpublished_is_refused(unpublished: Any) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DecryptionKeys.from_jwks(members("P-256"), unpublished=unpublished)
    assert caught.value.hint


def test_a_token_that_names_none_of_our_keys_is_tried_with_three_that_fit() -> None:
    # Each trial with an RSA key is milliseconds of everybody's time, and anybody can send such a token.
    names = [f"e{place}" for place in range(1, 6)]
    curves = [members("P-256", name) for name in names]
    keys = DecryptionKeys.from_jwks({"keys": [*curves, *(members("RSA", name) for name in names[:4])]})
    for kid in (None, "the producer's own name"):
        assert opens(keys, "RSA", "e3", kid=kid)
        assert opens(keys, "P-256", "e3", kid=kid)
        for kind in ("RSA", "P-256"):
            with pytest.raises(InvalidToken):
                opens(keys, kind, "e4", kid=kid)
    assert opens(keys, "RSA", "e4")
    assert opens(keys, "P-256", "e5")


def test_one_name_for_many_keys_is_no_way_around_that() -> None:
    keys = DecryptionKeys.from_jwks({"keys": [members("P-256", f"e{place}", kid="one") for place in range(1, 5)]})
    assert opens(keys, "P-256", "e3", kid="one")
    with pytest.raises(InvalidToken):
        opens(keys, "P-256", "e4", kid="one")


@pytest.mark.parametrize("bits", [4096, 4104])
def test_an_rsa_key_has_4096_bits_at_most(bits: int) -> None:
    text = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=bits))
    if bits == 4096:
        assert DecryptionKeys.from_pem(text).key_ids
        return
    with pytest.raises(ConfigurationError) as caught:
        DecryptionKeys.from_pem(text)
    assert "4096" in caught.value.hint


class TestSettings:
    @pytest.fixture(autouse=True)
    def _in_an_empty_folder(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.delenv("MCP_KEY_FILE_PATH", raising=False)

    def test_without_the_variable_there_are_no_keys(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert DecryptionKeys.from_settings() is None
        monkeypatch.setenv("MCP_KEY_FILE_PATH", "")
        assert DecryptionKeySettings.from_environment().mcp_key_file_path is None

    def test_the_variable_names_the_file(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("MCP_KEY_FILE_PATH", str(key_file(tmp_path, members("P-256"))))
        keys = DecryptionKeys.from_settings()
        assert keys is not None
        assert opens(keys, "P-256")

    def test_a_dotenv_file_names_it_too_and_the_environment_wins(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (tmp_path / ".keys").mkdir()
        key_file(tmp_path / ".keys", members("P-256"))
        (tmp_path / ".env").write_text("OTHER=1\nMCP_KEY_FILE_PATH=.keys/key.json\n")
        keys = DecryptionKeys.from_settings()
        assert keys is not None
        assert keys.key_ids == ("e1",)
        monkeypatch.setenv("MCP_KEY_FILE_PATH", os.devnull)
        with pytest.raises(ConfigurationError):
            DecryptionKeys.from_settings()

    def test_a_dotenv_file_that_is_not_utf_8_is_told(self, tmp_path: Path) -> None:
        (tmp_path / ".env").write_bytes(b"PASSWORD=geheim\xfc\n")
        with pytest.raises(ConfigurationError) as caught:
            DecryptionKeys.from_settings()
        assert ".env" in caught.value.public
        assert caught.value.hint
        assert "geheim" not in str(caught.value)

    def test_settings_made_by_hand_are_taken_as_they_are(self, tmp_path: Path) -> None:
        settings = DecryptionKeySettings(mcp_key_file_path=key_file(tmp_path, members("X25519")))
        keys = DecryptionKeys.from_settings(settings)
        assert keys is not None
        assert opens(keys, "X25519")
