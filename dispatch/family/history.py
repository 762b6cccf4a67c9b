"""Tell the history of an alert to the family: who did what, in words, without codes and telephone numbers. Pure."""

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from dispatch.alerts.lookup import FAMILY
from dispatch.alerts.outcomes import OUTCOMES
from dispatch.family.telling import ACTION

_STEPS: Mapping[str, tuple[str, str]] = {
    "acknowledge": ("{who}接警", "{who} took the alert"),
    "respond": ("{who}出发", "{who} set out"),
    "arrive": ("{who}到达", "{who} arrived"),
    "resolve": ("{who}办结", "{who} closed it"),
    "cancel": ("预警已取消", "the alert was cancelled"),
    "clear": ("情况已自行解除", "it was over by itself"),
    "lapse": ("一段时间没有进展，重新呼叫", "no progress for a while: people are called again"),
    "take_over": ("{who}接班，继续处理", "{who} took over for the next shift"),
    "reopen": ("重新打开", "opened again"),
    "again": ("再次报警", "the alarm went off again"),
}
"""Steps that the family reads; notes of the desk and the calls to others are not theirs."""
_NUMBER = re.compile(r"\+?\d[\d -]{4,}\d")


class Line(msgspec.Struct, frozen=True):
    """A line of the history."""

    at: dt.datetime
    zh: str
    en: str


def lines(events: Sequence[Mapping[str, Any]], reason_zh: str, reason_en: str) -> list[Line]:
    """Lines of the history, the oldest first. ``events``: as :func:`dispatch.core.history.events_of` gives them."""
    found: list[Line] = []
    for event in events:
        action = event["action"]
        if action == "raise":
            found.append(
                Line(event["at"], f"发现：{without_numbers(reason_zh)}", f"noticed: {without_numbers(reason_en)}")
            )
        elif action in (ACTION, FAMILY):
            found.append(Line(event["at"], without_numbers(event["note"]), without_numbers(event["note_en"])))
        elif action in _STEPS:
            zh, en = _STEPS[action]
            outcome = OUTCOMES.get(event["outcome"] or "")
            system = event["actor"] == "system"
            who_zh = "" if system else f"{event['actor']} "
            who_en = "the platform" if system else event["actor_en"] or event["actor"]
            zh, en = zh.format(who=who_zh), en.format(who=who_en)
            if outcome is not None:
                zh, en = f"{zh}：{outcome.zh}", f"{en}: {outcome.en}"
            found.append(Line(event["at"], zh.replace("老人", "长者"), en))
    return found


def without_numbers(text: str) -> str:
    """Leave out what looks like a telephone number."""
    return _NUMBER.sub("⋯⋯", text).replace("老人", "长者")
