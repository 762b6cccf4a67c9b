"""Search professionals by name and its sound, role, skill, certificate, language, employer, area and day on duty."""

import datetime as dt
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_network.access.permissions import Action, in_area
from care_network.catalogues.workforce import CERTIFICATES, LANGUAGES, ROLES, SKILLS, Certificate, effective_skills
from care_network.duty.loading import load_roster
from care_network.duty.roster import KIND_WORDS, stints
from care_network.errors import NotPermittedError
from care_network.matching.crew import bounds
from care_network.search.pinyin import bare, fits
from care_services.core.connected import Connected
from care_services.workforce.terms import LASTING, LEVELS, SOON, State, state_of

LIMIT = 50
LONGEST = 80
"""Characters of a search that are looked at."""
PHONE_LEAST = 4


class Paper(msgspec.Struct, frozen=True):
    """A certificate of the staff records."""

    kind: str
    number: str
    issued_on: dt.date | None
    expires_on: dt.date | None
    version: int


class Professional(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the list."""

    id: int
    code: str
    kind: str
    name_zh: str
    name_en: str
    phone: str
    skills: list[str]
    languages: list[str]
    level: int | None
    organisation: str
    organisation_kind: str
    organisation_zh: str
    organisation_en: str
    path: str
    place_zh: str
    place_en: str
    papers: list[Paper]

    def counting(self, today: dt.date) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Skills that count on a day, and those whose certificate is missing or has expired."""
        return effective_skills(self.skills, (Certificate(one.kind, one.expires_on) for one in self.papers), today)

    def standing(self, today: dt.date) -> State | None:
        """How the worst of the certificates stands; None: there is none."""
        order: tuple[State, ...] = ("expired", "soon", "unknown", "valid")
        states = {state_of(one.kind, one.expires_on, today) for one in self.papers}
        return next((state for state in order if state in states), None)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """A search; empty fields ask for nothing."""

    words: str = ""
    kind: str = ""
    skill: str = ""
    """That counts today, or on the day asked for."""
    certificate: str = ""
    state: str = ""
    """Of that certificate, or of any: valid, soon, expired, unknown; 'missing' needs a certificate."""
    language: str = ""
    organisation: str = ""
    under: str = ""
    """Path of an area: of whoever works in it."""
    day: dt.date | None = None
    """On duty at some time of that day."""
    after: str = ""


_SELECT: LiteralString = """
    SELECT s.id, s.code, s.kind, s.name_zh, s.name_en, s.phone, s.skills, s.languages, p.level, o.code AS organisation,
           o.kind AS organisation_kind, o.name_zh AS organisation_zh, o.name_en AS organisation_en,
           a.path::text AS path, a.name_zh AS place_zh, a.name_en AS place_en,
           coalesce(c.papers, '[]') AS papers
    FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
    LEFT JOIN staff_profile p ON p.staff_id = s.id
    LEFT JOIN LATERAL (
        SELECT json_agg(json_build_object('kind', c.kind, 'number', c.number, 'issued_on', c.issued_on,
                                          'expires_on', c.expires_on, 'version', c.version) ORDER BY c.kind) AS papers
        FROM staff_certificate c WHERE c.staff_id = s.id) c ON true
    WHERE s.active AND (a.path <@ %(area)s::ltree OR a.path @> %(area)s::ltree)
"""
_LIGHT: LiteralString = """
    SELECT s.id, s.code, s.name_zh, s.name_en, s.phone, s.kind, s.skills, s.languages,
           ARRAY(SELECT c.kind FROM staff_certificate c WHERE c.staff_id = s.id), p.level, o.name_zh, o.name_en,
           a.name_zh, a.name_en, o.kind
    FROM staff s JOIN organisation o ON o.id = s.organisation_id JOIN area a ON a.id = o.area_id
    LEFT JOIN staff_profile p ON p.staff_id = s.id
    WHERE s.active AND (a.path <@ %(area)s::ltree OR a.path @> %(area)s::ltree)
"""
_WORDS: dict[tuple[str, object], tuple[str, str]] = {
    **{
        (sort, code): (term.zh.lower(), term.en.lower())
        for sort, terms in (("role", ROLES), ("skill", SKILLS), ("tongue", LANGUAGES), ("paper", CERTIFICATES))
        for code, term in terms.items()
    },
    **{("employer", code): (zh.lower(), en.lower()) for code, (zh, en) in KIND_WORDS.items()},
    **{("level", level): (zh.lower(), en.lower()) for level, (zh, en) in LEVELS.items()},
}
"""Words by sort and code, in small letters."""
_FILTER: LiteralString = """
    AND (%(kind)s = '' OR s.kind = %(kind)s)
    AND (%(language)s = '' OR %(language)s = ANY (s.languages))
    AND (%(organisation)s = '' OR o.code = %(organisation)s)
    AND (%(under)s = '' OR a.path <@ %(under)s::text::ltree)
    AND (%(skill)s = '' OR %(skill)s = ANY (s.skills) AND (%(needs)s::text[] = '{}' OR EXISTS (
        SELECT FROM staff_certificate n WHERE n.staff_id = s.id AND n.kind = ANY (%(needs)s)
          AND (n.expires_on IS NULL OR n.expires_on >= %(day)s))))
    AND CASE WHEN %(certificate)s = '' AND %(state)s = '' THEN true
             WHEN %(state)s = 'missing' THEN NOT EXISTS (
                 SELECT FROM staff_certificate n WHERE n.staff_id = s.id AND n.kind = %(certificate)s)
             ELSE EXISTS (
                 SELECT FROM staff_certificate n WHERE n.staff_id = s.id
                   AND (%(certificate)s = '' OR n.kind = %(certificate)s)
                   AND CASE %(state)s WHEN '' THEN true
                       WHEN 'expired' THEN n.expires_on < %(today)s
                       WHEN 'soon' THEN n.expires_on BETWEEN %(today)s AND %(soon)s
                       WHEN 'unknown' THEN n.expires_on IS NULL AND n.kind <> ALL (%(lasting)s)
                       ELSE n.expires_on > %(soon)s OR n.expires_on IS NULL AND n.kind = ANY (%(lasting)s) END) END
    AND (%(ids)s::integer[] IS NULL OR s.id = ANY (%(ids)s))
    AND s.code > %(after)s
"""


def search(acting: Connected, wanted: Wanted) -> list[Professional]:
    """Find who fits, of the account's area and of what serves it, by code; LIMIT + 1 of them.

    Each word of the search has to fit somebody's name (also by its sound), code, telephone, role, skills, certificates,
    languages, employer or place. Raises NotPermittedError for a foreign area.
    """
    acting.require(Action.VIEW_CARE)
    if wanted.under and not in_area(acting.account, wanted.under):
        raise NotPermittedError(en="this area is not yours", zh="该区域不在您的管辖范围内")
    words = wanted.words[:LONGEST].lower().split()
    query = _SELECT + _FILTER + " ORDER BY s.code"
    asks = _asks(acting, wanted)
    if not words:
        return _read(acting.conn, query + " LIMIT %(most)s", asks)
    # names are found by their sound, which the database does not know: of what fits otherwise, each is looked at
    light = acting.conn.execute(_LIGHT + _FILTER + " ORDER BY s.code", asks).fetchall()
    ids: list[int] = []
    for row in light:
        if all(says(row, word) for word in words):
            ids.append(row[0])
            if len(ids) > LIMIT:
                break
    return _read(acting.conn, _SELECT + " AND s.id = ANY (%(found)s) ORDER BY s.code", {**asks, "found": ids})


def find(acting: Connected, code: str) -> Professional | None:
    """One active professional whom the account sees; None: there is none."""
    acting.require(Action.VIEW_CARE)
    found = _read(acting.conn, _SELECT + " AND s.code = %(code)s", {"area": acting.account.area_path, "code": code})
    return found[0] if found else None


def says(row: tuple[Any, ...], word: str) -> bool:
    """Whether a word of a search fits somebody, as _LIGHT reads them. Pure."""
    name, phone = row[2], row[4]
    if word in f"{row[1]}\n{name}\n{row[3]}\n{row[10]}\n{row[11]}\n{row[12]}\n{row[13]}".lower():
        return True
    codes: list[tuple[str, object]] = [("role", row[5]), ("level", row[9]), ("employer", row[14])]
    for sort, place in (("skill", 6), ("tongue", 7), ("paper", 8)):
        codes += [(sort, code) for code in row[place]]
    if any(word in term for code in codes for term in _WORDS.get(code, ())):
        return True
    if word.isdigit():
        return len(word) >= PHONE_LEAST and word in "".join(filter(str.isdigit, phone))
    plain, typed = bare(name), bare(word)
    return len(typed) > 1 and any(fits(plain, typed, start) for start in range(len(plain)))


def on_duty_ids(conn: Connection[Any], day: dt.date) -> list[int]:
    """Staff who are on duty at some time of a day in Shanghai."""
    since, until = bounds(day)
    return sorted({stint.staff_id for stint in stints(load_roster(conn, since, until), since, until)})


def _asks(acting: Connected, wanted: Wanted) -> dict[str, Any]:
    skill = SKILLS.get(wanted.skill)
    return {
        "area": acting.account.area_path, "kind": wanted.kind, "language": wanted.language, "under": wanted.under,
        "organisation": wanted.organisation, "skill": wanted.skill, "needs": sorted(skill.needs) if skill else [],
        "day": wanted.day or acting.today, "today": acting.today, "soon": acting.today + dt.timedelta(days=SOON),
        "certificate": wanted.certificate, "state": wanted.state, "lasting": sorted(LASTING),
        "ids": None if wanted.day is None else on_duty_ids(acting.conn, wanted.day), "after": wanted.after,
        "most": LIMIT + 1,
    }  # fmt: skip


def _read(conn: Connection[Any], query: LiteralString, asks: dict[str, Any]) -> list[Professional]:
    with conn.cursor() as cursor:
        rows = cursor.execute(query, asks).fetchall()
        names = [column.name for column in cursor.description or ()]
    return [msgspec.convert(dict(zip(names, row, strict=True)), Professional, strict=False) for row in rows]
