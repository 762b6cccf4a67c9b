"""``shouwang evaluate news2``: replays a CSV of vital signs and holds the NEWS2 alerts against the standard."""

import datetime as dt
import json
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn
from rich.table import Table

from alerting.detection.detectors import all_detectors
from alerting.replay import files, what_if
from alerting.replay.recording import Recording
from alerting.replay.residents import ResidentsFile, read_residents
from alerting.replay.rows import read_rows
from alerting.replay.run import replay
from shouwang.cli.actions.replay import zone_of
from shouwang.evaluation.news2_judging import ASKED, Judged, Reach, judge
from vocabulary.errors import BilingualError
from vocabulary.times import local

LEAST_TOLD = 0.97
"""Share of the people who reach 7 that must be told at the reading that makes it 7."""
SHOWN = 20
_FRESH = "news2.fresh_s."


class News2Request(msgspec.Struct, frozen=True, kw_only=True):
    """The options of the command; see the command's help."""

    csv: Path
    residents: Path | None
    zone: str
    settings: list[str]
    as_json: bool
    list_all: bool


def run(request: News2Request) -> bool:
    """Replay, judge and print the figures; whether they are as they have to be.

    Raises BilingualError for a file without a scored value, and ValueError for files, residents and parameters that
    cannot be read.
    """
    out = Console(stderr=request.as_json)
    parameters = what_if.parse(request.settings)
    recording, rejected = _read(request, out)
    recording = what_if.tuned(recording, parameters)
    with Progress(TextColumn("replaying"), BarColumn(), console=out, transient=True) as progress:
        task = progress.add_task("", total=1.0)
        findings = replay(recording, lambda share: progress.update(task, completed=share))
    judged = judge(recording, findings, fresh_us())
    if not judged.moments:
        raise BilingualError(
            en=f"{request.csv}: no value that NEWS2 scores; it needs heart_rate, respiration_rate, spo2, systolic_bp, "
            "body_temperature or consciousness in the column channel (docs/replay.md)",
            zh=f"{request.csv}：没有 NEWS2 评分所需的数值，channel 列应有 heart_rate、respiration_rate、spo2、"
            "systolic_bp、body_temperature 或 consciousness（见 docs/replay.md）",
        )
    result = figures(judged) | {"rows_refused": rejected, "parameters": parameters}
    if request.as_json:
        print(json.dumps(result, indent=1, ensure_ascii=False))
    else:
        _print(out, judged, result, None if request.list_all else SHOWN)
    return bool(result["good"])


def fresh_us() -> dict[str, int]:
    """How long a value counts, by channel, as the detector declares it (``news2.fresh_s.<channel>``)."""
    constants = {name: value for kind in all_detectors().values() for name, value in kind.constants.items()}
    return {name.removeprefix(_FRESH): round(v * 1e6) for name, v in constants.items() if name.startswith(_FRESH)}


def figures(judged: Judged) -> dict[str, Any]:
    """The figures as numbers. ``good``: nothing differs, and of those who reach 7, LEAST_TOLD are told at once."""
    by_threshold = {threshold: _of_threshold(judged, threshold) for threshold in ASKED}
    sevens = by_threshold["7"]
    return {
        "people": judged.people,
        "readings": judged.readings,
        "impossible_readings": judged.impossible,
        "moments": judged.moments,
        "complete_moments": judged.complete,
        "values": judged.values,
        "values_that_differ": judged.values_differ,
        "statements": judged.statements,
        "statements_that_differ": judged.statements_differ,
        "differences": [msgspec.to_builtins(one) for one in judged.differences],
        "reached": by_threshold,
        "missed": [msgspec.to_builtins(one) for one in judged.reached if not one.at_the_reading],
        "good": not judged.values_differ
        and not judged.differences
        and sevens["told_at_the_reading"] >= LEAST_TOLD * sevens["people"],
    }


