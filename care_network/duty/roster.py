"""The people on duty at a time, and holes: hours with nobody. Pure functions of a roster.

A :class:`Roster` is immutable (``care_network.duty.loading`` loads it) and can be stored as JSON, so that people are
found for an emergency while the database is away. Weekly shifts are by Asia/Shanghai's clock. An interval includes its
start and not its end. An absence takes a person off all duties, extra ones too: nobody is counted on by mistake.
"""

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence

import msgspec

from care_network.catalogues.workforce import ROLES, Certificate, effective_skills
from care_network.errors import NotFoundError
from vocabulary.area_path import within
from vocabulary.times import SHANGHAI

_DAY = dt.timedelta(days=1)
_Span = tuple[dt.datetime, dt.datetime]

KIND_WORDS: Mapping[str, tuple[str, str]] = {
    "home_care_bed_team": ("家庭养老床位团队", "home care bed team"),
    "compound_point": ("小区长者服务点", "compound point"),
    "community_station": ("社区长者服务站", "community elder station"),
    "street_elder_center": ("街道长者服务中心", "street elder center"),
    "district_center": ("区级中心", "district center"),
    "medical_partner": ("医疗合作机构", "medical partner"),
    "service_provider": ("服务机构", "service provider"),
    "canteen": ("长者食堂", "canteen"),
    "volunteer_group": ("志愿服务队", "volunteer group"),
}
"""Kinds of organisation in words, in the order in which those of the same level come."""
NEAREST_KINDS = tuple(KIND_WORDS)


