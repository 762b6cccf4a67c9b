"""Judge how well the city follows each district, and say what to do. Pure."""

import datetime as dt
from typing import Literal

import msgspec

from database.city.feed import Slot

LATE_S = 120.0
"""Age of what a district told at which nobody should call it its present state: twelve turns of telling."""

State = Literal["current", "copying", "late", "silent", "cut off", "failing", "lost", "stopped"]


class Feed(msgspec.Struct, frozen=True):
    """The feed of a district, asked by the city just now. ``slot`` None: there is none for us."""

    slot: Slot | None
    told_at: dt.datetime | None
    version: int


class Followed(msgspec.Struct, frozen=True, kw_only=True):
    """All that the city knows of how it follows a district.

    ``told_at``: of the newest row here; ``heard_at``: last message of its server. ``feed`` None: it did not answer, for
    the reason in ``fault``; both None: this role may not ask it. ``apply_errors``, ``copy_errors``: since the server
    counts.
    """

    district: str
    enabled: bool
    told_at: dt.datetime | None
    heard_at: dt.datetime | None
    tables: int
    tables_copied: int
    apply_errors: int
    copy_errors: int
    feed: Feed | None = None
    fault: str | None = None


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a district is followed. ``age_s``: of its data, None: there are none. Bytes: None where unknown."""

    district: str
    state: State
    text: str
    age_s: float | None
    behind_bytes: int | None
    held_bytes: int | None
    bound_bytes: int | None
    heard_at: dt.datetime | None
    errors: int

    @property
    def good(self) -> bool:
        return self.state == "current"


def judge(followed: Followed, version: int, now: dt.datetime) -> Verdict:
    """Judge one district. ``version``: of the city's tables; ``now``: by the city's clock."""
    age = None if followed.told_at is None else max(0.0, (now - followed.told_at).total_seconds())
    state, text = _state(followed, version, age, now)
    slot = followed.feed.slot if followed.feed else None
    return Verdict(
        district=followed.district,
        state=state,
        text=text,
        age_s=age,
        behind_bytes=slot.behind_bytes if slot else None,
        held_bytes=slot.held_bytes if slot else None,
        bound_bytes=slot.bound_bytes if slot else None,
        heard_at=followed.heard_at,
        errors=followed.apply_errors + followed.copy_errors,
    )


def _state(one: Followed, version: int, age: float | None, now: dt.datetime) -> tuple[State, str]:
    again = "copy it anew: shouwang city join --again"
    if not one.enabled:
        return "stopped", f"its subscription is switched off: {again}"
    if one.fault is not None:
        return "cut off", f"its feed does not answer: {one.fault}"
    if one.feed is None:
        if one.heard_at is None or (now - one.heard_at).total_seconds() > LATE_S:
            return "cut off", "its server sends nothing; 'shouwang city status' as a superuser asks it why"
    elif one.feed.slot is None:
        return "lost", f"its slot is gone (a restore or a fail-over of the feed): {again}"
    elif one.feed.slot.lost:
        return "lost", f"the city was away for longer than the feed's log was held: {again}"
    elif one.feed.version > version:
        return "failing", (
            f"the district tells version {one.feed.version}, the city has {version}: install the newer program here"
            " and run 'shouwang city init'; nothing is lost meanwhile"
        )
    if one.tables_copied < one.tables:
        failed = f", {one.copy_errors} errors: see the log of the city's server" if one.copy_errors else ""
        return "copying", f"{one.tables_copied} of {one.tables} tables are copied{failed}"
    if one.feed is not None and one.feed.slot is not None and not one.feed.slot.active:
        return "failing", (
            f"it answers, but nothing is taken ({one.apply_errors} errors): the log of the city's server says why"
        )
    if age is None or age > LATE_S:
        if one.feed is not None and (one.feed.told_at is None or (now - one.feed.told_at).total_seconds() > LATE_S):
            since = f" since {one.feed.told_at:%Y-%m-%d %H:%M:%S} UTC" if one.feed.told_at else ""
            return "silent", f"the district itself tells nothing{since}: does its shouwang-maintain work?"
        return "late", "it is catching up"
    return "current", ""