def _of_threshold(judged: Judged, threshold: str) -> dict[str, Any]:
    reached = [one for one in judged.reached if one.threshold == threshold]
    delays = [one.delay_s for one in reached if one.delay_s is not None]
    quantiles = np.percentile(delays, (50, 90, 100)).tolist() if delays else ()
    spread = dict(zip(("median_s", "p90_s", "max_s"), quantiles, strict=False))
    return {
        "people": len(reached),
        "told": len(delays),
        "told_at_the_reading": sum(one.at_the_reading for one in reached),
        **{name: round(value, 1) for name, value in spread.items()},
    }


def _read(request: News2Request, out: Console) -> tuple[Recording, int]:
    known = ResidentsFile([]) if request.residents is None else read_residents(request.residents)
    rows = read_rows(request.csv, zone_of(request.zone))
    for reject in rows.rejects[:SHOWN]:
        out.print(f"line {reject.line} is not used: {reject.why}", style="yellow", highlight=False)
    if len(rows.rejects) > SHOWN:
        out.print(f"… and {len(rows.rejects) - SHOWN} lines more", style="yellow", highlight=False)
    return files.recording_of(rows, known).recording, len(rows.rejects)


def _print(out: Console, judged: Judged, result: dict[str, Any], most: int | None) -> None:
    impossible = f", {judged.impossible:,} more that no body gives" if judged.impossible else ""
    out.print(
        f"{judged.people:,} people, {judged.readings:,} scored readings{impossible}; "
        f"{judged.moments:,} moments scored, {judged.complete:,} of them complete"
    )
    table = Table(
        "分值 reaches", "人数 people", "已报 told", "当即报出 at the reading", "中位 median", "p90", "最迟 max"
    )
    for threshold, one in result["reached"].items():
        delays = [lasting(one[name]) if name in one else "–" for name in ("median_s", "p90_s", "max_s")]
        share = f" ({one['told_at_the_reading'] / one['people']:.1%})" if one["people"] else ""
        table.add_row(
            f"{threshold} → {ASKED[threshold]}",
            str(one["people"]),
            str(one["told"]),
            f"{one['told_at_the_reading']}{share}",
            *delays,
        )
    out.print(table)
    out.print(f"points by a plain scorer: {judged.values:,} values, {judged.values_differ} differ")
    out.print(f"what alerts state: {judged.statements:,} statements, {judged.statements_differ} differ")
    _list(out, "not told at the reading:", [_miss(r) for r in judged.reached if not r.at_the_reading], most)
    _list(out, "stated otherwise than the standard:",
          [f"{one.person} {_clock(one.time_us)}: {one.what}" for one in judged.differences], most)  # fmt: skip
    out.print("[green]as the standard[/]" if result["good"] else "[red]not as the standard[/]")


def _list(out: Console, title: str, lines: list[str], most: int | None) -> None:
    if not lines:
        return
    out.print(title, style="bold")
    for line in lines[:most]:
        out.print(f"  {line}", highlight=False, markup=False)
    if most is not None and len(lines) > most:
        out.print(f"  … and {len(lines) - most} more (--list shows all)", highlight=False)


def _miss(reach: Reach) -> str:
    parts = " + ".join(f"{part.channel} {part.value:g} ({part.points})" for part in reach.score.parts if part.points)
    told = "never told" if reach.delay_s is None else f"told {lasting(reach.delay_s)} later"
    said = f"; said then: {reach.said}" if reach.said else "; no NEWS2 alert after it"
    return (
        f"{reach.person} {_clock(reach.time_us)} reaches {reach.threshold}: {reach.score.total} = {parts}: {told}{said}"
    )


def lasting(seconds: float) -> str:
    """A delay in seconds, minutes or hours."""
    if seconds < 120:
        return f"{seconds:g} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _clock(us: int) -> str:
    return local(dt.datetime.fromtimestamp(us / 1e6, dt.UTC))
