"""Files that are cut off, broken, unreadable, empty or gone: whatever becomes of them, nothing opens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from mcpauthkit.policies import Policies, PolicyInvalid
from mcpauthkit.testing import FakeClock
from tests.access.policy.files import allowing, kept, look, may, put

GOOD = allowing("p", "one", "two", deny="two")


def opens(policies: Policies) -> bool:
    """Whether anything may be done that the good policy does not allow."""
    return any(may(policies, tool) for tool in ("two", "three"))


@pytest.fixture
def clock() -> FakeClock:
    # Far ahead of whatever is written, so every change is an old one and is taken at the first look.
    return FakeClock(wall=4_000_000_000)


@pytest.mark.parametrize("is_moved", [True, False], ids=["moved", "written in place"])
async def test_a_file_that_is_cut_off_at_any_byte_opens_nothing(
    tmp_path: Path, clock: FakeClock, *, is_moved: bool
) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    for length in range(len(GOOD)):
        if is_moved:
            put(file, GOOD[:length])
        else:
            file.write_text(GOOD[:length])
        await look(policies, clock)
        assert may(policies, "one")
        assert not opens(policies), f"cut off after {length}"
    put(file, GOOD)
    await look(policies, clock)
    assert policies.faults == ()


async def test_what_replaces_a_file_with_an_end_has_one_too(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    put(file, allowing("p", "one", "two", end=""))
    with kept() as record:
        await look(policies, clock, times=3)
    assert not opens(policies)
    assert record.names == ["policy.refused"]
    assert "three dots" in policies.faults[0].text
    with pytest.raises(PolicyInvalid):
        policies.reload()
    put(file, allowing("p", "one", "three"))
    await look(policies, clock)
    assert may(policies, "three")


async def test_a_policy_that_moved_to_another_file_keeps_its_end(tmp_path: Path, clock: FakeClock) -> None:
    put(tmp_path / "p.yaml", GOOD)
    policies = Policies(tmp_path, clock=clock)
    (tmp_path / "p.yaml").unlink()
    put(tmp_path / "q.yaml", allowing("p", "one", "two", end=""))
    await look(policies, clock)
    assert not opens(policies)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "# gone\n",
        "...\n",
        "name: p\nrules:\n...\n",
        "name: p\nrule: []\n...\n",
        "name: p\nrules: [}\n...\n",
        "\x00" * 100,
        "name: p\nrules: []\n...\nname: q\nrules: []\n...\n",
        "name: p\nrules: [{name: a, effect: allow, agent: {roles: [admin]}}]\n...\n",
        "name: p\nrules: [{name: a, effect: allow, agents: {roles: []}}]\n...\n",
    ],
)
async def test_a_file_that_says_nothing_or_nonsense_changes_nothing(
    tmp_path: Path, clock: FakeClock, text: str
) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    engine = policies.engine
    put(file, text)
    with kept() as record:
        await look(policies, clock, times=3)
    assert policies.engine is engine
    assert record.names == ["policy.refused"]
    assert record.events[0].is_warning
    assert str(file) in record.events[0].reason
    with pytest.raises(PolicyInvalid):
        Policies(file)


Harm = Callable[[Path], object]


def _a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def _a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _a_loop(path: Path) -> None:
    path.unlink()
    path.symlink_to(path.name)


HARMS: dict[str, Harm] = {
    "gone": Path.unlink,
    "a folder": _a_folder,
    "a pipe": _a_pipe,
    "a loop of links": _a_loop,
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
@pytest.mark.parametrize("by", ["file", "folder"])
async def test_a_file_that_cannot_be_read_any_more_changes_nothing(
    tmp_path: Path, clock: FakeClock, harm: Harm, by: str
) -> None:
    put(tmp_path / "a.yaml", allowing("a", "one", "two", "three"))
    denying = put(tmp_path / "z.yaml", allowing("z", "one", deny="two, three"))
    policies = Policies(*([tmp_path] if by == "folder" else [tmp_path / "a.yaml", denying]), clock=clock)
    harm(denying)
    with kept() as record:
        await look(policies, clock, times=3)
    assert may(policies, "one")
    assert not opens(policies)
    assert record.names == ["policy.refused"]
    assert str(denying) in policies.faults[0].source


@pytest.mark.skipif(os.geteuid() == 0, reason="the superuser reads everything")
async def test_a_file_whose_rights_are_gone_changes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    file.chmod(0)
    await look(policies, clock)
    assert policies.faults
    assert not opens(policies)


async def test_a_folder_that_is_gone_or_empty_changes_nothing(tmp_path: Path, clock: FakeClock) -> None:
    folder = tmp_path / "policies"
    folder.mkdir()
    put(folder / "p.yaml", GOOD)
    policies = Policies(folder, clock=clock)
    (folder / "p.yaml").unlink()
    await look(policies, clock, times=2)
    assert may(policies, "one")
    shutil.rmtree(folder)
    await look(policies, clock, times=2)
    assert may(policies, "one")
    assert not opens(policies)


async def test_one_bad_file_keeps_every_change_of_the_set_out(tmp_path: Path, clock: FakeClock) -> None:
    put(tmp_path / "a.yaml", allowing("a", "one"))
    put(tmp_path / "b.yaml", allowing("b", "one", deny="two"))
    policies = Policies(tmp_path, clock=clock)
    put(tmp_path / "a.yaml", allowing("a", "one", "two", "three"))
    put(tmp_path / "b.yaml", "name: b\nrules: [")
    await look(policies, clock)
    assert not opens(policies)
    put(tmp_path / "b.yaml", allowing("b", "one", deny="two"))
    await look(policies, clock)
    assert (may(policies, "two"), may(policies, "three")) == (False, True)


async def test_a_policy_that_vanishes_from_a_folder_goes_on_until_somebody_says_so(
    tmp_path: Path, clock: FakeClock
) -> None:
    put(tmp_path / "a.yaml", allowing("a", "one", "two"))
    denying = put(tmp_path / "b.yaml", allowing("b", "one", deny="two"))
    policies = Policies(tmp_path, clock=clock)
    denying.unlink()
    await look(policies, clock)
    assert not opens(policies)
    assert "'b'" in policies.faults[0].text
    policies.reload()
    assert (may(policies, "two"), policies.faults) == (True, ())


async def test_what_is_wrong_is_told_once_and_again_when_it_changes(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    with kept() as record:
        put(file, "name: p")
        await look(policies, clock, times=100)
        assert record.names == ["policy.refused"]
        put(file, "name: q")
        await look(policies, clock, times=5)
        assert record.names == ["policy.refused"] * 2
        put(file, GOOD)
        await look(policies, clock, times=5)
        assert record.names == ["policy.refused"] * 2 + ["policy.loaded"]
    assert policies.faults == ()


async def test_a_file_that_is_put_back_as_it_was_is_well_again(tmp_path: Path, clock: FakeClock) -> None:
    file = put(tmp_path / "p.yaml", GOOD)
    policies = Policies(file, clock=clock)
    file.rename(tmp_path / "aside")
    await look(policies, clock, times=2)
    assert policies.faults
    (tmp_path / "aside").rename(file)
    await look(policies, clock, times=2)
    assert policies.faults == ()


@pytest.mark.parametrize("name", ["none.yaml", "empty"])
def test_without_a_first_good_set_nothing_starts(tmp_path: Path, name: str) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(PolicyInvalid) as caught:
        Policies(tmp_path / name)
    assert [one.source for one in caught.value.faults] == [str(tmp_path / name)]


def test_every_fault_of_every_file_is_told_at_the_start(tmp_path: Path) -> None:
    for name in ("a", "b"):
        put(tmp_path / f"{name}.yaml", f"name: {name}\nrule: []\n")
    put(tmp_path / "c.yaml", allowing("c", "one"))
    with pytest.raises(PolicyInvalid) as caught:
        Policies(tmp_path, tmp_path / "none.yaml")
    assert {Path(one.source).name for one in caught.value.faults} == {"a.yaml", "b.yaml", "none.yaml"}


def test_a_default_of_one_file_opens_nothing_of_others(tmp_path: Path) -> None:
    put(tmp_path / "a.yaml", "name: a\ndefault_effect: allow\nrules: []\n")
    assert may(Policies(tmp_path), "anything")
    put(tmp_path / "b.yaml", "name: b\nrules: []\n")
    assert not may(Policies(tmp_path), "anything")
