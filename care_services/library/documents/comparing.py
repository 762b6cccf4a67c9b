"""Lay two versions of a text side by side: what was taken out, what came in. Pure."""

import difflib
import re
from typing import Literal

import msgspec

MOST_LINES = 4000
_SENTENCE = re.compile(r"(?<=[。！？；])\s*|\n")


class Line(msgspec.Struct, frozen=True):
    """A sentence or a line: in both, only in the old one, only in the new one, or a gap of what did not change."""

    kind: Literal["same", "out", "in", "gap"]
    text: str


def compare(old: str, new: str, around: int = 1) -> list[Line]:
    """The differences of two texts, by sentence, with ``around`` unchanged ones on each side; empty: they are alike."""
    before, after = _cut(old), _cut(new)
    found: list[Line] = []
    matcher = difflib.SequenceMatcher(None, before, after, autojunk=False)
    groups = list(matcher.get_grouped_opcodes(around))
    for number, group in enumerate(groups):
        if number or group[0][1]:
            found.append(Line("gap", ""))
        for tag, start, end, new_start, new_end in group:
            if tag == "equal":
                found += [Line("same", text) for text in before[start:end]]
                continue
            found += [Line("out", text) for text in before[start:end]]
            found += [Line("in", text) for text in after[new_start:new_end]]
    return found


def _cut(text: str) -> list[str]:
    parts = (part.strip() for part in _SENTENCE.split(text))
    return [part for part in parts if part][:MOST_LINES]
