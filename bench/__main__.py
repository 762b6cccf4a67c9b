"""``make bench``: run the benchmarks, print one table, write ``bench/results.json``.

``python -m bench`` runs all; ``python -m bench ingest_drain`` only those named.
"""

import datetime
import importlib
import os
import platform
import sys
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench.figures import Figure

MODULES = (
    "ingest_drain",
    "ingest_index",
    "ingest_workers",
    "ingest_load",
    "flood",
    "history",
    "peers",
    "alert_latency",
    "alert_load",
    "escalation",
    "detection",
    "fall_detection",
    "edge",
    "edge_line",
    "matching",
)
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    out = Console()
    unknown = set(names) - set(MODULES)
    if unknown:
        out.print(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}")
        return 2
    figures: list[Figure] = []
    for name in names or MODULES:
        out.rule(name)
        figures += importlib.import_module(f"bench.{name}").run()
    table = Table("figure", "value", "unit", "held against", "reference", "ratio", "note")
    for f in figures:
        table.add_row(
            f.name,
            f"{f.value:,.4g}" if f.value < 1000 else f"{f.value:,.0f}",
            f.unit,
            f.reference_name,
            "" if f.reference is None else f"{f.reference:,.4g}" if f.reference < 1000 else f"{f.reference:,.0f}",
            "" if f.ratio is None else f"{f.ratio:.2f}",
            f.note,
        )
    out.print(table)
    if not names:
        _write(figures)
        out.print(f"written to {RESULTS}")
    return 0


def _write(figures: list[Figure]) -> None:
    document = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "figures": [{**msgspec.to_builtins(f), "ratio": f.ratio} for f in figures],
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
