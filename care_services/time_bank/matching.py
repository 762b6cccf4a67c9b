"""Find the volunteers for a request, with the reasons for each and against the others. Pure."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

import msgspec

from care_network.catalogues.workforce import LANGUAGES, SKILLS
from care_network.matching.geography import walk
from care_services.time_bank.kinds import BASIC_COURSE, KINDS, Words
from care_services.time_bank.volunteers import Paper, free_at, lacking
from vocabulary.times import SHANGHAI

NEAR_M, FAR_M = 300, 3000
"""Up to here a walk has full points, and from there on none."""
DISTANCE, LANGUAGE, KNOWN, LIKES, LOAD, TIMES = 30, 20, 20, 10, 15, 5
"""The most points of each reason: 100 together."""
UNKNOWN_DISTANCE = 10
UNKEPT = 30
"""The points that are taken where no promise of a year was kept, a part of them for a part; half for a late no."""
FEW = 10
"""Below so many promises the part is taken of this number: one slip of two is no habit."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A request, as far as it matters for whom to ask."""

    kind: str
    resident: int
    begins: dt.datetime
    ends: dt.datetime
    minutes: int
    languages: tuple[str, ...] = ("cmn",)
    sex: str | None = None
    """Of the volunteer; None: it does not matter."""
    resident_sex: str = ""
    longitude: float | None = None
    latitude: float | None = None


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A volunteer, with what is known of them at that time."""

    id: int
    code: str
    name_zh: str
    name_en: str
    sex: str
    state: str
    belongs_to: str
    resident_id: int | None = None
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    times: tuple[tuple[int, int, int], ...] = ()
    helps: str = ""
    checks: Mapping[str, Paper] = {}
    courses: Mapping[str, Paper] = {}
    longitude: float | None = None
    latitude: float | None = None
    week_minutes: int = 480
    planned: int = 0
    """Minutes in the week of the request, promised already."""
    busy: bool = False
    """Promised to somebody else at that time."""
    helped: int = 0
    """How often they helped this resident before."""
    kept: int = 0
    """Promises of a year that were kept, to anybody."""
    not_come: int = 0
    too_late: int = 0
    """Promises of a year that were not: they did not come, or said so within a day of it; nobody has excused them."""


class Match(msgspec.Struct, frozen=True, kw_only=True):
    """How well a volunteer fits: points of 100 with reasons, or why they cannot be asked."""

    candidate: Candidate
    points: int
    reasons: tuple[Words, ...]
    against: tuple[Words, ...]
    """Empty: they can be asked."""


def match(wanted: Wanted, candidates: Iterable[Candidate]) -> list[Match]:
    """Judge all candidates: those who can be asked first, the best of them at the top; equals by code."""
    judged = [judge(wanted, one) for one in candidates]
    return sorted(judged, key=lambda one: (bool(one.against), -one.points, one.candidate.code))


def judge(wanted: Wanted, one: Candidate) -> Match:
    """Judge one volunteer for a request."""
    points, reasons = 0, list[Words]()
    for got, words in (_distance(wanted, one), _language(wanted, one), _known(one), _likes(wanted, one),
                       _load(wanted, one), _time(wanted, one), _promises(one)):  # fmt: skip
        points += got
        reasons += [words] if words else []
    return Match(candidate=one, points=max(points, 0), reasons=tuple(reasons), against=tuple(against(wanted, one)))


def against(wanted: Wanted, one: Candidate) -> list[Words]:
    """Why somebody cannot be asked; empty: they can."""
    kind, day = KINDS[wanted.kind], wanted.begins.astimezone(SHANGHAI).date()
    found: list[Words] = []
    if one.state != "active":
        found.append(("当前不在服务中", "is not active"))
    found += lacking(one.checks, one.courses, day, (BASIC_COURSE, *kind.courses))
    if one.resident_id == wanted.resident:
        found.append(("不能服务本人", "is the resident"))
    if missing := [code for code in kind.needs if code not in one.skills]:
        found.append((
            f"缺少技能：{'、'.join(SKILLS[code].zh for code in missing)}",
            f"lacks the skill: {', '.join(SKILLS[code].en for code in missing)}",
        ))  # fmt: skip
    if wanted.sex and one.sex != wanted.sex:
        found.append(("老人希望由" + ("女性" if wanted.sex == "female" else "男性") + "志愿者服务",
                      f"the resident wants a {'woman' if wanted.sex == 'female' else 'man'}"))  # fmt: skip
    if one.helps and one.helps != wanted.resident_sex:
        found.append(("志愿者只服务" + ("女性" if one.helps == "female" else "男性") + "老人",
                      f"helps {'women' if one.helps == 'female' else 'men'} alone"))  # fmt: skip
    if one.busy:
        found.append(("该时段已有安排", "has promised that time already"))
    if _free(wanted, one.times) is False:
        found.append(("该时段不在其可服务时间内", "has no time then"))
    if one.planned + wanted.minutes > one.week_minutes:
        found.append((f"本周已安排 {one.planned} 分钟，上限 {one.week_minutes} 分钟",
                      f"has {one.planned} of at most {one.week_minutes} minutes this week"))  # fmt: skip
    return found


Judged = tuple[int, Words | None]


def _distance(wanted: Wanted, one: Candidate) -> Judged:
    if KINDS[wanted.kind].afar:
        return DISTANCE, ("电话服务，不限距离", "by telephone: distance does not matter")
    way = walk(one.longitude, one.latitude, wanted.longitude, wanted.latitude)
    if way is None:
        return UNKNOWN_DISTANCE, ("距离未知", "distance unknown")
    metres, minutes = way
    share = 1.0 if metres <= NEAR_M else max(0.0, (FAR_M - metres) / (FAR_M - NEAR_M))
    return round(DISTANCE * share), (f"直线 {metres} 米，步行约 {minutes} 分钟",
                                     f"{metres} m as the crow flies, about {minutes} min on foot")  # fmt: skip


def _language(wanted: Wanted, one: Candidate) -> Judged:
    for place, code in enumerate(wanted.languages):
        if code in one.languages and code in LANGUAGES:
            term = LANGUAGES[code]
            return LANGUAGE if place == 0 else LANGUAGE // 2, (f"会说{term.zh}", f"speaks {term.en}")
    return 0, ("没有共同语言", "no language in common")


def _known(one: Candidate) -> Judged:
    if not one.helped:
        return 0, None
    return KNOWN, (f"曾为该老人服务 {one.helped} 次", f"helped this resident {one.helped} times before")


def _likes(wanted: Wanted, one: Candidate) -> Judged:
    kind = KINDS[wanted.kind]
    had = [code for code in kind.likes if code in one.skills]
    if not had:
        return 0, None
    return LIKES, (f"擅长{'、'.join(SKILLS[code].zh for code in had)}",
                   f"good at {', '.join(SKILLS[code].en for code in had)}")  # fmt: skip


def _load(wanted: Wanted, one: Candidate) -> Judged:
    free = max(0, one.week_minutes - one.planned)
    return round(LOAD * free / max(one.week_minutes, 1)), (
        f"本周还可服务 {free} 分钟",
        f"{free} minutes left this week",
    )


def _time(wanted: Wanted, one: Candidate) -> Judged:
    free = _free(wanted, one.times)
    if free is None:
        return 0, ("可服务时间未登记", "times are not told")
    return (TIMES, ("时间合适", "has time then")) if free else (0, None)


def _promises(one: Candidate) -> Judged:
    missed = one.not_come + one.too_late
    if not missed:
        return 0, None
    total = one.kept + missed
    off = round(UNKEPT * (one.not_come + one.too_late / 2) / max(total, FEW))
    zh = "、".join(
        f"{number} 次{words}" for number, words in ((one.not_come, "未到"), (one.too_late, "临时取消")) if number
    )
    en = ", ".join(
        words for number, words in ((one.not_come, f"did not come {one.not_come} of {total} times"),
                                    (one.too_late, f"said no too late {one.too_late} of {total} times")) if number
    )  # fmt: skip
    few_zh, few_en = ("，次数少，仅供参考", ", of few") if total < FEW else ("", "")
    points = "1 point" if off == 1 else f"{off} points"
    return -off, (f"近一年约定 {total} 次，{zh}{few_zh}：减 {off} 分", f"in a year {en}{few_en}: {points} less")


def _free(wanted: Wanted, times: Sequence[Sequence[int]]) -> bool | None:
    begins, ends = wanted.begins.astimezone(SHANGHAI), wanted.ends.astimezone(SHANGHAI)
    first = begins.hour * 60 + begins.minute
    last = first + round((ends - begins).total_seconds() / 60)
    return free_at(times, begins.isoweekday(), first, last)