class Person(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A member of staff or a volunteer."""

    id: int
    code: str
    name_zh: str
    name_en: str
    role: str
    """A code of ``workforce.ROLES``."""
    phone: str
    account_id: int | None
    skills: tuple[str, ...]
    certificates: tuple[Certificate, ...]
    languages: tuple[str, ...]
    sent_until: dt.date | None = None
    """The last day on which a volunteer of the time bank is sent to a door: checks and training count until then. None:
    no end."""

    def sent(self, on: dt.date) -> bool:
        """Whether the person may be sent to a door on that day, in Shanghai."""
        return self.sent_until is None or on <= self.sent_until

    @property
    def reachable(self) -> bool:
        """Whether the person has a telephone or a login, to be sent a message."""
        return bool(self.phone) or self.account_id is not None


class Post(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """An organisation with people on duty."""

    id: int
    code: str
    kind: str
    path: str
    """Of the area it serves."""
    name_zh: str
    name_en: str
    phone: str


class Weekly(msgspec.Struct, frozen=True, kw_only=True, gc=False):
    """A shift that a person works every week; see ``staff_records.NewRosterEntry``."""

    staff_id: int
    organisation_id: int
    shift: str
    starts: dt.time
    ends: dt.time
    weekdays: tuple[int, ...]
    valid_from: dt.date
    valid_until: dt.date | None


class Exceptional(msgspec.Struct, frozen=True, gc=False):
    """An absence (``organisation_id`` None) or an extra duty."""

    staff_id: int
    organisation_id: int | None
    starts_at: dt.datetime
    ends_at: dt.datetime
    reason: str = ""


class Roster(msgspec.Struct, frozen=True, kw_only=True):
    """All data about duty between ``since`` and ``until``, of active people and organisations."""

    since: dt.datetime
    until: dt.datetime
    people: dict[int, Person]
    posts: dict[int, Post]
    weekly: tuple[Weekly, ...] = ()
    absences: tuple[Exceptional, ...] = ()
    extras: tuple[Exceptional, ...] = ()


class Stint(msgspec.Struct, frozen=True, gc=False):
    """One person's unbroken time on duty for an organisation."""

    staff_id: int
    organisation_id: int
    shift: str
    """The shift's code; 'extra' for an extra duty."""
    starts_at: dt.datetime
    ends_at: dt.datetime


class OnDuty(msgspec.Struct, frozen=True, kw_only=True):
    """A person on duty who can be asked to go now."""

    person: Person
    post: Post
    shift: str
    until: dt.datetime
    """When this duty ends."""
    skills: tuple[str, ...]
    """Skills that count today."""
    lapsed: tuple[str, ...]
    """Skills whose certificate is missing or has expired."""
    qualified: bool
    """False where the role needs a certificate (a nurse's licence) that is missing or has expired."""


class Hole(msgspec.Struct, frozen=True):
    """A time in which none of these organisations has somebody on duty who can be reached."""

    posts: tuple[Post, ...]
    starts_at: dt.datetime
    ends_at: dt.datetime
    absent: tuple[tuple[Person, str], ...]
    """People who would be on duty but are away, with the reason."""


def stints(roster: Roster, since: dt.datetime, until: dt.datetime) -> list[Stint]:
    """List the stints that touch [since, until), uncut, by start, organisation and person.

    Raises ValueError where the roster does not cover the time.
    """
    if since < roster.since or until > roster.until:
        raise ValueError(f"the roster was loaded from {roster.since} to {roster.until}: load it anew for this time")
    away = defaultdict(list)
    for absence in roster.absences:
        away[absence.staff_id].append((absence.starts_at, absence.ends_at))
    found = []
    for stint in _planned(roster, since, until):
        if stint.staff_id not in away:
            found.append(stint)
            continue
        found += [
            msgspec.structs.replace(stint, starts_at=span[0], ends_at=span[1])
            for span in _without((stint.starts_at, stint.ends_at), away[stint.staff_id])
            if _touch(span, (since, until))
        ]
    return sorted(found, key=lambda stint: (stint.starts_at, stint.organisation_id, stint.staff_id, stint.ends_at))


def on_duty(
    roster: Roster, at: dt.datetime, *, place: str | None = None, organisation: str | None = None
) -> tuple[OnDuty, ...]:
    """List the people on duty at a time, those of the nearest organisation first.

    ``place``: an area's path such as 'shenzhen.yantian.haishan.pengwan.c04'; the organisations of its compound,
    community, street, district and city serve it. ``organisation``: a code; only its people. Neither: everybody. Each
    person comes once for each organisation. Raises NotFoundError for a code that does not exist or is closed.
    """
    wanted = {post.id for post in _posts(roster, [organisation])} if organisation is not None else set(roster.posts)
    today = at.astimezone(SHANGHAI).date()
    found: dict[tuple[int, int], Stint] = {}
    for stint in stints(roster, at, at + dt.timedelta.resolution):
        key = (stint.organisation_id, stint.staff_id)
        serves = place is None or within(place, roster.posts[stint.organisation_id].path)
        if not roster.people[stint.staff_id].sent(today):  # a night that began before
            continue
        # Of two that overlap, the one that lasts longer.
        if stint.organisation_id in wanted and serves and (key not in found or found[key].ends_at < stint.ends_at):
            found[key] = stint
    people = (_on_duty(roster, stint, today) for stint in found.values())
    return tuple(sorted(people, key=lambda one: (*_nearness(one.post), one.person.code)))


def serving(roster: Roster, place: str) -> tuple[Post, ...]:
    """List the organisations that serve an area: its own and those of the areas above it, nearest first."""
    return tuple(sorted((post for post in roster.posts.values() if within(place, post.path)), key=_nearness))


def find_holes(roster: Roster, since: dt.datetime, until: dt.datetime, groups: Iterable[Collection[str]]) -> list[Hole]:
    """List the times in [since, until) at which a group of organisations (codes) has nobody who can be reached.

    A group is covered while any of its organisations is; give ``[[code], …]`` to look at each alone. By group and time.
    Raises NotFoundError for a code that does not exist or is closed.
    """
    every = stints(roster, since, until)
    holes = []
    for group in groups:
        posts = _posts(roster, group)
        ids = {post.id for post in posts}
        busy = [
            (stint.starts_at, stint.ends_at)
            for stint in every
            if stint.organisation_id in ids and roster.people[stint.staff_id].reachable
        ]
        for start, end in _without((since, until), busy):
            holes.append(Hole(tuple(posts), start, end, _absent(roster, ids, start, end)))
    return holes


def describe(hole: Hole) -> tuple[str, str]:
    """Describe a hole in Chinese and English, with the remedy."""
    start, end = hole.starts_at.astimezone(SHANGHAI), hole.ends_at.astimezone(SHANGHAI)
    zh = f"{'、'.join(post.name_zh for post in hole.posts)}：{start:%m-%d %H:%M} 至 {end:%m-%d %H:%M} 无人可联系值班"
    en = f"{', '.join(post.name_en for post in hole.posts)}: nobody who can be reached from {start:%m-%d %H:%M}"
    en += f" to {end:%m-%d %H:%M}"
    if hole.absent:
        zh += "；缺勤：" + "、".join(person.name_zh + (f"（{why}）" if why else "") for person, why in hole.absent)
        en += "; away: " + ", ".join(person.name_en + (f" ({why})" if why else "") for person, why in hole.absent)
    return f"{zh}。请安排加班或补充排班。", f"{en}. Add an extra duty or a roster entry."


def _planned(roster: Roster, since: dt.datetime, until: dt.datetime) -> Iterable[Stint]:
    """The stints of weekly shifts and extra duties in [since, until), before absences are taken off."""
    hours: dict[tuple[dt.time, dt.time], list[tuple[dt.date, _Span]]] = {}  # a thousand people share a few shifts
    for entry in roster.weekly:
        if entry.staff_id not in roster.people or entry.organisation_id not in roster.posts:
            continue
        key = (entry.starts, entry.ends)
        if key not in hours:
            hours[key] = [(day, span) for day, span in _shift_hours(*key, since, until) if _touch(span, (since, until))]
        for day, span in hours[key]:
            if day.isoweekday() not in entry.weekdays or day < entry.valid_from:
                continue
            if not roster.people[entry.staff_id].sent(day):
                continue  # nobody is counted on who may not be sent
            if entry.valid_until is None or day <= entry.valid_until:
                yield Stint(entry.staff_id, entry.organisation_id, entry.shift, *span)
    for extra in roster.extras:
        if extra.organisation_id in roster.posts and extra.staff_id in roster.people:
            span = (extra.starts_at, extra.ends_at)
            sent = roster.people[extra.staff_id].sent(extra.starts_at.astimezone(SHANGHAI).date())
            if sent and _touch(span, (since, until)):
                yield Stint(extra.staff_id, extra.organisation_id, "extra", *span)


def _shift_hours(
    starts: dt.time, ends: dt.time, since: dt.datetime, until: dt.datetime
) -> Iterable[tuple[dt.date, _Span]]:
    """The hours of a shift on each day, beginning with the day before ``since``, whose shift may end after it."""
    day, last = since.astimezone(SHANGHAI).date() - _DAY, until.astimezone(SHANGHAI).date()
    overnight = _DAY if ends <= starts else dt.timedelta(0)
    while day <= last:
        yield (
            day,
            (
                dt.datetime.combine(day, starts, SHANGHAI).astimezone(dt.UTC),
                dt.datetime.combine(day + overnight, ends, SHANGHAI).astimezone(dt.UTC),
            ),
        )
        day += _DAY


def _touch(one: _Span, other: _Span) -> bool:
    return one[0] < other[1] and other[0] < one[1]


def _without(span: _Span, taken: Iterable[_Span]) -> list[_Span]:
    """The parts of a span that remain when others are cut out of it."""
    left, (start, end) = [], span
    for cut_start, cut_end in sorted(taken):
        if cut_end <= start or cut_start >= end:
            continue
        if cut_start > start:
            left.append((start, cut_start))
        start = cut_end
        if start >= end:
            return left
    return [*left, (start, end)]


def _absent(roster: Roster, posts: set[int], start: dt.datetime, end: dt.datetime) -> tuple[tuple[Person, str], ...]:
    planned = {stint.staff_id for stint in _planned(roster, start, end) if stint.organisation_id in posts}
    away = {
        absence.staff_id: absence.reason
        for absence in roster.absences
        if absence.staff_id in planned and absence.starts_at < end and start < absence.ends_at
    }
    return tuple((roster.people[staff], away[staff]) for staff in sorted(away, key=lambda s: roster.people[s].code))


def _on_duty(roster: Roster, stint: Stint, today: dt.date) -> OnDuty:
    person = roster.people[stint.staff_id]
    skills, lapsed = effective_skills(person.skills, person.certificates, today)
    needs = ROLES[person.role].needs if person.role in ROLES else frozenset()
    valid = {certificate.kind for certificate in person.certificates if certificate.valid(today)}
    return OnDuty(
        person=person,
        post=roster.posts[stint.organisation_id],
        shift=stint.shift,
        until=stint.ends_at,
        skills=skills,
        lapsed=lapsed,
        qualified=not needs or bool(needs & valid),
    )


def _nearness(post: Post) -> tuple[int, int, str]:
    return -post.path.count("."), NEAREST_KINDS.index(post.kind), post.code


def _posts(roster: Roster, codes: Collection[str] | Sequence[str]) -> list[Post]:
    known = {post.code: post for post in roster.posts.values()}
    for code in codes:
        if code not in known:
            raise NotFoundError(
                en=f"there is no open organisation {code!r}", zh=f"没有代码为 {code} 的在用机构", field="organisation"
            )
    return [known[code] for code in codes]
