"""Recognises 0/1 sensors that hang at 1: on for longer than their kind ever is, while life goes on elsewhere.

Nobody is in two rooms at once. A motion sensor ends a minute or two after the last movement in its room; one that says
1 for hours while the only resident is seen elsewhere hangs (zigbee2mqtt#7837, #24945: the report of the end got lost,
the sensor's battery is low). Presence and bed sensors are on for hours in earnest, and a cat is seen elsewhere all the
while: only as many signs in as many rooms as a person about makes count, for longer than a carer's round. In a
household of several nothing but the time can tell. Durations and numbers are our own choice.
"""

from collections.abc import Sequence
from typing import NamedTuple

from vocabulary.times import HOUR_US

MOTION_US = 2 * HOUR_US
"""Longest time for which a motion sensor is on in earnest."""
MOTION_SIGNS = 5
WINDOW_US = 2 * HOUR_US
"""Time in which somebody about gives ``ABOUT_SIGNS``; they lie apart by at least ``ABOUT_US``."""
ABOUT_SIGNS, ABOUT_US = 12, HOUR_US
VISIT_US = 3 * HOUR_US
"""Time in which whoever came in by the door, a carer, moves about while somebody is in bed."""
PET = 1.5
"""Factor on the most signs elsewhere of an earlier time in bed: an animal gives them."""
ROOMS = 3
"""Other rooms in which somebody about is seen: a cat has few ways, and a radar sees through an open door."""
SEVERAL_US = {"motion": 6 * HOUR_US, "presence": 36 * HOUR_US, "bed": 36 * HOUR_US}
"""Longest time on where several people live."""


RULES = {"motion": "stuck_motion", "presence": "stuck_presence", "bed": "stuck_in_bed", "door": "stuck_door_open"}
"""The rule of each sense, by its channel."""
STUCK = tuple(RULES.values())


class Elsewhere(NamedTuple):
    """A sign of life: its time, room and device."""

    time_us: int
    room: str
    device: str


def is_stuck(
    sense: str,
    room: str,
    on_us: int,
    signs: Sequence[Elsewhere],
    *,
    several: bool,
    usual: Sequence[int] = (),
    door_us: int = 0,
) -> bool:
    """Whether a sensor of ``room`` that has been on since ``on_us`` hangs, by the last signs of life of the home.

    ``sense``: 'motion', 'presence' or 'bed'; ``signs``: in the order of their time, the last one is of now; ``usual``:
    most signs elsewhere (:func:`busy`) of earlier times; ``door_us``: the door of the home was last opened.
    """
    now_us = signs[-1].time_us
    lasts_us = now_us - on_us
    if several:
        return lasts_us >= SEVERAL_US[sense]
    if lasts_us < (MOTION_US if sense == "motion" else ABOUT_US):
        return False
    if sense == "motion":
        return len(_elsewhere(room, on_us, signs)) >= MOTION_SIGNS
    since_us = max(on_us, now_us - WINDOW_US)
    if door_us and door_us > on_us - VISIT_US:
        since_us = max(since_us, door_us + VISIT_US)
    elsewhere = _elsewhere(room, since_us, signs)
    least = max(ABOUT_SIGNS, PET * max(usual, default=0))
    about = len(elsewhere) >= least and elsewhere[-1].time_us - elsewhere[0].time_us >= ABOUT_US
    return about and len({sign.room for sign in elsewhere}) >= ROOMS


def busy(room: str, on_us: int, signs: Sequence[Elsewhere]) -> int:
    """Number of signs of life elsewhere in the last ``WINDOW_US``, since the sensor went on."""
    return len(_elsewhere(room, max(on_us, signs[-1].time_us - WINDOW_US), signs))


def _elsewhere(room: str, since_us: int, signs: Sequence[Elsewhere]) -> list[Elsewhere]:
    return [sign for sign in signs if sign.time_us > since_us and sign.room != room]
