"""What was seen: a picture of every state of a page, what axe says of it, and an index of both."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "screenshots"
INDEX = "INDEX.md"
SEVERE = frozenset({"serious", "critical"})


class Ugly(AssertionError):
    """A page is not as pages of ours have to be.

    Args:
        complaints: What is wrong with it.
    """

    def __init__(self, *complaints: object) -> None:
        super().__init__("; ".join(map(str, complaints)))
        self.complaints = complaints


@dataclass(frozen=True)
class Finding:
    """Something that axe has against a page.

    Attributes:
        rule: The rule's name.
        impact: `minor`, `moderate`, `serious` or `critical`.
        help: What to do about it.
        where: The elements, as selectors.
        scheme: `light` or `dark`.
    """

    rule: str
    impact: str
    help: str
    where: tuple[str, ...]
    scheme: str


@dataclass(frozen=True)
class Sight:
    """A state of a page.

    Attributes:
        name: Journey, step and width; also the pictures' names.
        title: The page's title.
        findings: What axe says, in the light and in the dark.
    """

    name: str
    title: str
    findings: tuple[Finding, ...]

    def keep(self, folder: Path) -> None:
        """Write it down for the index, which another process may write."""
        (folder / f"{self.name}.json").write_text(json.dumps(asdict(self)), encoding="utf-8")


def write_index() -> list[str]:
    """Write the index of all pictures; gives a line for the terminal, and one for each finding that fails nothing."""
    sights = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(SCREENSHOTS.glob("*.json"))]
    rows = ["# Screenshots", "", "A page's title, its picture in the light and in the dark, and what axe says.", ""]
    remarks = []
    for sight in sights:
        name, findings = sight["name"], sight["findings"]
        said = sorted({f"{one['impact']}: {one['rule']} ({one['help']})" for one in findings})
        rows.append(f"- {sight['title']}: [{name}.png]({name}.png), [dark]({name}-dark.png); {said or 'nothing'}")
        remarks += [f"axe on {name}: {text}" for text in said]
    (SCREENSHOTS / INDEX).write_text("\n".join(rows) + "\n", encoding="utf-8")
    return [f"{2 * len(sights)} screenshots in {SCREENSHOTS}, listed in {INDEX}", *remarks]
