"""What the benchmarks of stores share: figures of many samples, and aims that are met or missed."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Spread:
    """The figures of many samples.

    Args:
        median: The sample in the middle.
        p95: What 95 of 100 samples do not exceed.
        worst: The largest one.
    """

    median: float
    p95: float
    worst: float

    @classmethod
    def of(cls, samples: Sequence[float]) -> Spread:
        """The figures of these samples, of which there are two or more."""
        return cls(statistics.median(samples), statistics.quantiles(samples, n=20)[-1], max(samples))


@dataclass(frozen=True, slots=True)
class Aim:
    """A number that is to stay below another.

    Args:
        name: What it is, with its unit.
        measured: What it was.
        allowed: What it may be at most.
    """

    name: str
    measured: float
    allowed: float

    @property
    def is_met(self) -> bool:
        """Whether it stayed below."""
        return self.measured <= self.allowed

    def __str__(self) -> str:
        verdict = "met" if self.is_met else "missed"
        return f"aim {verdict}: {self.name} ({self.measured:.3f}, allowed {self.allowed:.3f})"


def report(aims: Sequence[Aim]) -> int:
    """Print how the aims stand; gives the exit status."""
    print()
    for aim in aims:
        print(aim)
    return 0 if all(aim.is_met for aim in aims) else 1


def machine() -> str:
    """On what it was measured, for the first line."""
    load = os.getloadavg()[0]
    return f"Python {platform.python_version()}, {os.cpu_count()} cores, load before the start {load:.1f}"


def resident_bytes() -> int:
    """What this process has in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
