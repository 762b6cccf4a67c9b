"""The report of the drills, as a table in Markdown."""

import datetime as dt
from collections.abc import Sequence

from shouwang.drills.drill import DrillResult
from vocabulary.times import SHANGHAI

HEAD = (
    "| drill 演练 | readings said / lost / doubled | SOS said / events lost / doubled | alerts lost / doubled |"
    " messages lost / doubled | alert delay: median / worst (limit) | recovered by itself | result |\n"
    "| --- | --- | --- | --- | --- | --- | --- | --- |"
)


def markdown(results: Sequence[DrillResult], at: dt.datetime) -> str:
    """Write the report. ``at``: when the drills ended."""
    passed = sum(result.passed for result in results)
    refused = sum(bool(result.refused) for result in results)
    lines = [
        "# 演练报告 Report of the drills",
        "",
        f"{at.astimezone(SHANGHAI):%Y-%m-%d %H:%M} (Asia/Shanghai). {passed} of {len(results)} hold,"
        f" {refused} can not be run here. Each drill on a platform of its own, under load before, during and after the"
        " fault. Said: by the gateways' ledgers. Stored and raised: by the database. Messages and delays: by the"
        " provider's ledger, from the press of the button to the first message.",
        "",
        HEAD,
        *(row(result) for result in results),
        "",
    ]
    return "\n".join(lines)


def row(result: DrillResult) -> str:
    """Write one line of the table."""
    found = result.account
    if found is None:
        return f"| {result.name}: {result.en} | | | | | | | not run: {result.refused} |"
    recovered = "**no**" if result.recovered_s is None else f"{result.recovered_s:.1f} s"
    cells = (
        f"{result.name}: {result.en}",
        f"{found.readings.sent:,} / {found.readings.missing} / {found.readings.doubled}",
        f"{found.pressed} / {found.events_lost} / {found.events_doubled}",
        f"{found.alerts_lost} / {found.alerts_doubled}",
        f"{found.notifications_lost} / {found.notifications_doubled}",
        f"{found.median_delay_s:.1f} / {found.worst_delay_s:.1f} s ({result.limit_s:.0f} s)",
        recovered,
        "holds" if result.passed else "**FAILS**",
    )
    return f"| {' | '.join(cells)} |"
