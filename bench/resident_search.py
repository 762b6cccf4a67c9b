"""Measure the search among 7,198 residents, by ten kinds of what people type, over HTTP as a desk asks."""

import numpy as np

from bench.console_district import RESIDENTS, Desk, address_of, district_console
from bench.figures import Figure

LIMIT_MS = 200.0
TIMES = 30
KINDS = {
    "a name": "刘淑贞",
    "pinyin": "liushuzhen",
    "initials": "lsz",
    "a telephone": "0755-00000042",
    "the end of a telephone": "0042",
    "a household's code": "H0042",
    "compound and room": "海晴苑 502",
    "a whole address": "海晴苑2栋502",
    "a form of address": "刘女士",
    "one letter": "z",
    "nobody": "没有这个人",
}


def run() -> list[Figure]:
    """The slowest answer of the slowest kind, and the first search of a process, which reads everybody."""
    with district_console() as (platform, session, _):
        desk = Desk(platform.address, session)
        first, _, _ = desk.ask(address_of("首次"))
        took = {kind: [desk.ask(address_of(words))[0] for _ in range(TIMES)] for kind, words in KINDS.items()}
    p95 = {kind: float(np.percentile(times, 95)) for kind, times in took.items()}
    slowest = max(p95, key=lambda kind: p95[kind])
    return [
        Figure(
            name="search: the slowest of ten kinds, p95",
            value=p95[slowest],
            unit="ms",
            reference=LIMIT_MS,
            reference_name="limit",
            note=f"{RESIDENTS:,} residents; by {slowest}; median of all {np.median(list(p95.values())):.0f} ms",
        ),
        Figure(
            name="search: the first of a process, and after a change",
            value=first,
            unit="ms",
            note="it reads everybody from the database",
        ),
    ]
