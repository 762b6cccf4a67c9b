"""Sets of data that are reported: columns with units, ground and purpose, and the query behind each."""

import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, LiteralString

import msgspec
from psycopg import Connection

from care_network.catalogues.ability import GRADES
from care_network.errors import NotFoundError
from care_network.identity import vault
from care_network.medical.keyring import KeyRing
from care_services.core.facts import TRAITS
from care_services.reporting.packages import Column
from vocabulary.severity import SEVERITIES

Rows = Iterator[tuple[int | None, Sequence[Any]]]
"""Each with the resident it tells of; None: it tells of nobody. Of people a batch at a time is in memory."""
BATCH = 500


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
    for rows in _batches(conn, _OF_PEOPLE + " ORDER BY r.code", asked):
        numbers = {} if ring is None else vault.numbers(conn, ring, [row[0] for row in rows])
        for row in rows:
            number = numbers[row[0]].number if row[0] in numbers else None
            yield row[0], (row[1], number, *row[2:8], *((row[9] or {}).get(trait) for trait in _TRAITS))


def _agreed(conn: Connection[Any], _ring: KeyRing | None, asked: Asked) -> Rows:
    """Those who agreed to be known to the receiver's system, at this moment."""
    query: LiteralString = (
        _OF_PEOPLE + " AND EXISTS (SELECT FROM exchange_consent c JOIN report_receiver x ON x.account_id = c.account_id"
        " WHERE x.id = %(receiver)s AND c.resident_id = r.id AND c.withdrawn_at IS NULL) ORDER BY r.code"
    )
    for rows in _batches(conn, query, asked):
        for row in rows:
            yield row[0], row[1:9]


_UNTOLD: LiteralString = """
    SELECT p.resident_id, k.receiver_id, k.area_path, max(c.withdrawn_at) AS withdrawn_at, max(k.id) AS package
    FROM report_package k JOIN report_receiver x ON x.id = k.receiver_id AND x.account_id IS NOT NULL
    JOIN report_person p ON p.package_id = k.id
    JOIN exchange_consent c ON c.account_id = x.account_id AND c.resident_id = p.resident_id
    WHERE k.basis = 'consent' AND (k.state = 'delivered' OR EXISTS (
            SELECT FROM report_attempt t WHERE t.package_id = k.id AND t.outcome IS DISTINCT FROM 'refused'))
    GROUP BY p.resident_id, k.receiver_id, k.area_path
    HAVING bool_and(c.withdrawn_at IS NOT NULL) AND NOT EXISTS (
        SELECT FROM report_package w JOIN report_person q ON q.package_id = w.id
        WHERE w.receiver_id = k.receiver_id AND w.dataset = 'withdrawals' AND w.state <> 'withdrawn'
          AND q.resident_id = p.resident_id AND w.made_at >= max(c.withdrawn_at))
"""
"""People of whom a receiver was told, or may have been where an answer was lost, by a consent that is over, and of
whose withdrawal it has not been told yet."""


def untold(conn: Connection[Any]) -> list[tuple[int, str, str]]:
    """Receivers that are to be told of withdrawals: who made the newest package about them, area, receiver's code."""
    return conn.execute(
        f"SELECT max(k.made_by), u.area_path::text, x.code FROM ({_UNTOLD}) u JOIN report_package k ON k.id = u.package"  # noqa: S608 - of constants
        " JOIN report_receiver x ON x.id = u.receiver_id GROUP BY u.area_path, x.code ORDER BY x.code, u.area_path"
    ).fetchall()


def _withdrawals(conn: Connection[Any], _ring: KeyRing | None, asked: Asked) -> Rows:
    query: LiteralString = (
        f"SELECT r.id, r.code, (u.withdrawn_at AT TIME ZONE 'Asia/Shanghai')::date FROM ({_UNTOLD}) u"  # noqa: S608
        " JOIN resident r ON r.id = u.resident_id JOIN household h ON h.id = r.household_id AND NOT h.synthetic"
        " WHERE u.receiver_id = %(receiver)s AND u.area_path <@ %(area)s::text::ltree ORDER BY r.code"
    )
    for rows in _batches(conn, query, asked):
        for number, code, day in rows:
            yield number, (code, day)


def _batches(conn: Connection[Any], query: LiteralString, asked: Asked) -> Iterator[list[Any]]:
    """The rows of a query a batch at a time, within the caller's transaction: the server holds the others."""
    with conn.cursor(name="report_rows") as cursor:
        cursor.execute(query, _values(asked))
        while rows := cursor.fetchmany(BATCH):
            yield rows


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
    return ((None, row) for row in found)


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
    return ((None, row) for row in found)


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
        Dataset(
            code="withdrawals", zh="撤回同意通知（请删除）", en="consents withdrawn: to be deleted", version=1,
            basis="law", rows=_withdrawals,
            columns=(
                _text("code", "编号（请删除此人的资料）", "code of whom to delete"),
                _text("withdrawn_on", "撤回同意日期", "day of the withdrawal", "date"),
            ),
            purpose_zh="通知撤回同意，请停止使用并删除（个人信息保护法第 15、23、47 条）",
            purpose_en="withdrawals of consent: stop using and delete (PIPL articles 15, 23, 47)",
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
