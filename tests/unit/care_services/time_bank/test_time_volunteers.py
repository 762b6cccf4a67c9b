"""A volunteer's states, checks and training on a day, and who is asked for a request with which reasons."""

import datetime as dt

import msgspec
import pytest

from care_network.errors import ProvisioningError
from care_services.time_bank.kinds import BASIC_COURSE, hours, needs_of
from care_services.time_bank.matching import Candidate, Wanted, match
from care_services.time_bank.volunteers import (
    Paper,
    ending_soon,
    free_at,
    lacking,
    read_times,
    step,
    steps_from,
    write_times,
)
from vocabulary.times import SHANGHAI

DAY = dt.date(2026, 11, 2)
GOOD = {"identity": Paper(passed=True), "background": Paper(passed=True, expires_on=DAY)}
TRAINED = {BASIC_COURSE: Paper(passed=True)}
AT = dt.datetime(2026, 11, 2, 10, tzinfo=SHANGHAI)
WANTED = Wanted(kind="company", resident=1, begins=AT, ends=AT + dt.timedelta(hours=1), minutes=60,
                languages=("yue", "cmn"), resident_sex="female", longitude=114.24, latitude=22.56)  # fmt: skip
ONE = Candidate(id=1, code="V00001", name_zh="甲", name_en="A", sex="female", state="active", belongs_to="senior",
                languages=("yue",), checks=GOOD, courses=TRAINED, longitude=114.241, latitude=22.56)  # fmt: skip


def test_a_check_counts_until_its_last_day_and_not_a_day_longer() -> None:
    assert lacking(GOOD, TRAINED, DAY) == []
    assert lacking(GOOD, TRAINED, DAY + dt.timedelta(days=1)) == [
        ("无犯罪记录核查已于 2026-11-02 到期", "background check expired on 2026-11-02")
    ]
    refused = {**GOOD, "identity": Paper(passed=False)}
    assert lacking(refused, {}, DAY) == [
        ("身份核验未通过", "identity check was not passed"), ("岗前培训尚未完成", "basic training is missing"),
    ]  # fmt: skip
    assert ending_soon(GOOD, DAY - dt.timedelta(days=20)) == DAY
    assert ending_soon(GOOD, DAY - dt.timedelta(days=40)) is None


def test_the_steps_of_a_life_need_what_they_need() -> None:
    assert step("applied", "check", []) == "checked"
    assert step("resting", "begin", []) == "active"
    with pytest.raises(ProvisioningError, match="expired"):
        step("trained", "begin", [("已到期", "expired")])
    with pytest.raises(ProvisioningError, match="the state is active"):
        step("active", "train", [])
    assert steps_from("active") == ["rest", "end"]


def test_times_are_read_as_they_are_written() -> None:
    times = read_times("3 14:00-17:00；1 09:00-12:00")
    assert times == [[1, 540, 720], [3, 840, 1020]]
    assert write_times(times) == "1 09:00-12:00; 3 14:00-17:00"
    assert free_at(times, 1, 600, 660) is True
    assert free_at(times, 1, 700, 730) is False
    assert free_at([], 1, 700, 730) is None, "nothing is told: unknown, not never"
    for wrong in ("9 09:00-12:00", "1 12:00-09:00", "1 09:60-12:00", "monday"):
        with pytest.raises(ProvisioningError):
            read_times(wrong)


def test_matches_come_with_reasons_and_what_stands_against_them() -> None:
    def other(code: str, **changed: object) -> Candidate:
        return msgspec.structs.replace(ONE, id=int(code[1:]), code=code, **changed)

    people = [
        other("V00002", languages=("cmn",), longitude=None, latitude=None),
        other("V00003", helped=3),
        other("V00004", busy=True),
        other("V00005", checks={"identity": Paper(passed=True)}),
        other("V00006", resident_id=1),
        other("V00007", times=((2, 0, 1440),)),
        other("V00008", planned=450),
        other("V00009", helps="male"),
        other("V00010", state="resting"),
    ]
    found = match(WANTED, [ONE, *people])
    assert [one.candidate.code for one in found if not one.against] == ["V00003", "V00001", "V00002"]
    best, far = found[0], found[2]
    assert ("会说粤语", "speaks Cantonese") in best.reasons
    assert ("曾为该老人服务 3 次", "helped this resident 3 times before") in best.reasons
    assert ("距离未知", "distance unknown") in far.reasons, "unknown is not near"
    why = {one.candidate.code: one.against[0][1] for one in found if one.against}
    assert why == {
        "V00004": "has promised that time already", "V00005": "background check is missing",
        "V00006": "is the resident", "V00007": "has no time then", "V00008": "has 450 of at most 480 minutes this week",
        "V00009": "helps men alone", "V00010": "is not active",
    }  # fmt: skip
    assert match(msgspec.structs.replace(WANTED, sex="male"), [ONE])[0].against == (
        ("老人希望由男性志愿者服务", "the resident wants a man"),
    )
    assert match(msgspec.structs.replace(WANTED, kind="escort"), [ONE])[0].against[0][1].startswith("lacks the skill")


def test_unknown_facts_put_nobody_into_a_group() -> None:
    assert needs_of({"age": 82, "ability_grade": "severe", "lonely": True}) == ("frail", "very_old", "lonely")
    assert needs_of({}) == ()
    assert needs_of({"age": 79, "ability_grade": "mild", "lives_alone": True}) == ("lonely",)
    assert (hours(125), hours(-5)) == ("2:05", "−0:05")
