"""Fictional people of the demonstration, the same ones every time."""

import datetime as dt
from typing import Literal

import msgspec

from care_network.catalogues.ability import Grade

_SURNAMES = (
    "陈 Chen", "李 Li", "黄 Huang", "张 Zhang", "林 Lin", "王 Wang", "吴 Wu", "刘 Liu", "叶 Ye", "曾 Zeng",
    "温 Wen", "邓 Deng", "罗 Luo", "何 He", "钟 Zhong", "沙 Sha", "梁 Liang", "谢 Xie", "郑 Zheng",
)  # fmt: skip
_WOMEN = (
    "秀英 Xiuying", "桂兰 Guilan", "玉珍 Yuzhen", "惠芳 Huifang", "美玲 Meiling", "淑贞 Shuzhen", "月娥 Yue'e",
    "彩云 Caiyun", "凤仪 Fengyi", "素琴 Suqin", "瑞莲 Ruilian",
)  # fmt: skip
_MEN = (
    "建国 Jianguo", "志强 Zhiqiang", "德明 Deming", "国华 Guohua", "文辉 Wenhui", "永福 Yongfu", "锦堂 Jintang",
    "伟雄 Weixiong", "振邦 Zhenbang", "水生 Shuisheng", "耀祖 Yaozu",
)  # fmt: skip

COUPLES = frozenset({7, 14})
"""Numbers, of every twenty homes, in which a couple lives."""
BASE_YEAR = 2026


class FictionalPerson(msgspec.Struct, frozen=True, kw_only=True):
    """A fictional resident."""

    code: str
    name_zh: str
    name_en: str
    sex: Literal["female", "male"]
    birth_date: dt.date
    home_care_bed: bool
    ability_grade: Grade
    spo2_scale: Literal[1, 2]


def people_of(number: int) -> list[FictionalPerson]:
    """Make up the residents of home ``number`` (from 1): one person, or a couple, aged 66 to 95 in BASE_YEAR."""
    first = _person(number, f"R{number:04d}", woman=number % 5 not in (2, 4))
    if (number - 1) % 20 + 1 not in COUPLES:
        return [first]
    # Codes of second residents cannot meet those of other homes.
    return [first, _person(number + 3, f"R{number:04d}-2", woman=first.sex == "male")]


def surname_of(person: FictionalPerson) -> tuple[str, str]:
    """The family name in Chinese and in English."""
    return person.name_zh[0], person.name_en.split()[0]


def _person(seed: int, code: str, *, woman: bool) -> FictionalPerson:
    family_zh, family_en = _SURNAMES[seed * 7 % len(_SURNAMES)].split()
    given = _WOMEN if woman else _MEN
    given_zh, given_en = given[seed * 5 % len(given)].split()
    age = 66 + seed * 11 % 30
    return FictionalPerson(
        code=code,
        name_zh=family_zh + given_zh,
        name_en=f"{family_en} {given_en}",
        sex="female" if woman else "male",
        birth_date=dt.date(BASE_YEAR - age, 1 + seed * 5 % 12, 1 + seed * 13 % 28),
        home_care_bed=seed % 4 == 1,
        # A bed at home is for those who need it.
        ability_grade=("severe", "lost")[seed // 4 % 2] if seed % 4 == 1 else ("intact", "mild", "moderate")[seed % 3],
        # One with COPD, whose target saturation a clinician set to 88–92 % (NEWS2, scale 2).
        spo2_scale=2 if seed % 20 == 11 else 1,
    )
