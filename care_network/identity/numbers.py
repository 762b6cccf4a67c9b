"""Identity numbers as they are written on a document, checked as far as the number itself tells. Pure.

A number of 18 characters is that of GB 11643-1999: six digits of the place (GB/T 2260), eight of the birth date, three
of a sequence (the last odd for men), and a check character by ISO 7064 MOD 11-2. It finds every single wrong digit and
every two neighbours that changed places. Permits and passports have no check character.
"""

import datetime as dt
import re
import unicodedata
from enum import StrEnum

import msgspec

from care_network.errors import ProvisioningError


class Document(StrEnum):
    """The kind of a document."""

    ID_CARD = "id_card"
    """居民身份证."""
    RESIDENCE_PERMIT = "residence_permit"
    """港澳台居民居住证: the form of an identity card, with 81, 82 or 83 for the place."""
    HOME_RETURN_PERMIT = "home_return_permit"
    """港澳居民来往内地通行证."""
    TAIWAN_PERMIT = "taiwan_permit"
    """台湾居民来往大陆通行证."""
    PASSPORT = "passport"


DOCUMENT_WORDS: dict[Document, tuple[str, str]] = {
    Document.ID_CARD: ("居民身份证", "identity card"),
    Document.RESIDENCE_PERMIT: ("港澳台居民居住证", "residence permit for Hong Kong, Macao and Taiwan residents"),
    Document.HOME_RETURN_PERMIT: ("港澳居民来往内地通行证", "mainland travel permit, Hong Kong and Macao"),
    Document.TAIWAN_PERMIT: ("台湾居民来往大陆通行证", "mainland travel permit, Taiwan"),
    Document.PASSPORT: ("护照", "passport"),
}
WITH_CHECK = (Document.ID_CARD, Document.RESIDENCE_PERMIT)
WEIGHTS = tuple(pow(2, 17 - place, 11) for place in range(17))
"""ISO 7064, 5.3: 2 to the power of the place, modulo 11."""
CHECKS = "10X98765432"
"""By the remainder of the weighted sum (GB 11643-1999, 3.4)."""
_PROVINCES = "11 12 13 14 15 21 22 23 31 32 33 34 35 36 37 41 42 43 44 45 46 50 51 52 53 54 61 62 63 64 65 71 81 82 83"
PROVINCES = frozenset(_PROVINCES.split())
"""First two digits of GB/T 2260; 81 to 83 on residence permits (国办发〔2018〕81号)."""
_ACROSS = ("81", "82", "83")
_EARLIEST = 1880
"""Nobody alive was born earlier."""
_OTHERS = {
    Document.HOME_RETURN_PERMIT: (
        re.compile(r"([HM][0-9]{8})(?:[0-9]{2})?"),
        "H 或 M 加 8 位数字", "H or M and 8 digits",
    ),
    Document.TAIWAN_PERMIT: (re.compile(r"([0-9]{8})"), "8 位数字", "8 digits"),
    Document.PASSPORT: (
        re.compile(r"((?=.*[0-9])[A-Z0-9]{5,9})"),
        "5 至 9 位字母和数字", "5 to 9 letters and digits",
    ),
}  # fmt: skip


_ROUNDED = re.compile(r"^[0-9](?:\.[0-9]+)?[Ee]\+?[0-9]{2}$")
"""A number as a spreadsheet writes one that is too long for it: 4.40308E+17."""


class Identity(msgspec.Struct, frozen=True):
    """A number that was checked. It does not print itself."""

    document: Document
    number: str
    """Without blanks, in capital letters."""
    birth_date: dt.date | None = None
    """As far as the number tells it."""
    sex: str | None = None

    def __repr__(self) -> str:
        return f"Identity({self.document.value}, {self.masked})"

    @property
    def masked(self) -> str:
        """The number as it is shown: so little of it that with the birth date, which stands beside it, nobody can
        complete it. First six and last four would give everything away: the eight between are the birth date."""
        first, last = (4, 1) if self.document in WITH_CHECK else (1, 2)
        return f"{self.number[:first]}{'*' * (len(self.number) - first - last)}{self.number[-last:]}"


class IdentityError(ProvisioningError):
    """The number cannot be one. The texts never repeat it whole."""

    code = "identity"


def cleaned(text: str) -> str:
    """The number without blanks, hyphens and marks that nobody sees, in plain capitals, not full-width ones."""
    plain = "".join(one for one in unicodedata.normalize("NFKC", text) if unicodedata.category(one) != "Cf")
    return re.sub(r"[\s'’‘`·-]", "", plain).upper()


def check_character(first_seventeen: str) -> str:
    """The check character of 17 digits."""
    return CHECKS[sum(int(digit) * weight for digit, weight in zip(first_seventeen, WEIGHTS, strict=True)) % 11]


def parse(text: str, document: Document | str = Document.ID_CARD, *, on: dt.date | None = None) -> Identity:
    """Check a number. ``on``: the day of today; birth dates after it are refused.

    Raises IdentityError, which names the place of what is wrong and what to do.
    """
    document, number = Document(document), cleaned(text)
    if not number:
        raise _wrong("the number is missing", "缺少证件号码")
    if document in WITH_CHECK:
        return _with_check(number, on)
    form, zh, en = _OTHERS[document]
    found = form.fullmatch(number)
    if found is None:
        words = DOCUMENT_WORDS[document]
        raise _wrong(f"a number of this document ({words[1]}) has {en}", f"{words[0]}号码应为{zh}")
    return Identity(document, found[1])


