"""Policies that change while a server runs: what is taken, when, and what is told of it."""

from __future__ import annotations

import threading
from pathlib import Path

import anyio
import pytest

from mcpauthkit.core.audit import Event, current_recorder
from mcpauthkit.errors import AuditUnavailable, ConfigurationError
from mcpauthkit.policies import Policies, Policy, PolicyInvalid, policy, rule
from mcpauthkit.testing import FakeClock
from tests.access.policy.files import allowing, kept, look, may, put


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def in_code(name: str, *tools: str) -> Policy:
    return policy(name).add_rule(rule("allowed").for_tools(*tools).allow()).build()


def test_files_folders_and_policies_in_code_count_together(tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    put(folder / "b.yml", allowing("b", "two"))
    put(folder / "C.YAML", allowing("c", "three"))
    for ignored in ("b.test.yaml", "b.TEST.yml", ".hidden.yaml", "notes.txt", "b.yaml~"):
        put(folder / ignored, "not a policy: [")
    with kept() as record:
        policies = Policies(str(put(tmp_path / "a.yaml", allowing("a", "one"))), folder, in_code("d", "four"))
    assert policies.names == ("a", "b", "c", "d")
    assert [may(policies, tool) for tool in ("one", "two", "three", "four", "five")] == [True, True, True, True, False]
    (event,) = record.events
    assert (str(event.event), event.policy, event.metadata["rules"]) == ("policy.loaded", "a, b, c, d", 4)
    assert len(event.metadata["files"]) == 3


def test_no_policies_allow_nothing() -> None:
    policies = Policies()
    assert policies.names == ()
    assert not may(policies, "one")


async def test_a_changed_file_is_taken_when_it_looks_the_same_twice(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, clock=clock)
    engine = policies.engine
    put(file, allowing("p", "one", "two"))
    with kept() as record:
        await look(policies, clock)
        assert (policies.engine is engine, record.events) == (True, [])
        await look(policies, clock)
    assert may(policies, "two")
    assert record.names == ["policy.loaded"]


async def test_a_file_that_is_still_being_written_is_not_taken(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one", end=""))
    policies = Policies(file, clock=clock)
    text = allowing("p", "one", "two", deny="one", end="")
    with kept() as record:
        for written in range(20, len(text) + 1, 20):
            file.write_text(text[:written])
            await look(policies, clock)
            assert not may(policies, "two")
        file.write_text(text)
        await look(policies, clock, times=2)
    assert (may(policies, "one"), may(policies, "two")) == (False, True)
    assert record.names == ["policy.loaded"]


async def test_a_change_of_long_ago_is_in_force_for_the_first_who_asks(tmp_path: Path) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    # Two minutes in the future of the machine, so whatever is written now was written a while ago.
    clock = FakeClock(wall=file.stat().st_mtime + 120)
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "two"))
    await look(policies, clock)
    assert (may(policies, "one"), may(policies, "two")) == (False, True)


async def test_files_are_looked_at_once_in_a_while_only(tmp_path: Path) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    clock = FakeClock(wall=file.stat().st_mtime + 120)
    policies = Policies(file, clock=clock, check_seconds=10)
    put(file, allowing("p", "two"))
    clock.advance(9.9)
    await policies.refresh()
    assert may(policies, "one")
    clock.advance(0.1)
    await policies.refresh()
    assert may(policies, "two")


async def test_a_file_that_only_looks_new_is_the_same_policy(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "one"))
    await look(policies, clock, times=3)
    assert may(policies, "one")
    assert policies.faults == ()


async def test_a_folder_gains_files_and_a_file_may_be_moved(tmp_path: Path, clock: FakeClock) -> None:
    first = put(tmp_path / "a.yaml", allowing("a", "one"))
    policies = Policies(tmp_path, clock=clock)
    put(tmp_path / "b.yaml", allowing("b", "two"))
    await look(policies, clock, times=2)
    assert list(policies.names) == ["a", "b"]
    first.rename(tmp_path / "z.yaml")
    put(tmp_path / "c.yaml", allowing("c", "three"))
    await look(policies, clock, times=2)
    assert list(policies.names) == ["a", "b", "c"]


async def test_a_config_map_is_swapped_as_a_whole(tmp_path: Path, clock: FakeClock) -> None:
    # A mounted ConfigMap: files are links into `..data`, a link to a folder with a time, which is moved over.
    for number, tool in enumerate(["one", "two"]):
        (tmp_path / f"..{number}").mkdir()
        put(tmp_path / f"..{number}" / "a.yaml", allowing("a", tool))
        put(tmp_path / f"..{number}" / "b.yaml", allowing("b", "both", deny=f"not_{tool}"))
    (tmp_path / "..data").symlink_to("..0")
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).symlink_to(f"..data/{name}")
    by_folder, by_file = Policies(tmp_path, clock=clock), Policies(tmp_path / "a.yaml", clock=clock)
    assert (by_folder.names, may(by_folder, "one"), may(by_file, "one")) == (("a", "b"), True, True)
    (tmp_path / "..data_tmp").symlink_to("..1")
    (tmp_path / "..data_tmp").rename(tmp_path / "..data")
    for _ in range(2):
        clock.advance(1.0)
        await by_folder.refresh()
        await by_file.refresh()
    assert [(may(one, "one"), may(one, "two")) for one in (by_folder, by_file)] == [(False, True)] * 2


async def test_of_many_who_ask_one_looks_and_nobody_waits_for_it(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "two"))
    await look(policies, clock)
    clock.advance(1.0)
    with kept() as record:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(policies.refresh)
    assert record.names == ["policy.loaded"]
    assert may(policies, "two")


