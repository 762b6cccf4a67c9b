"""Registers of other offices that are collected, and the fields of their lines with the headings they are known by."""

from collections.abc import Mapping, Sequence

import msgspec

from care_network.errors import NotFoundError


class Register(msgspec.Struct, frozen=True, kw_only=True):
    """A register. Its people have the ``trait`` of :data:`care_services.core.facts.TRAITS`; '': no trait."""

    code: str
    zh: str
    en: str
    trait: str = ""
    office_zh: str
    """The office that keeps it."""
    office_en: str
    basis_zh: str
    """On which ground it is collected (PIPL article 13)."""
    basis_en: str


_CIVIL = ("区民政局", "district civil affairs")
_DUTY = ("法定职责：社会救助暂行办法", "legal duty: Interim Measures for Social Assistance")

REGISTERS: Mapping[str, Register] = {
    one.code: one
    for one in (
        Register(
            code="population", zh="户籍与实有人口（60 岁以上）", en="population register, 60 and older",
            office_zh="公安机关", office_en="public security",
            basis_zh="法定职责：老年人权益保障法第 37 条", basis_en="legal duty: Elderly Rights Law, article 37",
        ),
        Register(
            code="allowance", zh="高龄津贴名册", en="old-age allowance", office_zh=_CIVIL[0], office_en=_CIVIL[1],
            basis_zh="法定职责：老年人权益保障法第 33 条", basis_en="legal duty: Elderly Rights Law, article 33",
        ),
        Register(
            code="low_income", zh="低保与低收入名册", en="low-income list", trait="low_income", office_zh=_CIVIL[0],
            office_en=_CIVIL[1], basis_zh=_DUTY[0], basis_en=_DUTY[1],
        ),
        Register(
            code="extreme_poverty", zh="特困人员名册", en="list of people in extreme poverty", trait="extreme_poverty",
            office_zh=_CIVIL[0], office_en=_CIVIL[1], basis_zh=_DUTY[0], basis_en=_DUTY[1],
        ),
        Register(
            code="disability", zh="持证残疾人名册", en="disability list", trait="disabled", office_zh="区残联",
            office_en="disabled persons' federation",
            basis_zh="法定职责：残疾人保障法", basis_en="legal duty: Law on the Protection of Disabled Persons",
        ),
        Register(
            code="veterans", zh="优抚对象名册", en="list of entitled veterans", trait="veteran",
            office_zh="区退役军人事务局", office_en="veterans' affairs",
            basis_zh="法定职责：军人抚恤优待条例", basis_en="legal duty: Regulations on Pensions of Servicemen",
        ),
        Register(
            code="special_family", zh="计划生育特殊家庭名册", en="list of families that lost their only child",
            trait="special_family", office_zh="区卫生健康局", office_en="district health bureau",
            basis_zh="法定职责：人口与计划生育法第 32 条", basis_en="legal duty: Population Law, article 32",
        ),
        Register(
            code="other_platform", zh="其他平台的老人名册", en="residents of another platform",
            office_zh="对方平台", office_en="the other platform",
            basis_zh="老人同意", basis_en="the residents' consent",
        ),
    )
}  # fmt: skip


class Field(msgspec.Struct, frozen=True, kw_only=True):
    """A field of a line."""

    zh: str
    en: str
    headings: tuple[str, ...]
    """By which a column is recognised."""
    ours: str = ""
    """In our records: 'resident.name_zh'; '': we have no such field."""


FIELDS: Mapping[str, Field] = {
    "name": Field(zh="姓名", en="name", headings=("姓名", "老人姓名", "name"), ours="resident.name_zh"),
    "document": Field(zh="证件类型", en="document", headings=("证件类型", "证件种类", "document")),
    "identity": Field(
        zh="证件号码", en="identity number",
        headings=("证件号码", "身份证号", "身份证号码", "公民身份号码", "证件号", "identity number", "id number"),
    ),
    "sex": Field(zh="性别", en="sex", headings=("性别", "sex"), ours="resident.sex"),
    "birth_date": Field(
        zh="出生日期", en="date of birth", headings=("出生日期", "出生年月日", "生日", "birth date", "date of birth"),
        ours="resident.birth_date",
    ),
    "phone": Field(
        zh="联系电话", en="telephone", headings=("联系电话", "电话", "手机", "手机号码", "telephone", "phone"),
        ours="household.phone",
    ),
    "address": Field(
        zh="住址", en="address", headings=("住址", "现住址", "居住地址", "地址", "家庭住址", "address"),
        ours="household.address_zh",
    ),
    "since": Field(
        zh="起始日期", en="since", headings=("起始日期", "享受起始日期", "认定日期", "发证日期", "批准日期", "since"),
    ),
    "state": Field(zh="人员状态", en="state", headings=("人员状态", "状态", "state")),
    "state_on": Field(
        zh="状态变动日期", en="day of the change",
        headings=("变动日期", "死亡日期", "迁出日期", "状态变动日期", "day of the change"),
    ),
    "grade": Field(
        zh="等级或档次", en="grade", headings=("等级", "档次", "残疾等级", "残疾类别", "津贴档次", "救助类别", "grade"),
    ),
}  # fmt: skip
COMPARED = ("name", "sex", "birth_date", "phone", "address")
"""Fields that our records have, too."""
TRAIT, LEFT, IDENTITY = "trait", "left", "identity"
"""Further differences: the register's trait, a death or a move, an identity number that we did not have."""


def register_named(code: str) -> Register:
    """The register of a code. Raises NotFoundError."""
    if code not in REGISTERS:
        raise NotFoundError(
            en=f"there is no register {code!r}; choose one of {', '.join(REGISTERS)}",
            zh=f"没有名册 {code}，请从列表中选择", field="register",
        )  # fmt: skip
    return REGISTERS[code]


def plain(heading: str) -> str:
    """A heading without blanks, marks and case, to be recognised."""
    return "".join(letter for letter in heading.lower() if letter.isalnum())


_KNOWN = {plain(heading): code for code, field in FIELDS.items() for heading in field.headings}


def guessed(headings: Sequence[str]) -> dict[str, str]:
    """Headings by field, as far as they are known by name; the first column of a name counts."""
    found: dict[str, str] = {}
    for heading in headings:
        code = _KNOWN.get(plain(heading))
        if code is not None and heading:
            found.setdefault(code, heading)
    return found
