"""A flow as a value."""

from __future__ import annotations

import pytest

from mcpauthkit.core.flow_state import Flow, FlowStatus

FLOW = Flow("id", "forge", "https://i.example", "alice", ("repo", "user"), 10.0, purpose="list_repos")


def test_a_flow_survives_its_record() -> None:
    assert Flow.from_record(FLOW.to_record()) == FLOW
    finished = FLOW.finish(FlowStatus.DECLINED)
    assert Flow.from_record(finished.to_record()) == finished


@pytest.mark.parametrize(
    ("issuer", "subject", "belongs"),
    [
        ("https://i.example", "alice", True),
        ("https://i.example", "bob", False),
        ("https://i.example/", "alice", False),
        ("https://other.example", "alice", False),
    ],
)
def test_a_flow_belongs_to_an_issuer_and_a_subject(issuer: str, subject: str, *, belongs: bool) -> None:
    assert FLOW.belongs_to(issuer, subject) == belongs


@pytest.mark.parametrize("first", [status for status in FlowStatus if status is not FlowStatus.PENDING])
def test_the_first_outcome_stays(first: FlowStatus) -> None:
    assert FLOW.is_pending
    done = FLOW.finish(first)
    assert not done.is_pending
    assert all(done.finish(later).status is first for later in FlowStatus)
