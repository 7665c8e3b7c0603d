"""What a call carries from one round to the next, and what it may turn out to be instead."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mcpauthkit.protocol.ask_modern import RoundState

ids = st.text("abcXYZ019-_", min_size=1, max_size=128)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MINE: dict[str, Any] = {"by": "mcpauthkit", "service": "forge", "flow": "abc", "held": 1}


@given(ids, ids, st.integers(min_value=0, max_value=1000), st.booleans())
def test_a_state_survives_its_text_and_is_another_services_secret(
    service: str, flow: str, held: int, asked: bool
) -> None:
    state = RoundState(service, flow, asked=asked, held=held)
    assert RoundState.read(state.to_text(), service) == state
    assert RoundState.read(state.to_text(), f"{service}-2") is None


@given(st.none() | st.text() | anything.map(json.dumps))
def test_a_tools_own_state_is_not_ours_whatever_it_is(text: str | None) -> None:
    assert RoundState.read(text, "forge") is None


@given(anything, anything)
def test_a_state_with_our_mark_and_other_fields_never_raises(flow: Any, held: Any) -> None:
    found = RoundState.read(json.dumps({**MINE, "flow": flow, "held": held}), "forge")
    assert found is None or (found.flow_id, found.held) == (flow, held)


@pytest.mark.parametrize(
    "broken",
    [
        *({key: value for key, value in MINE.items() if key != name} for name in MINE),
        {**MINE, "held": "1"},
        {**MINE, "held": "x"},
        {**MINE, "held": None},
        {**MINE, "held": True},
        {**MINE, "held": 1.0},
        {**MINE, "held": -1},
        {**MINE, "held": float("inf")},
        {**MINE, "held": float("nan")},
        {**MINE, "flow": None},
        {**MINE, "flow": 7},
        {**MINE, "flow": ["abc"]},
        {**MINE, "flow": "\ud800"},
        {**MINE, "by": "somebody"},
        {**MINE, "service": ["forge"]},
        [MINE],
        "mcpauthkit",
        7,
    ],
    ids=repr,
)
def test_a_state_with_a_broken_field_is_not_ours(broken: Any) -> None:
    assert RoundState.read(json.dumps(broken), "forge") is None


@pytest.mark.parametrize("text", ["[" * 100_000, '{"by":' * 100_000, "1" * 10_000, "\x00", "\ud800"])
def test_a_text_made_to_break_parsers_is_not_ours(text: str) -> None:
    assert RoundState.read(text, "forge") is None
