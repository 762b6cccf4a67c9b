"""Lines of a register: read in the forms that offices write, refused with a reason, matched and compared."""

import datetime as dt

import pytest

from care_network.identity.numbers import check_character
from care_services.registers.catalogue import REGISTERS, guessed
from care_services.registers.matching import Before, Known, Ours, differences, judge, missing
from care_services.registers.reading import Said, Unread, alike, read

TODAY = dt.date(2026, 11, 30)
HEADINGS = ("姓 名", "公民身份号码", "性别", "出生年月日", "联系电话", "人员状态", "变动日期")
MAPPING = guessed(HEADINGS)
FIRST = "44030819400101001"
NOTHING = Before()
NUMBER = FIRST + check_character(FIRST)


def line(*cells: str) -> Said | Unread:
    return read(2, HEADINGS, cells, MAPPING, TODAY)


def said(*cells: str) -> Said:
    found = line(*cells)
    assert isinstance(found, Said), found
    return found


def test_headings_are_recognised_whatever_their_blanks() -> None:
    assert MAPPING == {
        "name": "姓 名", "identity": "公民身份号码", "sex": "性别", "birth_date": "出生年月日", "phone": "联系电话",
        "state": "人员状态", "state_on": "变动日期",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["1940-01-01", "1940/1/1", "1940.1.1", "1940年1月1日", "19400101", "1940-01-01 00:00"])
def test_a_day_is_read_as_offices_write_it(text: str) -> None:
    assert said("陈", "", "男", text).fields["birth_date"] == "1940-01-01"


def test_the_number_tells_birth_and_sex_and_contradicts_them() -> None:
    assert said("陈", NUMBER).fields == {
        "name": "陈", "birth_date": "1940-01-01", "sex": "male", "document": "id_card",
    }  # fmt: skip
    wrong = line("陈", NUMBER, "女")
    assert isinstance(wrong, Unread)
    assert "第 17 位表示男性" in wrong.zh


@pytest.mark.parametrize(("cells", "zh"), [
    (("", NUMBER), "缺少姓名"), (("陈", "", "男"), "无法判断是谁"), (("陈", NUMBER, "x"), "性别“x”无法识别"),
    (("陈", "", "", "2026-12-01"), "在将来"), (("陈", "", "", "上周"), "不是日期"),
    (("陈", NUMBER[:-1] + "0"), "校验码"),
])  # fmt: skip
def test_a_line_that_cannot_be_read_says_why(cells: tuple[str, ...], zh: str) -> None:
    found = line(*cells)
    assert isinstance(found, Unread)
    assert zh in found.zh


def test_telephones_and_addresses_are_compared_without_their_dress() -> None:
    assert alike("phone", "0755-2501 0010", "25010010")
    assert not alike("phone", "13900000001", "13900000002")
    assert alike("address", "鹏湾花园１栋 801", "鹏湾花园1栋801")


def ours(**more: object) -> Ours:
    fields = {"name": "陈", "sex": "male", "birth_date": "1940-01-01", "phone": "", "address": ""}
    values: dict[str, object] = {"id": 1, "code": "R1", "fields": fields, "has_identity": True, "traits": {}}
    return Ours(**{**values, **more})  # type: ignore[arg-type]


def test_three_values_tell_an_addition_an_update_and_a_conflict_apart() -> None:
    low, told = REGISTERS["low_income"], said("陈", NUMBER, "", "", "13900000001")

    def kinds(mine: Ours, before: Before = NOTHING) -> dict[str, str]:
        return {one.field: one.kind for one in differences(low, told, mine, before)}

    assert kinds(ours()) == {"phone": "addition", "trait": "addition"}
    other = ours(fields={"name": "陈", "phone": "13800000000"}, traits={"low_income": True})
    assert kinds(other) == {"phone": "conflict"} | {"sex": "addition", "birth_date": "addition"}
    from_before = Before(said={"phone": "13800000000"})
    assert kinds(other, from_before)["phone"] == "update"
    assert "phone" not in kinds(other, Before(kept_ours={"phone": "13900000001"})), "decided, and said again"
    assert kinds(ours(traits={"low_income": False}))["trait"] == "conflict"


def test_a_death_is_always_asked_about_and_ends_no_trait_by_itself() -> None:
    told = said("陈", NUMBER, "", "", "", "死亡", "2026-10-30")
    (one,) = differences(REGISTERS["low_income"], told, ours(), Before())
    assert (one.field, one.kind, one.theirs) == ("left", "conflict", "died 2026-10-30")
    assert differences(REGISTERS["population"], told, ours(left="died"), Before()) == ()


def test_candidates_agree_in_two_and_have_no_other_number() -> None:
    free = ours(id=2, code="R2", has_identity=False)
    known = Known([ours(), free], {b"x": 1})
    assert judge(REGISTERS["population"], said("陈", NUMBER), b"y", known, {}).candidates == (2,)
    assert judge(REGISTERS["population"], said("陈", "", "", "1940-01-01"), None, known, {}).candidates == (1, 2)
    assert judge(REGISTERS["population"], said("李", "", "", "1940-01-01"), None, known, {}).verdict == "new"
    assert judge(REGISTERS["population"], said("陈", NUMBER), b"x", known, {}).resident == 1
    (gone,) = missing(REGISTERS["low_income"], [1, 9], [2], known, 50)
    assert (gone.number, gone.resident, gone.differences) == (50, 1, ())
