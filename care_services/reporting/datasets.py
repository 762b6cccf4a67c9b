"""Sets of data that are reported: columns with units, ground and purpose, and the query behind each."""

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from psycopg import Connection

from care_network.catalogues.ability import GRADES
from care_network.errors import NotFoundError
from care_network.identity import vault
from care_network.medical.keyring import KeyRing
from care_services.core.facts import TRAITS
from care_services.reporting.packages import Column
from vocabulary.severity import SEVERITIES

Rows = list[tuple[int | None, Sequence[Any]]]
"""Each with the resident it tells of; None: it tells of nobody."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A package to be made: of which area and period, for whom."""

    receiver_id: int
    area: str
    starts_on: dt.date
    ends_on: dt.date
    """The last day."""


class Dataset(msgspec.Struct, frozen=True, kw_only=True):
    """A set of data. ``version`` rises with each change of its columns."""

    code: str
    zh: str
    en: str
    version: int
    columns: tuple[Column, ...]
    basis: str
    """'law', 'consent', 'nobody': see :class:`care_services.reporting.packages.Manifest`."""
    purpose_zh: str
    purpose_en: str
    rows: Callable[[Connection[Any], KeyRing | None, Asked], Rows]

    @property
    def people(self) -> bool:
        """Whether it tells of people, and is sealed for its receiver."""
        return self.basis != "nobody"


def _text(name: str, zh: str, en: str, kind: str = "text", unit: str = "", codes: Sequence[str] = ()) -> Column:
    return Column(name=name, zh=zh, en=en, type=kind, unit=unit, codes=tuple(codes))


_TRAITS = tuple(TRAITS)
_OF_PEOPLE = """
    SELECT r.id, r.code, r.name_zh, r.sex, r.birth_date, a.path::text, r.ability_grade, r.home_care_bed, h.phone,
           coalesce((SELECT jsonb_object_agg(trait, holds) FROM resident_trait t WHERE t.resident_id = r.id
              AND t.valid_from <= %(end)s AND (t.valid_until IS NULL OR t.valid_until > %(end)s)), '{}')
              || jsonb_build_object('lives_alone', r.lives_alone)
    FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
    JOIN area a ON a.id = h.area_id AND a.path <@ %(area)s::text::ltree
    WHERE NOT EXISTS (SELECT FROM resident_leaving l
                      WHERE l.resident_id = r.id AND l.back_at IS NULL AND l.left_on < %(start)s)
"""


def _people(conn: Connection[Any], ring: KeyRing | None, asked: Asked) -> Rows:
    found = conn.execute(_OF_PEOPLE + " ORDER BY r.code", _values(asked)).fetchall()
    numbers = {} if ring is None else vault.numbers(conn, ring, [row[0] for row in found])
    return [
        (
            row[0],
            (
                row[1], numbers[row[0]].number if row[0] in numbers else None, *row[2:8],
                *((row[9] or {}).get(trait) for trait in _TRAITS),
            ),
        )
        for row in found
    ]  # fmt: skip


def _agreed(conn: Connection[Any], _ring: KeyRing | None, asked: Asked) -> Rows:
    """Those who agreed to be known to the receiver's system, at this moment."""
    found = conn.execute(
        _OF_PEOPLE + " AND EXISTS (SELECT FROM exchange_consent c JOIN report_receiver x ON x.account_id = c.account_id"
        " WHERE x.id = %(receiver)s AND c.resident_id = r.id AND c.withdrawn_at IS NULL) ORDER BY r.code",
        _values(asked),
    ).fetchall()
    return [(row[0], (row[1], row[2], row[3], row[4], row[5], row[6], row[7], row[8])) for row in found]


def _places(conn: Connection[Any], _ring: KeyRing | None, asked: Asked) -> Rows:
    found = conn.execute(
        """
        SELECT subpath(a.path, 0, least(nlevel(a.path), 4))::text AS community, count(*),
               count(*) FILTER (WHERE r.birth_date <= %(end)s - interval '80 years'),
               count(*) FILTER (WHERE r.lives_alone), count(*) FILTER (WHERE r.lives_alone IS NULL),
               count(*) FILTER (WHERE r.home_care_bed), count(*) FILTER (WHERE r.ability_grade IS NOT NULL)
        FROM resident r JOIN household h ON h.id = r.household_id AND NOT h.synthetic
        JOIN area a ON a.id = h.area_id AND a.path <@ %(area)s::text::ltree
        WHERE NOT EXISTS (SELECT FROM resident_leaving l
                          WHERE l.resident_id = r.id AND l.back_at IS NULL AND l.left_on < %(start)s)
        GROUP BY 1 ORDER BY 1
        """,
        _values(asked),
    ).fetchall()
    return [(None, row) for row in found]


