"""The state machine of a service order. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from care_network.errors import ChangedMeanwhileError

State = Literal[
    "planned", "assigned", "checked_in", "checked_out", "confirmed", "missed", "cancelled", "refused_at_door"
]
Step = Literal[
    "assign", "unassign", "move", "check_in", "check_out", "confirm", "miss", "cancel", "refuse", "shut", "reopen",
    "correct", "tell_missing", "note",
]  # fmt: skip
AHEAD: tuple[State, ...] = ("planned", "assigned")
"""Nobody has been there yet."""
LIVE: tuple[State, ...] = ("planned", "assigned", "checked_in")
"""Something is still to be done."""
DONE: tuple[State, ...] = ("checked_out", "confirmed")
"""States that are paid for."""
STATES: tuple[State, ...] = (
    "planned", "assigned", "checked_in", "checked_out", "confirmed", "missed", "cancelled", "refused_at_door",
)  # fmt: skip

TRANSITIONS: Mapping[Step, tuple[tuple[State, ...], State | None]] = MappingProxyType(
    {
        # step: (from any of these, to); None: the state stays
        "assign": (("planned", "assigned"), "assigned"),
        "unassign": (("assigned",), "planned"),
        "move": (("planned", "assigned"), None),
        # late is better than never, and who did not open may open a quarter of an hour later
        "check_in": (("planned", "assigned", "missed", "refused_at_door"), "checked_in"),
        "check_out": (("checked_in",), "checked_out"),
        "confirm": (("checked_out",), "confirmed"),  # by the resident or the family
        "miss": (("planned", "assigned"), "missed"),  # the day is over, or the station says so
        "cancel": (("planned", "assigned"), "cancelled"),
        "refuse": (("planned", "assigned", "checked_in"), "refused_at_door"),
        "shut": (("planned", "assigned"), "refused_at_door"),  # nobody opened: the station is told
        "reopen": (("missed", "cancelled", "refused_at_door"), "planned"),
        "correct": (("checked_out", "confirmed"), None),
        "tell_missing": (("planned", "assigned"), None),  # the station was told that nobody has come
        "note": (STATES, None),
    }
)

WORDS: Mapping[str, tuple[str, str]] = {
    # states, then steps
    "planned": ("待安排", "planned, nobody named"),
    "assigned": ("已安排", "planned"),
    "checked_in": ("服务中", "at the home"),
    "checked_out": ("已完成", "done"),
    "confirmed": ("已确认", "done and confirmed"),
    "missed": ("未上门", "missed"),
    "cancelled": ("已取消", "cancelled"),
    "refused_at_door": ("未能入户", "not let in"),
    "create": ("生成服务单", "made"),
    "assign": ("安排人员", "named who goes"),
    "unassign": ("撤下人员", "took back who goes"),
    "move": ("改期", "moved"),
    "check_in": ("签到", "checked in"),
    "check_out": ("签退", "checked out"),
    "confirm": ("确认", "confirmed"),
    "miss": ("记为未上门", "noted as missed"),
    "cancel": ("取消", "cancelled"),
    "refuse": ("入户被拒", "refused at the door"),
    "shut": ("无人应门", "nobody opened"),
    "reopen": ("恢复", "brought back"),
    "correct": ("更正", "corrected"),
    "tell_missing": ("超时未签到，已通知服务站", "nobody checked in: the station was told"),
    "note": ("备注", "wrote a note"),
    "rate": ("评价", "rated"),
    "link_shown": ("向机构出示签到链接", "the door link was shown to the organisation"),
    "wrong_code": ("入户码错误", "gave a wrong code"),
    "too_far": ("定位不在住户附近", "was too far from the home"),
}


def next_state(state: State, step: Step) -> State:
    """The state to which a step leads. Raises ChangedMeanwhileError where it is not possible from ``state``."""
    sources, target = TRANSITIONS[step]
    if state not in sources:
        (zh, en), (now_zh, now_en) = WORDS[step], WORDS[state]
        raise ChangedMeanwhileError(
            zh=f"该服务单{now_zh}，不能“{zh}”，请刷新查看",
            en=f"this visit is {now_en}: {en!r} is not possible; look at it again",
        )
    return state if target is None else target


def steps_from(state: State) -> tuple[Step, ...]:
    """List the steps that are possible from a state."""
    return tuple(step for step, (sources, _) in TRANSITIONS.items() if state in sources)
