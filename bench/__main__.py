"""``make bench``: run the benchmarks, print one table, write the figures to ``bench/results.json`` as they come.

``python -m bench`` runs those of :data:`USUAL` as far as 20 minutes allow, ``python -m bench quick`` a choice of them
with smaller sizes in 3 minutes, ``python -m bench ingest_drain`` only those named, and ``python -m bench picture``
draws the kept ratios (docs/performance.md). On a tree without changes the ratios are kept in ``bench/history.csv``;
what became worse by more than a tenth is named.
"""

import datetime
import importlib
import os
import platform
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec
from rich.console import Console
from rich.table import Table

from bench import kept, picture
from bench.figures import QUICK, Figure

USUAL = {
    "ingest_drain": 90,
    "alert_latency": 40,
    "detection": 60,
    "replay": 60,
    "ingest_load": 110,
    "alert_load": 90,
    "peers": 120,
    "escalation": 90,
    "ingest_workers": 110,
    "history": 200,
    "matching": 20,
    "fall_detection": 20,
    "edge": 170,
    "edge_line": 60,
    "ingest_index": 60,
    "dry_run": 20,
    "flood": 60,
    "console_sockets": 30,
    "console_pages": 40,
    "resident_search": 20,
}
"""The usual run in its order, with the seconds that each takes on a quiet machine of two cores; what a machine took the
last time stands in ``results.json`` and counts instead."""
ALONE = {
    "care_services": "makes the data of three years; 6 min",
    "admin_lists": "makes the records of a district; 2 min",
    "decisions": "makes the alerts of a year; 3 min",
    "exchange_district": "makes 7,198 homes; 2 min",
    "device_lists": "makes 85,000 devices; 1 min",
    "console_district": "makes 7,198 homes and a browser; 3 min",
    "protection": "makes 7,198 homes; 1 min",
    "board": "a browser, and a storm of alerts; 2 min",
    "plain_retention": "writes 90 days; 5 min",
    "reading_bytes": "a month of 40 residents, packed; 3 min",
    "city": "three servers and 60,000 alerts; 3 min",
    "restore": "writes and restores a cluster; 10 min",
    "soak": "hours of a district in half an hour",
}
"""Those that take too long for the usual run, and why."""
QUICK_ONES = ("ingest_drain", "detection", "replay", "matching", "fall_detection")
BUDGET_S, QUICK_BUDGET_S = 20 * 60, 3 * 60
RESULTS = Path(__file__).with_name("results.json")


def main(names: list[str]) -> int:
    out = Console(width=None if sys.stdout.isatty() else 200)
    if names == ["picture"]:
        picture.write(kept.read())
        out.print(f"drawn in {picture.PICTURE}")
        return 0
    short = names == ["quick"]
    unknown = [] if short else sorted(set(names) - USUAL.keys() - ALONE.keys())
    if unknown:
        there = ", ".join([*USUAL, *ALONE])
        out.print(f"no benchmark named {', '.join(unknown)}; there are: {there}; and quick, picture")
        return 2
    os.environ[QUICK] = "1" if short else "0"
    commit, took, began = kept.clean_commit(), _took(), time.monotonic()
    figures: list[Figure] = []
    ratios: list[kept.Kept] = []
    failed, left_out = [], []
    for name in QUICK_ONES if short else names or USUAL:
        expected = took.get(_command(name, short), USUAL.get(name, 0) / (4 if short else 1))
        budget = QUICK_BUDGET_S if short else BUDGET_S
        if (short or not names) and time.monotonic() - began + expected > budget:
            left_out.append(name)
            continue
        out.rule(name)
        start = time.monotonic()
        try:
            measured = importlib.import_module(f"bench.{name}").run()
        except Exception:
            out.print_exception()  # the other benchmarks go on
            failed.append(name)
            continue
        _write(_command(name, short), measured, time.monotonic() - start)
        figures += measured
        ratios += kept.kept_of(
            name,
            measured,
            date=datetime.datetime.now(datetime.UTC).date().isoformat(),
            commit=commit,
            version=kept.version(),
            run="quick" if short else "full",
        )
    out.print(_table(figures))
    out.print(f"kept in {RESULTS}; {time.monotonic() - began:,.0f} s")
    _tell_losses(out, ratios)
    if commit:
        kept.append(ratios)
        picture.write(kept.read())
    else:
        out.print("the tree has changes (or is no checkout): nothing is added to bench/history.csv")
    if not names:
        for name, why in ALONE.items():
            out.print(f"not in this run: python -m bench {name}  ({why})")
    if left_out:
        out.print(f"[bold]no time was left for:[/] python -m bench {' '.join(left_out)}")
    if failed:
        out.print(f"[bold red]failed:[/] {', '.join(failed)}")
    return 1 if failed else 0


def _command(name: str, short: bool) -> str:
    return f"python -m bench {'quick ' if short else ''}{name}"


def _tell_losses(out: Console, ratios: Sequence[kept.Kept]) -> None:
    for loss in kept.losses(ratios, kept.read()):
        against = "a fixed limit: the machine counts, too" if loss.now.fixed else "held against a peer of the same run"
        out.print(
            f"[bold red]{100 * loss.share:.0f} % worse[/] than {loss.was.date} ({loss.was.commit or loss.was.version}):"
            f" {loss.now.figure}: {loss.was.ratio:.3g} → {loss.now.ratio:.3g} ({against})"
        )


def _document() -> dict[str, object]:
    return dict(msgspec.json.decode(RESULTS.read_bytes())) if RESULTS.exists() else {}


def _took() -> dict[str, float]:
    """Seconds that each command took the last time here."""
    return msgspec.convert(_document().get("seconds", {}), dict[str, float])


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


def _write(command: str, measured: list[Figure], seconds: float) -> None:
    """Replace the figures of an earlier run of the same command; all others stay, with their dates."""
    earlier = msgspec.convert(_document().get("figures", []), list[dict[str, object]])
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    document = {
        "machine": {"cores": os.cpu_count(), "python": platform.python_version(), "system": platform.system()},
        "seconds": {**_took(), command: round(seconds)},
        "figures": [figure for figure in earlier if figure["command"] != command]
        + [{**msgspec.to_builtins(f), "ratio": f.ratio, "command": command, "date": today} for f in measured],
    }
    RESULTS.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
