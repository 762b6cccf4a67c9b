"""Staff of the demonstration district, round the clock in every street; contacts and medical notes of residents."""

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import msgspec
from psycopg import Connection

from care_network.demo.people import FictionalPerson, surname_of
from care_network.demo.places import STREETS
from care_network.medical import notes
from care_network.medical.keyring import KeyRing
from care_network.records import kinds, store
from care_network.records.staff_records import NewCertificate, NewContact, NewRosterEntry, NewShift, NewStaff
from vocabulary.times import local_day

StaffKind = Literal["carer", "nurse", "doctor", "dispatcher", "social_worker", "manager", "volunteer"]

FROM = dt.date(2025, 1, 1)
_WEEK = (1, 2, 3, 4, 5)
_WEEKEND = (6, 7)
_Shift = tuple[str, str, str, dt.time, dt.time]
"""Code, Chinese and English name, first and last hour."""
_SHIFTS: tuple[_Shift, ...] = (
    ("early", "早班", "Early", dt.time(7), dt.time(15)),
    ("late", "中班", "Late", dt.time(15), dt.time(23)),
    ("night", "夜班", "Night", dt.time(23), dt.time(7)),
)
_DAY_SHIFT = ("day", "日班", "Day", dt.time(8, 30), dt.time(17, 30))
_ON_CALL_SHIFT = ("home", "在家待命", "At home, on call", dt.time(8), dt.time(8))
_TURNS = tuple((shift[0], days) for days in (_WEEK, _WEEKEND) for shift in _SHIFTS)
"""Six people cover the 21 shifts of a week; none works two in a row."""

_FAMILY = (
    "赵 Zhao", "钱 Qian", "孙 Sun", "周 Zhou", "冯 Feng", "许 Xu", "韩 Han", "杨 Yang", "朱 Zhu", "秦 Qin", "魏 Wei",
    "蒋 Jiang", "沈 Shen",
)  # fmt: skip
_GIVEN = (
    "敏 Min", "晴 Qing", "磊 Lei", "丽华 Lihua", "志远 Zhiyuan", "佳怡 Jiayi", "海燕 Haiyan", "俊杰 Junjie",
    "小芳 Xiaofang", "文静 Wenjing", "大勇 Dayong", "雪梅 Xuemei", "建平 Jianping", "婷婷 Tingting", "国栋 Guodong",
    "春燕 Chunyan", "子涵 Zihan",
)  # fmt: skip
_LANGUAGES = (("cmn", "yue"), ("cmn", "hak"), ("cmn", "yue", "nan"), ("cmn",), ("cmn", "yue", "eng"))


class _Team(msgspec.Struct, frozen=True):
    """An organisation's people, in the order of ``_TURNS``."""

    organisation: str
    roles: tuple[StaffKind, ...]
    known: Mapping[int, tuple[str, str, str]] = {}
    """(Chinese name, English name, login) of those who have an account."""


_BED_TEAM: tuple[StaffKind, ...] = ("nurse", "carer", "carer", "carer", "nurse", "carer")
_CENTER: tuple[StaffKind, ...] = ("carer",) * 6
"""At any hour there are a center's carer and two of the bed teams to choose from."""
_TEAMS = (
    _Team("district-center", ("dispatcher",) * 6, {0: ("周敏", "Zhou Min", "dispatcher")}),
    _Team("home-care-beds", _BED_TEAM),
    _Team("beds-shatoujiao", _BED_TEAM, {1: ("许晴", "Xu Qing", "carer")}),
    _Team("beds-haishan", _BED_TEAM, {1: ("冯磊", "Feng Lei", "carer-haishan")}),
    _Team("beds-yantian", _BED_TEAM),
    _Team("beds-meisha", _BED_TEAM),
    *(_Team(f"center-{street}", _CENTER) for street in STREETS),
)
_BY_DAY = (
    _Team("station-donghe", ("volunteer", "social_worker")),
    _Team("station-pengwan", ("volunteer", "volunteer")),
    _Team("point-c04", ("volunteer",)),
    _Team("health-shatoujiao", ("doctor",)),
    *(_Team(f"center-{street}", ("social_worker",)) for street in STREETS),
)
"""Open on working days."""
_ON_CALL = frozenset({"station-pengwan", "point-c04"})
"""Of these come neighbours, who can be asked at any hour: the tour of care does not hang on the hour of its reader."""

_CAN: Mapping[str, tuple[str, ...]] = {
    "nurse": ("first_aid", "cpr_aed", "transfer", "wound_care", "injection", "oxygen", "vital_signs"),
    "carer": ("first_aid", "cpr_aed", "lifting", "transfer", "bathing", "feeding", "dementia_care", "vital_signs"),
    "doctor": ("first_aid", "cpr_aed", "vital_signs", "oxygen"),
    "dispatcher": ("first_aid",),
    "social_worker": ("counselling", "escort", "first_aid", "device_repair"),
    "volunteer": ("first_aid", "cpr_aed", "lifting", "escort", "housekeeping", "device_repair"),
}
_PAPERS: Mapping[str, tuple[str, ...]] = {
    "nurse": ("nurse_licence", "health"),
    "carer": ("elder_carer", "first_aid", "health"),
    "doctor": ("doctor_licence",),
    "dispatcher": ("first_aid",),
    "social_worker": ("social_worker", "first_aid"),
    "volunteer": ("first_aid",),
}
_NO_EXPIRY = frozenset({"elder_carer", "social_worker"})


