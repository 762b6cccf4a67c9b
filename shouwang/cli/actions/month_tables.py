"""Print the figures of a judged month, and all that went wrong in it."""

import time
from typing import Any

from rich.console import Console
from rich.table import Table

from shouwang.evaluation.scoring import Judged
from vocabulary.times import LOCAL_US


def print_figures(out: Console, result: dict[str, Any], limit: float) -> None:
    """Print the tables: episodes, quiet scenes, rules, false alerts; then the sums."""
    kinds = Table("episode", "found", "delay, median", "longest", "false in it", "missed", title="true episodes")
    for kind, row in result["by_kind"].items():
        style = "red" if row["found"] < row["injected"] else ""
        why = ", ".join(f"{count} {word}" for word, count in row["missed"].items())
        spans = _span(row["delay_median_s"]), _span(row["delay_max_s"])
        kinds.add_row(
            kind, f"{row['found']} of {row['injected']}", *spans, str(row["false_medical"] or ""), why, style=style
        )
    out.print(kinds)
    if result["quiet_by_kind"]:
        quiet = Table("must stay quiet", "times", "false medical", "false technical", title="quiet scenes")
        for kind, row in result["quiet_by_kind"].items():
            counts = (str(row[name]) for name in ("played", "false_medical", "false_technical"))
            quiet.add_row(kind, *counts, style="red" if row["false_medical"] else "")
        out.print(quiet)
    rules = Table("rule", "alerts", "precision", "episodes", "recall", "told by itself", title="rules")
    for rule, row in result["by_rule"].items():
        share = (f"{row[name]:.3f}" if row[name] is not None else "" for name in ("precision", "recall"))
        precision, recall = share
        rules.add_row(rule, str(row["alerts"]), precision, str(row["episodes"]), recall, str(row["itself"]))
    out.print(rules)
    false = Table("false alerts", "", "alerts", "per resident-week", title="false alerts by rule and scene")
    for name in ("medical", "technical"):
        for what in ("rule", "scene"):
            for title, row in result[f"false_{name}_by_{what}"].items():
                false.add_row(title, f"{name}, {what}", str(row["alerts"]), f"{row['per_resident_week']:.4f}")
    out.print(false)
    for name, row in result["series"].items():
        rate = row["false_medical_per_resident_week"]
        out.print(
            f"{name} homes: [{'red' if rate > limit else 'green'}]{rate:.3f} false medical alerts per resident-week[/]"
            f", {row['injected']} episodes, {row['missed']} missed; {row['resident_weeks']:.0f} resident-weeks"
        )
    rate = result["false_medical_per_resident_week"]
    out.print(
        f"false medical alerts: [{'red' if rate > limit else 'green'}]{rate:.3f} per resident-week[/], "
        f"limit {limit:g}; {result['resident_weeks']:.0f} resident-weeks, seed {result['seed']}"
    )
    out.print(f"episodes: {result['injected']} injected, {result['missed']} missed")
    speed = result["readings"] / max(result["engine_seconds"], 1e-9)
    out.print(f"{result['readings']:,} readings and events in {result['seconds']:.0f} s; engine {speed:,.0f} /s")


def print_wrong(out: Console, judged: Judged) -> None:
    """Print every false medical alert and every missed episode."""
    for one in judged.false:
        if one.medical:
            alert = one.alert
            words = f"{one.resident} {clock(alert.told_us)} {alert.rule} ({alert.severity}, {one.scene})"
            out.print(f"false  {words}: {alert.reason_en}", highlight=False, soft_wrap=True)
    for found in judged.missed:
        episode = found.episode
        words = f"{episode.resident} {clock(episode.begin_us)} {episode.kind}"
        out.print(f"missed {words}: {episode.must}; {found.why}", highlight=False, soft_wrap=True)


def wrong(judged: Judged) -> dict[str, Any]:
    """Every false alert and every missed episode, for JSON."""
    return {
        "false_alerts": [
            {
                "resident": one.resident,
                "scene": one.scene,
                "rule": one.alert.rule,
                "severity": one.alert.severity,
                "onset_us": one.alert.onset_us,
                "told_us": one.alert.told_us,
                "reason_en": one.alert.reason_en,
            }
            for one in judged.false
        ],
        "missed_episodes": [
            {
                "resident": found.episode.resident,
                "kind": found.episode.kind,
                "begin_us": found.episode.begin_us,
                "end_us": found.episode.end_us,
                "device": found.episode.device,
                "why": found.why,
            }
            for found in judged.missed
        ],
    }


def clock(us: int, form: str = "%d %H:%M") -> str:
    """Shanghai time."""
    return time.strftime(form, time.gmtime((us + LOCAL_US) / 1e6))


def _span(seconds: float | None) -> str:
    if seconds is None:
        return "—"
    if abs(seconds) < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if abs(seconds) < 7200 else f"{seconds / 3600:.1f} h"
