"""``make bench``: run the benchmarks, print one table, write the figures to ``bench/results.json``.

``python -m bench`` runs all (about half an hour); ``python -m bench ingest_drain`` only those named.
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
    "reading_bytes",
    "ingest_load",
    "flood",
    "history",
    "plain_retention",
    "peers",
    "alert_latency",
    "alert_load",
    "escalation",
    "dry_run",
    "detection",
    "replay",
    "fall_detection",
    "edge",
    "edge_line",
    "matching",
    "board",
    "console_pages",
    "protection",
    "console_district",
    "exchange_district",
    "admin_lists",
    "decisions",
    "care_services",
    "console_sockets",
    "resident_search",
    "device_lists",
    "soak",
    "city",
    "restore",
)
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    out = Console()
    unknown = set(names) - set(MODULES)
    if unknown:
        out.print(f"no benchmark named {', '.join(sorted(unknown))}; there are: {', '.join(MODULES)}")
        return 2
    figures: list[Figure] = []
    failed = []
    for name in names or MODULES:
        out.rule(name)
        try:
            measured = importlib.import_module(f"bench.{name}").run()
        except Exception:
            out.print_exception()  # the other benchmarks go on: their figures take an hour
            failed.append(name)
            continue
        _write(f"python -m bench {name}", measured)
        figures += measured
    out.print(_table(figures))
    out.print(f"kept in {RESULTS}")
    if failed:
        out.print(f"[bold red]failed:[/] {', '.join(failed)}")
    return 1 if failed else 0


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "held against", "reference", "ratio", "note")
    for f in figures:
        table.add_row(
            f.name,
            _number(f.value),
            f.unit,
            f.reference_name,
            "" if f.reference is None else _number(f.reference),
            "" if f.ratio is None else f"{f.ratio:.2f}",
            f.note,
        )
    return table


def _number(value: float) -> str:
    return f"{value:,.4g}" if value < 1000 else f"{value:,.0f}"


def _write(command: str, measured: list[Figure]) -> None:
    """Replace the figures of an earlier run of the same command; all others stay, with their dates."""
    earlier = msgspec.json.decode(RESULTS.read_bytes())["figures"] if RESULTS.exists() else []
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "figures": [figure for figure in earlier if figure["command"] != command]
        + [{**msgspec.to_builtins(f), "ratio": f.ratio, "command": command, "date": today} for f in measured],
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
