"""One-tap matching (一键式): find the best people for a job, with reasons. Pure functions of a crew and a job.

Hard constraints exclude people who cannot be sent; they are never weighed against anything. The others are ranked by
a score, a weighted mean of parts between 0 and 1. Where nobody is left, the answer counts the people whom each
constraint excluded. Many jobs at once are assigned together (Kuhn, "The Hungarian method for the assignment problem",
1955; ``scipy.optimize.linear_sum_assignment``), the gravest first.
"""

from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from care_network.catalogues.services import SERVICES
from care_network.matching.crew import URGENCIES, Crew, Floats, Mask, language_bits, role_mask, skill_bits
from care_network.matching.geography import distance_m
from care_network.matching.words import reasons, why_removed
from vocabulary.area_path import within


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """A service to be done in a home. ``path``: the home's area; place in degrees, None: unknown.

    ``languages``: the resident's (ISO 639-3). ``visits``: staff id → earlier visits to the resident. ``asked``: ids of
    staff who declined or did not answer.
    """

    key: str
    service: str
    urgency: str
    path: str
    longitude: float | None = None
    latitude: float | None = None
    languages: tuple[str, ...] = ("cmn",)
    visits: Mapping[int, int] = {}
    asked: frozenset[int] = frozenset()


class Weights(msgspec.Struct, frozen=True):
    """Weights of the parts of the score; they add up to 1."""

    near: float
    skill: float
    known: float
    free: float
    language: float


WEIGHTS: Mapping[str, Weights] = {
    # Minutes decide: the brain lives four to six without oxygen, and a fallen person cools and panics. Somebody who is
    # near and able comes before somebody who is known.
    "emergency": Weights(near=0.60, skill=0.22, known=0.05, free=0.08, language=0.05),
    "urgent": Weights(near=0.45, skill=0.22, known=0.10, free=0.13, language=0.10),
    # Nobody is in danger: the work is shared fairly, and a known face is a better visit.
    "attention": Weights(near=0.25, skill=0.20, known=0.20, free=0.20, language=0.15),
    "technical": Weights(near=0.35, skill=0.15, known=0.05, free=0.40, language=0.05),
    # Continuity of the carer is what residents ask for first (NICE guideline NG21, home care).
    "planned": Weights(near=0.15, skill=0.20, known=0.30, free=0.20, language=0.15),
}
HALF_M = 1000.0
"""The distance that halves the part "near": a quarter of an hour on foot, the district's "15-minute circle"."""
FARTHEST_M: Mapping[str, float] = {
    # By e-bike at 20 km/h the door is reached within 15 min from 5 km; farther away somebody else is quicker.
    "emergency": 5_000, "urgent": 8_000, "attention": 15_000, "technical": 25_000, "planned": 15_000,
}  # fmt: skip
CAPACITY: Mapping[str, int] = {
    # Orders of the same or graver urgency in hand at once: nobody stands at two doors, but a chat can wait for a fall.
    "emergency": 1, "urgent": 1, "attention": 3, "technical": 6, "planned": 4,
}  # fmt: skip
LEFT_S: Mapping[str, float] = {"emergency": 0, "urgent": 300, "attention": 1200, "technical": 1200}
"""Seconds of duty that must be left, by urgency; a planned service must fit into the rest."""
FULL_LOAD = 5
"""Orders in hand at which the part "free" is 0."""
KNOWN_VISITS = 3
"""Earlier visits after which a face is known."""


class Candidate(msgspec.Struct, frozen=True, kw_only=True):
    """A person who can be sent. ``parts``: of the score, by name, each 0–1. ``until``: end of duty, s since 1970."""

    staff_id: int
    code: str
    name_zh: str
    name_en: str
    phone: str
    organisation_zh: str
    organisation_en: str
    score: float
    parts: dict[str, float]
    distance_m: float | None
    shared_place: bool
    until: float
    reasons_zh: tuple[str, ...]
    reasons_en: tuple[str, ...]


class Exclusion(msgspec.Struct, frozen=True):
    """A constraint, and the number of people whom it excluded after the constraints before it."""

    constraint: str
    people: int
    zh: str
    en: str


class Match(msgspec.Struct, frozen=True):
    """Candidates, the best first, and the excluded. ``considered``: number of all active staff."""

    candidates: tuple[Candidate, ...]
    considered: int
    removed: tuple[Exclusion, ...]

    @property
    def explanation(self) -> tuple[str, str]:
        """Why nobody is left, in Chinese and English."""
        zh = "、".join(one.zh for one in self.removed)
        en = ", ".join(one.en for one in self.removed)
        return f"共 {self.considered} 人，无人合适：{zh}", f"of {self.considered} people nobody fits: {en}"


