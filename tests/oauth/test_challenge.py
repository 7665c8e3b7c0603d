"""The challenge as clients read it."""

from __future__ import annotations

import re

from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.oauth.challenge import bearer_challenge

URL = "https://m.example/.well-known/oauth-protected-resource/mcp"
PARAMETER = re.compile(r'(\w+)="([\x20\x21\x23-\x5b\x5d-\x7e]*)"')


def test_a_challenge_without_a_token_has_no_error_code() -> None:
    assert bearer_challenge(resource_metadata=URL, scope="a b") == f'Bearer scope="a b", resource_metadata="{URL}"'


def test_a_challenge_carries_all_it_is_given() -> None:
    challenge = bearer_challenge(resource_metadata=URL, scope="a", error="invalid_token", description="It is over.")
    assert challenge == (
        f'Bearer error="invalid_token", scope="a", resource_metadata="{URL}", error_description="It is over."'
    )


def test_a_challenge_may_be_bare() -> None:
    assert bearer_challenge(resource_metadata=None) == "Bearer"


@given(st.text(), st.text(), st.text())
def test_whatever_is_said_the_challenge_stays_well_formed(scope: str, error: str, description: str) -> None:
    challenge = bearer_challenge(resource_metadata=URL, scope=scope, error=error, description=description)
    scheme, _, rest = challenge.partition(" ")
    assert scheme == "Bearer"
    assert ", ".join(match.group() for match in PARAMETER.finditer(rest)) == rest
    assert challenge.isprintable()
    assert challenge.isascii()


@given(
    st.lists(st.sampled_from(["scope=", "error=", "resource_metadata=", "SCOPE=", "Error=", '"', " ", "x", "=", "\\"]))
)
def test_clients_that_search_the_whole_header_find_each_word_once(words: list[str]) -> None:
    # facts/clients.md: Python and TypeScript take the first `scope=` and `error=` they find.
    challenge = bearer_challenge(
        resource_metadata=URL, scope="a", error="invalid_token", description="".join(words)
    ).lower()
    for word in ("scope=", "error=", "resource_metadata="):
        assert challenge.count(word) == 1
