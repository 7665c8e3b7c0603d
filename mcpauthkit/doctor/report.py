"""What an examination ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from mcpauthkit.doctor.examination import Need
from mcpauthkit.doctor.finding import Finding
from mcpauthkit.doctor.outside.replay import Journey


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found.

    Args:
        target: What was examined.
        findings: The worst first.
        journeys: How far each reference client gets; empty where nobody could look.
        done: Names of the checks that were made.
        skipped: Names of those that were not, and what they would have needed.
        seconds: How long it took.
    """

    target: str
    findings: tuple[Finding, ...] = ()
    journeys: tuple[Journey, ...] = ()
    done: tuple[str, ...] = ()
    skipped: Mapping[str, Need] = field(default_factory=dict)
    seconds: float = 0.0

    def is_healthy(self, *, strict: bool = False) -> bool:
        """Whether there is no finding of level error, nor, if strict, of level warning.

        Args:
            strict: Whether warnings count.
        """
        counting = {"error", "warning"} if strict else {"error"}
        return not any(one.level in counting for one in self.findings)

    def as_json(self) -> dict[str, Any]:
        """The report as one JSON object."""
        return {
            "target": self.target,
            "healthy": self.is_healthy(),
            "seconds": round(self.seconds, 3),
            "findings": [asdict(one) for one in self.findings],
            "clients": [asdict(one) for one in self.journeys],
            "checks": {"done": list(self.done), "skipped": dict(self.skipped)},
        }
