"""A sealed record that was copied, cut, flipped, respelt or replaced never opens, whatever it is changed into."""

from __future__ import annotations

import base64
import json
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import KeyRing
from mcpauthkit.core.encoding import base64url_decode, base64url_encode
from mcpauthkit.core.sealing import Sealer
from mcpauthkit.errors import SealedElsewhere, SealError, SealExpired

SECRETS = {"one": "Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9", "two": "8xT1uLzCa5bHdF6gi9Pk3vY0sN7e2rJmQw"}
RING = KeyRing(SECRETS, minting="one")
STORE = Sealer(RING, "store")
ALICE, BOB = "app:credential:forge:" + "a" * 64, "app:credential:forge:" + "b" * 64
RECORD = {"v": 1, "access_token": "gho_canary", "scopes": ["repo"], "expires_at": 1_767_229_200.5}
NOW = 1_767_225_600.0
SEALED = STORE.seal(RECORD, context=ALICE, expires_at=NOW + 86_400)
HEAD, _, BODY = SEALED.rpartition(".")
DATA = base64url_decode(BODY)
ALPHABET = string.ascii_letters + string.digits + "-_"

texts = st.text(max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def refusal(sealed: str, *, by: Sealer = STORE, context: str = ALICE) -> type[SealError]:
    """How it is refused; the text is the same for all."""
    with pytest.raises(SealError) as caught:
        by.open(sealed, context=context, now=NOW)
    error = caught.value
    assert (str(error), error.hint, error.status_hint) == (SealError.default_public, "", 400)
    assert "canary" not in error.for_log()
    return type(error)


def test_unchanged_it_opens() -> None:
    assert STORE.open(SEALED, context=ALICE, now=NOW) == RECORD


def test_no_single_bit_of_nonce_ciphertext_and_tag_can_be_flipped() -> None:
    for position in range(len(DATA) * 8):
        changed = bytearray(DATA)
        changed[position // 8] ^= 1 << position % 8
        assert refusal(f"{HEAD}.{base64url_encode(bytes(changed))}") is SealError


def test_no_character_can_be_another_one() -> None:
    for position, was in enumerate(SEALED):
        for other in ALPHABET + ".=+/ \n":
            if other != was:
                refusal(SEALED[:position] + other + SEALED[position + 1 :])


def test_no_character_can_be_left_out_doubled_or_inserted() -> None:
    for position in range(len(SEALED)):
        refusal(SEALED[:position] + SEALED[position + 1 :])
        for more in (SEALED[position], "A", ".", "=", " ", "\n", "\x00", "é"):
            refusal(SEALED[:position] + more + SEALED[position:])


def test_no_part_of_it_opens() -> None:
    for length in range(len(SEALED)):
        refusal(SEALED[:length])
        refusal(SEALED[length + 1 :])
    for length in range(len(DATA)):
        refusal(f"{HEAD}.{base64url_encode(DATA[:length])}")
        refusal(f"{HEAD}.{base64url_encode(DATA[length + 1 :])}")


@given(st.dictionaries(texts, json_values, max_size=3), texts, st.data())
def test_no_bit_of_any_record_can_be_flipped(record: dict[str, Any], context: str, data: st.DataObject) -> None:
    sealed = STORE.seal(record, context=context, expires_at=None)
    head, _, body = sealed.rpartition(".")
    changed = bytearray(base64url_decode(body))
    for position in data.draw(st.sets(st.integers(0, len(changed) * 8 - 1), min_size=1, max_size=4)):
        changed[position // 8] ^= 1 << position % 8
    assert refusal(f"{head}.{base64url_encode(bytes(changed))}", context=context) is SealError


@given(st.binary(min_size=1, max_size=40))
def test_nothing_can_be_appended_or_put_in_front(more: bytes) -> None:
    for data in (DATA + more, more + DATA, DATA[:12] + more + DATA[12:]):
        assert refusal(f"{HEAD}.{base64url_encode(data)}") is SealError


@given(st.text(alphabet=st.characters(codec="ascii"), max_size=60))
def test_no_other_context_opens_it(context: str) -> None:
    for tried in (context, ALICE + context, context + ALICE, ALICE.replace("forge", context)):
        if tried != ALICE:
            assert refusal(SEALED, context=tried) is SealError


def test_alices_record_does_not_open_as_bobs_nor_as_another_services_or_applications() -> None:
    others = (
        BOB, ALICE.replace("forge", "wiki"), ALICE.replace("app:", "app2:"), ALICE.upper(), f"{ALICE} ", f"{ALICE}:x",
        ALICE[:-1], "", ALICE.replace("credential", "accounts"),
    )  # fmt: skip
    for context in others:
        assert refusal(SEALED, context=context) is SealError


@given(texts)
def test_no_other_purpose_opens_it(purpose: str) -> None:
    for tried in (purpose, f"store{purpose}", f"{purpose}store"):
        if tried != "store":
            assert refusal(SEALED, by=Sealer(RING, tried)) is SealError


@given(texts, texts)
def test_text_cannot_be_moved_between_purpose_and_context(one: str, other: str) -> None:
    sealed = Sealer(RING, f"{one}|{other}").seal({"a": 1}, context="c", expires_at=None)
    refusal(sealed, by=Sealer(RING, one), context=f"{other}|c")


def test_under_another_keys_name_it_does_not_open_and_an_unknown_one_is_told_apart_by_type_alone() -> None:
    one, two = RING.fingerprint("one"), RING.fingerprint("two")
    assert refusal(f"mk1.two.{two}.{BODY}") is SealError
    assert refusal(f"mk1.two.{one}.{BODY}") is SealedElsewhere
    assert refusal(f"mk1.one.{two}.{BODY}") is SealedElsewhere
    assert refusal(f"mk1.ONE.{one}.{BODY}") is SealedElsewhere
    assert refusal(f"mk1.one-.{one}.{BODY}") is SealedElsewhere
    for name in ("", "-", "one.", "one ", " one", "öne", "o\nne", "o" * 65):
        assert refusal(f"mk1.{name}.{one}.{BODY}") in {SealError, SealedElsewhere}
    same = KeyRing({"one": SECRETS["one"], "alias": SECRETS["one"]}, minting="one")
    assert refusal(f"mk1.alias.{one}.{BODY}", by=Sealer(same, "store")) is SealError
    swapped = KeyRing({"one": SECRETS["two"], "two": SECRETS["one"]}, minting="one")
    assert refusal(SEALED, by=Sealer(swapped, "store")) is SealedElsewhere
    for head in (f"one.{two}", f"two.{one}"):
        assert refusal(f"mk1.{head}.{BODY}", by=Sealer(swapped, "store")) is SealError


@pytest.mark.parametrize("fingerprint", ["", "0", "0" * 7, "0" * 9, "ABCDEF01", "\uff10" * 8, "........", "0000000 "])
def test_what_is_no_fingerprint_is_a_damage_and_names_nobody_elses_key(fingerprint: str) -> None:
    assert refusal(f"mk1.one.{fingerprint}.{BODY}") is SealError


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("mk2", SealedElsewhere),
        ("mk10", SealedElsewhere),
        ("mk0", SealError),
        ("mk01", SealError),
        ("mk", SealError),
        ("MK1", SealError),
        ("mk1 ", SealError),
        ("", SealError),
        ("v1", SealError),
        ("mk\uff11", SealError),
        ("mk100", SealError),
    ],
)
def test_no_other_version_opens(version: str, kind: type[SealError]) -> None:
    assert refusal(f"{version}.one.{BODY}") is kind


@given(st.dictionaries(texts, json_values, max_size=3))
def test_plaintext_never_opens(record: dict[str, Any]) -> None:
    for content in (record, {"c": record, "x": None}, {"c": record}, [record]):
        text = json.dumps(content)
        encoded = base64url_encode(text.encode())
        for planted in (text, encoded, f"mk1.{text}", f"mk1.one.{text}", f"mk1.one.{encoded}", f"{HEAD}.{text}"):
            assert refusal(planted) in {SealError, SealedElsewhere}


@given(st.text(max_size=80))
def test_no_made_up_text_opens(text: str) -> None:
    for made_up in (text, f"mk1.{text}", f"mk1.one.{text}", f"{SEALED}{text or ' '}", f"{text or ' '}{SEALED}"):
        refusal(made_up)


def spellings(data: bytes) -> set[str]:
    """How lenient decoders of other programs would let the same bytes be written."""
    body = base64url_encode(data)
    padded = base64.urlsafe_b64encode(data).decode()
    standard = base64.b64encode(data).decode()
    respelt = {body[:-1] + other for other in ALPHABET if lenient(body[:-1] + other) == data}
    found = {
        padded, f"{body}=", f"{body}==", f"{body}===", f"{body}====", standard, standard.rstrip("="),
        f" {body}", f"{body} ", f"{body}\n", f"{body}\r\n", f"\t{body}", f"{body[:8]}\n{body[8:]}", f"{body}\x00",
        f"\ufeff{body}", "".join(chr(ord(one) + 0xFEE0) for one in body), data.hex(), base64.b32encode(data).decode(),
        *respelt,
    }  # fmt: skip
    return found - {body}


def lenient(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@pytest.mark.parametrize("more", ["", "x", "xx"])
def test_one_record_has_one_spelling(more: str) -> None:
    # Three lengths, so that the last group of the body has two, three and four characters.
    sealed = STORE.seal({"a": more}, context=ALICE, expires_at=None)
    head, _, body = sealed.rpartition(".")
    data = base64url_decode(body)
    tried = spellings(data)
    assert len(tried) > 12
    for spelt in tried:
        assert refusal(f"{head}.{spelt}") is SealError
    assert STORE.open(sealed, context=ALICE, now=NOW) == {"a": more}


def test_the_parts_of_two_records_do_not_make_a_third() -> None:
    other = base64url_decode(STORE.seal(RECORD, context=ALICE, expires_at=None).rpartition(".")[2])
    for cut in range(1, min(len(DATA), len(other))):
        refusal(f"{HEAD}.{base64url_encode(DATA[:cut] + other[cut:])}")


def test_an_old_record_that_is_put_back_after_its_time_does_not_open() -> None:
    with pytest.raises(SealExpired):
        STORE.open(SEALED, context=ALICE, now=NOW + 86_400)
