"""Rows of the queue: what two short lines say of an alert, its nearest clock, the order, the sections. Pure."""

import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence

import msgspec

from console.shell.i18n import Language, pick
from console.shell.views import clock as clock_text
from dispatch.core.notice import AlertNotice
from dispatch.desk.clock import AlertClock, RunningClock
from vocabulary.area_path import within
from vocabulary.severity import GRAVE, RANK

PINNED_US = 60_000_000
"""A new alert stands before the others of its severity for so long, however much time they have left."""
SECTIONS: Mapping[str, tuple[str, str]] = {
    "waiting": ("未接警", "Not taken yet"),
    "in_hand": ("处置中", "In hand"),
    "attention": ("关注", "Attention"),
    "technical": ("设备", "Technical"),
    "resting": ("已暂缓", "Resting"),
}
"""Headings of the list, in order; the last three are closed unless somebody opens them."""
SHORT: Mapping[str, tuple[str, str]] = {
    "家属": ("家属", "family"),
    "床位": ("床位团队", "bed team"),
    "小区": ("小区", "compound"),
    "社区": ("社区站", "station"),
    "街道": ("街道", "street"),
    "区级": ("区中心", "district"),
    "医疗": ("医疗", "medical"),
}
"""Words for those whom a ladder calls, where the row has no room for their names."""
STEPS_EN = {"acknowledged": "answer", "contacted": "contact", "on scene": "arrive", "resolved": "resolve"}
"""Milestones as the next thing to do."""
CLOSED_AT_FIRST = ("attention", "technical", "resting")


class Clock(msgspec.Struct, frozen=True):
    """A moment by which something should be done; times in ms since 1970."""

    word: str
    from_ms: int
    due_ms: int


class Next(msgspec.Struct, frozen=True):
    """The next call of a ladder: whom, and the time (ms since 1970)."""

    word: str
    at_ms: int


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """An alert as one row of the queue, in the reader's language."""

    id: str
    severity: str
    state: str
    version: int
    onset_ms: int
    who: str
    age: str
    alone: bool
    what: str
    where: str
    full: str
    clock: Clock | None
    next: Next | None
    owner: str
    rests: str
    """The time until which it rests; empty: it does not."""
    merged: int
    """Number of alerts that follow this one."""
    word: str
    """Words of the family or the home, on which nobody has acted yet; empty: none."""
    mine: bool
    fresh: bool
    mark: int
    """Changes with everything that the row says."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """A choice of the queue's alerts. ``who``: all, mine or waiting; ``street``: path of an area; ``kind``: a rule."""

    who: str = "all"
    street: str = ""
    kind: str = ""

    def query(self, **changes: str) -> str:
        """The filter as the query of an address, with ``changes``; what is not set is left out."""
        parts = {**msgspec.structs.asdict(self), **changes}
        return "&".join(f"{key}={value}" for key, value in parts.items() if value and value != "all")


Clocks = Mapping[str, AlertClock]
"""By alert; none while the database is away."""


WHOLE_HOME = ("整户", "Whole home")
"""In place of the name, of an alert that is nobody's in particular; the place says which home."""


def section_of(alert: AlertNotice, now_us: int) -> str:
    """The section of the list in which an alert stands."""
    if not alert.shows(now_us):
        return "resting"
    if alert.severity == "technical":
        return "technical"
    if alert.state != "raised":
        return "in_hand"
    return "waiting" if alert.severity in GRAVE else "attention"


def in_order(alerts: Iterable[AlertNotice], now_us: int, clocks: Clocks) -> list[AlertNotice]:
    """Sort alerts of a section: by severity; of one severity the newest minute and those with a word of the family
    first, then by the time that is left."""

    def rank(alert: AlertNotice) -> tuple[int, int, float, str]:
        fresh = now_us - alert.raised_us < PINNED_US and alert.state == "raised"
        known = clocks.get(alert.id)
        due = known.target.at.timestamp() * 1e6 if known is not None and known.target is not None else alert.raised_us
        return (
            RANK[alert.severity],
            0 if fresh or alert.word_us is not None else 1,
            -alert.raised_us if fresh else due,
            alert.id,
        )

    return sorted(alerts, key=rank)


def matching(
    alerts: Sequence[AlertNotice], wanted: Filter, is_mine: Callable[[AlertNotice], bool]
) -> list[AlertNotice]:
    """Those of the alerts that the filter lets through."""
    return [
        alert
        for alert in alerts
        if (wanted.who != "mine" or is_mine(alert))
        and (wanted.who != "waiting" or alert.state == "raised")
        and (not wanted.street or within(alert.area_path, wanted.street))
        and (not wanted.kind or alert.rule == wanted.kind)
    ]


def row_of(alert: AlertNotice, language: Language, now_us: int, clock: AlertClock | None, *, mine: bool) -> Row:
    """Put an alert into two lines."""
    target = None if clock is None else clock.target
    call = clock.call if clock is not None and alert.state == "raised" and alert.severity in GRAVE else None
    household = pick(language, *WHOLE_HOME)
    who = pick(language, alert.resident_zh or household, alert.resident_en or household)
    what = headline(alert, language)
    where = place(alert, language)
    row = Row(
        id=alert.id,
        severity=alert.severity,
        state=alert.state,
        version=alert.version,
        onset_ms=alert.onset_us // 1000,
        who=who,
        age="" if alert.resident_age is None else str(alert.resident_age),
        alone=alert.lives_alone is True,
        what=what,
        where=where,
        full=f"{who} · {pick(language, alert.reason_zh, alert.reason_en)} · {where}",
        clock=None
        if target is None
        else Clock(
            pick(language, target.zh, STEPS_EN.get(target.en, target.en)),
            alert.raised_us // 1000,
            round(target.at.timestamp() * 1000),
        ),
        next=None
        if call is None or call.kind != "call"
        else Next(pick(language, *short_of(call)), round(call.at.timestamp() * 1000)),
        owner=pick(language, alert.owner_zh, alert.owner_en),
        rests=""
        if alert.snoozed_us is None or alert.snoozed_us <= now_us
        else pick(language, "至 ", "until ") + clock_text(alert.snoozed_us, "%m-%d %H:%M"),
        merged=alert.merged,
        word=pick(language, alert.word_zh, alert.word_en) if alert.word_us is not None else "",
        mine=mine,
        fresh=alert.state == "raised" and now_us - alert.raised_us < PINNED_US,
        mark=0,
    )
    return msgspec.structs.replace(row, mark=zlib.crc32(repr(row).encode()))


def short_of(call: RunningClock) -> tuple[str, str]:
    """Whom a ladder calls next, in the few words for which a row has room."""
    for word, short in SHORT.items():
        if word in call.zh:
            return short
    return call.zh, call.en


def headline(alert: AlertNotice, language: Language) -> str:
    """The few words for an alert; where detection gave none, the first part of its reason."""
    short = pick(language, alert.headline_zh or alert.reason_zh, alert.headline_en or alert.reason_en)
    return short.partition("（")[0] if language == "zh" else short.partition(" (")[0]


def place(alert: AlertNotice, language: Language) -> str:
    """Compound and room, short; of an older notice compound and address."""
    zh, en = f"{alert.area_zh} {alert.address_zh}", f"{alert.area_en} {alert.address_en}"
    return pick(language, alert.place_zh or zh, alert.place_en or en).strip()