class _Fit(msgspec.Struct, frozen=True, kw_only=True, eq=False):
    """The constraints and scores of a job for the whole crew, as columns of people."""

    good: Mask
    funnel: list[tuple[str, Mask]]
    post: np.ndarray
    until: Floats
    metres: Floats
    shared: Mask
    parts: dict[str, Floats]
    score: Floats


def match(crew: Crew, job: Job, best: int = 3) -> Match:
    """Find the best people for a job, with reasons. Raises KeyError for an unknown service or urgency."""
    fit = _fit(crew, job)
    rows = np.flatnonzero(fit.good)
    # Equal scores in the order of staff codes, so that the answer is always the same.
    order = sorted(rows[np.argsort(-fit.score[rows], kind="stable")][: best + 20].tolist(),
                   key=lambda row: (-round(float(fit.score[row]), 9), crew.day.people[row].code))  # fmt: skip
    left = np.ones(len(crew.day.people), bool)
    removed = []
    for name, mask in fit.funnel:
        gone = int((left & ~mask).sum())
        left &= mask
        if gone:
            removed.append(Exclusion(name, gone, *why_removed(name, gone, job.service)))
    return Match(tuple(_candidate(crew, job, fit, row) for row in order[:best]), len(left), tuple(removed))


def barriers(crew: Crew, job: Job) -> dict[int, tuple[str, ...]]:
    """Name every constraint that keeps each person from being sent, by staff id; none: they can be sent.

    Raises KeyError for an unknown service or urgency.
    """
    funnel = _fit(crew, job).funnel
    return {
        person.id: tuple(name for name, mask in funnel if not mask[row]) for row, person in enumerate(crew.day.people)
    }


def assign(crew: Crew, jobs: Sequence[Job]) -> dict[str, Candidate]:
    """Assign people to many jobs; returns candidates by job key, without the jobs for which nobody is left.

    Within each urgency as many jobs as possible are served, then with the highest sum of scores; a graver urgency
    takes its people first. Nobody gets more than CAPACITY allows.
    """
    from scipy.optimize import linear_sum_assignment  # slow to load, and the console never assigns many at once

    found: dict[str, Candidate] = {}
    load = crew.load.copy()
    for level, urgency in enumerate(URGENCIES):
        tier = [job for job in jobs if job.urgency == urgency]
        if not tier or not crew.day.people:
            continue
        now = msgspec.structs.replace(crew, load=load.copy())
        fits = [_fit(now, job) for job in tier]
        good = np.array([fit.good for fit in fits])
        in_hand = now.load[:, : level + 1].sum(axis=1)
        # One column for each order that a person can still take; each further one has less of the part "free".
        room = np.where(good.any(axis=0), CAPACITY[urgency] - in_hand, 0)
        rows = np.repeat(np.arange(len(room)), room)
        nth = np.arange(len(rows)) - np.repeat(np.cumsum(room) - room, room)
        total = now.load.sum(axis=1)[rows]
        less = WEIGHTS[urgency].free * (_free(total) - _free(total + nth))
        score = np.array([fit.score[rows] for fit in fits]) - less
        # Scores lie between 0 and 1: one job more is always worth more than all of them.
        cost = np.where(good[:, rows], -score, float(len(tier) + 1))
        for number, slot in zip(*linear_sum_assignment(cost), strict=True):
            row = int(rows[slot])
            if fits[number].good[row]:
                found[tier[number].key] = _candidate(now, tier[number], fits[number], row)
                load[row, level] += 1
    return found


def _free(load: np.ndarray) -> Floats:
    free: Floats = 1 - np.minimum(load / FULL_LOAD, 1.0)
    return free


