"""What an event is written as."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.sdk.trace import TracerProvider

from mcpauthkit.access.audit.schema import MEMBERS
from mcpauthkit.audit import Actor, AuditTrail, Event, EventName, LogRecorder, hash_arguments, json_schema
from mcpauthkit.core.request_id import current_request_id
from mcpauthkit.errors import ConfigurationError
from mcpauthkit.testing import FakeClock
from tests.access.audit.kept import ALICE, FULL, RING, Kept, record_of

ROOT = Path(__file__).parents[3]
NASTY = st.text(st.characters(codec=None, categories=None))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | NASTY | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY, inner, max_size=3),
    max_leaves=6,
)
MEMBERS_OF_OTHERS = st.dictionaries(NASTY, JSON, max_size=3)
TEXT_FIELDS = [one.name for one in fields(Event) if one.type == "str"]


def validated(record: Mapping[str, Any]) -> None:
    jsonschema.Draft202012Validator(json_schema()).validate(record)


def test_the_published_schema_is_current() -> None:
    assert json.loads((ROOT / "docs/audit.schema.json").read_text()) == json_schema()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"names": True, "arguments": "full"},
        {"arguments": "hashed", "key_ring": RING},
        {"chain": True},
        {"chain": True, "key_ring": RING},
    ],
)
def test_a_record_has_the_members_of_the_schema_in_their_order(options: dict[str, Any]) -> None:
    token = current_request_id.set("req-1")
    try:
        record = record_of(FULL, **options)
    finally:
        current_request_id.reset(token)
    validated(record)
    assert list(record) == [name for name in MEMBERS if name in record]
    assert record["request_id"] == "req-1"


def test_all_that_an_event_holds_is_in_its_record() -> None:
    record = record_of(FULL, names=True, arguments="full", clock=FakeClock(1_767_225_600.25))
    written = {name: one for name, one in record.items() if name not in {"schema", "writer"}}
    assert written == {
        "time": "2026-01-01T00:00:00.250000Z",
        "event": "access.decided",
        "severity": "WARNING",
        "decision": "deny",
        "outcome": "refused",
        "principal": ALICE.digest,
        "name": "Alice Example",
        "issuer": "https://id.example.com",
        "client": "inspector",
        "action": "call",
        "kind": "tool",
        "target": "delete_repo",
        "policy": "staff",
        "rule": "no-deleting",
        "service": "github",
        "credential": "c-1",
        "reason": "rule no-deleting denies it",
        "duration_ms": 1.5,
        "arguments": {"repo": "a/b", "force": True},
        "metadata": {"rows": 3},
        "sequence": 1,
    }


def test_what_does_not_apply_is_absent() -> None:
    assert set(record_of(Event(event=EventName.POLICY_LOADED))) == {
        "schema",
        "time",
        "event",
        "severity",
        "writer",
        "sequence",
    }


def test_people_have_no_names_and_tools_no_arguments_unless_the_operator_says_so() -> None:
    record = record_of(FULL)
    assert "name" not in record
    assert "arguments" not in record
    assert "arguments_hash" not in record
    assert "Alice" not in json.dumps(record)


def test_the_values_given_to_a_sink_are_those_of_its_line() -> None:
    kept = Kept()
    trail = AuditTrail(kept, chain=True, key_ring=RING)
    trail.record(FULL)
    trail.record(FULL)
    assert [json.loads(line) for line in kept.lines] == kept.records
    assert [one["sequence"] for one in kept.records] == [1, 2]


def test_a_record_belongs_to_the_trace_in_which_it_happened() -> None:
    with TracerProvider().get_tracer("test").start_as_current_span("call") as span:
        record = record_of(FULL)
    assert record["trace_id"] == f"{span.get_span_context().trace_id:032x}"
    assert "trace_id" not in record_of(FULL)


def test_equal_arguments_have_equal_hashes_that_only_the_key_can_make() -> None:
    one = record_of(FULL, arguments="hashed", key_ring=RING)
    turned = replace(FULL, arguments={"force": True, "repo": "a/b"})
    assert "arguments" not in one
    assert one["arguments_hash"] == record_of(turned, arguments="hashed", key_ring=RING)["arguments_hash"]
    assert one["arguments_hash"] == hash_arguments({"repo": "a/b", "force": True}, RING)
    assert one["arguments_hash"] != hash_arguments({"repo": "a/c", "force": True}, RING)
    assert one["arguments_hash"].startswith(f"2026.{RING.fingerprint('2026')}:")


def test_arguments_are_not_hashed_without_a_key() -> None:
    with pytest.raises(ConfigurationError) as caught:
        AuditTrail(Kept(), arguments="hashed")
    assert "key_ring=" in caught.value.hint


class Hostile(Mapping[str, Any]):
    """What a tool may note: a mapping that breaks when it is looked at."""

    def __getitem__(self, key: str) -> Any:
        raise RuntimeError(key)

    def __iter__(self) -> Any:
        raise RuntimeError("canary")

    def __len__(self) -> int:
        return 1


def test_an_event_whose_values_cannot_be_read_is_kept_without_them() -> None:
    record = record_of(replace(FULL, metadata=Hostile()), arguments="full")
    assert record["metadata"] == {"unreadable": "RuntimeError"}
    assert record["target"] == "delete_repo"


def one_line(text: str) -> dict[str, Any]:
    assert text.isascii()
    assert text.isprintable()
    assert text.splitlines() == [text]
    parsed: dict[str, Any] = json.loads(text)
    # Half a surrogate pair is no text: strict readers would refuse the line.
    json.dumps(parsed, ensure_ascii=False).encode()
    return parsed


@given(data=st.data())
def test_any_text_in_any_field_gives_exactly_one_line_that_parses(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(TEXT_FIELDS))
    changes: dict[str, Any] = {name: data.draw(NASTY)}
    event = replace(FULL, **changes)
    kept = Kept()
    AuditTrail(kept, names=True, chain=True).record(event)
    validated(one_line(kept.lines[0]))


@given(digest=NASTY, name=NASTY, issuer=NASTY, client=NASTY)
def test_so_does_anything_that_people_are_called(digest: str, name: str, issuer: str, client: str) -> None:
    kept = Kept()
    actor = Actor(digest=digest, name=name, issuer=issuer, client=client)
    AuditTrail(kept, names=True).record(replace(FULL, actor=actor))
    validated(one_line(kept.lines[0]))


@given(values=MEMBERS_OF_OTHERS)
def test_so_does_anything_that_a_tool_is_called_with_or_notes(values: dict[str, Any]) -> None:
    event, kept = replace(FULL, metadata=values, arguments=values), Kept()
    AuditTrail(kept, arguments="full", chain=True, key_ring=RING).record(event)
    AuditTrail(kept, arguments="hashed", key_ring=RING).record(event)
    for line in kept.lines:
        validated(one_line(line))


def nested(depth: int) -> dict[str, Any]:
    value: dict[str, Any] = {"x": 1}
    for _ in range(depth):
        value = {"x": value}
    return value


@pytest.mark.parametrize(
    "large",
    [
        {"x": "a" * 10_000_000},
        {"x": "\N{GRINNING FACE}" * 1_000_000},
        {"x" * 10_000_000: 1},
        {str(number): "\0" * 1000 for number in range(10_000)},
        {"x": list(range(1_000_000))},
        {"x": [["a" * 100] * 100] * 100},
        {"x": 10**5000},
        nested(10_000),
    ],
    ids=["text", "emoji", "name", "members", "list", "lists", "number", "depth"],
)
def test_a_line_has_an_end_however_much_is_put_into_it(large: dict[str, Any]) -> None:
    text = "\N{GRINNING FACE}" * 1_000_000
    kept = Kept()
    event = replace(FULL, target=text, reason=text, rule=text, metadata=large, arguments=large)
    AuditTrail(kept, arguments="full").record(event)
    assert len(kept.lines[0]) < 400_000
    validated(one_line(kept.lines[0]))


def test_a_text_that_is_too_long_says_how_long_it_was() -> None:
    assert record_of(replace(FULL, target="t" * 5000))["target"] == f"{'t' * 1024}... (5000 characters)"


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_does_not_have_are_texts(value: float) -> None:
    record = record_of(replace(FULL, metadata={"x": value}, duration_ms=value))
    assert record["metadata"] == {"x": str(value)}
    assert "duration_ms" not in record


@pytest.mark.parametrize(
    "text", ["a\nmcpauthkit.audit token.verified user=b", "a\u2028b", "a\x85b", "a\x7fb", "a b", 'a"b', "\ud800", ""]
)
def test_without_a_trail_no_name_ends_the_line_of_the_log(text: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "mcpauthkit.audit")
    LogRecorder().record(replace(FULL, target=text))
    assert re.fullmatch(r"[ -~]+", caplog.messages[0])
    assert len(re.findall(r" user=", re.sub(r'"(?:[^"\\]|\\.)*"', "", caplog.messages[0]))) == 1
