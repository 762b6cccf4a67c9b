"""Recognises 0/1 sensors that hang at 1: on for longer than their kind ever is, while life goes on elsewhere.

Nobody is in two rooms at once. A motion sensor ends a minute or two after the last movement in its room; one that says
1 for hours while the only resident is seen elsewhere hangs (zigbee2mqtt#7837, #24945: the report of the end got lost,
the sensor's battery is low). Presence and bed sensors are on for hours in earnest, and a cat is seen elsewhere all the
while: only as many signs in as many rooms as a person about makes count, for longer than a carer's round. In a
household of several nothing but the time can tell. Durations and numbers are our own choice.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from vocabulary.times import HOUR_US, MINUTE_US

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
BUSY_SIGNS, BUSY, FEW_ROOMS, KNOWN = 16, 3, 2, 10
"""The same of a person who sits in one room most of the time, where so many earlier times show that hardly anything
else moves in this home: many signs, and so many times the usual, in fewer rooms."""
LEAVES_US = 10 * MINUTE_US
"""A room entered later may be that of somebody who just got up, and whose bed has not said so yet."""
USUAL_SHARE = 0.8
"""Share of the earlier times with no more signs elsewhere than is usual: visitors come at few of them."""
SEVERAL_US = {"motion": 6 * HOUR_US, "presence": 36 * HOUR_US, "bed": 36 * HOUR_US}
"""Longest time on where several people live; of presence in any home: nobody sits for a day and a half."""


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
    rooms: Mapping[str, int] | None = None,
) -> bool:
    """Whether a sensor of ``room`` that has been on since ``on_us`` hangs, by the last signs of life of the home.

    ``sense``: 'motion', 'presence' or 'bed'; ``signs``: in the order of their time, the last one is of now; ``usual``:
    most signs elsewhere (:func:`busy`) of earlier times; ``door_us``: the door of the home was last opened; ``rooms``:
    when each room was last entered by somebody about while no visitor may have been there, for longer than the signs.
    """
    now_us = signs[-1].time_us
    lasts_us = now_us - on_us
    if several or (sense == "presence" and lasts_us >= SEVERAL_US[sense]):
        return lasts_us >= SEVERAL_US[sense]
    if lasts_us < (MOTION_US if sense == "motion" else ABOUT_US):
        return False
    if sense == "motion":
        return len(_elsewhere(room, on_us, signs)) >= MOTION_SIGNS
    since_us = max(on_us, now_us - WINDOW_US)
    if door_us and door_us > on_us - VISIT_US:
        since_us = max(since_us, door_us + VISIT_US)
    elsewhere = _elsewhere(room, since_us, signs)
    ordinary = sorted(usual)[math.ceil(USUAL_SHARE * len(usual)) - 1] if usual else 0
    least = max(ABOUT_SIGNS, PET * ordinary)
    about = len(elsewhere) >= least and elsewhere[-1].time_us - elsewhere[0].time_us >= ABOUT_US
    entered = {sign.room for sign in elsewhere if now_us - sign.time_us >= LEAVES_US}
    entered |= {other for other, at_us in (rooms or {}).items() if other != room and at_us > on_us}
    busier = len(usual) >= KNOWN and len(elsewhere) >= max(BUSY_SIGNS, BUSY * ordinary)
    return about and len(entered) >= (FEW_ROOMS if busier else ROOMS)


def visited(now_us: int, door_us: int) -> bool:
    """Whether somebody who came in by the door may still be there."""
    return bool(door_us) and 0 <= now_us - door_us < VISIT_US


def busy(room: str, on_us: int, signs: Sequence[Elsewhere]) -> int:
    """Number of signs of life elsewhere in the last ``WINDOW_US``, since the sensor went on."""
    return len(_elsewhere(room, max(on_us, signs[-1].time_us - WINDOW_US), signs))


def _elsewhere(room: str, since_us: int, signs: Sequence[Elsewhere]) -> list[Elsewhere]:
    return [sign for sign in signs if sign.time_us > since_us and sign.room != room]
