"""Everybody is found by each of their own keys, and names sound as people say them."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.demo.people import people_of
from care_network.demo.places import COMPOUNDS
from care_network.search.index import Entry, Index, Telephone
from care_network.search.pinyin import bare, by_name, fits, initials, sounds, spelling
from care_network.search.query import plain_number, read_query

SURNAMES = "陈李黄张林王吴刘叶曾单仇解查区任华葛翟覃吕欧"
GIVEN = "秀英桂兰玉珍淑贞建国志强乐行长重佳怡曾单女绿"


def entry(number: int, name: str, **more: object) -> Entry:
    compound = COMPOUNDS[number % len(COMPOUNDS)].area
    fields = {
        "id": number, "code": f"R{number:04d}", "household": f"H{number:04d}", "name_zh": name, "name_en": "Somebody",
        "path": compound.path, "sex": "female",
        "birth_date": dt.date(1940, 1, 1), "ability_grade": None, "lives_alone": True,
        "compound_zh": compound.name_zh, "compound_en": compound.name_en, "street_zh": "海山街道",
        "street_en": "Haishan Street", "address_en": f"{number} Road",
        "address_zh": f"某路{number}号{compound.name_zh}{1 + number % 9}栋{100 + number % 2000}",
        "telephones": (
            Telephone(f"0755{number:08d}", f"0755-{number:08d}", "", ""),
            Telephone(f"139{number:08d}", f"139 {number:08d}", "女儿 某女士", "daughter Ms X"),
        ),
    }  # fmt: skip
    return Entry(**(fields | more))  # type: ignore[arg-type]


CROWD = [
    entry(place * 10 + which, person.name_zh, name_en=person.name_en, sex=person.sex)
    for place in range(1, 120)
    for which, person in enumerate(people_of(place))
]


def found(everybody: list[Entry], typed: str) -> list[str]:
    hits, total = Index(everybody).find(read_query(typed), {one.path for one in everybody}, 10_000)
    assert total == len(hits)
    return [hit.entry.code for hit in hits]


NAMES = st.builds(
    lambda first, rest: first + rest, st.sampled_from(SURNAMES), st.text(st.sampled_from(GIVEN), min_size=1, max_size=2)
)


@settings(max_examples=40)
@given(NAMES, st.integers(5000, 9999))
def test_everybody_is_found_by_each_of_their_own_keys(name: str, number: int) -> None:
    me = entry(number, name)
    both = Index([*CROWD[:5], me])
    room, compound = 100 + number % 2000, me.compound_zh
    keys = [
        name, name[1:], name[0] + "女士", name[0] + "奶奶", spelling(name), initials(name), spelling(name).upper(),
        " ".join(syllables[0] for syllables in sounds(name)), spelling(name[0]) + initials(name)[1:], f"R{number}",
        f"h{number}", f"0755-{number:08d}", f"{number:08d}", f"+86 755 {number:08d}", f"+86 139{number:08d}",
        f"139 {number:08d}", f"{number:08d}"[-4:], f"{compound} {room}", f"{compound}{room}",
        f"{compound}{1 + number % 9}栋{room}", f"{compound}{1 + number % 9}-{room}", f"{name} {compound}",
        f"{spelling(compound)} {room}",
    ]  # fmt: skip
    lost = [key for key in keys if me not in [hit.entry for hit in both.find(read_query(key), {me.path}, 99)[0]]]
    assert lost == []


@settings(max_examples=50)
@given(st.text(max_size=100))
def test_whatever_is_typed_is_a_search(typed: str) -> None:
    found(CROWD[:10], typed)


@settings(max_examples=50)
@given(st.text(max_size=8), st.text(max_size=8))
def test_whatever_somebody_is_called_can_be_looked_for(name: str, typed: str) -> None:
    found([entry(1, name)], typed)


@pytest.mark.parametrize(
    ("name", "sound"),
    [
        ("曾秀英", "zengxiuying"), ("单桂兰", "shanguilan"), ("仇玉珍", "qiuyuzhen"), ("解建国", "xiejianguo"),
        ("区志强", "ouzhiqiang"), ("查良", "zhaliang"), ("欧阳修", "ouyangxiu"), ("尉迟恭", "yuchigong"),
        ("吕秀莲", "lvxiulian"), ("吕秀莲", "luxiulian"), ("任重", "renzhong"), ("任重", "renchong"),
        ("曾重", "cengzhong"),
    ],
)  # fmt: skip
def test_a_name_sounds_as_people_say_it(name: str, sound: str) -> None:
    assert fits(bare(name), sound)


def test_letters_that_do_not_tell_the_name_find_nobody() -> None:
    assert sorted(["沙头角", "安和", "曾美玲", "单秀", "盐田", "海山", "梅沙"], key=by_name) == [
        "安和", "海山", "梅沙", "单秀", "沙头角", "盐田", "曾美玲",
    ]  # fmt: skip
    assert not fits("刘淑贞", "lsx")
    assert not fits("刘淑贞", "liushuzhenz")
    assert not fits("刘淑贞", "淑刘")
    assert found(CROWD, "zzzz") == []
    assert found(CROWD, " - ") == []


def test_the_form_of_address_tells_the_sex() -> None:
    everybody = [entry(1, "刘淑贞"), entry(2, "刘建国", sex="male"), entry(3, "柳女")]
    assert found(everybody, "刘女士") == ["R0001"]
    assert found(everybody, "刘爷爷") == ["R0002"]
    assert sorted(found(everybody, "刘老师")) == ["R0001", "R0002"]


def test_who_is_called_so_comes_before_who_lives_there() -> None:
    everybody = [entry(1, "海晴"), entry(9, "陈海")]  # 9 lives in 海晴苑
    assert found(everybody, "海晴") == ["R0001", "R0009"]


def test_nobody_in_other_places_is_found_or_counted() -> None:
    here = {CROWD[0].path}
    hits, total = Index(CROWD).find(read_query("陈"), here, 10_000)
    assert total == len([one for one in CROWD if one.path in here and "陈" in one.name_zh]) == len(hits)
    assert Index(CROWD).find(read_query("陈"), (), 10) == ([], 0)


def test_numbers_are_read_without_the_code_of_the_country() -> None:
    assert plain_number("+86 755-8612 3456") == "75586123456"
    assert plain_number("8613912345678") == "13912345678"
    assert plain_number("86123456") == "86123456"
