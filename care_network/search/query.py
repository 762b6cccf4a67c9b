"""Read what somebody typed into a search: a telephone number, a code, a surname with a form of address, words."""

import re
import unicodedata

import msgspec

from care_network.search.pinyin import bare

LONGEST = 80
"""Characters of a search that are looked at."""
_TITLES = {
    "女士": "female", "小姐": "female", "太太": "female", "奶奶": "female", "婆婆": "female", "阿姨": "female",
    "阿婆": "female", "大妈": "female", "大娘": "female", "外婆": "female", "老太太": "female", "老太": "female",
    "先生": "male", "爷爷": "male", "大爷": "male", "伯伯": "male", "叔叔": "male", "阿伯": "male", "阿公": "male",
    "大伯": "male", "外公": "male", "老先生": "male", "老伯": "male", "老师": "", "老人": "", "医生": "", "师傅": "",
}  # fmt: skip
_TITLED = re.compile(rf"([\u3400-\u9fff]{{1,2}}?)家{{0,1}}({'|'.join(sorted(_TITLES, key=len, reverse=True))})")
_ENGLISH = {"mr": "male", "mrs": "female", "ms": "female", "miss": "female"}
_PHONE = re.compile(r"\+?[\d\s()-]+")
_PARTS = re.compile(r"[\u3400-\u9fff\U00020000-\U0003ffff]+|\d+|[a-z']+|[^\s]")
_MOBILE = re.compile(r"861\d{10}")
PHONE_LEAST = 4
"""Last digits of a telephone number that are enough to look for it."""


class Query(msgspec.Struct, frozen=True):
    """A search as it was meant. Several of its fields may be filled; each is another way to find somebody."""

    text: str
    """All of it: small letters, plain forms, single blanks."""
    joined: str
    """The same without blanks and the signs between parts of a name."""
    parts: tuple[str, ...]
    """Runs of characters, digits and letters; each has to be found in somebody."""
    digits: str = ""
    """Of a telephone number, without the country's code; empty: it is none."""
    surname: str = ""
    """Of a person who is called by it: 刘女士."""
    sex: str = ""
    """That the form of address tells: 'female', 'male' or empty."""


def read_query(typed: str) -> Query:
    """Read a search; an empty one finds nobody."""
    text = " ".join(unicodedata.normalize("NFKC", typed[:LONGEST]).lower().split())
    joined = bare(text)
    surname, sex = "", ""
    titled = _TITLED.fullmatch(joined)
    words = text.replace(".", " ").split()
    if titled is not None:
        surname, sex = titled[1], _TITLES[titled[2]]
    elif len(words) == 2 and words[0] in _ENGLISH:
        surname, sex = words[1], _ENGLISH[words[0]]
    digits = plain_number(text) if _PHONE.fullmatch(text) else ""
    # "2栋502", "2-502" and "海晴苑502" are told in parts; signs between them say nothing
    parts = tuple(part for part in _PARTS.findall(text) if part.isalnum() or part.strip("'").isalpha())
    return Query(text, joined, parts, digits, surname, sex)


def plain_number(number: str) -> str:
    """The digits of a telephone number, without the country's code."""
    digits = "".join(filter(str.isdigit, number))
    abroad = number.lstrip().startswith(("+86", "0086"))
    return digits.removeprefix("00").removeprefix("86") if abroad or _MOBILE.fullmatch(digits) else digits
