"""Infers where somebody is from a home's 0/1 sensors: the last sign of life, its room, the bed, the door.

Pure: events in, plain state out. An event that is older than the newest of the same sensor changes nothing; one that
is much older than the last sign of the home tells nothing new of where somebody is. Rooms without a sensor stay unseen:
the detectors learn each home's own gaps. A sensor that stays on while life goes on elsewhere is stuck
(:mod:`alerting.detection.kit.routine.stuck`): it counts for nothing until it changes again.
"""

from enum import IntEnum

import msgspec

from alerting.detection.kit.context import Happened
from alerting.detection.kit.routine.stuck import LEAVES_US, MOTION_US, Elsewhere, busy, is_stuck, visited
from vocabulary.times import DAY_US, HOUR_US, LOCAL_US, MINUTE_US, SECOND_US

EXITS = frozenset({"hall", "entrance", ""})
"""Rooms whose door leads out of the home; a door sensor elsewhere (fridge, cupboard) is a sign of life there."""
PASSING_US = 2 * MINUTE_US
"""Motion in the hall within this time of the door is somebody leaving; sensors hold it for 60 to 90 s (Aqara
RTCGQ11LM: 60 s)."""
SHUT_US = 15 * SECOND_US
"""Motion in the hall that begins this long after the door was shut is somebody inside: nobody is on the way out."""
TALK_US = 25 * SECOND_US
"""A door that is open for longer was not only passed."""
BLIND_SHARE = 0.2
MANY = 5000
"""Signs after which the older ones count half."""
TIMES_IN_BED = 20
LATE_US = 15 * MINUTE_US
"""An event that is older than the last sign of the home by more came late."""
PASSAGE_US = MINUTE_US
"""A door opened twice within this time is one passage."""
GHOST_US = (10 * SECOND_US, 20 * MINUTE_US)
"""Motion in a home that all have left counts from the second one within 20 minutes on."""
GHOST_HOLD_US = 3 * MINUTE_US
"""A shorter presence in such a home does not count."""
NIGHT_US = 16 * HOUR_US
"""Nobody is in bed for longer without a break, as a rule."""
TURN_US = 3 * MINUTE_US
"""A bed that is empty for less was not left: somebody turned."""
KINDS = frozenset(
    {
        "motion_began",
        "motion_ended",
        "presence_began",
        "presence_ended",
        "bed_enter",
        "bed_exit",
        "door_opened",
        "door_closed",
    }
)
_BEGINS = frozenset({"motion_began", "presence_began", "bed_enter"})
ELSEWHERE = 64
"""Signs of life that are kept to recognise a stuck sensor by."""


class HomeState(IntEnum):
    """Where somebody is at this moment."""

    QUIET = 0
    """At home, and no sensor is on."""
    HELD = 1
    """A presence, seat or motion sensor is on: somebody is there, moving or not."""
    BED = 2
    AWAY = 3


_QUIET, _HELD, _BED, _AWAY = HomeState


class Sign(msgspec.Struct, frozen=True):
    """The meaning of an event. ``inside``: somebody is at home, in ``room``; ``exit``: the door of the home."""

    kind: str
    time_us: int
    room: str
    device: str
    inside: bool = False
    exit: bool = False
    behind: bool = False
    """Motion just behind the shut door: nobody who has left can have caused it."""


