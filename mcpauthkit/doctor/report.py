"""What an examination ends with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from mcpauthkit.doctor.examination import Need
from mcpauthkit.doctor.finding import Finding


@dataclass(frozen=True, slots=True)
class Report:
    """What an examination found.

    Args:
        target: What was examined.
        findings: The worst first.
        done: Names of the checks that were made.
        skipped: Names of those that were not, and what they would have needed.
        seconds: How long it took.
    """

    target: str
    findings: tuple[Finding, ...] = ()
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
