"""Chinese and English words for rooms and units."""

from collections.abc import Mapping
from types import MappingProxyType

ROOMS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "bedroom": ("卧室", "bedroom"),
        "living_room": ("客厅", "living room"),
        "kitchen": ("厨房", "kitchen"),
        "bathroom": ("卫生间", "bathroom"),
        "hall": ("门厅", "hall"),
        "inside": ("屋内", "inside"),
        "bedside": ("床头", "bedside"),
        "worn": ("随身", "worn"),
        "waist": ("腰部", "waist"),
        "chest": ("胸前", "chest"),
        "pocket": ("裤袋", "trouser pocket"),
        "wrist": ("手腕", "wrist"),
    }
)
"""By the code of a room."""

UNITS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "1": ("", ""),
        "/min": ("次/分", "/min"),
        "/h": ("次/小时", "/h"),
        "mm[Hg]": ("mmHg", "mmHg"),
        "Cel": ("°C", "°C"),
        "d": ("天", "d"),
        "h": ("小时", "h"),
        "min": ("分钟", "min"),
        "s": ("秒", "s"),
        "x": ("倍", "times"),
        "{hour}": ("点", "o'clock"),
    }
)
"""By UCUM code; other units are written as their code."""


def room_of(code: str) -> tuple[str, str]:
    """The name of a room in Chinese and English; its code where it is not listed."""
    return ROOMS.get(code, (code, code))


def unit_of(code: str) -> tuple[str, str]:
    """The word for a UCUM unit in Chinese and English; its code where it is not listed."""
    return UNITS.get(code, (code, code))
