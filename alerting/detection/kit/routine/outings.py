"""Keeps when a person is out, and when in bed: at which hours of the last 14 days, and the usual latest bedtime."""

import msgspec
import numpy as np

from alerting.detection.kit.columns import grown
from alerting.detection.kit.detector import Array
from alerting.detection.kit.routine.daily import DAYS, keep_largest, turn_to, usual
from alerting.detection.kit.routine.whereabouts import local_day, local_hour
from vocabulary.times import DAY_US, HOUR_US, LOCAL_US, MINUTE_US

EVENING_HOUR, NIGHT_US = 19, 5 * HOUR_US
"""Lying down from this hour to the end of the night, 5 o'clock, is going to bed."""
UP_US = 2 * HOUR_US
"""A shorter time out of bed is a night trip."""
GRACE_US = 30 * MINUTE_US
"""Time after the bedtime, and least time out."""
LEAST_OUT_US = HOUR_US
FAR_US = 48 * HOUR_US


class Outings(msgspec.Struct):
    """``hours`` [people, 14]: bit h: out at local hour h of that day; ``hours_day``: newest in it.

    ``bed`` [people, 14]: the bedtime, in minutes since the midnight before the evening, 0: not known; ``bed_day``:
    newest in it. ``up_us``: when the bed was left. 100 bytes per person.
    """

    hours: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint32))
    hours_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    bed: Array = msgspec.field(default_factory=lambda: np.zeros((0, DAYS), np.uint16))
    bed_day: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int32))
    up_us: Array = msgspec.field(default_factory=lambda: np.zeros(0, np.int64))

    def grow(self, people: int) -> None:
        for name in self.__struct_fields__:
            setattr(self, name, grown(getattr(self, name), people))

    def over(self, row: int, left_us: int, back_us: int) -> None:
        """Keep an outing that is over."""
        begin_us = max(left_us, back_us - FAR_US)
        for at_us in range(begin_us // HOUR_US * HOUR_US, back_us, HOUR_US):
            day = local_day(at_us)
            if turn_to(self.hours, self.hours_day, row, day):
                self.hours[row, day % DAYS] |= np.uint32(1 << local_hour(at_us))

    def to_bed(self, row: int, at_us: int) -> None:
        """Keep the time at which somebody lay down, if it is for the night."""
        day = local_day(at_us - NIGHT_US)
        evening = at_us + LOCAL_US - day * DAY_US >= EVENING_HOUR * HOUR_US
        if evening and at_us - self.up_us[row] >= UP_US:
            keep_largest(self.bed, self.bed_day, row, day, (at_us + LOCAL_US - day * DAY_US) // MINUTE_US)

    def usual_at(self, row: int, at_us: int) -> bool:
        """Whether the person was out at this hour of the day, or the one before, on any of the last 14 days."""
        recent = self.hours[row] if local_day(at_us) - self.hours_day[row] < DAYS else np.zeros(0, np.uint32)
        hours = 1 << local_hour(at_us) | 1 << local_hour(at_us - HOUR_US)
        return bool((recent & np.uint32(hours)).any())

    def bedtime_after(self, row: int, left_us: int, otherwise_us: int) -> int:
        """The bedtime, half an hour past the usual latest, of the evening of an outing. ``otherwise_us``: local time
        after midnight, where no bedtime is known."""
        bed_min = usual(self.bed[row])
        bedtime_us = bed_min * MINUTE_US + GRACE_US if bed_min else otherwise_us
        day = local_day(left_us - NIGHT_US)  # a night belongs to the evening before
        return max(day * DAY_US - LOCAL_US + bedtime_us, left_us + LEAST_OUT_US)
