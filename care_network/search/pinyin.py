"""Sounds of Chinese names: the readings of each character, and whether typed letters or characters fit a name.

Single characters and a table of surnames: the phrases of pypinyin would cost every process 45 MB and half a second, and
names are no phrases.
"""

import os
import re
import unicodedata
from collections.abc import Mapping
from functools import lru_cache

os.environ.setdefault("PYPINYIN_NO_PHRASES", "true")
from pypinyin.pinyin_dict import pinyin_dict

MOST_READINGS = 4
"""Of a character: its rarer ones are in no name."""
_SURNAMES = """
    曾zeng 单shan 仇qiu 解xie 查zha 区ou 朴piao 盖ge 尉wei 翟zhai 覃qin 乐yue 任ren 华hua 宁ning 柏bai 缪miao
    种chong 秘bi 繁po 逄pang 员yun 葛ge 那na 纪ji 过guo 燕yan 应ying 黑he 哈ha 折she 盛sheng 召shao 长zhang 车che 祭zhai
    句gou 晟cheng 隗wei 宿su 阚kan 炅gui 牟mu 重chong 便pian 相xiang 曲qu 都du 令ling 佴nai 薄bo 谌chen 褚chu
"""
SURNAMES: Mapping[str, str] = {word[0]: word[1:] for word in _SURNAMES.split()}
"""Readings as surnames of characters that have another one in other words."""
_COMPOUND = "单于chan yu|尉迟yu chi|万俟mo qi|长孙zhang sun|澹台tan tai|鲜于xian yu|夏侯xia hou|皇甫huang fu"
COMPOUND_SURNAMES: Mapping[str, list[str]] = {word[:2]: word[2:].split() for word in _COMPOUND.split("|")}
Syllables = tuple[str, ...]


@lru_cache(maxsize=16_384)
def readings(character: str) -> Syllables:
    """Readings of a character without tones, the usual one first; ü is v and, as people type it, u. Empty: none."""
    found: dict[str, None] = {}
    for toned in pinyin_dict.get(ord(character), "").split(",")[:MOST_READINGS]:
        marks = unicodedata.normalize("NFD", toned)
        plain = "".join("v" if mark == "\u0308" else mark for mark in marks if mark == "\u0308" or mark.isascii())
        plain = plain.replace("uv", "v")
        if plain:
            found[plain] = None
            found[plain.replace("v", "u")] = None
    return tuple(found)


@lru_cache(maxsize=32_768)
def sounds(name: str) -> tuple[Syllables, ...]:
    """Readings of each character of a name, that of the surname first; a sign without one is its own reading."""
    compound = COMPOUND_SURNAMES.get(name[:2])
    found = []
    for place, character in enumerate(name):
        usual = compound[place] if compound and place < 2 else SURNAMES.get(character) if place == 0 else None
        others = readings(character) or (character.lower(),)
        found.append(others if usual is None else tuple(dict.fromkeys((usual, *others))))
    return tuple(found)


def bare(name: str) -> str:
    """A name in small letters without the signs between its parts: 买买提·艾力 is 买买提艾力."""
    return re.sub(r"[\s·•‧・.'-]", "", name.lower())


def initials(name: str) -> str:
    """First letters of the usual readings: 'lsz' of 刘淑贞."""
    return "".join(syllables[0][0] for syllables in sounds(name))


def spelling(name: str) -> str:
    """The usual readings, joined: 'liushuzhen'."""
    return "".join(syllables[0] for syllables in sounds(name))


def by_name(name: str) -> tuple[str, str]:
    """The place of a name in a list, as dictionaries have it: by its sound, then as it is written.

    Every list that is ordered by names is ordered by this; the database orders by code points, which nobody knows.
    """
    return spelling(name), name


def fits(name: str, typed: str, start: int = 0) -> bool:
    """Whether ``typed`` (small letters and characters, no blanks) tells the characters of a name from ``start`` on.

    Each character may be told by itself, by one of its readings or by the beginning of one, so 'lsz', 'liusz', '刘sz'
    and 'liushu' fit 刘淑贞.
    """
    if not typed:
        return True
    if start == len(name):
        return False
    if typed[0] == name[start].lower():
        return fits(name, typed[1:], start + 1)
    if not typed[0].isascii():
        return False
    for syllable in sounds(name)[start]:
        if syllable[0] != typed[0]:
            continue
        for length in range(min(len(syllable), len(typed)), 0, -1):
            if typed.startswith(syllable[:length]) and fits(name, typed[length:], start + 1):
                return True
    return False
