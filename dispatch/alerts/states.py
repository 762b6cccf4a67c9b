"""The states of an alert: which action leads from where to where, in which words, and how one is refused. Pure."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from dispatch.ladders.policy import HELD
from vocabulary.alert_state import OPEN, STATE_WORDS, AlertState
from vocabulary.errors import BilingualError

AlertAction = Literal[
    "acknowledge", "respond", "arrive", "resolve", "cancel", "clear", "note", "lapse", "take_over",
    "own", "step", "merge", "unmerge", "snooze", "wake", "reopen", "undo", "again",
]  # fmt: skip
CLOSED: tuple[AlertState, ...] = ("resolved", "cancelled", "cleared")

TRANSITIONS: Mapping[AlertAction, tuple[tuple[AlertState, ...], AlertState | None]] = MappingProxyType(
    {
        # action: (from any of these, to); None: the state stays
        "acknowledge": (("raised",), "acknowledged"),
        "respond": (("raised", "acknowledged"), "responding"),
        "arrive": (("raised", "acknowledged", "responding"), "on_scene"),
        "resolve": (OPEN, "resolved"),
        "cancel": (("raised", "acknowledged"), "cancelled"),  # by the resident
        "clear": (("raised",), "cleared"),  # by itself; once a person has it, only a person ends it
        "note": (OPEN, None),
        "again": (OPEN, None),  # the button, or the alarm, once more
        "lapse": (("acknowledged", "responding"), "raised"),  # nobody works on it: it is called out again
        "take_over": (OPEN, None),  # the next shift has it
        "own": (HELD, None),  # a colleague's alert becomes one's own
        "step": (OPEN, None),  # of its procedure card, done
        "merge": (OPEN, None),
        "unmerge": (OPEN, None),
        "snooze": (OPEN, None),  # a technical one rests until a time
        "wake": (OPEN, None),
        "reopen": (CLOSED, "raised"),
        "undo": (("resolved",), None),  # back to the state before
    }
)


ACTION_WORDS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "raise": ("报警", "raising it"), "acknowledge": ("接警", "acknowledging"), "respond": ("前往", "setting out"),
        "arrive": ("登记到达", "arriving"), "resolve": ("办结", "resolving"), "cancel": ("取消", "cancelling"),
        "clear": ("自动解除", "clearing"), "note": ("加备注", "a note"), "lapse": ("重新呼叫", "calling out again"),
        "take_over": ("接班", "taking over"), "own": ("接手", "making it one's own"), "step": ("记步骤", "a step"),
        "merge": ("合并", "merging"), "unmerge": ("取消合并", "parting it"), "snooze": ("暂缓", "a rest"),
        "wake": ("结束暂缓", "ending its rest"), "reopen": ("重新打开", "opening it again"),
        "undo": ("撤销办结", "taking the end back"), "escalate": ("升级", "a higher severity"),
        "call_out": ("逐级呼叫", "calling people"), "again": ("再次报警", "a further alarm"),
    }
)  # fmt: skip
"""Actions and other events of the system in words, for refusals."""


class LifecycleError(BilingualError):
    """The action cannot be done; the texts are for the person who tried."""


class AlertChanged(LifecycleError):  # noqa: N818 - it is news for the second person, not a fault
    """Somebody else acted in the meantime."""


def next_state(state: AlertState, action: AlertAction) -> AlertState:
    """The state to which an action leads. Raises LifecycleError where it is not possible from ``state``. Pure."""
    sources, target = TRANSITIONS[action]
    if state not in sources:
        (zh, en), (now_zh, now_en) = ACTION_WORDS[action], STATE_WORDS[state]
        raise LifecycleError(zh=f"预警当前为“{now_zh}”，不能{zh}", en=f"{en} is not possible: the alert is {now_en}")
    return state if target is None else target
