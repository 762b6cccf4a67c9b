"""The state machine of a work order, and the time limits of its states. Pure."""

import datetime as dt
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from dispatch.alerts.states import LifecycleError
from vocabulary.severity import SEVERITY_WORDS

OrderState = Literal["open", "offered", "accepted", "en_route", "arrived", "done", "cancelled"]
OrderAction = Literal[
    "offer", "accept", "decline", "expire", "depart", "arrive", "finish", "reassign", "cancel", "unmatched", "note"
]
LIVE: tuple[OrderState, ...] = ("open", "offered", "accepted", "en_route", "arrived")
IN_HAND: tuple[OrderState, ...] = ("offered", "accepted", "en_route", "arrived")
"""States in which somebody is asked or has the order: it counts as that person's load."""
BY_PERSON: tuple[OrderAction, ...] = ("accept", "decline", "depart", "arrive", "finish", "note")
"""Steps of the person who has the order, from the phone."""

TRANSITIONS: Mapping[OrderAction, tuple[tuple[OrderState, ...], OrderState | None]] = MappingProxyType(
    {
        # action: (from any of these, to); None: the state stays
        "offer": (("open",), "offered"),
        "accept": (("offered",), "accepted"),
        "decline": (("offered", "accepted", "en_route"), "open"),  # also: a flat tyre on the way
        "expire": (("offered",), "open"),  # silent
        "depart": (("accepted",), "en_route"),
        "arrive": (("accepted", "en_route"), "arrived"),
        "finish": (("arrived",), "done"),
        "reassign": (("offered", "accepted", "en_route"), "open"),  # by the dispatcher
        "cancel": (LIVE, "cancelled"),
        "unmatched": (("open",), None),  # nobody fits
        "note": ((*LIVE, "done"), None),
    }
)

ANSWER_WITHIN_S: Mapping[str, float] = {
    # By urgency. Three silent people in an emergency must leave time for the fourth to be at the door in 15 minutes.
    "emergency": 60, "urgent": 180, "attention": 900, "technical": 3600, "planned": 4 * 3600,
}  # fmt: skip
LOOK_AGAIN_S: Mapping[str, float] = {
    # By urgency: how soon to match again where nobody fits, for people who come free or on duty.
    "emergency": 15, "urgent": 60, "attention": 300, "technical": 1800, "planned": 1800,
}  # fmt: skip
OFFER_ANEW_AFTER = dt.timedelta(minutes=10)
"""People who were silent may be asked again after it: silence is not a no. People who declined are not."""

WORDS: Mapping[str, tuple[str, str]] = {
    # States, then steps, then urgencies.
    "open": ("待派单", "looking for somebody"),
    "offered": ("待接单", "asked, no answer yet"),
    "accepted": ("已接单", "accepted"),
    "en_route": ("前往中", "on the way"),
    "arrived": ("已到达", "at the door"),
    "done": ("已完成", "done"),
    "cancelled": ("已取消", "cancelled"),
    "create": ("建单", "created"),
    "offer": ("派给", "asked"),
    "accept": ("接单", "accept"),
    "decline": ("不能前往", "cannot go"),
    "expire": ("未答复", "no answer"),
    "depart": ("出发", "set out"),
    "arrive": ("到达", "arrive"),
    "finish": ("完成", "finish"),
    "reassign": ("改派", "reassign"),
    "cancel": ("取消", "cancel"),
    "unmatched": ("无人合适", "nobody fits"),
    "note": ("备注", "note"),
    **SEVERITY_WORDS,
    "planned": ("预约", "planned"),
}


class OrderError(LifecycleError):
    """The step cannot be done; the texts are for the person who tried."""


class OrderChanged(OrderError):  # noqa: N818 - it is news for the second person, not a fault
    """Somebody else acted in the meantime, or the order has gone to somebody else."""


def next_state(state: OrderState, action: OrderAction) -> OrderState:
    """The state to which an action leads. Raises OrderError where it is not possible from ``state``."""
    sources, target = TRANSITIONS[action]
    if state not in sources:
        (zh, en), (now_zh, now_en) = WORDS[action], WORDS[state]
        raise OrderError(
            zh=f"工单{now_zh}，不能“{zh}”，请刷新查看", en=f"the order is {now_en}: {en!r} is not possible; look again"
        )
    return state if target is None else target


def offered_actions(state: OrderState) -> tuple[OrderAction, ...]:
    """List the next steps of the person who has the order, the most likely first."""
    order: tuple[OrderAction, ...] = ("accept", "depart", "arrive", "finish", "decline")
    possible = tuple(action for action in order if state in TRANSITIONS[action][0])
    return possible if state != "accepted" else ("depart", "arrive", "decline")


def answer_deadline(urgency: str, now: dt.datetime, due_at: dt.datetime) -> dt.datetime:
    """Time by which an offer must be answered; of a planned order at most half of the time that is left."""
    limit = ANSWER_WITHIN_S[urgency]
    if urgency == "planned":
        limit = max(300.0, min(limit, (due_at - now).total_seconds() / 2))
    return now + dt.timedelta(seconds=limit)


def next_look(urgency: str, now: dt.datetime) -> dt.datetime:
    """Time at which an order that nobody fits is matched again."""
    return now + dt.timedelta(seconds=LOOK_AGAIN_S[urgency])
