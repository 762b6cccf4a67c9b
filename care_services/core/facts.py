"""Facts about residents that rules ask for: what the records say, and the traits that somebody recorded with evidence.

A fact that nobody recorded is unknown, and stays out of the dictionary.
"""

import datetime as dt
from collections.abc import Callable, Collection, Mapping
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from care_network.catalogues.ability import GRADES
from care_network.errors import ProvisioningError
from care_services.core.rules import Fact, Value

TRAITS: Mapping[str, tuple[str, str]] = {
    "low_income": ("低保或低收入", "low income"),
    "extreme_poverty": ("特困供养", "supported in extreme poverty"),
    "special_family": ("计划生育特殊家庭", "family that lost its only child"),
    "veteran": ("优抚对象", "entitled veteran or kin"),
    "local_household": ("本市户籍", "registered in the city"),
    "lives_alone": ("独居", "lives alone"),
    "empty_nest": ("空巢", "children live elsewhere"),
    "lonely": ("孤寡", "without spouse or children"),
    "disabled": ("持残疾证", "holds a disability certificate"),
}
"""Traits that are recorded as yes or no, with evidence: (Chinese, English) by code."""

OF_THE_RECORD = frozenset({"lives_alone"})
"""Traits that the resident's record holds, for the desk and for rules alike: what is written down with evidence goes
there, and a line of evidence that says something else than the record is no longer true."""

COMMON: Mapping[str, Fact] = {
    "age": Fact(zh="年龄", en="age", kind=int, unit_zh="岁", unit_en="years"),
    "sex": Fact(zh="性别", en="sex", kind=str, choices={"female": ("女", "female"), "male": ("男", "male")}),
    "ability_grade": Fact(zh="能力等级", en="ability grade", kind=str, choices=GRADES, ordered=True),
    "home_care_bed": Fact(zh="家庭养老床位", en="home care bed", kind=bool),
    **{code: Fact(zh=zh, en=en, kind=bool) for code, (zh, en) in TRAITS.items()},
}
"""The facts that :func:`facts_of` knows, for the subjects of rules. A graver ability grade is the greater one."""


def facts_of(conn: Connection[Any], resident_ids: Collection[int], on: dt.date) -> dict[int, dict[str, Value]]:
    """The known facts of each resident on a day, by id. One query, whatever the number.

    Facts of the record are those of now; age, and the traits with evidence, are those of the day.
    """
    rows = conn.cursor(row_factory=dict_row).execute(
        """
        SELECT r.id, date_part('year', age(%(on)s::date, r.birth_date))::int AS age, r.sex, r.ability_grade,
               r.home_care_bed, r.lives_alone, t.traits
        FROM resident r
        LEFT JOIN LATERAL (
            SELECT jsonb_object_agg(trait, holds) AS traits FROM resident_trait t
            WHERE t.resident_id = r.id AND t.valid_from <= %(on)s AND (t.valid_until IS NULL OR t.valid_until > %(on)s)
        ) t ON true
        WHERE r.id = ANY(%(ids)s)
        """,
        {"on": on, "ids": list(resident_ids)},
    )
    return {
        row["id"]: {
            name: value
            for name, value in {
                "age": row["age"], "sex": row["sex"], "ability_grade": row["ability_grade"],
                "home_care_bed": row["home_care_bed"], **(row["traits"] or {}), "lives_alone": row["lives_alone"],
            }.items() if value is not None
        }
        for row in rows
    }  # fmt: skip


def facts_over(
    conn: Connection[Any], resident_ids: Collection[int], first: dt.date, last: dt.date
) -> Callable[[int, dt.date], Mapping[str, Value]]:
    """The known facts of each resident on any day from ``first`` to ``last``: on a birthday, or when a trait begins or
    ends, they are others than before. Two queries, and one more for each day that is asked for of somebody like that.
    """
    base = facts_of(conn, resident_ids, first)
    changing = {
        row[0]
        for row in conn.execute(
            """
            SELECT r.id FROM resident r
            WHERE r.id = ANY(%(ids)s) AND (
                date_part('year', age(%(last)s::date, r.birth_date))
                    <> date_part('year', age(%(first)s::date, r.birth_date))
                OR EXISTS (SELECT FROM resident_trait t WHERE t.resident_id = r.id
                           AND (t.valid_from > %(first)s AND t.valid_from <= %(last)s
                                OR t.valid_until > %(first)s AND t.valid_until <= %(last)s)))
            """,
            {"ids": list(resident_ids), "first": first, "last": last},
        )
    }
    by_day: dict[dt.date, dict[int, dict[str, Value]]] = {first: base}

    def on(resident_id: int, day: dt.date) -> Mapping[str, Value]:
        if resident_id not in changing:
            return base.get(resident_id, {})
        if day not in by_day:
            by_day[day] = facts_of(conn, changing, day)
        return by_day[day].get(resident_id, {})

    return on


_GONE: dict[str, tuple[str, str]] = {
    "died": ("去世", "died"), "moved": ("迁出", "moved away"), "other": ("离开", "left"),
}  # fmt: skip


class GoneError(ProvisioningError):
    """The resident is not here any more: nothing new is arranged for them."""

    code = "gone"

    def __init__(self, why: str, on: dt.date, field: str | None = None) -> None:
        zh, en = _GONE[why]
        super().__init__(
            zh=f"该老人已于 {on} 登记为{zh}，不再受理新的服务、用餐、互助、床位、补贴和评估。"
            "如登记有误，请在“离开的老人”中更正",
            en=f"the resident is written down as gone ({en}, {on}): no new service, meal, help, bed,"
            " grant or assessment. If that is wrong, put it right under “Residents who are gone”",
            field=field,
        )


def check_here(conn: Connection[Any], resident_id: int, field: str | None = None) -> None:
    """Refuse something new for who died or moved away: a service, a meal, help, a bed, a grant, an assessment.

    Raises GoneError. Each door asks here first, so that who pressed reads the reason. The database refuses the same
    behind it (migrations 0340, 0386), for a door that forgets, and for a leaving that is written down in the same
    second.
    """
    row = conn.execute("SELECT gone, gone_on FROM resident WHERE id = %s", (resident_id,)).fetchone()
    if row is not None and row[0] is not None:
        raise GoneError(row[0], row[1], field)