async def test_a_look_that_was_cancelled_is_made_again(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "two"))
    await look(policies, clock)
    clock.advance(1.0)
    with anyio.CancelScope() as scope:
        scope.cancel()
        await policies.refresh()
    assert scope.cancelled_caught
    await look(policies, clock)
    assert may(policies, "two")


async def test_a_policy_added_or_removed_counts_at_once_and_outlives_files(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, in_code("q", "two"), clock=clock)
    with kept() as record:
        policies.add(in_code("r", "three"))
        policies.remove("q")
        policies.remove("p")
    assert policies.names == ("r",)
    assert record.names == ["policy.loaded"] * 3
    put(file, allowing("p", "one", "four"))
    await look(policies, clock, times=2)
    assert (policies.names, may(policies, "three"), may(policies, "four")) == (("r",), True, False)
    policies.add(in_code("p", "five"))
    assert may(policies, "five")
    policies.remove("p")
    assert not may(policies, "five")


def test_a_removed_file_comes_back_by_reloading(tmp_path: Path) -> None:
    policies = Policies(put(tmp_path / "p.yaml", allowing("p", "one")))
    policies.remove("p")
    policies.reload()
    assert policies.names == ("p",)


def test_reloading_takes_other_files_and_what_is_gone_and_keeps_what_is_in_code(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
    put(old / "a.yaml", allowing("a", "one"))
    put(old / "b.yaml", allowing("b", "two"))
    put(new / "c.yaml", allowing("c", "three"))
    policies = Policies(old, in_code("q", "four"))
    (old / "b.yaml").unlink()
    policies.reload()
    assert policies.names == ("a", "q")
    policies.reload(new)
    assert policies.names == ("c", "q")


def test_a_reload_that_fails_says_why_and_changes_nothing(tmp_path: Path) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file)
    put(file, "name: p\nrule: []\n...\n")
    with pytest.raises(PolicyInvalid):
        policies.reload()
    with pytest.raises(PolicyInvalid):
        policies.reload(tmp_path / "none.yaml")
    assert may(policies, "one")


def test_two_policies_of_one_name_are_refused_wherever_they_come_from(tmp_path: Path) -> None:
    first, second = put(tmp_path / "a.yaml", allowing("same", "one")), put(tmp_path / "b.yaml", allowing("same", "two"))
    with pytest.raises(PolicyInvalid) as caught:
        Policies(first, second)
    (fault,) = caught.value.faults
    assert (fault.source, fault.line, fault.column) == (str(second), 1, 7)
    assert str(first) in fault.text
    policies = Policies(first)
    with pytest.raises(PolicyInvalid):
        policies.add(in_code("same", "two"))
    assert (may(policies, "one"), may(policies, "two")) == (True, False)


def test_a_name_that_is_not_there_cannot_be_removed() -> None:
    policies = Policies(in_code("p", "one"))
    with pytest.raises(ConfigurationError) as caught:
        policies.remove("q")
    assert caught.value.hint == "In force: p."


def test_a_condition_of_the_application_is_registered_or_its_policy_refused_by_line(tmp_path: Path) -> None:
    file = put(
        tmp_path / "p.yaml", "name: p\nrules:\n- name: r\n  effect: allow\n  conditions:\n  - custom: business_hours\n"
    )
    with pytest.raises(PolicyInvalid) as caught:
        Policies(file)
    (fault,) = caught.value.faults
    assert (fault.line, fault.column) == (6, 13)
    assert "'business_hours'" in fault.text
    assert may(Policies(file, conditions={"business_hours": lambda _request: True}), "one")
    assert not may(Policies(file, conditions={"business_hours": lambda _request: False}), "one")


def test_a_condition_in_code_is_registered_or_refused_by_rule() -> None:
    made = policy("p").add_rule(rule("r").when_custom("on_call").allow()).build()
    with pytest.raises(PolicyInvalid) as caught:
        Policies(made)
    assert caught.value.faults[0].source == "policy 'p', rule 'r'"


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_a_time_between_looks_that_is_none_is_refused(seconds: float) -> None:
    with pytest.raises(ConfigurationError):
        Policies(check_seconds=seconds)


def test_an_empty_name_is_not_the_folder_the_process_runs_in() -> None:
    with pytest.raises(ConfigurationError):
        Policies("")


class Unavailable:
    """A trail that cannot keep anything, where nothing may happen without a record."""

    def record(self, event: Event) -> None:  # noqa: ARG002  # of nothing
        raise AuditUnavailable


async def test_what_cannot_be_recorded_does_not_take_effect(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", allowing("p", "one"))
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "two"))
    await look(policies, clock)
    token = current_recorder.set(Unavailable())
    try:
        clock.advance(1.0)
        with pytest.raises(AuditUnavailable):
            await policies.refresh()
        with pytest.raises(AuditUnavailable):
            policies.add(in_code("q", "three"))
    finally:
        current_recorder.reset(token)
    assert [may(policies, tool) for tool in ("one", "two", "three")] == [True, False, False]
    await look(policies, clock, times=2)
    assert may(policies, "two")


def test_threads_that_change_a_set_at_once_lose_nothing() -> None:
    policies = Policies()
    added = [in_code(f"p{number}", f"t{number}") for number in range(20)]
    threads = [threading.Thread(target=policies.add, args=(one,)) for one in added]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=30)
    assert set(policies.names) == {one.name for one in added}
