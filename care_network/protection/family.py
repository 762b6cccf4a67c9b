"""One sentence for the family: where the resident is watched over, and what is out, from the same facts as the desk."""

import datetime as dt
from typing import Any

from psycopg import Connection

from care_network.protection import picture
from care_network.protection.functions import Function, Level
from care_network.protection.judging import Cells
from care_network.protection.reasons import clock
from vocabulary.labels import room_of

LONGEST = 60
ROOMS = 3
_OUT: dict[Function, tuple[str, str]] = {
    Function.FALL: ("跌倒", "falls"),
    Function.HELP: ("呼救", "calls for help"),
    Function.HAZARD: ("烟气水", "smoke, gas, water"),
    Function.VITALS: ("体征", "vital signs"),
}
"""Functions that a family asks about, in short words."""


def family_sentence(
    conn: Connection[Any], resident_id: int, now: dt.datetime, name: tuple[str, str] = ("", "")
) -> tuple[str, str]:  # fmt: skip
    """Say it in Chinese and English, in at most LONGEST characters in Chinese.

    ``name``: how the family calls the resident in each; may be ''.

    It never claims more than the picture: what is out, and what nobody knows, comes in the same sentence.
    """
    rooms, cells = picture.rooms_watched(conn, resident_id, now)
    return _sentence(name[0], rooms, cells, now)[0], _sentence(name[1], rooms, cells, now)[1]


def _sentence(name: str, rooms: list[str], cells: Cells, now: dt.datetime) -> tuple[str, str]:
    reason = cells[Function.FALL].reason
    at = clock(reason.at, now)
    levels = {cell.level for cell in cells.values()}
    if levels == {Level.UNKNOWN}:
        return (
            f"{name}家中情况此刻不明",
            f"{name or 'The home'}: not known at this moment",
        )
    if levels == {Level.BLIND} and reason.code in ("offline", "never_online", "no_gateway"):
        since_zh, since_en = (f"自 {at} 起", f" since {at}") if at else ("", "")
        return (
            f"{since_zh}与{name}家中设备失去联系，现在看不到家中情况",
            f"No contact with the devices at {name or 'the'} home{since_en}: nothing is seen now",
        )
    if reason.code == "away":
        return (
            f"{name}{at} 出门，尚未回来；外出时家中设备看不到人",
            f"{name or 'The resident'} went out at {at}; devices at home see nobody",
        )
    watched = [room_of(room) for room in rooms[:ROOMS]]
    zh = f"{name}在{'、'.join(room[0] for room in watched)}有设备守护" if watched else f"{name}家中没有房间有设备守护"
    en = f"Watched in the {', '.join(room[1] for room in watched)}" if watched else "No room is watched by a device"
    if name and watched:
        en = f"{name}: watched in the {', '.join(room[1] for room in watched)}"
    worn = cells[Function.FALL]
    if worn.reason.code in ("worn", "battery", "low"):
        doubt = ("吊坠未知是否佩戴", "not known whether the pendant is worn")
        if worn.reason.code == "battery":
            doubt = (f"吊坠电量 {worn.reason.value}%", f"pendant battery {worn.reason.value} %")
        elif worn.reason.code == "low":
            doubt = ("吊坠电量低", "pendant battery low")
        zh, en = f"{zh}；{doubt[0]}", f"{en}; {doubt[1]}"
    out = [words for function, words in _OUT.items() if cells[function].level == Level.BLIND]
    if out:
        zh = f"{zh}；暂无{'、'.join(words[0] for words in out)}守护"
        en = f"{en}; not covered: {', '.join(words[1] for words in out)}"
    return zh, en
