"""The doctor's report, for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from mcpauthkit.cli.output import counted
from mcpauthkit.doctor.catalogue import CATALOGUE
from mcpauthkit.doctor.examination import Need
from mcpauthkit.doctor.finding import LEVELS, Finding, Level
from mcpauthkit.doctor.report import Report

_STYLES: Mapping[Level, str] = {"error": "bold red", "warning": "bold yellow", "note": "bold cyan"}
_WANTS: Mapping[Need, str] = {
    "app": "the application, as package.module:name",
    "started": "a start",
    "wire": "an address, or an application that starts",
    "network": "an address on the network",
    "token": "a token",
    "settings": "the server's settings",
}


def print_report(report: Report) -> None:
    """Print a report: findings, clients that do not come through, and what could not be looked at.

    Args:
        report: What was found.
    """
    console = Console(highlight=False, soft_wrap=not Console().is_terminal)
    titles = {fault.code: fault.title for fault in CATALOGUE}
    for finding in report.findings:
        # Evidence is what strangers wrote; as Text it is printed and never interpreted.
        title = titles.get(finding.code, finding.code)
        level = (finding.level, _STYLES[finding.level])
        console.print(Text.assemble(level, "  ", (finding.code, "bold"), f": {title}"))
        for line in _details(finding):
            console.print(Padding(line, (0, 0, 0, 2)) if console.is_terminal else Text("  ").append_text(line))
        console.print()
    for stopped in _stopped(report):
        console.print(stopped)
    for need, names in _not_examined(report).items():
        console.print(Text(f"not examined for want of {_WANTS[need]}: {', '.join(names)}", style="dim"))
    console.print(_summary(report))


def _not_examined(report: Report) -> Mapping[Need, Sequence[str]]:
    by_need: dict[Need, list[str]] = {}
    for name, need in report.skipped.items():
        by_need.setdefault(need, []).append(name)
    return by_need


def _details(finding: Finding) -> Iterator[Text]:
    yield Text(finding.cause)
    yield Text(f"Seen: {finding.evidence}")
    yield Text(f"At:   {finding.place}")
    yield Text(f"Fix:  {finding.fix}", style="green")


def _stopped(report: Report) -> Iterator[Text]:
    at: dict[tuple[str, str], list[str]] = {}
    for one in report.journeys:
        at.setdefault((one.stopped, one.code), []).append(one.client)
    for (step, code), clients in at.items():
        who = "Every reference client" if len(at) == 1 else ", ".join(clients)
        ends = f'stops at the step "{step}": {code}' if code else "comes to the sign-in page"
        yield Text(f"{who}: {ends}")


def _summary(report: Report) -> Text:
    counts = {level: sum(one.level == level for one in report.findings) for level in LEVELS}
    told = ", ".join(counted(count, level) for level, count in counts.items() if count) or "nothing is wrong"
    done = counted(len(report.done), "check")
    return Text(f"{report.target}: {told} ({done} in {report.seconds:.1f} s)")