def _fit(crew: Crew, job: Job) -> _Fit:
    day, service = crew.day, SERVICES[job.service]
    now = crew.at.timestamp()
    people = len(day.people)
    serves = np.array([within(job.path, post.path) for post in day.posts], bool)
    active = (day.stint_start <= now) & (now < day.stint_end)
    here = active & serves[day.stint_post] if len(serves) else active
    on_duty = np.zeros(people, bool)
    on_duty[day.stint_person[active]] = True
    at_place = np.zeros(people, bool)
    at_place[day.stint_person[here]] = True
    until = np.full(people, -np.inf)
    np.maximum.at(until, day.stint_person[here], day.stint_end[here])
    post = day.home_post.copy()
    post[day.stint_person[here]] = day.stint_post[here]

    shared = np.isfinite(crew.longitude)
    based = post >= 0
    east, north = crew.longitude.copy(), crew.latitude.copy()
    fill = ~shared & based
    east[fill], north[fill] = day.post_longitude[post[fill]], day.post_latitude[post[fill]]
    if job.longitude is None or job.latitude is None:
        metres = np.full(people, np.nan)
    else:
        metres = distance_m(job.longitude, job.latitude, east, north)

    needs, one_of, likes = skill_bits(service.needs), skill_bits(service.one_of), skill_bits(service.likes)
    either = day.skills | day.lapsed
    left_s = LEFT_S.get(job.urgency, service.minutes * 60)
    asked = np.array([day.row[staff] for staff in job.asked if staff in day.row], np.int64)
    not_asked = np.ones(people, bool)
    not_asked[asked] = False
    funnel = [
        ("vetting", day.sent),
        ("off_duty", on_duty),
        ("elsewhere", at_place),
        ("role", role_mask(service.roles)[day.role] & (day.role >= 0)),
        ("licence", day.qualified),
        ("no_phone", day.reachable),
        ("skill", _has(either, needs, one_of)),
        ("certificate", _has(day.skills, needs, one_of)),
        ("duty_ends", until - now >= left_s),
        ("too_far", ~(metres > FARTHEST_M[job.urgency])),  # an unknown distance does not exclude
        ("busy", _free_hands(crew, job.urgency)),
        ("asked", not_asked),
    ]
    good = np.logical_and.reduce([mask for _, mask in funnel]) if people else np.zeros(0, bool)

    visits = np.zeros(people)
    for staff, number in job.visits.items():
        if staff in day.row:
            visits[day.row[staff]] = number
    wanted = language_bits(job.languages)
    parts = {
        "near": np.where(np.isnan(metres), 0.0, 1 / (1 + metres / HALF_M)),
        "skill": np.bitwise_count(day.skills & likes) / max(1, int(likes).bit_count()) if likes else np.ones(people),
        "known": np.minimum(visits / KNOWN_VISITS, 1.0),
        "free": _free(crew.load.sum(axis=1)),
        "language": ((day.languages & wanted) != 0).astype(float) if wanted else np.ones(people),
    }
    weights = msgspec.structs.asdict(WEIGHTS[job.urgency])
    score = sum((weights[name] * part for name, part in parts.items()), np.zeros(people))
    return _Fit(
        good=good, funnel=funnel, post=post, until=until, metres=metres, shared=shared, parts=parts, score=score
    )


def _free_hands(crew: Crew, urgency: str) -> Mask:
    """Mask of people below CAPACITY in orders of the same or graver urgency, and with no emergency or urgent order that
    is graver than this one."""
    level = URGENCIES.index(urgency)
    few: Mask = crew.load[:, : level + 1].sum(axis=1) < CAPACITY[urgency]
    at_the_graver: Mask = crew.load[:, : min(level, 2)].sum(axis=1) > 0
    return np.logical_and(few, ~at_the_graver)


def _has(skills: np.ndarray, needs: np.uint64, one_of: np.uint64) -> Mask:
    every: Mask = (skills & needs) == needs
    some: Mask = (skills & one_of) != 0
    return every & some if one_of else every


def _candidate(crew: Crew, job: Job, fit: _Fit, row: int) -> Candidate:
    person, post = crew.day.people[row], crew.day.posts[fit.post[row]]
    metres = None if np.isnan(fit.metres[row]) else float(fit.metres[row])
    zh, en = reasons(
        person=person,
        service=SERVICES[job.service],
        skills=int(crew.day.skills[row]),
        metres=metres,
        shared=bool(fit.shared[row]),
        load=int(crew.load[row].sum()),
        visits=int(job.visits.get(person.id, 0)),
        languages=job.languages,
        until=float(fit.until[row]),
    )
    return Candidate(
        staff_id=person.id,
        code=person.code,
        name_zh=person.name_zh,
        name_en=person.name_en,
        phone=person.phone,
        organisation_zh=post.name_zh,
        organisation_en=post.name_en,
        score=round(float(fit.score[row]), 4),
        parts={name: round(float(part[row]), 3) for name, part in fit.parts.items()},
        distance_m=metres,
        shared_place=bool(fit.shared[row]),
        until=float(fit.until[row]),
        reasons_zh=zh,
        reasons_en=en,
    )
