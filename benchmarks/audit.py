"""The audit trail: verifying it, proving out of it, taking entries into it, and what it costs those who make moves."""

from benchmarks import merging, proving, sequencing, verifying
from benchmarks.report import Result


def measured() -> list[Result]:
    """Measure all four."""
    return [result for part in (verifying, proving, sequencing, merging) for result in part.measured()]
