"""The page's set-up of OpenTelemetry is all that it takes."""

from __future__ import annotations

import subprocess
import sys

from tests.docs.pages import python_blocks

MEASURED = """
from mcpauthkit.telemetry import Measure

before = Measure("verify")
{block}
for measure in (before, Measure("verify")):
    with measure.begin(verifier="JwtVerifier"):
        pass
print(len(exporter.get_finished_spans()))
[scope] = reader.get_metrics_data().resource_metrics[0].scope_metrics
print(sum(point.value for metric in scope.metrics if metric.unit != "s" for point in metric.data.data_points))
"""


def test_an_sdk_set_up_as_on_the_page_gets_spans_and_metrics_of_what_was_made_before_and_after() -> None:
    [block] = python_blocks("docs/telemetry.md")
    # In a process of its own: an SDK is set up once and for good.
    ran = subprocess.run(  # noqa: S603  # our own page
        [sys.executable, "-c", MEASURED.format(block=block)], capture_output=True, text=True, check=False, timeout=60
    )
    assert (ran.stdout.split("\n"), ran.stderr) == (["2", "2", ""], "")