def add_staff(conn: Connection[Any], today: dt.date) -> None:
    """Add teams, shifts and rosters that do not exist yet; existing people stay as they are."""
    there = {row[0] for row in conn.execute("SELECT code FROM staff")}
    number = 0
    for team in (*_TEAMS, *_BY_DAY):
        new = False
        for place, role in enumerate(team.roles):
            number += 1
            code = f"S{number:04d}"
            if code in there:
                continue
            if not new:
                _add_shifts(conn, team.organisation, _shifts_of(team), today)
                new = True
            _add_person(conn, team, place, role, code, number, today)
            shift, days = _TURNS[place] if team in _TEAMS else (_shifts_of(team)[0][0], _days_of(team))
            entry = NewRosterEntry(code, team.organisation, shift, days, FROM)
            store.add(conn, kinds.ROSTER, entry, today, exist_ok=True)


def add_contacts(
    conn: Connection[Any], people: Mapping[int, Sequence[FictionalPerson]], logins: Mapping[int, str], now: dt.datetime
) -> None:
    """Add a daughter for each resident, where there is no contact yet; every second has a key.

    Every third home has a neighbour with a key, too.
    """
    there = {
        row[0] for row in conn.execute("SELECT DISTINCT r.code FROM contact c JOIN resident r ON r.id = resident_id")
    }
    for number, residents in people.items():
        for person in residents:
            if person.code in there:
                continue
            zh, en = surname_of(person)
            # One resident in ten has not agreed yet: the platform must not call that daughter.
            daughter = NewContact(
                resident=person.code,
                phone=f"0755-0001{number % 10000:04d}",
                name_zh=f"{zh}女士",
                name_en=f"Ms {en}",
                relation_zh="女儿",
                relation_en="daughter",
                call_order=1,
                consent_at=None if number % 10 == 9 else now,
                has_key=number % 2 == 1,
                login=logins.get(number),
            )
            store.add(conn, kinds.CONTACT, daughter, local_day(now))
            if number % 3 == 0:
                neighbour = NewContact(
                    resident=person.code,
                    phone=f"0755-0003{number % 10000:04d}",
                    name_zh="李阿姨",
                    name_en="Aunt Li",
                    relation_zh="邻居",
                    relation_en="neighbour",
                    call_order=2,
                    consent_at=now,
                    has_key=True,
                )
                store.add(conn, kinds.CONTACT, neighbour, local_day(now))


_NOTES = (
    notes.MedicalNote(
        "青霉素", "高血压、2型糖尿病", "氨氯地平 5 mg 每日一次；二甲双胍 0.5 g 每日两次", "2580", "听力差，请大声敲门"
    ),
    notes.MedicalNote("无", "冠心病，支架术后", "阿司匹林 100 mg、氯吡格雷 75 mg 每日一次（易出血）", "1379", ""),
    notes.MedicalNote("海鲜", "慢阻肺，家庭氧疗", "噻托溴铵吸入，每日一次", "4862", "目标血氧 88–92 %"),
)


def add_notes(
    conn: Connection[Any], ring: KeyRing, people: Mapping[int, Sequence[FictionalPerson]], now: dt.datetime
) -> None:
    """Add a medical note for each resident with a home care bed who has none."""
    there = {
        row[0] for row in conn.execute("SELECT r.code FROM medical_note n JOIN resident r ON r.id = n.resident_id")
    }
    for number, residents in people.items():
        for person in residents:
            if person.home_care_bed and person.code not in there:
                notes.add_note(conn, ring, person.code, _NOTES[2 if person.spo2_scale == 2 else number % 2], now)


def _shifts_of(team: _Team) -> tuple[_Shift, ...]:
    if team in _TEAMS:
        return _SHIFTS
    return (_ON_CALL_SHIFT,) if team.organisation in _ON_CALL else (_DAY_SHIFT,)


def _days_of(team: _Team) -> tuple[int, ...]:
    return _WEEK + _WEEKEND if team.organisation in _ON_CALL else _WEEK


def _add_shifts(conn: Connection[Any], organisation: str, shifts: tuple[_Shift, ...], today: dt.date) -> None:
    for code, zh, en, starts, ends in shifts:
        store.add(conn, kinds.SHIFT, NewShift(organisation, code, zh, en, starts, ends), today, exist_ok=True)


def _add_person(
    conn: Connection[Any], team: _Team, place: int, role: StaffKind, code: str, number: int, today: dt.date
) -> None:
    family_zh, family_en = _FAMILY[number * 5 % len(_FAMILY)].split()
    given_zh, given_en = _GIVEN[number * 7 % len(_GIVEN)].split()
    name_zh, name_en, login = team.known.get(place, (family_zh + given_zh, f"{family_en} {given_en}", None))
    new = NewStaff(
        code=code,
        organisation=team.organisation,
        kind=role,
        name_zh=name_zh,
        name_en=name_en,
        phone=f"0755-0002{number:04d}",
        skills=_CAN[role],
        languages=_LANGUAGES[number % len(_LANGUAGES)],
        login=login,
    )
    store.add(conn, kinds.STAFF, new, today)
    for paper in _PAPERS[role]:
        # Some first aiders' certificates have expired, so that the demonstration shows it.
        lapsed = paper == "first_aid" and number % 17 == 0
        expires = (
            None if paper in _NO_EXPIRY else dt.date(2025, 6, 30) if lapsed else dt.date(2035, 1 + number % 12, 28)
        )
        store.add(conn, kinds.CERTIFICATE, NewCertificate(code, paper, f"SZ{number:06d}", None, expires), today)
