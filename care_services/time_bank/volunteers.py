"""A volunteer's life: states, checks and training, and what is lacking on a day. Pure."""

import datetime as dt
from collections.abc import Mapping, Sequence

import msgspec

from care_network.errors import ProvisioningError
from care_services.time_bank.kinds import BASIC_COURSE, CHECKS, STATES, Words

STEPS: Mapping[str, tuple[tuple[str, ...], str, Words]] = {
    "check": (("applied",), "checked", ("通过审查", "checks passed")),
    "train": (("checked",), "trained", ("完成培训", "training done")),
    "begin": (("trained", "resting"), "active", ("开始服务", "begin to help")),
    "rest": (("active",), "resting", ("暂停服务", "rest")),
    "end": (("applied", "checked", "trained", "active", "resting"), "ended", ("退出", "leave")),
    "apply_again": (("ended",), "applied", ("重新申请", "apply again")),
}
"""Steps of a volunteer's life: from which states, to which, in words."""
NEED_CHECKS, NEED_TRAINING = frozenset({"check", "train", "begin"}), frozenset({"train", "begin"})
SOON = dt.timedelta(days=30)


class Paper(msgspec.Struct, frozen=True):
    """The newest line of a check or a course: passed or not, and its last day; None: it does not expire."""

    passed: bool
    expires_on: dt.date | None = None

    def good(self, on: dt.date) -> bool:
        """Whether it counts on that day."""
        return self.passed and (self.expires_on is None or on <= self.expires_on)


def lacking(
    checks: Mapping[str, Paper], courses: Mapping[str, Paper], on: dt.date, needed: Sequence[str] = (BASIC_COURSE,)
) -> list[Words]:
    """Say what a volunteer lacks on a day: checks and courses that are missing, not passed or expired."""
    found: list[Words] = []
    for kind, (zh, en) in CHECKS.items():
        found += _lack(checks.get(kind), on, zh, en)
    for course in needed:
        zh, en = ("岗前培训", "basic training") if course == BASIC_COURSE else (f"课程 {course}", f"course {course}")
        found += _lack(courses.get(course), on, zh, en)
    return found


def _lack(paper: Paper | None, on: dt.date, zh: str, en: str) -> list[Words]:
    if paper is None:
        return [(f"{zh}尚未完成", f"{en} is missing")]
    if not paper.passed:
        return [(f"{zh}未通过", f"{en} was not passed")]
    if not paper.good(on):
        return [(f"{zh}已于 {paper.expires_on} 到期", f"{en} expired on {paper.expires_on}")]
    return []


def ending_soon(papers: Mapping[str, Paper], on: dt.date) -> dt.date | None:
    """The first day within the next 30 after which one of them no longer counts; None: there is none."""
    ends = [one.expires_on for one in papers.values() if one.expires_on and one.good(on)]
    return min((end for end in ends if end <= on + SOON), default=None)


def step(state: str, action: str, lack: Sequence[Words]) -> str:
    """The state after a step. ``lack``: what is lacking that the step needs. Raises ProvisioningError."""
    if action not in STEPS:
        raise ProvisioningError(zh="没有这种操作", en="this is nothing that can be done", field="action")
    before, after, (zh, en) = STEPS[action]
    if state not in before:
        raise ProvisioningError(
            zh=f"当前状态为“{STATES[state][0]}”，不能{zh}", en=f"the state is {STATES[state][1]}: not possible: {en}",
            field="action",
        )  # fmt: skip
    if lack:
        raise ProvisioningError(
            zh=f"不能{zh}：{'；'.join(one for one, _ in lack)}", field="action",
            en=f"not possible: {'; '.join(one for _, one in lack)}",
        )  # fmt: skip
    return after


def steps_from(state: str) -> list[str]:
    """The steps that a state leaves open."""
    return [name for name, (before, _, _) in STEPS.items() if state in before]


def free_at(times: Sequence[Sequence[int]], weekday: int, begins: int, ends: int) -> bool | None:
    """Whether times of the week, as (ISO weekday, begin, end) in minutes of the day, hold a span; None: unknown."""
    if not times:
        return None
    return any(day == weekday and first <= begins and ends <= last for day, first, last in times)


def read_times(text: str) -> list[list[int]]:
    """Read times as people write them: '1 09:00-12:00; 3 14:00-17:00' (ISO weekdays). Raises ProvisioningError."""
    found: list[list[int]] = []
    for part in text.replace("；", ";").replace("：", ":").split(";"):
        if not part.strip():
            continue
        try:
            day, _, span = part.strip().partition(" ")
            first, last = (_minute(one) for one in span.split("-"))
            weekday = int(day)
            if not (1 <= weekday <= 7 and first < last):
                raise ValueError(part)
        except ValueError as error:
            raise ProvisioningError(
                zh=f"时间写法如“1 09:00-12:00; 3 14:00-17:00”（1 为周一）：{part.strip()}",
                en=f"write times like '1 09:00-12:00; 3 14:00-17:00' (1 is Monday): {part.strip()}", field="times",
            ) from error  # fmt: skip
        found.append([weekday, first, last])
    return sorted(found)


def write_times(times: Sequence[Sequence[int]]) -> str:
    """Write times as :func:`read_times` reads them."""
    return "; ".join(f"{day} {_clock(first)}-{_clock(last)}" for day, first, last in times)


def _minute(text: str) -> int:
    hour, _, minute = text.strip().partition(":")
    value = int(hour) * 60 + int(minute)
    if not (0 <= int(minute) < 60 and 0 <= value <= 1440):
        raise ValueError(text)
    return value


def _clock(minute: int) -> str:
    return f"{minute // 60:02d}:{minute % 60:02d}"
