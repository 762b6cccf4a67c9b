"""One page of a kind's records, by key: searched, filtered and ordered by the database, never the whole list."""

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any, LiteralString

import msgspec
from psycopg import Connection, sql
from psycopg.errors import DataError
from psycopg.rows import dict_row

from care_network.errors import NotFoundError, ProvisioningError
from care_network.records import store
from care_network.records.history import past
from care_network.records.kinds import Kind
from care_network.records.store import Stored
from firmware_profiles.devices import MODELS
from vocabulary.synthetic import PLATFORM_HOME

LIMIT, MOST = 50, 1000
"""Rows of a page: usually, and at most (an export asks for such pages one after another)."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a kind that is asked for."""

    under: str
    """The path of the area, by which everything else is bounded, too."""
    words: str = ""
    """Found anywhere in names, codes, telephones and addresses; several words must all be there."""
    filters: Mapping[str, str] = {}
    """By name: a name of FILTERS of the kind, and its value."""
    heard: tuple[int, ...] = ()
    """Rows of residents whose names sound like ``words``: they, their homes and what belongs to them are found, too."""
    after: str = ""
    """Key of the record before the first one, as ``next`` of the page before it."""
    limit: int = LIMIT
    as_of: dt.datetime | None = None
    """How it was then; None: now."""
    today: dt.date
    """Of filters that ask for the end of a certificate."""


class Page(msgspec.Struct, frozen=True):
    """Some records in the order of their keys."""

    rows: tuple[Stored, ...]
    next: str | None
    """For ``after`` of the next page; None: these are the last."""


class Filter(msgspec.Struct, frozen=True):
    """A condition that people choose. ``sql`` has one parameter, the value or (without a value of its own) nothing."""

    zh: str
    en: str
    sql: Mapping[str, LiteralString]
    """By value; '' is any other value, which is then the parameter."""
    field: str = ""
    """The field whose choices are its values; '': the keys of ``sql``, with the words of ``values``."""
    values: Mapping[str, tuple[str, str]] = {}


_YES_NO = {"true": ("是", "yes"), "false": ("否", "no")}


def _truth(zh: str, en: str, column: LiteralString) -> Filter:
    return Filter(zh, en, {"true": column, "false": "NOT " + column}, values=_YES_NO)


def _choice(zh: str, en: str, field: str, column: LiteralString) -> Filter:
    return Filter(zh, en, {"": column + " = %(value)s", "none": column + " IS NULL"}, field=field)


_ENDS = Filter(
    "到期", "Ends",
    {
        "soon": "x.expires_on BETWEEN %(today)s AND %(today)s + 60",
        "over": "x.expires_on < %(today)s",
        "valid": "coalesce(x.expires_on, 'infinity') >= %(today)s",
    },
    values={"soon": ("60 天内到期", "within 60 days"), "over": ("已过期", "expired"), "valid": ("有效", "valid")},
)  # fmt: skip
_HAS_ENDING = "EXISTS (SELECT FROM staff_certificate c WHERE c.staff_id = x.id AND "
_STAFF_ENDS = Filter(
    "证书", "Certificates",
    {
        "soon": _HAS_ENDING + "c.expires_on BETWEEN %(today)s AND %(today)s + 60)",
        "over": _HAS_ENDING + "c.expires_on < %(today)s)",
    },
    values={"soon": ("60 天内到期", "one ends within 60 days"), "over": ("已过期", "one has expired")},
)  # fmt: skip
_CONSENT = Filter(
    "老人同意", "Consent",
    {"true": "x.consent_at <= now()", "false": "coalesce(x.consent_at > now(), true)"}, values=_YES_NO,
)  # fmt: skip

