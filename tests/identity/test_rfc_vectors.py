"""The examples of the RFCs: those we must refuse, and those signed with a secret.

The signatures we accept are in test_signatures.py, encrypted tokens have a file of their own.
"""

from __future__ import annotations

import hmac
import json
from pathlib import Path
from typing import Any

import pytest

from mcpauthkit.core.encoding import base64url_decode
from mcpauthkit.errors import ExpiredToken, InvalidToken
from mcpauthkit.identity.claims import principal_from
from mcpauthkit.identity.jws import read_token
from mcpauthkit.identity.key_set import parse_key_set
from mcpauthkit.identity.shared_secret import SharedSecretVerifier
from mcpauthkit.testing import FakeClock
from tests.identity.bench import Bench, key_for, published

VECTORS = Path(__file__).parent.parent / "vectors"
REFUSED = json.loads((VECTORS / "refused_tokens.json").read_text())
MACS = json.loads((VECTORS / "macs.json").read_text())
SIGNED = json.loads((VECTORS / "signatures.json").read_text())
TOKENS = [one for one in SIGNED if one["source"] in {"RFC 7515 appendix A.2", "RFC 7515 appendix A.3"}]
# Long before these tokens end, so that nothing but the rule at hand refuses them.
IN_2011 = 1_300_819_000


def source_of(vector: dict[str, Any]) -> str:
    return str(vector["source"])


@pytest.mark.parametrize("vector", REFUSED, ids=source_of)
def test_what_is_no_signed_compact_token_is_refused_before_any_key_is_looked_at(vector: dict[str, str]) -> None:
    with pytest.raises(InvalidToken):
        read_token(vector["token"])


@pytest.mark.parametrize("vector", REFUSED, ids=source_of)
async def test_it_costs_the_issuer_nothing_either(vector: dict[str, str]) -> None:
    bench = Bench()
    with pytest.raises(InvalidToken):
        await bench.verify(vector["token"])
    assert bench.fetches == 0


@pytest.mark.parametrize("vector", MACS, ids=source_of)
async def test_a_mac_is_refused_though_the_key_set_gives_the_secret_away(vector: dict[str, str]) -> None:
    # The vector is whole: the MAC is the right one, and a key set with a secret still verifies nothing.
    signing_input, _, mac = vector["jws"].rpartition(".")
    secret = base64url_decode(vector["k"])
    assert hmac.digest(secret, signing_input.encode(), "sha256") == base64url_decode(mac)
    entry = {"kty": "oct", "k": vector["k"], "alg": "HS256"}
    assert len(parse_key_set({"keys": [entry]})) == 0
    with pytest.raises(InvalidToken):
        await Bench(entry, published(key_for("EdDSA"))).verify(vector["jws"])


@pytest.mark.parametrize("vector", TOKENS, ids=source_of)
def test_the_rfcs_own_tokens_are_read_and_then_refused_for_what_they_lack(vector: dict[str, Any]) -> None:
    token = read_token(vector["jws"])
    assert token.is_signed_by(parse_key_set({"keys": [vector["key"]]})) is True
    assert token.claims == {"iss": "joe", "exp": 1_300_819_380, "http://example.com/is_root": True}
    with pytest.raises(InvalidToken) as caught:
        principal_from(token.claims, issuer="joe", now=IN_2011, leeway_seconds=60)
    assert not isinstance(caught.value, ExpiredToken)
    with pytest.raises(ExpiredToken):
        principal_from(token.claims, issuer="joe", now=IN_2011 + 1000, leeway_seconds=60)
    alice = {**token.claims, "sub": "alice"}
    assert principal_from(alice, issuer="joe", now=IN_2011, leeway_seconds=60).subject == "alice"


async def test_the_rfcs_own_mac_counts_for_whoever_holds_the_secret() -> None:
    # RFC 7519 section 3.1. Only a token with a right MAC is told that it has expired.
    vector = MACS[0]
    first, _, last = vector["jws"].rpartition(".")
    changed = f"{first}.{'e' if last[0] == 'd' else 'd'}{last[1:]}"
    verifier = SharedSecretVerifier(base64url_decode(vector["k"]), issuer="joe", clock=FakeClock(wall=IN_2011 + 1000))
    with pytest.raises(ExpiredToken):
        await verifier.verify(vector["jws"])
    with pytest.raises(InvalidToken) as caught:
        await verifier.verify(changed)
    assert not isinstance(caught.value, ExpiredToken)
