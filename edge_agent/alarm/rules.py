"""Decide when the gateway acts alone, and in which order: a state machine; time (µs, monotonic) is passed in.

An emergency waits for the district's ``alert_received``. Where that does not come in time, the home's sounders call and
the contacts are tried one after the other, in rounds, until one answers, the district takes over, the resident
cancels, or the rounds are over. A second emergency joins an alarm that is going on.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import msgspec

from vocabulary.taking_back import CANCEL_WITHIN_US, EPISODE_US, in_time, is_own, repeated

WayName = Literal["call", "sms", "webhook"]
EMERGENCIES = frozenset({"sos_pressed", "fall_suspected", "fall_confirmed", "smoke_detected", "gas_detected"})
TAKEN_BACK = {"fall_recovered": frozenset({"fall_suspected"})}
"""By event: the emergencies of the same device and time that it takes back."""
CALL, HELD, CANCEL = "sos_pressed", "sos_held", "sos_cancelled"
CANCELLABLE = frozenset({"sos_pressed", "fall_suspected", "fall_confirmed"})
"""Emergencies that a long press cancels: those about the resident. Nobody cancels smoke."""

AlarmOutcome = Literal["answered", "nobody_answered", "district_answered", "cancelled", "taken_back"]


class Cause(msgspec.Struct, frozen=True):
    """An emergency, identified by device and ``time_us`` (wall clock), as the alert is."""

    device: str
    kind: str
    time_us: int


class PlanStep(msgspec.Struct, frozen=True):
    """An attempt to make: one contact (index into the configured list) by one way."""

    contact: int
    way: WayName


class Sound(msgspec.Struct, frozen=True):
    """Announce in the home that help is being called."""

    cause: Cause


class Silence(msgspec.Struct, frozen=True):
    """Stop the announcement: the alarm is over."""


class Reach(msgspec.Struct, frozen=True):
    """Make this attempt and pass its result to :meth:`LocalAlarm.result`."""

    cause: Cause
    step: PlanStep


class Began(msgspec.Struct, frozen=True):
    """Report the begin of an alarm to the district."""

    cause: Cause


class Ended(msgspec.Struct, frozen=True):
    """Report the end of an alarm to the district. ``tried``: each attempt and whether it got through."""

    cause: Cause
    outcome: AlarmOutcome
    tried: tuple[tuple[PlanStep, bool], ...]


Action = Sound | Silence | Reach | Began | Ended


class _Episode(msgspec.Struct):
    cause: Cause
    due_us: int


class _Opening(msgspec.Struct):
    """Presses of one device that are one call, or one fall: a long press may take it back. ``final``: it followed
    on a call that was taken back, and nothing takes it back any more."""

    opened_us: int
    last_us: int
    final: bool = False


class _Alarm(msgspec.Struct):
    causes: list[Cause]
    left: list[PlanStep]
    """Attempts still to make in this round."""
    failed: list[PlanStep] = []
    tried: list[tuple[PlanStep, bool]] = []
    round: int = 1
    again_us: int = 0


class LocalAlarm:
    """The alarm of one home. ``plan``: the attempts of a round; there are ``rounds`` with ``pause_us`` between them.

    ``owners``: by device the resident whose it is, in a home of several; the others belong to the home as a whole.
    """

    def __init__(
        self,
        plan: Sequence[PlanStep],
        wait_us: int,
        rounds: int = 3,
        pause_us: int = 30_000_000,
        owners: Mapping[str, str] | None = None,
    ) -> None:
        self._owners = owners or {}
        self._plan, self._wait_us, self._rounds, self._pause_us = list(plan), wait_us, rounds, pause_us
        self._waiting: dict[tuple[str, int], _Episode] = {}
        self._alarm: _Alarm | None = None
        self._reaching: _Alarm | None = None  # the alarm that the attempt under way belongs to; it may be over
        self._openings: dict[tuple[str, str], _Opening] = {}  # by device and 'sos' or 'fall'
        self._held: dict[str, tuple[int, str]] = {}  # the last long press of each button, and what it was taken for
        self._cancelled_us: dict[str, int] = {}  # by device: when its last call was taken back

    def judge(self, device: str, kind: str, time_us: int) -> str:
        """Replace the kind of a held button: it cancels its owner's call of a moment ago, else it is a call.

        A press that is told twice is taken for the same both times.
        """
        if kind != HELD:
            return kind
        before_us, verdict = self._held.get(device, (None, CALL))
        if not repeated(time_us, before_us):
            verdict = CANCEL if self._taken_back(device, time_us) else CALL
            self._held[device] = (time_us, verdict)
        return verdict

    def event(self, cause: Cause, now_us: int, waited_us: int = 0) -> list[Action]:
        """Take in an event of this home. ``waited_us``: time since it happened (after a restart)."""
        key = (cause.device, cause.time_us)
        if cause.kind in CANCELLABLE:
            self._open(cause)
        if cause.kind in EMERGENCIES:
            if not self._sounding(key):
                episode = self._waiting.get(key)
                due = now_us + max(0, self._wait_us - waited_us) if episode is None else episode.due_us
                self._waiting[key] = _Episode(cause, due)
        elif cause.kind == CANCEL:
            taken_back = self._taken_back(cause.device, cause.time_us)
            for opening in taken_back:
                del self._openings[opening]
                self._cancelled_us[opening[0]] = cause.time_us
            return self._drop(
                lambda one: one.kind in CANCELLABLE and (one.device, _sort(one.kind)) in taken_back, "cancelled"
            )
        elif cause.kind in TAKEN_BACK:
            back = TAKEN_BACK[cause.kind]
            return self._drop(lambda one: (one.device, one.time_us) == key and one.kind in back, "taken_back")
        return []

    def answered_by_district(self, device: str, time_us: int) -> list[Action]:
        """End the alarm for an emergency that the district has (``alert_received``, ``help_coming``)."""
        return self._drop(lambda one: (one.device, one.time_us) == (device, time_us), "district_answered")

    def result(self, step: PlanStep, reached: bool, now_us: int) -> list[Action]:
        """Take in the result of a Reach: ``reached`` if a person answered, or a message was taken."""
        alarm, self._reaching = self._reaching, None
        if alarm is None or alarm is not self._alarm:
            return []
        alarm.tried.append((step, reached))
        if not reached:
            alarm.failed.append(step)
        elif step.way == "call":  # a message may lie unread; a voice that answered has heard
            return self._end("answered")
        return self.advance(now_us)

    def advance(self, now_us: int) -> list[Action]:
        """The actions that are due by now."""
        actions: list[Action] = []
        for key in [key for key, episode in self._waiting.items() if episode.due_us <= now_us]:
            cause = self._waiting.pop(key).cause
            actions += [Began(cause), Sound(cause)]
            if self._alarm is None:
                self._alarm = _Alarm([cause], list(self._plan))
            else:
                self._alarm.causes.append(cause)
        alarm = self._alarm
        if alarm is None or self._reaching is not None or now_us < alarm.again_us:
            return actions
        if not alarm.left and alarm.failed and alarm.round < self._rounds:
            alarm.left, alarm.failed = alarm.failed, []
            alarm.round += 1
            alarm.again_us = now_us + self._pause_us
            return actions
        if not alarm.left:
            return actions + self._end("nobody_answered")
        self._reaching = alarm
        return [*actions, Reach(alarm.causes[0], alarm.left.pop(0))]

    def unfinished(self) -> list[Cause]:
        """Emergencies that a restart must not forget."""
        alarming = [] if self._alarm is None else self._alarm.causes
        return [*alarming, *(episode.cause for episode in self._waiting.values())]

    def _open(self, cause: Cause) -> None:
        key = (cause.device, _sort(cause.kind))
        known = self._openings.get(key)
        if known is not None and abs(cause.time_us - known.last_us) <= EPISODE_US:
            known.last_us = max(known.last_us, cause.time_us)
            return
        since_us = cause.time_us - self._cancelled_us.get(cause.device, cause.time_us - CANCEL_WITHIN_US - 1)
        self._openings[key] = _Opening(cause.time_us, cause.time_us, final=0 <= since_us <= CANCEL_WITHIN_US)

    def _taken_back(self, device: str, time_us: int) -> list[tuple[str, str]]:
        """The openings that a long press of this device takes back."""
        by = (device, self._owners.get(device))
        return [
            (of, sort)
            for (of, sort), opening in self._openings.items()
            if not opening.final
            and is_own(by, (of, self._owners.get(of)))
            and in_time(time_us, opening.opened_us, same_device=of == device)
        ]

    def _sounding(self, key: tuple[str, int]) -> bool:
        return self._alarm is not None and any((one.device, one.time_us) == key for one in self._alarm.causes)

    def _drop(self, chosen: Callable[[Cause], bool], outcome: AlarmOutcome) -> list[Action]:
        for key in [key for key, episode in self._waiting.items() if chosen(episode.cause)]:
            del self._waiting[key]
        alarm = self._alarm
        if alarm is None:
            return []
        over = [cause for cause in alarm.causes if chosen(cause)]
        if len(over) == len(alarm.causes):
            return self._end(outcome)
        alarm.causes = [cause for cause in alarm.causes if not chosen(cause)]
        return [Ended(cause, outcome, tuple(alarm.tried)) for cause in over]

    def _end(self, outcome: AlarmOutcome) -> list[Action]:
        alarm, self._alarm = self._alarm, None
        if alarm is None:
            return []
        return [Silence(), *(Ended(cause, outcome, tuple(alarm.tried)) for cause in alarm.causes)]


def _sort(kind: str) -> str:
    return kind.partition("_")[0]