FILTERS: Mapping[str, Mapping[str, Filter]] = {
    "area": {"level": _choice("层级", "Level", "level", "a.level")},
    "organisation": {
        "kind": _choice("机构类别", "Kind", "kind", "x.kind"), "active": _truth("在用", "Active", "x.active"),
    },
    "resident": {
        "ability_grade": _choice("能力等级", "Ability grade", "ability_grade", "x.ability_grade"),
        "home_care_bed": _truth("家庭养老床位", "Home care bed", "x.home_care_bed"),
        "lives_alone": Filter(
            "独居", "Lives alone",
            {"true": "x.lives_alone", "false": "NOT x.lives_alone", "none": "x.lives_alone IS NULL"},
            values={**_YES_NO, "none": ("未知", "unknown")},
        ),
    },
    "contact": {"consent": _CONSENT, "has_key": _truth("持有钥匙", "Has a key", "x.has_key")},
    "staff": {
        "kind": _choice("岗位", "Role", "kind", "x.kind"), "active": _truth("在岗", "Active", "x.active"),
        "certificates": _STAFF_ENDS,
    },
    "certificate": {"kind": _choice("证书种类", "Kind", "kind", "x.kind"), "ends": _ENDS},
    "device": {"model": _choice("型号", "Model", "model", "x.model")},
}  # fmt: skip
"""By kind and name. Parameters: the value, and today."""

_SEARCHED: Mapping[str, LiteralString] = {
    "area": "a.name_zh || ' ' || a.name_en || ' ' || a.path::text",
    "organisation": "x.code || ' ' || x.name_zh || ' ' || x.name_en || ' ' || x.phone || ' ' || x.address_zh",
    "household": "x.code || ' ' || x.address_zh || ' ' || x.address_en || ' ' || x.phone",
    "resident": "x.code || ' ' || x.name_zh || ' ' || x.name_en || ' ' || h.code || ' ' || h.address_zh || ' '"
    " || h.phone",
    "gateway": "x.name || ' ' || h.code || ' ' || h.address_zh",
    "contact": "r.code || ' ' || r.name_zh || ' ' || x.name_zh || ' ' || x.name_en || ' ' || x.phone",
    "staff": "x.code || ' ' || x.name_zh || ' ' || x.name_en || ' ' || x.phone || ' ' || o.code",
    "certificate": "s.code || ' ' || s.name_zh || ' ' || s.name_en || ' ' || x.number",
    "shift": "o.code || ' ' || x.code || ' ' || x.name_zh || ' ' || x.name_en",
    "roster": "s.code || ' ' || s.name_zh || ' ' || o.code || ' ' || t.code",
    "exception": "s.code || ' ' || s.name_zh || ' ' || x.reason",
}
"""Texts in which ``words`` are looked for, by kind."""
_FOUND: LiteralString = 'lower(({text}) COLLATE "C") LIKE {word}'
"""Without a language's order, in a third of the time; Latin letters of either case are alike."""
_DEVICE_FOUND = (
    "x.gateway_id IN (SELECT g.id FROM gateway g JOIN household h ON h.id = g.household_id AND NOT h.synthetic"  # noqa: S608 - constants
    " JOIN area b ON b.id = h.area_id AND b.path <@ %(under)s::ltree"
    " LEFT JOIN resident r ON r.household_id = h.id WHERE "
    + _FOUND.replace(
        "{text}", "g.name || ' ' || h.code || ' ' || h.address_zh || ' ' || coalesce(r.code || ' ' || r.name_zh, '')"
    )
)
"""Of devices, of which there are a dozen a home: by their home and its residents, looked up first."""
_FIRST_HOMES = " AND g.name >= %(from)s ORDER BY g.name LIMIT 500"
"""Of these alone where one word is the whole choice: their devices fill a page many times over."""
MOST_WORDS = 5
_HEARD: Mapping[str, LiteralString] = {
    "resident": "x.id = ANY (%(heard)s)",
    "household": "x.id IN (SELECT household_id FROM resident WHERE id = ANY (%(heard)s))",
    "gateway": "x.household_id IN (SELECT household_id FROM resident WHERE id = ANY (%(heard)s))",
    "contact": "x.resident_id = ANY (%(heard)s)",
    "device": "x.gateway_id IN (SELECT g.id FROM gateway g JOIN resident r ON r.household_id = g.household_id"
    " WHERE r.id = ANY (%(heard)s))",
}
"""The condition by kind that it belongs to one of the residents who were heard."""


