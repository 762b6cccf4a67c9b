"""Tell a family where the bed and the grants of their parent stand, and the way of an application."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec
from psycopg import Connection

from care_services.grants import store as grants
from care_services.grants.desk import STATE_WORDS
from care_services.grants.kinds import KINDS
from care_services.home_beds import life, store
from vocabulary.times import SHANGHAI

LATELY = dt.timedelta(days=180)
"""Applications that ended earlier are not told of any more."""
PLACES: Mapping[str, tuple[life.Words, life.Words]] = MappingProxyType(
    {
        "applied": (("提交申请", "Application"), ("等社区站受理", "the station looks at it")),
        "assessing": (
            ("能力评估", "Ability assessment"),
            ("评估员会上门，请有熟悉情况的人在场", "assessors come; somebody who knows the day should be there"),
        ),
        "surveying": (("入户勘察", "Home survey"), ("上门查看居家环境", "somebody comes to look at the flat")),
        "planning": (
            ("设备方案", "Devices chosen"),
            ("正在确定装哪些设备", "which devices are needed is being decided"),
        ),
        "installing": (
            ("安装验收", "Devices installed"),
            ("上门安装，逐台测试", "they are put up and tested one by one"),
        ),
        "contracting": (("签订合同", "Contract"), ("中心会联系签约", "the center arranges the signing")),
        "in_service": (("开始服务", "Service begins"), ("", "")),
    }
)
"""By state on the way to service: its name and what happens in it, in a family's words."""


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """A place on the way."""

    name: life.Words
    mark: str
    """'done', 'next' (here it is now) or 'later'."""
    note: life.Words
    """The day it was done, or what happens now; empty for what is still ahead."""


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """The way of an application that has not come to its service yet."""

    places: tuple[Place, ...]
    organisation: life.Words | None
    """The one that carries it; None: none is named yet."""
    phone: str
    """Of that organisation; empty where none is known."""


def told(conn: Connection[Any], resident_id: int, now: dt.datetime) -> list[tuple[str, str]]:
    """Lines in Chinese and English, the bed first; empty where nothing was applied for lately.

    The caller has looked at the resident. Reasons and amounts stay with the staff, who explain them.
    """
    lines = []
    beds = store.of_resident(conn, resident_id)
    if beds and (beds[0].state not in life.ENDS or now - beds[0].state_since < LATELY):
        zh, en = life.STATE_WORDS[beds[0].state]
        day = beds[0].state_since.astimezone(SHANGHAI).date()
        lines.append((f"家庭养老床位：{zh}（自 {day}）", f"Home care bed: {en} since {day}"))
    for one in grants.of_resident(conn, resident_id):
        if one.kind in KINDS and (one.state in ("waiting", "approved") or now - one.applied_at < LATELY):
            kind, (zh, en) = KINDS[one.kind], STATE_WORDS[one.state]
            day = (one.decided_at or one.applied_at).astimezone(SHANGHAI).date()
            lines.append((f"{kind.zh}：{zh}（{day}）", f"{kind.en}: {en} ({day})"))
    return lines


def way(conn: Connection[Any], resident_id: int, now: dt.datetime) -> Way | None:
    """The way of the application that is open; None where there is none, or the bed stands already.

    The caller has looked at the resident. Names of staff and reasons stay with the staff.
    """
    beds = store.of_resident(conn, resident_id)
    if not beds or beds[0].state not in life.BEFORE_SERVICE:
        return None
    bed = beds[0]
    left = {one.from_state: one.at for one in store.steps(conn, bed.id) if one.from_state != one.to_state}
    here = life.STAGES.index(bed.state)
    places = []
    for number, (state, (name, what)) in enumerate(PLACES.items()):
        mark = "done" if number < here else "next" if number == here else "later"
        places.append(Place(name=name, mark=mark, note=_note(mark, what, left.get(state), bed.due_at, now)))
    row = conn.execute("SELECT phone FROM organisation WHERE code = %s", (bed.organisation,)).fetchone()
    named = (bed.organisation_zh or "", bed.organisation_en or "") if bed.organisation else None
    return Way(places=tuple(places), organisation=named, phone=row[0] or "" if row else "")


def _note(
    mark: str, what: life.Words, left: dt.datetime | None, due: dt.datetime | None, now: dt.datetime
) -> life.Words:
    if mark == "done" and left:
        day = left.astimezone(SHANGHAI).date()
        return f"{day} 完成", f"done on {day}"
    if mark != "next":
        return "", ""
    if due is None:
        return what
    day = due.astimezone(SHANGHAI).date()
    if due < now:
        return f"{what[0]}。应在 {day} 前完成，已经晚了", f"{what[1]}. It was due by {day} and is late"
    return f"{what[0]}。{day} 前完成", f"{what[1]}. Due by {day}"