def guess(text: str, *, on: dt.date | None = None) -> Identity:
    """Check a number whose document nobody named: by its form. 18 characters are an identity card, and so is whatever
    looks like one with a mistake; 8 digits are a Taiwan permit. Raises IdentityError."""
    number = cleaned(text)
    for document in (Document.HOME_RETURN_PERMIT, Document.TAIWAN_PERMIT):
        if _OTHERS[document][0].fullmatch(number):
            return parse(number, document)
    if len(number) < 12 and number[:1].isalpha():
        return parse(number, Document.PASSPORT)
    return parse(number, Document.ID_CARD, on=on)


def contradiction(identity: Identity, birth_date: dt.date | None, sex: str | None) -> IdentityError | None:
    """Whether birth date and sex are others than the number says; None where they fit, or one side does not know."""
    if identity.birth_date is not None and birth_date is not None and identity.birth_date != birth_date:
        return _wrong(
            f"digits 7 to 14 say born on {identity.birth_date}, and the record {birth_date}: one of them is wrong",
            f"号码第 7–14 位的出生日期为 {identity.birth_date}，与登记的 {birth_date} 不一致，请核对证件",
            field="birth_date",
        )
    if identity.sex is not None and sex is not None and identity.sex != sex:
        zh = "男" if identity.sex == "male" else "女"
        return _wrong(
            f"digit 17 says {identity.sex}, and the record {sex}: one of them is wrong",
            f"号码第 17 位表示{zh}性，与登记的性别不一致，请核对证件",
            field="sex",
        )
    return None


def _with_check(number: str, on: dt.date | None) -> Identity:
    if len(number) == 15 and number.isdecimal():
        raise _wrong(
            "15 digits are a card of the first generation, out of use since 2013: ask for the number of 18",
            "15 位是第一代身份证号码（2013 年起停用），请补填 18 位号码",
        )
    if _ROUNDED.search(number):
        raise _wrong(
            f"the spreadsheet made a number of it ({number}) and lost its last digits: format the column as text, and"
            " enter the numbers anew from their source",
            f"电子表格把号码当成了数值（{number}），末几位已丢失：请把该列设为文本格式，并按原件重新录入",
        )
    if len(number) != 18:
        raise _wrong(
            f"an identity number has 18 characters, this one {len(number)}: one is missing or too many",
            f"身份证号码应为 18 位，现为 {len(number)} 位，请核对是否漏填或多填",
        )
    for place, character in enumerate(number, 1):
        if not ("0" <= character <= "9" or (place == 18 and character == "X")):
            raise _wrong(
                f"character {place} is '{character}': write a digit" + (" or X" if place == 18 else ""),
                f"第 {place} 位是“{character}”，应为数字" + ("或 X" if place == 18 else ""),
            )
    if number[:2] not in PROVINCES:
        raise _wrong(
            f"digits 1 and 2 are {number[:2]}: no province has this code (GB/T 2260)",
            f"第 1–2 位 {number[:2]} 不是任何省级行政区划代码，请核对",
        )
    born = _date(number[6:14], on)
    wanted = check_character(number[:17])
    if number[17] != wanted:
        swapped = _swapped(number, on)
        more_en = f"; are digits {swapped} and {swapped + 1} in the wrong order?" if swapped else ""
        more_zh = f"；第 {swapped} 位与第 {swapped + 1} 位是否写反？" if swapped else ""
        raise _wrong(
            f"the check character (18) would be {wanted} and is {number[17]}: a digit is wrong, compare one by one"
            + more_en,
            f"校验码（第 18 位）应为 {wanted}，现为 {number[17]}：号码中有错误，请逐位核对" + more_zh,
        )
    document = Document.RESIDENCE_PERMIT if number.startswith(_ACROSS) else Document.ID_CARD
    return Identity(document, number, born, "male" if int(number[16]) % 2 else "female")


def _date(digits: str, on: dt.date | None) -> dt.date:
    year, month, day = int(digits[:4]), int(digits[4:6]), int(digits[6:])
    if not 1 <= month <= 12:
        raise _wrong(f"digits 11 and 12 are {month:02}: there is no such month", f"第 11–12 位 {month:02} 不是月份")
    try:
        found = dt.date(year, month, day)
    except ValueError:
        raise _wrong(
            f"digits 7 to 14 are no date: {year:04}-{month:02} has no day {day}",
            f"第 7–14 位不是有效日期：{year:04} 年 {month} 月没有 {day} 日",
        ) from None
    if year < _EARLIEST or (on is not None and found > on):
        raise _wrong(f"digits 7 to 14 say born on {found}: impossible", f"第 7–14 位的出生日期 {found} 不可能，请核对")
    return found


def _swapped(number: str, on: dt.date | None) -> int:
    """The first of two neighbouring digits (from 1) whose exchange makes the number right; 0 where none or several."""
    places = []
    for place in range(16):
        other = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
        if other != number and other[:2] in PROVINCES and check_character(other[:17]) == other[17]:
            try:
                _date(other[6:14], on)
            except IdentityError:
                continue
            places.append(place + 1)
    return places[0] if len(places) == 1 else 0


def _wrong(en: str, zh: str, *, field: str = "identity") -> IdentityError:
    return IdentityError(en=en, zh=zh, field=field)
