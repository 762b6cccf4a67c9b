"""Make the tables and texts of the commands ``shouwang city …``."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from rich.table import Table

from database.city.feed import HBA, ServerSetting
from database.city.judging import Verdict
from database.city.names import FOLLOWER, WRITER
from database.city.report import Indicators, Report
from vocabulary.severity import SEVERITIES

UNKNOWN = "?"


def settings_advice(wrong: Sequence[ServerSetting]) -> str:
    """Say what to change in the configuration of the feed's server."""
    lines = [f"{one.name} = {one.wanted}    # is {one.value}: {one.reason}" for one in wrong]
    return "\n".join(
        [
            "先修改上报库服务器的配置并重启，再运行一次。",
            "Nothing was published. First put this into the configuration of the feed's server"
            " (conf.d/shouwang-feed.conf), restart it, and run this again:",
            *lines,
        ]
    )


def next_steps(code: str, host: str, port: int, database: str, secrets: Path | None) -> str:
    """Say what the district and the city do next."""
    word = f"the password in {secrets / WRITER}" if secrets else "its password"
    other = f" --password-file {FOLLOWER}" if secrets else ""
    where = f"HOST:{port}" if host.startswith("/") or host in ("localhost", "127.0.0.1", "::1") else f"{host}:{port}"
    return "\n".join(
        [
            f"已发布 {code} is published.",
            "1. Head of pg_hba.conf of the feed's server, then reload it:",
            *(f"     {line.format(database=database)}" for line in HBA),
            f'2. city_feed = "localhost:{port}/{database}" in /etc/shouwang/setup.toml, then shouwang setup'
            " and systemctl restart shouwang-maintain; without shouwang setup its environment is",
            f"     SHOUWANG_FEED_URL=postgresql://{WRITER}:PASSWORD@localhost:{port}/{database}    ({word})",
            *([f"3. Bring {secrets / FOLLOWER} to the city."] if secrets else []),
            "In the city:",
            f"     shouwang city join{other} 'postgresql://{FOLLOWER}@{where}/{database}?sslmode=verify-full&sslrootcert=CA'",
        ]
    )


def status_table(found: Sequence[Verdict]) -> Table:
    """Make one row for each district."""
    table = Table("区 district", "state", "age", "behind", "held of bound", "errors", "what to do")
    for one in found:
        bound = "no bound" if one.bound_bytes is None else _bytes(one.bound_bytes)
        held = UNKNOWN if one.held_bytes is None else f"{_bytes(one.held_bytes)} of {bound}"
        style = "" if one.good else "yellow" if one.state in ("copying", "late") else "red"
        cells = (
            one.district, one.state, _age(one.age_s), UNKNOWN if one.behind_bytes is None else _bytes(one.behind_bytes),
            held, str(one.errors), one.text,
        )  # fmt: skip
        table.add_row(*cells, style=style)
    return table


def report_table(found: Report) -> Table:
    """Make one row for each district, and the city's below."""
    by_severity = "open " + "/".join(severity[0] for severity in SEVERITIES)
    headings = ("区 district", "data", "people watched", "gateways offline", by_severity, "unanswered",
                "alerts", "acknowledged p50/p95", "at the door p50/p95", "false")  # fmt: skip
    table = Table(*headings, title=f"{found.since:%Y-%m-%d} to {found.until:%Y-%m-%d %H:%M} UTC")
    for one in found.districts:
        table.add_row(*_row(one, ""), style="" if one.known else "yellow")
    table.add_section()
    # a sum without the unknown ones is the least that it can be
    table.add_row(*_row(found.city, "" if found.city.known else "≥ "), style="bold")
    return table


def report_notes(found: Report) -> Iterator[str]:
    """Say of which districts the present is unknown."""
    if found.unknown:
        yield (
            f"当前状况未知 unknown now: {', '.join(found.unknown)}: their alerts and gateways are not in '≥', and their"
            " past ends with the age of their data. Why: shouwang city status"
        )


def _row(one: Indicators, least: str) -> tuple[str, ...]:
    counts = one.open
    return (
        one.name_zh if one.name_zh == one.name_en else f"{one.name_zh} {one.name_en}",
        _age(one.age_s),
        f"{least}{_number(one.people_watched)} of {_number(one.people)}",
        f"{least}{_number(one.gateways_offline)} of {_number(one.gateways)}",
        UNKNOWN if counts is None else least + "/".join(str(counts[severity]) for severity in SEVERITIES),
        f"{least if one.unanswered is not None else ''}{_number(one.unanswered)}",
        str(one.alerts),
        f"{_seconds(one.acknowledged_p50_s)} / {_seconds(one.acknowledged_p95_s)}",
        f"{_seconds(one.on_scene_p50_s)} / {_seconds(one.on_scene_p95_s)}",
        "–" if one.false_share is None else f"{one.false_share:.0%}",
    )


def _number(count: int | None) -> str:
    return UNKNOWN if count is None else str(count)


def _seconds(time: float | None) -> str:
    return "–" if time is None else f"{time:.0f} s" if time < 600 else f"{time / 60:.0f} min"


def _age(age: float | None) -> str:
    if age is None:
        return "never heard"
    return f"{age:.0f} s" if age < 600 else f"{age / 60:.0f} min" if age < 7200 else f"{age / 3600:.0f} h"


def _bytes(number: int) -> str:
    return f"{number / 2**20:,.1f} MiB" if number < 2**30 else f"{number / 2**30:,.1f} GiB"
