"""Infers where somebody is from a home's 0/1 sensors: the last sign of life, its room, the bed, the door.

Pure: events in, plain state out. An event that is older than the newest of the same sensor changes nothing. Rooms
without a sensor stay unseen: the detectors learn each home's own gaps.
"""

from enum import IntEnum

import msgspec

from alerting.detection.kit.context import Happened
from vocabulary.times import DAY_US, HOUR_US, LOCAL_US, MINUTE_US, SECOND_US

EXITS = frozenset({"hall", "entrance", ""})
"""Rooms whose door leads out of the home; a door sensor elsewhere (fridge, cupboard) is a sign of life there."""
PASSING_US = 2 * MINUTE_US
"""Motion in the hall within this time of the door is somebody leaving; sensors hold it for 60 to 90 s (Aqara
RTCGQ11LM: 60 s)."""
PASSAGE_US = MINUTE_US
"""A door opened twice within this time is one passage."""
GHOST_US = (10 * SECOND_US, 20 * MINUTE_US)
"""Motion in a home that all have left counts from the second one within 20 minutes on."""
GHOST_HOLD_US = 3 * MINUTE_US
"""A shorter presence in such a home does not count."""
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


class HomeState(IntEnum):
    """Where somebody is at this moment."""

    QUIET = 0
    """At home, and no sensor is on."""
    HELD = 1
    """A presence, seat or motion sensor is on: somebody is there, moving or not."""
    BED = 2
    AWAY = 3


class Sign(msgspec.Struct, frozen=True):
    """The meaning of an event. ``inside``: somebody is at home, in ``room``; ``exit``: the door of the home."""

    kind: str
    time_us: int
    room: str
    device: str
    inside: bool = False
    exit: bool = False


class Whereabouts(msgspec.Struct, kw_only=True):
    """The state of one home; times in µs, 0: never."""

    newest: dict[str, int] = {}
    """Time of the newest event, by device."""
    on: dict[str, tuple[str, str, int]] = {}
    """Sensors that are on, by 'device|sense': their sense ('motion', 'presence', 'bed'), room, since."""
    ending: list[str] = []
    """Motion sensors that report the end of motion; the others can not be on."""
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
    def state(self) -> HomeState:
        if self.in_bed:
            return HomeState.BED
        if self.away:
            return HomeState.AWAY
        return HomeState.HELD if self.on else HomeState.QUIET

    def take(self, happened: Happened) -> Sign | None:
        """The event's meaning; None where it is old, repeated or about something else."""
        if happened.kind not in KINDS:
            return None
        source, time_us = happened.source, happened.time_us
        device = f"{source.gateway}/{source.name}"
        if time_us < self.newest.get(device, 0):
            return None
        self.newest[device] = time_us
        sign = self._meaning(happened.kind, time_us, source.room, device)
        if sign is None:
            return None
        began = sign.kind in ("motion_began", "presence_began")
        if sign.inside and began and self._gone and not self._seen_again(time_us):
            sign = msgspec.structs.replace(sign, inside=False)
        self.life_us = max(self.life_us, time_us)
        if sign.inside and time_us >= self.inside_us:
            self.inside_us, self.passages = time_us, 0
            if sign.room != self.room:
                self.room, self.room_since_us = sign.room, time_us
        return sign

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
        self.ending = [device for device in self.ending if device in devices]
        self._look()

    def _look(self) -> None:
        senses = {sense for sense, _, _ in self.on.values()}
        self.in_bed, self.present = "bed" in senses, bool(senses - {"motion"})

    def _meaning(self, kind: str, time_us: int, room: str, device: str) -> Sign | None:
        passing = self.door_us and abs(time_us - self.door_us) <= PASSING_US
        if kind in ("door_opened", "door_closed"):
            if room not in EXITS:
                return Sign(kind, time_us, room, device, inside=True)
            self.door_us = max(self.door_us, time_us)
            if kind == "door_opened" and abs(time_us - self.opened_us) > PASSAGE_US:
                self.opened_us, self.passages = max(self.opened_us, time_us), self.passages + 1
            return Sign(kind, time_us, room, device, exit=True)
        sense = kind.partition("_")[0]
        key = f"{device}|{sense}"
        if kind in _BEGINS:
            if key not in self.on and (sense != "motion" or device in self.ending):
                self.on[key] = (sense, room, time_us)
                self._look()
            elif sense != "motion":  # a repetition, by the gateway that watches the sensor
                return None
            return Sign(kind, time_us, room, device, inside=not (passing and sense == "motion" and room in EXITS))
        if sense == "motion" and device not in self.ending:
            self.ending.append(device)
        was = self.on.pop(key, None)
        if was is None:
            return None
        self._look()
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
