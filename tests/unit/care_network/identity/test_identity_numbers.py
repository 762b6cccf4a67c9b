"""Identity numbers of GB 11643-1999: every slip of the pen is found and told, and little of a number is shown."""

import datetime as dt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from care_network.identity.numbers import (
    PROVINCES,
    Document,
    Identity,
    IdentityError,
    check_character,
    contradiction,
    guess,
    parse,
)

TODAY = dt.date(2026, 11, 30)
EXAMPLES = ("11010519491231002X", "440524188001010014")
"""Those of the standard (GB 11643-1999, 4)."""
PLACES = sorted(PROVINCES - {"81", "82", "83"})


@st.composite
def numbers(draw: st.DrawFn) -> str:
    born = draw(st.dates(dt.date(1900, 1, 1), TODAY))
    place = draw(st.sampled_from(PLACES)) + f"{draw(st.integers(0, 9999)):04}"
    first = f"{place}{born:%Y%m%d}{draw(st.integers(0, 999)):03}"
    return first + check_character(first)


def test_the_standards_own_examples_are_right() -> None:
    first, second = (parse(number, on=TODAY) for number in EXAMPLES)
    assert (first.birth_date, first.sex) == (dt.date(1949, 12, 31), "female")
    assert (second.birth_date, second.sex) == (dt.date(1880, 1, 1), "male")
    assert parse(" １１０１０５ 19491231-002x").number == EXAMPLES[0]


@given(numbers())
@settings(max_examples=60)
def test_a_right_number_is_taken_and_tells_birth_and_sex(number: str) -> None:
    found = parse(number, on=TODAY)
    assert found.number == number
    assert found.birth_date == dt.date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    assert found.sex == ("male" if int(number[16]) % 2 else "female")
    assert guess(number, on=TODAY) == found


@given(numbers(), st.integers(0, 17), st.sampled_from("0123456789X"))
@settings(max_examples=120)
def test_one_wrong_character_is_always_found(number: str, place: int, other: str) -> None:
    if number[place] == other:
        return
    with pytest.raises(IdentityError):
        parse(number[:place] + other + number[place + 1 :], on=TODAY)


@given(numbers(), st.integers(0, 16))
@settings(max_examples=80)
def test_two_neighbours_in_the_wrong_order_are_always_found(number: str, place: int) -> None:
    if number[place] == number[place + 1]:
        return
    with pytest.raises(IdentityError):
        parse(number[:place] + number[place + 1] + number[place] + number[place + 2 :], on=TODAY)


@given(numbers())
@settings(max_examples=30)
def test_what_is_shown_does_not_give_the_number_away(number: str) -> None:
    found = parse(number, on=TODAY)
    assert found.masked == f"{number[:4]}{'*' * 13}{number[-1]}"
    for shown in (repr(found), str(found)):
        assert number[6:14] not in shown
        assert number not in shown


@pytest.mark.parametrize(("number", "zh", "en"), [
    ("", "缺少证件号码", "missing"),
    ("110105491231002", "15 位是第一代", "15 digits"),
    ("1101051949123100", "现为 16 位", "this one 16"),
    ("11010519491231O02X", "现为|第 15 位是“O”", "character 15 is 'O'"),
    ("19010519491231002X", "第 1–2 位 19", "digits 1 and 2"),
    ("11010519491331002X", "第 11–12 位 13 不是月份", "no such month"),
    ("11010519490230002X", "1949 年 2 月没有 30 日", "has no day 30"),
    ("11010520491231002X", "2049-12-31 不可能", "impossible"),
    ("110105194912310021", "应为 X，现为 1", "would be X and is 1"),
])  # fmt: skip
def test_a_mistake_is_named_by_its_place(number: str, zh: str, en: str) -> None:
    with pytest.raises(IdentityError, match=en) as caught:
        parse(number[:18] if len(number) > 18 else number, on=TODAY)
    assert any(words in caught.value.message_zh for words in zh.split("|"))
    assert caught.value.field == "identity"
    assert not number or number not in caught.value.message_zh


def test_two_digits_in_the_wrong_order_are_guessed() -> None:
    with pytest.raises(IdentityError, match="are digits 5 and 6 in the wrong order") as caught:
        parse("11015019491231002X", on=TODAY)
    assert "第 5 位与第 6 位是否写反" in caught.value.message_zh


def test_a_record_that_says_otherwise_is_told() -> None:
    found = parse(EXAMPLES[0])
    assert contradiction(found, dt.date(1949, 12, 31), "female") is None
    assert contradiction(found, None, None) is None
    born = contradiction(found, dt.date(1949, 12, 30), "female")
    assert born is not None
    assert born.field == "birth_date"
    assert "第 7–14 位" in born.message_zh
    sex = contradiction(found, None, "male")
    assert sex is not None
    assert sex.field == "sex"


def test_permits_and_passports_have_their_forms() -> None:
    residence = "8100001940010100" + "1"
    number = residence + check_character(residence)
    assert parse(number).document is Document.RESIDENCE_PERMIT
    assert guess("h12345678 01") == Identity(Document.HOME_RETURN_PERMIT, "H12345678")
    assert guess("12345678").document is Document.TAIWAN_PERMIT
    assert guess("E12345678").document is Document.PASSPORT
    assert parse("E12345678", "passport").masked == "E******78"
    with pytest.raises(IdentityError, match="H or M and 8 digits"):
        parse("A12345678", Document.HOME_RETURN_PERMIT)
    with pytest.raises(IdentityError, match="18 characters"):
        guess("1234567")
