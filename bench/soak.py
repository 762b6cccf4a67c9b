"""Run hours of a district's data in minutes, and hold memory, delays, queues and tables against their second quarter.

``python -m bench.soak --homes 450 --hours 8 --minutes 30 --report soak.md`` is the long form: 450 homes 16 times faster
than life send as much as 7,200 do.
"""

import argparse
import logging
import sys
import tempfile
from pathlib import Path

import structlog

from bench.figures import Figure
from shouwang.drills.soak import SoakResult, report, run_soak

HOMES, HOURS, MINUTES = 40, 0.8, 3.0


def run() -> list[Figure]:
    """Run the small form: three minutes, with the speed of the long one."""
    result = soak(HOMES, HOURS, MINUTES)
    half = result.samples[len(result.samples) // 4 : len(result.samples) // 2]
    before, after = (sum(sample.memory_mib.values()) for sample in (half[0], result.samples[-1]))
    return [
        Figure(name="soak: services' memory at the end", value=after, unit="MiB", reference=before,
               reference_name="after a quarter", note=f"{HOMES} homes, {HOURS} h in {MINUTES} min"),
        Figure(name="soak: things that grew", value=len(result.grown), unit="", note="; ".join(result.grown)),
        Figure(name="soak: presses not told", value=result.untold, unit="", note=f"of {result.presses}"),
    ]  # fmt: skip


def soak(homes: int, hours: float, minutes: float) -> SoakResult:
    """Run it in a temporary folder, with progress on standard error."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    with tempfile.TemporaryDirectory(prefix="shouwang-soak-") as folder:
        return run_soak(Path(folder) / "soak", homes, hours, minutes, lambda text: print(text, file=sys.stderr))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--homes", type=int, default=450)
    parser.add_argument("--hours", type=float, default=8.0)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    result = soak(options.homes, options.hours, options.minutes)
    text = report(result)
    if options.report:
        options.report.write_text(text)
    print(text)
    return 1 if result.grown or result.untold else 0


if __name__ == "__main__":
    raise SystemExit(main())
