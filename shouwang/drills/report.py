"""The report of the drills, as a table in Markdown."""

import datetime as dt
from collections.abc import Sequence

from shouwang.drills.account import DrillAccount
from shouwang.drills.drill import DrillResult
from vocabulary.times import SHANGHAI

HEAD = (
    "| drill 演练 | fault 故障 | readings said / lost / doubled | SOS said / events lost / doubled | alerts lost /"
    " doubled | messages lost / doubled | alert delay: median / worst (limit) | recovered by itself after | result |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- | --- |"
)


def markdown(results: Sequence[DrillResult], at: dt.datetime) -> str:
    """Write the report. ``at``: when the drills ended."""
    passed = sum(result.passed for result in results)
    refused = sum(bool(result.refused) for result in results)
    lines = [
        "# 演练报告 Report of the drills",
        "",
        f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} (Asia/Shanghai). {passed} of {len(results)} hold,"
        f" {refused} cannot be run here. Each drill on a platform of its own, under load before, during and after the"
        " fault. Said: by the gateways' ledgers. Stored and raised: by the database. Messages and delays: by the"
        " provider's ledger, from the press of the button to the first message. Recovered: from the end of the fault"
        " to the last late message; 0 s where none came late after it.",
        "",
        HEAD,
        *(row(result) for result in results),
        _sum([result.account for result in results if result.account is not None]),
        "",
    ]
    return "\n".join(lines)


def row(result: DrillResult) -> str:
    """Write one line of the table."""
    found = result.account
    head = f"{result.name} | {result.zh} {result.en}"
    if found is None:
        why = f"**FAILS**: {result.failed}" if result.failed else f"not run: {result.refused}"
        return f"| {head} | | | | | | | {why} |"
    recovered = "**no**" if result.recovered_s is None else f"{result.recovered_s:.1f} s"
    delay = f"{found.median_delay_s:.1f} / {found.worst_delay_s:.1f} s ({result.limit_s:.0f} s)"
    cells = (head, *_counts(found), delay, recovered, "holds" if result.passed else "**FAILS**")
    return f"| {' | '.join(cells)} |"


def _counts(found: DrillAccount) -> tuple[str, ...]:
    return (
        f"{found.readings.sent:,} / {found.readings.missing} / {found.readings.doubled}",
        f"{found.pressed} / {found.events_lost} / {found.events_doubled}",
        f"{found.alerts_lost} / {found.alerts_doubled}",
        f"{found.notifications_lost} / {found.notifications_doubled}",
    )


def _sum(accounts: Sequence[DrillAccount]) -> str:
    """Write the last line: the counts of all drills together."""
    readings = [sum(getattr(one.readings, name) for one in accounts) for name in ("sent", "missing", "doubled")]
    sos = [sum(getattr(one, name) for one in accounts) for name in ("pressed", "events_lost", "events_doubled")]
    rest = [
        sum(getattr(one, name) for one in accounts)
        for name in ("alerts_lost", "alerts_doubled", "notifications_lost", "notifications_doubled")
    ]
    cells = (
        f"{readings[0]:,} / {readings[1]} / {readings[2]}",
        f"{sos[0]:,} / {sos[1]} / {sos[2]}",
        f"{rest[0]} / {rest[1]}",
        f"{rest[2]} / {rest[3]}",
    )
    return f"| **all 合计** | | {' | '.join(cells)} | | | |"
