"""What a record never shows, whoever put it in."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit import Secret
from mcpauthkit.audit import AuditTrail
from mcpauthkit.core.sealing import Sealer
from tests.access.audit.kept import FULL, RING, Kept, record_of

CANARY = "Pk3vY0sN7e2rJmQw8xT1uLzCa5bHdF6gi9"
TOKENS = [
    f"eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.{CANARY}",
    f"eyJhbGciOiJkaXIifQ..{CANARY}.abc.def",
    f"Bearer {CANARY}",
    f"authorization: bearer   {CANARY}",
    f"Basic {CANARY}==",
    f"ghp_{CANARY}",
    f"github_pat_{CANARY}",
    f"glpat-{CANARY}",
    f"xoxb-12345-{CANARY}",
    f"sk-ant-api03-{CANARY}",
    f"sk_live_{CANARY}",
    f"AIza{CANARY}",
    f"ya29.{CANARY}",
    f"ATATT3xFfGF0{CANARY}",
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}\n{CANARY}\n-----END RSA PRIVATE KEY-----",
    f"https://user:{CANARY}@example.com/path",
    f"https://example.com/callback?state={CANARY}&code={CANARY}",
    f"https://example.com/#access_token={CANARY}",
    f"postgresql://app:{CANARY}@db/app",
    f"postgres://app:a/{CANARY}@db/app",
    f"postgres://app:a?{CANARY}@db/app",
    f"postgres://app:a@{CANARY}@db/app",
    f"postgres://app:a/b@{CANARY}@db/app",
    f"_ghp_{CANARY}",
    f"x_eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhIn0.{CANARY}",
    f"docs://a?x=1;token={CANARY}",
]
SAID = ["{}", "the service said: {}", "({})", "x\n{}\ny", '"{}"']


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("token", TOKENS)
def test_what_looks_like_a_credential_is_taken_out_of_every_text(token: str, said: str) -> None:
    text = said.format(token)
    event = replace(FULL, target=text, reason=text, metadata={"note": [text], text: 1}, arguments={"q": text})
    kept = Kept()
    AuditTrail(kept, arguments="full").record(event)
    record = record_of(event, arguments="full")
    assert CANARY not in kept.lines[0]
    assert token not in kept.lines[0]
    assert "[redacted]" in record["reason"]
    assert "[redacted]" in record["metadata"]["note"][0]


def test_an_address_stays_readable_without_its_secrets() -> None:
    target = f"https://alice:{CANARY}@example.com/back?page=2&code={CANARY};key={CANARY}#state={CANARY}"
    assert record_of(replace(FULL, target=target))["target"] == (
        "https://[redacted]@example.com/back?page=2&code=[redacted];key=[redacted]#state=[redacted]"
    )


def test_what_the_kit_itself_seals_is_taken_out_too() -> None:
    sealed = Sealer(RING, "test").seal({"sub": "a"}, context="", expires_at=None)
    assert record_of(replace(FULL, reason=f"state {sealed} refused"))["reason"] == "state [redacted] refused"


@pytest.mark.parametrize(
    "text",
    [
        "list_prs",
        "https://wiki.example.com/display/~alice/Page?version=3&page=2",
        "resource://reports/2026/11",
        "rule no-deleting of policy staff denies it",
        "a basic question about bearer tokens",
        "keyJohn@example.com",
        "http://localhost:8080/users/alice@example.com",
        "http://[::1]:8080/users/alice@example.com",
        "https://example.com:443?by=alice@example.com",
        "https://example.com/~a:b/alice@example.com",
        "https://example.com/a;version=2;page=3",
        "users_pk_constraint_name",
        "rotate_secret_rotation_policy",
        "global-configuration",
        "the token has expired",
        "mailto:alice@example.com",
        "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
    ],
)
def test_ordinary_texts_stay_as_they_are(text: str) -> None:
    assert record_of(replace(FULL, target=text))["target"] == text


NAMES = (
    "password db_password apiKey API_KEY api-key accessToken Authorization clientSecret Cookie PASSWORD x-api-key"
    " private_key APIKey refresh_tokens otp pinCode secretAccessKey pass auth pat session apiKeys privateKeys creds"
    " accesstoken authtoken secretkey sessionid clientsecret db_pass githubPat session_id secret_keys basicAuth"
)


ORDINARY = (
    "passenger author pattern path compass authority patch bypass_count authored_by obsession keys primary_key passed"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_what_stands_under_the_name_of_a_secret_is_taken_out(name: str) -> None:
    arguments: dict[str, Any] = {name: CANARY, "deep": [{name: {"inner": CANARY}}], "other": "kept"}
    record = record_of(replace(FULL, arguments=arguments), arguments="full")
    assert record["arguments"] == {name: "[redacted]", "deep": [{name: "[redacted]"}], "other": "kept"}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("max_tokens", 512),
        ("tokens_used", 12.5),
        ("passwordless", "yes"),
        ("keyboard", "de"),
        ("has_token", True),
        ("tokenizer", "bpe"),
        ("spinner", "x"),
        ("monkey", "y"),
        *((name, "z") for name in ORDINARY.split()),
        ("password", None),
    ],
)
def test_names_that_only_sound_like_it_keep_their_values(name: str, value: Any) -> None:
    assert record_of(replace(FULL, metadata={name: value}))["metadata"] == {name: value}


def test_a_pin_is_a_secret_though_it_is_a_number() -> None:
    assert record_of(replace(FULL, metadata={"pin": 1234}))["metadata"] == {"pin": "[redacted]"}


def test_secrets_and_unknown_objects_show_nothing_of_themselves() -> None:
    class Client:
        def __repr__(self) -> str:
            return CANARY

    values = {"a": Secret(CANARY), "b": [Client()], "c": CANARY.encode(), "d": {Client(): 1}}
    record = record_of(replace(FULL, metadata=values))
    assert record["metadata"] == {"a": "[redacted]", "b": ["(Client)"], "c": "(bytes)", "d": {"(Client)": 1}}


@given(before=st.integers(0, 2000))
def test_a_credential_is_not_saved_by_standing_where_a_text_is_cut(before: int) -> None:
    text = "x" * before + " ghp_" + CANARY + " y" * 2000
    assert CANARY[:8] not in record_of(replace(FULL, target=text))["target"]


def test_a_hash_of_arguments_tells_secrets_apart_and_shows_none() -> None:
    one = record_of(replace(FULL, arguments={"key": Secret("a" * 9)}), arguments="hashed", key_ring=RING)
    other = record_of(replace(FULL, arguments={"key": Secret("b" * 9)}), arguments="hashed", key_ring=RING)
    assert one["arguments_hash"] != other["arguments_hash"]