def page(conn: Connection[Any], kind: Kind, wanted: Wanted) -> Page:
    """Read one page. Raises NotFoundError for an unknown area, ProvisioningError for an unknown filter or moment."""
    if conn.execute("SELECT FROM area WHERE path::text = %s", (wanted.under,)).fetchone() is None:
        raise NotFoundError(en=f"there is no area {wanted.under!r}", zh=f"没有区域 {wanted.under}", field="area")
    if wanted.as_of is not None:
        past.check_known(conn, wanted.as_of)
    limit = min(max(1, wanted.limit), MOST)
    parameters: dict[str, Any] = {"under": wanted.under, "limit": limit + 1, "today": wanted.today}
    conditions = ["a.path <@ %(under)s::ltree"]
    if kind.name == "household":
        conditions.append("x.code <> %(platform)s")
        parameters["platform"] = PLATFORM_HOME
    typed = [_found(kind, word, number, parameters, wanted) for number, word in enumerate(_words(wanted))]
    if typed and wanted.heard and kind.name in _HEARD:
        parameters["heard"] = list(wanted.heard)
        typed = [f"(({' AND '.join(typed)}) OR {_HEARD[kind.name]})"]
    conditions += typed
    for name, value in wanted.filters.items():
        conditions.append(_condition(kind, name, value, parameters))
    order = store.key_columns(kind)
    if wanted.after:
        after = tuple(wanted.after.split("/"))
        if len(after) != len(order):
            raise NotFoundError(
                en=f"a {kind.name} is named {'/'.join(kind.key)}", zh=f"{kind.zh}的标识为 {'/'.join(kind.key)}"
            )
        places = [f"%(after{n})s{cast}" for n, (_, cast) in enumerate(order)]
        if len(order) > 1:  # a comparison of columns of two tables has no index, its first column has
            conditions.append(f"{order[0][0]} >= {places[0]}")
        conditions.append(f"({', '.join(c for c, _ in order)}) > ({', '.join(places)})")
        parameters |= {f"after{n}": part for n, part in enumerate(after)}
    body = f"{kind.select} WHERE {' AND '.join(conditions)} ORDER BY {', '.join(c for c, _ in order)} LIMIT %(limit)s"
    query = past.at_moment(kind, wanted.as_of) + sql.SQL(body)
    try:
        with conn.transaction(), conn.cursor(row_factory=dict_row) as cursor:
            rows = [store.read(kind, row) for row in cursor.execute(query, parameters)]
    except DataError as error:
        raise ProvisioningError(
            en="this list cannot be continued from there; begin again", zh="无法从该处继续，请从头显示", field="after"
        ) from error
    more = len(rows) > limit
    rows = rows[:limit]
    return Page(tuple(rows), store.key_of(kind, rows[-1]) if more else None)


def _condition(kind: Kind, name: str, value: str, parameters: dict[str, Any]) -> str:
    chosen = FILTERS.get(kind.name, {}).get(name)
    condition = None if chosen is None else chosen.sql.get(value, chosen.sql.get(""))
    if condition is None:
        raise ProvisioningError(
            en=f"a list of {kind.name} has no filter {name}={value[:40]}",
            zh=f"没有筛选条件 {name}={value[:40]}",
            field=name,
        )
    parameters[f"f_{name}"] = value
    return f"({condition.replace('%(value)s', f'%(f_{name})s')})"


def _found(kind: Kind, word: str, number: int, parameters: dict[str, Any], wanted: Wanted) -> str:
    """The condition that a word is somewhere in a record."""
    parameters[f"word{number}"] = f"%{_plain(word.lower())}%"
    place = f"%(word{number})s"
    if kind.name != "device":
        return _FOUND.replace("{text}", _SEARCHED[kind.name]).replace("{word}", place)
    parameters[f"models{number}"] = [
        code for code, one in MODELS.items() if word.lower() in f"{code} {one.zh} {one.label_en}".lower()
    ]
    parameters["from"] = wanted.after.partition("/")[0]
    few = _FIRST_HOMES if len(wanted.words.split()) == 1 and not wanted.filters else ""
    by_model = f"x.model = ANY (%(models{number})s) OR " if parameters[f"models{number}"] else ""
    return f"({by_model}{_DEVICE_FOUND.replace('{word}', place)}{few}))"


def _words(wanted: Wanted) -> list[str]:
    return wanted.words.split()[:MOST_WORDS]


def _plain(word: str) -> str:
    """Take the meaning from the signs of a pattern."""
    return re.sub(r"([\\%_])", r"\\\1", word)