def _alerts(conn: Connection[Any], _ring: KeyRing | None, asked: Asked) -> Rows:
    found = conn.execute(
        """
        SELECT subpath(a.path, 0, least(nlevel(a.path), 3))::text AS street, e.severity, count(*),
               count(*) FILTER (WHERE e.state = 'resolved'),
               count(*) FILTER (WHERE e.state IN ('cancelled', 'cleared')),
               count(*) FILTER (WHERE alert_is_open(e.state))
        FROM alert e JOIN household h ON h.id = e.household_id AND NOT h.synthetic
        JOIN area a ON a.id = h.area_id AND a.path <@ %(area)s::text::ltree
        WHERE e.onset >= %(start)s::date::timestamp AT TIME ZONE 'Asia/Shanghai'
          AND e.onset < (%(end)s::date + 1)::timestamp AT TIME ZONE 'Asia/Shanghai'
        GROUP BY 1, 2 ORDER BY 1, 2
        """,
        _values(asked),
    ).fetchall()
    return [(None, row) for row in found]


def _values(asked: Asked) -> dict[str, Any]:
    return {
        "area": asked.area, "start": asked.starts_on, "end": asked.ends_on, "receiver": asked.receiver_id,
    }  # fmt: skip


_PERSON = (
    _text("name", "姓名", "name"), _text("sex", "性别", "sex", "code", codes=("female", "male")),
    _text("birth_date", "出生日期", "date of birth", "date"), _text("area", "所在区域", "path of the area"),
    _text("ability_grade", "能力等级（GB/T 42195-2022）", "ability grade", "code", codes=tuple(GRADES)),
    _text("home_care_bed", "家庭养老床位", "home care bed", "yes/no"),
)  # fmt: skip
_PEOPLE_COUNT, _ALERT_COUNT = "人 people", "条 alerts"

DATASETS: Mapping[str, Dataset] = {
    one.code: one
    for one in (
        Dataset(
            code="residents", zh="在册老人基本信息", en="residents, basic data", version=1, basis="law", rows=_people,
            columns=(
                _text("code", "编号", "code"),
                _text("identity_number", "证件号码（未登记为空）", "identity number, empty where not recorded"),
                *_PERSON,
                *(_text(code, zh, f"{en}; empty: unknown", "yes/no") for code, (zh, en) in TRAITS.items()),
            ),
            purpose_zh="养老服务信息报送（老年人权益保障法第 37 条；养老机构与居家服务统计）",
            purpose_en="reporting of elderly services (Elderly Rights Law, article 37)",
        ),
        Dataset(
            code="places", zh="社区老人统计", en="residents by community", version=1, basis="nobody", rows=_places,
            columns=(
                _text("community", "社区", "path of the community"),
                _text("residents", "老人数", "residents", "integer", _PEOPLE_COUNT),
                _text("aged_80", "80 岁及以上", "aged 80 and over", "integer", _PEOPLE_COUNT),
                _text("alone", "独居", "live alone", "integer", _PEOPLE_COUNT),
                _text("alone_unknown", "是否独居未知", "not known whether alone", "integer", _PEOPLE_COUNT),
                _text("home_care_beds", "家庭养老床位", "home care beds", "integer", _PEOPLE_COUNT),
                _text("assessed", "已做能力评估", "ability assessed", "integer", _PEOPLE_COUNT),
            ),
            purpose_zh="统计上报（统计法），不含个人信息", purpose_en="statistics, nobody's data",
        ),
        Dataset(
            code="alerts", zh="预警月报", en="alerts of the period", version=1, basis="nobody", rows=_alerts,
            columns=(
                _text("street", "街道", "path of the street"),
                _text("severity", "级别", "severity", "code", codes=SEVERITIES),
                _text("alerts", "预警数", "alerts", "integer", _ALERT_COUNT),
                _text("resolved", "已办结", "resolved by a person", "integer", _ALERT_COUNT),
                _text("withdrawn", "取消或自动解除", "cancelled or cleared", "integer", _ALERT_COUNT),
                _text("open", "未结束", "still open when made", "integer", _ALERT_COUNT),
            ),
            purpose_zh="动态监管上报，不含个人信息", purpose_en="supervision, nobody's data",
        ),
        Dataset(
            code="referrals", zh="协同服务名单（经老人同意）", en="residents who agreed to be known", version=1,
            basis="consent", rows=_agreed,
            columns=(_text("code", "编号", "code"), *_PERSON, _text("phone", "住户电话", "telephone of the household")),
            purpose_zh="与医疗、社会服务平台协同（个人信息保护法第 13、23 条：单独同意）",
            purpose_en="cooperation with other platforms (PIPL articles 13, 23: separate consent)",
        ),
    )
}  # fmt: skip


def dataset_named(code: str) -> Dataset:
    """The set of data of a code. Raises NotFoundError."""
    if code not in DATASETS:
        raise NotFoundError(
            en=f"there is no set of data {code!r}; choose one of {', '.join(DATASETS)}", zh=f"没有数据集 {code}",
            field="dataset",
        )  # fmt: skip
    return DATASETS[code]


def withdrawn(conn: Connection[Any], package_id: int) -> int:
    """How many people of a package no longer agree to be known to its receiver."""
    row = conn.execute(
        """
        SELECT count(*) FROM report_person p JOIN report_package k ON k.id = p.package_id
        JOIN report_receiver x ON x.id = k.receiver_id
        WHERE k.id = %s AND NOT EXISTS (SELECT FROM exchange_consent c WHERE c.account_id = x.account_id
                                         AND c.resident_id = p.resident_id AND c.withdrawn_at IS NULL)
        """,
        (package_id,),
    ).fetchone()
    return 0 if row is None else int(row[0])
