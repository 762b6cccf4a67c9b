"""Read the lines of a register: fields by the mapping of columns, each checked. Pure.

A line that cannot be read is kept with its reason; nothing of a register is lost.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Mapping, Sequence

import msgspec

from care_network.errors import ProvisioningError
from care_network.identity import numbers
from care_network.identity.numbers import DOCUMENT_WORDS, Document, Identity
from care_services.registers.catalogue import FIELDS

SEXES = {"男": "male", "男性": "male", "1": "male", "male": "male", "m": "male",
         "女": "female", "女性": "female", "2": "female", "female": "female", "f": "female"}  # fmt: skip
"""GB/T 2261.1: 1 male, 2 female."""
STATES = {
    **dict.fromkeys(("正常", "在册", "健在", "在世", "alive", "active"), "here"),
    **dict.fromkeys(("死亡", "去世", "已故", "注销", "deceased", "dead", "died"), "died"),
    **dict.fromkeys(("迁出", "迁移", "搬离", "moved", "moved away"), "moved"),
}
_DATE = re.compile(r"(\d{4})[-/.年]?(\d{1,2})[-/.月]?(\d{1,2})[日]?(?:[ T]00:00(?::00)?)?")
_DOCUMENTS = {
    **{words[0]: document for document, words in DOCUMENT_WORDS.items()},
    **{words[1]: document for document, words in DOCUMENT_WORDS.items()},
    **{document.value: document for document in Document},
    "身份证": Document.ID_CARD, "回乡证": Document.HOME_RETURN_PERMIT, "台胞证": Document.TAIWAN_PERMIT,
}  # fmt: skip
LONGEST = 200


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A line as it was read. ``fields`` are texts: dates as 1950-01-31, sex as 'male' or 'female'; '' is left out."""

    number: int
    fields: dict[str, str]
    identity: Identity | None = None


class Unread(msgspec.Struct, frozen=True):
    """A line that cannot be read, and why."""

    number: int
    zh: str
    en: str
    field: str = ""
    """Of the column that is wrong; '': the line as a whole."""


def read(
    number: int, headings: Sequence[str], cells: Sequence[str], mapping: Mapping[str, str], today: dt.date
) -> Said | Unread:
    """Read one line. ``mapping``: headings by field."""
    places = {heading: place for place, heading in reversed(list(enumerate(headings)))}
    beyond = next((place for place in range(len(headings), len(cells)) if cells[place].strip()), None)
    if beyond is not None:
        return Unread(
            number, f"{letters(beyond)} 列有内容但没有标题：本行多出一列，可能有未加引号的逗号，请核对",
            f"column {letters(beyond)} has no heading: the line has a cell too many, perhaps a comma without quotation"
            " marks", "",
        )  # fmt: skip
    raw = {
        field: cells[places[heading]].strip()
        for field, heading in mapping.items()
        if heading in places and places[heading] < len(cells)
    }
    try:
        return _read(number, {field: text for field, text in raw.items() if text not in ("", "-", "—", "无")}, today)
    except ProvisioningError as error:
        field = error.field or ""
        heading = mapping.get(field)
        if heading not in places:
            return Unread(number, error.message_zh, error.message_en, field)
        column = letters(places[heading])
        return Unread(
            number,
            f"{column} 列“{heading}”：{error.message_zh}",
            f"column {column} '{heading}': {error.message_en}",
            field,
        )


def letters(place: int) -> str:
    """The letters by which a spreadsheet names a column, from 0: A … Z, AA …"""
    return (letters(place // 26 - 1) if place >= 26 else "") + chr(ord("A") + place % 26)


def _read(number: int, raw: dict[str, str], today: dt.date) -> Said:
    found: dict[str, str] = {}
    for field in ("name", "phone", "address", "grade"):
        if field in raw:
            found[field] = unicodedata.normalize("NFKC", raw[field])[:LONGEST]
    if not found.get("name"):
        raise _wrong("缺少姓名", "the name is missing", "name")
    if sum(letter.isdecimal() for letter in found["name"]) > 2:
        raise _wrong(
            "姓名中有数字，是否与别的列对调了？", "there are digits in the name: are two columns exchanged?", "name"
        )
    for field in ("birth_date", "since", "state_on"):
        if field in raw:
            found[field] = _date(field, raw[field], today).isoformat()
    if "sex" in raw:
        found["sex"] = _choice(SEXES, raw["sex"], "sex")
    if "state" in raw:
        found["state"] = _choice(STATES, raw["state"], "state")
    identity = None
    if "identity" in raw:
        document = _DOCUMENTS.get(raw.get("document", "").strip())
        identity = (
            numbers.guess(raw["identity"], on=today)
            if document is None else numbers.parse(raw["identity"], document, on=today)
        )  # fmt: skip
        born = dt.date.fromisoformat(found["birth_date"]) if "birth_date" in found else None
        wrong = numbers.contradiction(identity, born, found.get("sex"))
        if wrong is not None:
            raise wrong
        if identity.birth_date is not None:
            found.setdefault("birth_date", identity.birth_date.isoformat())
        if identity.sex is not None:
            found.setdefault("sex", identity.sex)
        found["document"] = identity.document.value
    elif "birth_date" not in found and "phone" not in found:
        raise _wrong(
            "没有证件号码，也没有出生日期或电话：无法判断是谁",
            "neither an identity number nor a date of birth or a telephone: nobody can tell who this is", "identity",
        )  # fmt: skip
    return Said(number=number, fields=found, identity=identity)


def _date(field: str, text: str, today: dt.date) -> dt.date:
    words = FIELDS[field]
    match = _DATE.fullmatch(unicodedata.normalize("NFKC", text).strip())
    try:
        found = None if match is None else dt.date(*(int(part) for part in match.groups()))
    except ValueError:
        found = None
    if found is None:
        raise _wrong(f"{words.zh}“{text[:20]}”不是日期，请写成 1950-01-31",
                     f"{words.en}: '{text[:20]}' is no date; write 1950-01-31", field)  # fmt: skip
    if found > today:
        raise _wrong(f"{words.zh} {found} 在将来", f"{words.en}: {found} lies in the future", field)
    return found


def _choice(known: Mapping[str, str], text: str, field: str) -> str:
    found = known.get(unicodedata.normalize("NFKC", text).strip().lower())
    if found is None:
        words = FIELDS[field]
        raise _wrong(f"{words.zh}“{text[:20]}”无法识别", f"{words.en}: '{text[:20]}' is not known", field)
    return found


def _wrong(zh: str, en: str, field: str) -> ProvisioningError:
    return ProvisioningError(en=en, zh=zh, field=field)


def alike(field: str, one: str, other: str) -> bool:
    """Whether two values of a field say the same: blanks and width do not count, of a telephone only digits."""
    if field == "phone":
        first, second = (re.sub(r"\D", "", text) for text in (one, other))
        return first == second or (
            min(len(first), len(second)) >= 7 and (first.endswith(second) or second.endswith(first))
        )
    return _bare(one) == _bare(other)


def _bare(text: str) -> str:
    return "".join(unicodedata.normalize("NFKC", text).split()).lower()