class Whereabouts(msgspec.Struct, kw_only=True):
    """The state of one home; times in µs, 0: never."""

    newest: dict[str, int] = {}
    """Time of the newest event, by device."""
    on: dict[str, tuple[str, str, int]] = {}
    """Sensors that are on, by 'device|sense': their sense ('motion', 'presence', 'bed'), room, since."""
    stuck: dict[str, int] = {}
    """Sensors that hang at 1, by 'device|sense', and since when."""
    elsewhere: list[Elsewhere] = []
    """The last signs of life, for sensors that stay on meanwhile."""
    busiest: int = 0
    """Most signs elsewhere within two hours of the present time in bed."""
    usual_busy: list[int] = []
    """The same of the last times in bed: a cat."""
    entered: dict[str, int] = {}
    """The last sign of each room while no visitor may have been there, but the newest few minutes."""
    bed_heard_us: int = 0
    """The last change of a bed's sensor."""
    lay: dict[str, tuple[int, int]] = {}
    """The last time in bed by each sensor, 'device|sense': begin and end."""
    settled_us: int = 0
    """Signs up to then are in ``entered``."""
    left: dict[str, int] = {}
    """When a presence or bed sensor of each room last ended."""
    counts: dict[str, int] = {}
    """Signs of each device."""
    several: bool = False
    """Several people live here: one may lie while another moves."""
    ending: list[str] = []
    """Motion sensors that report the end of motion; the others cannot be on."""
    in_bed: bool = False
    present: bool = False
    """A sensor that somebody holds by being there (not by moving) is on."""
    life_us: int = 0
    """The last change of any sensor."""
    inside_us: int = 0
    """The last sign from inside."""
    room: str = ""
    """The room of the last sign from inside."""
    room_since_us: int = 0
    door_us: int = 0
    """The door of the home was last opened or closed."""
    opened_us: int = 0
    shut_us: int = 0
    """The door of the home was last shut; 0: its sensor does not say so."""
    behind_us: int = 0
    """The last motion just behind the shut door, after somebody may have gone out."""
    ghost_us: int = 0
    """Motion while nobody can be there."""
    passages: int = 0
    """Times the door was opened since the last sign from inside: odd, out; even, home again (or never left)."""

    @property
    def away(self) -> bool:
        """Gone out by the door, and since then nothing inside."""
        return self._gone and not self.present

    @property
    def _gone(self) -> bool:
        return self.passages % 2 == 1 and self.door_us > self.inside_us

    @property
    def faulty(self) -> bool:
        """Whether a sensor is stuck: what is seen meanwhile is not the person's routine."""
        return bool(self.stuck)

    @property
    def blind(self) -> bool:
        """Whether a sensor is stuck that gives a good part of the signs of life."""
        share = sum(self.counts.get(device, 0) for device in {key.partition("|")[0] for key in self.stuck})
        return share > BLIND_SHARE * sum(self.counts.values())

    @property
    def bed_unknown(self) -> bool:
        """Whether the bed's sensor is stuck."""
        return any(key.endswith("|bed") for key in self.stuck)

    @property
    def talked(self) -> bool:
        """The door stood open as for a talk when it was last opened: perhaps nobody went out."""
        return self.shut_us - self.opened_us >= TALK_US

    @property
    def unsure(self) -> bool:
        """The last sign from inside was just behind the shut door: it is not known whether somebody is at home."""
        return bool(self.behind_us) and self.inside_us == self.behind_us and not self.on

    @property
    def bed_us(self) -> int:
        """Since when the bed has been taken without a break; 0: it is not."""
        if not self.in_bed:
            return 0
        return min([since for sense, _, since in self.on.values() if sense == "bed"], default=0)

    @property
    def state(self) -> HomeState:
        if self.in_bed:
            return _BED
        if self.passages % 2 and not self.present and self.door_us > self.inside_us:  # as ``away``, asked at each event
            return _AWAY
        return _HELD if self.on else _QUIET

    def take(self, happened: Happened) -> Sign | None:
        """The event's meaning; None where it is old, repeated or about something else."""
        if happened.kind not in KINDS:
            return None
        source, time_us = happened.source, happened.time_us
        device = f"{source.gateway}/{source.name}"
        if time_us < self.newest.get(device, 0):
            return None
        self.newest[device] = time_us
        late = time_us < self.life_us - LATE_US
        sign = self._meaning(happened.kind, time_us, source.room, device)
        if sign is None or late:
            return None
        began = sign.kind in ("motion_began", "presence_began")
        if sign.inside and began and self._gone and not sign.behind and not self._seen_again(time_us):
            sign = msgspec.structs.replace(sign, inside=False)
        if time_us > self.life_us:
            self.life_us = time_us
        if sign.inside and time_us >= self.inside_us:
            if sign.behind and self._gone:
                self.behind_us = time_us
            self.inside_us, self.passages = time_us, 0
            if sign.room != self.room:
                self.room, self.room_since_us = sign.room, time_us
        if sign.kind in _BEGINS or sign.kind == "door_opened":
            self.counts[device] = self.counts.get(device, 0) + 1
            if self.counts[device] > MANY:
                self.counts = {name: count // 2 for name, count in self.counts.items()}
            self._notice_stuck(time_us, sign.room, device)
        return sign

    def _notice_stuck(self, time_us: int, room: str, device: str) -> None:
        """Look at the sensors that are on while there is a sign of life in another room."""
        if not self.on:
            self.elsewhere = []
            return
        since_us = min([on[2] for on in self.on.values()])
        if time_us - since_us < HOUR_US // 2:
            self.elsewhere = [e for e in self.elsewhere if e.time_us >= since_us]
        self._settle_rooms(time_us)
        self.elsewhere.append(Elsewhere(time_us, room, device))
        del self.elsewhere[:-ELSEWHERE]
        for key, (sense, own_room, on_us) in list(self.on.items()):
            if sense == "motion":
                if time_us - on_us < MOTION_US:
                    continue
            else:
                if self._agreed(key, own_room) or time_us - self.left.get(own_room, 0) < LEAVES_US:
                    continue
                self.busiest = max(self.busiest, busy(own_room, on_us, self.elsewhere))
            if is_stuck(
                sense,
                own_room,
                on_us,
                self.elsewhere,
                several=self.several,
                usual=self.usual_busy,
                door_us=self.opened_us,
                rooms=self.entered,
            ):
                self.stuck[key] = on_us
                del self.on[key]
                self._look()

    def _settle_rooms(self, time_us: int) -> None:
        """Keep the rooms of the signs that are old enough: whoever got up meanwhile has left the bed by now."""
        until_us = time_us - LEAVES_US
        for sign in self.elsewhere:
            if self.settled_us < sign.time_us <= until_us and not visited(sign.time_us, self.opened_us):
                self.entered[sign.room] = sign.time_us
        self.settled_us = max(self.settled_us, until_us)

    def _seen_again(self, time_us: int) -> bool:
        """Whether a sign in the empty home is the second one: motion sensors see ghosts (heating, sun), one by one."""
        again = GHOST_US[0] <= time_us - self.ghost_us <= GHOST_US[1]
        if not again and time_us - self.ghost_us > GHOST_US[0]:
            self.ghost_us = time_us
        return again

    def forget(self, devices: frozenset[str]) -> None:
        """Drop all but these devices: one that was removed while it was on would be on for ever."""
        self.newest = {device: at for device, at in self.newest.items() if device in devices}
        self.on = {key: on for key, on in self.on.items() if key.partition("|")[0] in devices}
        self.stuck = {key: since for key, since in self.stuck.items() if key.partition("|")[0] in devices}
        self.lay = {key: lay for key, lay in self.lay.items() if key.partition("|")[0] in devices}
        self.ending = [device for device in self.ending if device in devices]
        self._look()

    def _agreed(self, key: str, room: str) -> bool:
        """Whether another sensor of the room, too, says that somebody is there without moving."""
        return any(other != key and sense != "motion" and there == room for other, (sense, there, _) in self.on.items())

    def _out_of_bed(self, sense: str, since_us: int, time_us: int) -> None:
        """Learn how much moves in the home while somebody is in bed, or sits somewhere."""
        if sense != "motion" and time_us - since_us >= HOUR_US:
            if time_us - since_us < NIGHT_US:
                self.usual_busy = [*self.usual_busy[1 - TIMES_IN_BED :], self.busiest]
            self.busiest = 0

    def _look(self) -> None:
        self.in_bed = self.present = False
        for sense, _, _ in self.on.values():
            if sense != "motion":
                self.present = True
                self.in_bed |= sense == "bed"

    def _meaning(self, kind: str, time_us: int, room: str, device: str) -> Sign | None:
        passing = bool(self.door_us) and abs(time_us - self.door_us) <= PASSING_US
        # the sensor had ended its motion, or this were no beginning: somebody moved behind the shut door
        behind = bool(self.shut_us) and self.shut_us >= self.opened_us and time_us - self.shut_us >= SHUT_US
        if kind in ("door_opened", "door_closed"):
            if room not in EXITS:
                return Sign(kind, time_us, room, device, inside=True)
            self.door_us = max(self.door_us, time_us)
            if kind == "door_closed":
                self.shut_us = max(self.shut_us, time_us)
            elif abs(time_us - self.opened_us) > PASSAGE_US:
                self.opened_us, self.passages = max(self.opened_us, time_us), self.passages + 1
            return Sign(kind, time_us, room, device, exit=True)
        sense = kind.partition("_")[0]
        key = f"{device}|{sense}"
        if sense == "bed":
            self.bed_heard_us = time_us
        if key in self.stuck:
            if kind not in _BEGINS:
                self._out_of_bed(sense, self.stuck.pop(key), time_us)
            return None
        if kind in _BEGINS:
            if key not in self.on and (sense != "motion" or device in self.ending):
                began_us, ended_us = self.lay.get(key, (time_us, 0))
                self.on[key] = (sense, room, began_us if time_us - ended_us < TURN_US else time_us)
                self._look()
            elif sense != "motion":  # a repetition, by the gateway that watches the sensor
                return None
            leaving = passing and not behind and sense == "motion" and room in EXITS
            return Sign(kind, time_us, room, device, inside=not leaving, behind=behind and passing)
        if sense == "motion" and device not in self.ending:
            self.ending.append(device)
        was = self.on.pop(key, None)
        if was is None:
            return None
        self._look()
        self._out_of_bed(sense, was[2], time_us)
        if sense != "motion":
            self.left[room] = time_us
        if sense == "bed":
            self.lay[key] = (was[2], time_us)
        # a motion sensor ends after its holding time: nobody need be there any more
        ghost = self._gone and time_us - was[2] < GHOST_HOLD_US
        return Sign(kind, time_us, room, device, inside=sense != "motion" and not passing and not ghost)


def local_hour(time_us: int) -> int:
    return (time_us + LOCAL_US) // HOUR_US % 24


def local_day(time_us: int) -> int:
    """Days since 1970 in Shanghai."""
    return (time_us + LOCAL_US) // DAY_US


def local_minute(time_us: int) -> int:
    """Minute of the local day, 0–1439."""
    return (time_us + LOCAL_US) // MINUTE_US % 1440


def clock(minute: float) -> str:
    """'07:05' of a minute of the day."""
    return f"{int(minute) // 60 % 24:02d}:{int(minute) % 60:02d}"
