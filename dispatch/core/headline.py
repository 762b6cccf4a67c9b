"""Say in at most 14 Han what an alert is, and where, for a line of the queue. Pure; by rule from ``headlines.toml``."""

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from vocabulary.rule_words import rule_words
from vocabulary.severity import SEVERITIES, SEVERITY_WORDS

MOST = 14
"""Han of a headline; a longer title is cut."""
_BY_RULE: Mapping[str, Mapping[str, Any]] = tomllib.loads(Path(__file__).with_name("headlines.toml").read_text("utf-8"))
_ROOM = re.compile(r"[0-9A-Za-z一二三四五六七八九十]+\s*[栋座单期].*$")


class Titled(Protocol):
    """An alert: a row or a notice."""

    @property
    def rule(self) -> str: ...
    @property
    def severity(self) -> Any: ...
    @property
    def evidence(self) -> Any: ...


def headline_of(alert: Titled) -> tuple[str, str]:
    """The headline of an alert, in Chinese and English."""
    return headline(alert.rule, alert.severity, alert.evidence)


def headline(rule: str, severity: str, evidence: Mapping[str, Any]) -> tuple[str, str]:
    """Choose the headline of the rule, by severity where that says more; else its title, else its severity."""
    texts = _BY_RULE.get(rule, {})
    for one in (texts.get(severity), texts):
        if one:
            try:
                return _cut(one["zh"].format_map(evidence)), one["en"].format_map(evidence)
            except (KeyError, ValueError, TypeError):
                continue  # evidence of another program: the title does
    words = rule_words(evidence)
    zh, en = SEVERITY_WORDS.get(severity, (severity, severity))
    return _cut(words.zh or f"{zh}预警"), (words.en[:1].upper() + words.en[1:]) or f"{en.capitalize()} alert"


def outside(rule: str, severity: str, evidence: Mapping[str, Any]) -> tuple[str, str]:
    """The name of an alert in messages that pass through other hands, in Chinese and English; empty: its severity has
    to do. A fall that is confirmed is no longer called a possible one."""
    texts = _BY_RULE.get(rule, {})
    for one in (texts.get(severity), texts):
        if one and one.get("outside_zh"):
            return one["outside_zh"], one["outside_en"]
    words = rule_words(evidence)
    return words.outside_zh, words.outside_en


def title(rule: str, severity: str, evidence: Mapping[str, Any]) -> tuple[str, str]:
    """The name of an alert for those who are near to it, in Chinese and English; empty: it has none. A fall that is
    confirmed is no longer called a possible one."""
    graver = _BY_RULE.get(rule, {}).get(severity)
    if graver and graver.get("outside_zh"):
        return graver["outside_zh"], graver["outside_en"]
    words = rule_words(evidence)
    return words.zh, words.en


def place(area: tuple[str, str], address: tuple[str, str]) -> tuple[str, str]:
    """The compound and the room of a home, short, in Chinese and English; the compound stands there once."""
    area_zh, area_en = area
    zh, en = address
    if area_zh and area_zh in zh:
        room = zh.rpartition(area_zh)[2]
    else:
        found = _ROOM.search(zh)
        room = found.group() if found else "" if area_zh else zh
    short_en = en.partition(",")[0].strip() if "," in en else ("" if area_en else en)
    short_en = "" if short_en == area_en else short_en
    return f"{area_zh} {room.strip()}".strip(), f"{area_en} {short_en}".strip()


def address(area: tuple[str, str], street: tuple[str, str]) -> tuple[str, str]:
    """The whole address of a home, by which somebody goes there, in Chinese and English; the compound stands there
    once. Pure."""
    (area_zh, area_en), (zh, en) = area, street
    whole_zh = zh if area_zh in zh else f"{area_zh} {zh}"
    whole_en = en if area_en in en else f"{area_en}, {en}" if en else area_en
    return whole_zh.strip(), whole_en


def problems() -> list[str]:
    """List the headlines that are too long, lack a language or name a severity that there is not."""
    wrong = []
    for rule, texts in _BY_RULE.items():
        for key, one in [("", texts), *((k, v) for k, v in texts.items() if isinstance(v, Mapping))]:
            if key and key not in SEVERITIES:
                wrong.append(f"{rule}: no severity {key!r}")
            if not one.get("zh") or not one.get("en"):
                wrong.append(f"{rule} {key}: both languages")
            elif bool(one.get("outside_zh")) != bool(one.get("outside_en")):
                wrong.append(f"{rule} {key}: outside in both languages")
            elif len(re.sub(r"\{\w+\}", "99", one["zh"])) > MOST + 4 or _han(one["zh"]) > MOST:
                wrong.append(f"{rule} {key}: longer than {MOST} Han")
    return wrong


def _han(text: str) -> int:
    return sum("\u4e00" <= letter <= "\u9fff" for letter in text)


def _cut(text: str) -> str:
    return text if _han(text) <= MOST else text[: MOST - 1] + "…"
