"""The kinds of notices, and how one is sent: at its hour, in the day, or in the morning; alone, or with others. Pure.

A part of the wing that has something to remind somebody of adds a kind here.
"""

import datetime as dt
from collections.abc import Iterable, Mapping
from typing import Literal

import msgspec

from vocabulary.times import SHANGHAI

Pace = Literal["digest", "day", "urgent"]
"""``digest``: with all others of the recipient in the one message of a morning; ``day``: when it is due, but not at
night; ``urgent``: when it is due, whatever the hour."""
State = Literal["queued", "handed", "sent", "delivered", "failed", "unknown", "withdrawn"]
DIGEST_AT = dt.time(9)
QUIET_FROM, QUIET_UNTIL = dt.time(22), dt.time(7)
"""Night in Shanghai: nothing that is not urgent is sent."""
TRIES = 3
"""Messages of a notice before it has failed; each has the tries of the channels in it."""
STATES: Mapping[State, tuple[str, str]] = {
    "queued": ("待发送", "waits"), "handed": ("发送中", "under way"), "sent": ("已发出", "sent"),
    "delivered": ("已送达", "delivered"), "failed": ("发送失败", "not sent"), "unknown": ("情况不明", "not known"),
    "withdrawn": ("已撤回", "withdrawn"),
}  # fmt: skip
WHY: Mapping[str, tuple[str, str]] = {
    "over": ("事项已办结", "its reason is over"), "no_consent": ("老人未同意告知此人", "the resident does not agree"),
    "gone": ("此人已停用或离开", "the recipient is no longer there"),
}  # fmt: skip


class NoticeKind(msgspec.Struct, frozen=True, kw_only=True):
    """A kind of notice. ``zh`` and ``en`` name it in a short message, with a number behind it: nobody's data.

    ``alone``: one asks for an answer. It is never counted in a digest with others: its message leads to its own page.
    """

    code: str
    zh: str
    en: str
    pace: Pace = "digest"
    alone: bool = False


KINDS: Mapping[str, NoticeKind] = {
    one.code: one
    for one in (
        NoticeKind(code="certificate_ends", zh="证书到期", en="certificates that end"),
        NoticeKind(code="document_unread", zh="文件待阅读", en="documents to read"),
        NoticeKind(code="course_due", zh="课程待复训", en="courses to take again"),
        NoticeKind(code="contract_ends", zh="床位协议到期", en="bed contracts that end"),
        NoticeKind(code="assessment_due", zh="评估到期", en="assessments that are due"),
        NoticeKind(code="visit_another", zh="上门须另派人员", en="visits that need another person", pace="day"),
        NoticeKind(code="visit_door", zh="上门服务", en="visits to make", pace="day", alone=True),
        NoticeKind(code="visit_gone", zh="不再由您上门", en="visits that are no longer yours", pace="day"),
        NoticeKind(code="volunteer_help", zh="志愿服务", en="requests for help", pace="day", alone=True),
        NoticeKind(code="volunteer_word", zh="志愿时长待登记", en="helps without minutes", pace="day"),
        NoticeKind(code="volunteer_round", zh="探访安排", en="visit rounds", pace="day"),
    )
}


ALONE = frozenset(code for code, one in KINDS.items() if one.alone)
"""Kinds of which each notice is a message of its own."""


def is_night(at: dt.datetime) -> bool:
    """Whether a moment lies in the quiet hours."""
    clock = at.astimezone(SHANGHAI).time()
    return clock >= QUIET_FROM or clock < QUIET_UNTIL


def send_at(pace: Pace, due: dt.datetime, now: dt.datetime) -> dt.datetime:
    """The moment before which a notice is not sent; ``due`` in the past counts as now."""
    at = max(due, now)
    if pace == "urgent":
        return at
    if pace == "digest":
        return _next(at, DIGEST_AT)
    return _next(at, QUIET_UNTIL) if is_night(at) else at


def again_at(now: dt.datetime) -> dt.datetime:
    """The moment of the next try of one that could not be sent: the next morning."""
    return _next(now, DIGEST_AT)


def _next(at: dt.datetime, clock: dt.time) -> dt.datetime:
    local = at.astimezone(SHANGHAI)
    there = local.replace(hour=clock.hour, minute=clock.minute, second=0, microsecond=0)
    return (there if there >= local else there + dt.timedelta(days=1)).astimezone(dt.UTC)


def words_of(kinds: Iterable[str]) -> tuple[str, str]:
    """Name what a digest holds, in Chinese and English: kinds with numbers, in the order of KINDS; one by its kind."""
    held = list(kinds)
    if len(held) == 1 and held[0] in KINDS:
        return KINDS[held[0]].zh, KINDS[held[0]].en
    counts = [(one, held.count(code)) for code, one in KINDS.items() if code in held]
    return (
        "、".join(f"{one.zh} {number} 条" for one, number in counts),
        ", ".join(f"{one.en}: {number}" for one, number in counts),
    )
